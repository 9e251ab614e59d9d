//! Accounts become customers.

use crate::domain::{Fields, Mirror, MirrorState, Role, Stream, Timestamp, Value};

use super::super::billing::Billing;
use super::super::context::Scope;
use super::super::disown::DEAL;
use super::super::plan::shown;
use super::super::types::{Desired, Subject, Wanted};
use super::super::view::View;
use super::super::{Reconciler, double};
use super::{Start, onboarding};

fn speaks(stream: Stream) -> bool {
    stream.role() == Role::Account
}

/// What Pivotal should say about an account.
pub(super) fn desire(reconciler: &Reconciler, subject: &Subject, now: Timestamp) -> Desired {
    let start = Start::new(subject, speaks);
    // Whatever else speaks of it: what is in Pivotal stays as it is.
    if start.exists() && subject.records.iter().any(|known| speaks(known.record.key.stream) && known.is_ignored()) {
        let why = start.unspoken(speaks);
        return start.end(why, Vec::new());
    }
    if let Some(why) = double::doubled(subject, speaks) {
        return start.end(Wanted::Doubled(why), Vec::new());
    }
    if let Some(why) = double::left_behind(subject) {
        return start.end(Wanted::LeftBehind(why), Vec::new());
    }
    if let Some(since) = start.gone(speaks) {
        return start.end(Wanted::Gone(since), Vec::new());
    }
    if start.view.role(Role::Account).is_empty() {
        let why = start.unspoken(speaks);
        return start.end(why, left_alone(subject).into_iter().collect());
    }
    let rules = &reconciler.customers;
    let scope = Scope::of_account(&start.view);
    let key = start.key.clone();
    let held = |why: String| Wanted::Held(format!("{why} ({key})"));
    match rules.selects(&scope) {
        Err(why) => return start.end(held(why), Vec::new()),
        Ok(false) => {
            let why = format!("customers.where does not hold for {key}");
            return start.end(Wanted::NotSelected(why), Vec::new());
        }
        Ok(true) => {}
    }
    if let Some(problem) = start.problem(speaks) {
        let problem = problem.to_owned();
        return start.end(Wanted::Held(problem), Vec::new());
    }
    match rules.write(&scope, reconciler.unit) {
        Err(why) => start.end(held(why), Vec::new()),
        // A customer that is there keeps the name it has.
        Ok((fields, _)) if fields.get("name").is_none() && !start.exists() => {
            let why = "customers.fields.name yields no name, and Pivotal needs a name; name it at the source or give \
                       the rule something to fall back on";
            start.end(held(why.to_owned()), Vec::new())
        }
        Ok((mut fields, mut notes)) => {
            let is_told = notes.iter().any(|note| note.starts_with("customers.fields.name "));
            if fields.get("name").is_none() && !is_told {
                notes.push("customers.fields.name yields no name; name is left as it is".to_owned());
            }
            notes.extend(fields.get("mrr").and_then(|mrr| Billing::of(&start.view).unconverted(mrr, reconciler.unit)));
            always_sent(&mut fields, &start.view, subject);
            if let Some(deal) = onboarding::newest_deal(reconciler, &start.view, now) {
                fields.set(DEAL, deal.id.as_str());
            }
            start.end(Wanted::Yes(fields), notes)
        }
    }
}

/// What is told of a customer that a person had its last record set apart from: nothing waits for it, and it is easily
/// forgotten.
fn left_alone(subject: &Subject) -> Option<String> {
    let mirror = subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live)?;
    let left = subject.left.as_ref().filter(|left| left.unlinked)?;
    Some(format!(
        "was the last to stand for pivotal:customer:{}, which stays in Pivotal as it is and is no longer written to; delete it \
         there if it is of no use, or `pivotal-sync unlink --undo {}` takes that back",
        shown(mirror),
        left.key
    ))
}

/// The ids that a lost store is rebuilt by (design section 5).
fn always_sent(fields: &mut Fields, view: &View<'_>, subject: &Subject) {
    let found = subject.entity.mirror.as_ref().map(Mirror::as_found);
    for stream in Stream::ALL {
        if let Some(name) = stream.customer_field() {
            let id = view.on_customer(stream, found.as_ref());
            fields.set(name, id.map_or(Value::Null, |record| Value::text(record.key.id.as_str())));
        }
    }
}
