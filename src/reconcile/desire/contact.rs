//! Persons become contacts of their account's customer.

use crate::domain::{Facts, Record, Role, Stream};

use super::super::context::Scope;
use super::super::types::{Desired, Subject, Wanted};
use super::super::{Reconciler, double, identity};
use super::Start;

fn speaks(stream: Stream) -> bool {
    stream.role() == Role::Person
}

/// What Pivotal should say about a person.
pub(super) fn desire(reconciler: &Reconciler, subject: &Subject) -> Desired {
    let start = Start::new(subject, speaks);
    if let Some(why) = double::doubled(subject, speaks) {
        return start.end(Wanted::Doubled(why), Vec::new());
    }
    if let Some(since) = start.gone(speaks) {
        return start.end(Wanted::Gone(since), Vec::new());
    }
    let Some(record) = start.view.role(Role::Person).first().copied() else {
        let why = start.unspoken(speaks);
        return start.end(why, Vec::new());
    };
    let (wanted, notes) = wanted(reconciler, subject, &start, record);
    start.end(wanted, notes)
}

fn wanted(reconciler: &Reconciler, subject: &Subject, start: &Start<'_>, record: &Record) -> (Wanted, Vec<String>) {
    let no = |why: String| (Wanted::NotSelected(why), Vec::new());
    let held = |why: String| (Wanted::Held(format!("{why} ({})", record.key)), Vec::new());
    if let Some(why) = outside(subject, record) {
        return no(why);
    }
    let rules = &reconciler.contacts;
    let scope = Scope::of_record(record);
    match rules.selection.holds(&scope) {
        Err(why) => return held(why),
        Ok(false) => return no(format!("contacts.where does not hold for {}", record.key)),
        Ok(true) => {}
    }
    if let Some(problem) = start.problem(speaks) {
        return (Wanted::Held(problem.to_owned()), Vec::new());
    }
    let (mut fields, notes) = match rules.write(&scope, reconciler.unit) {
        Err(why) => return held(why),
        Ok(written) => written,
    };
    let Some(email) = fields.text("email").map(str::to_owned) else {
        return no(format!("contacts.fields.email yields nothing for {}, and Pivotal needs an address", record.key));
    };
    if fields.text("name").is_none() {
        fields.set("name", email.split('@').next().unwrap_or(&email));
    }
    (Wanted::Yes(fields), notes)
}

/// Why the person's account keeps it out.
fn outside(subject: &Subject, record: &Record) -> Option<String> {
    let links = match &record.facts {
        Facts::Person(person) => person.accounts.as_slice(),
        _ => &[],
    };
    match (identity::account_of(links), &subject.parent) {
        (_, Some(parent)) if parent.wanted => None,
        (Some(account), Some(_)) => Some(format!("its account {account} is no customer")),
        (None, Some(_)) => Some("its account is no customer".to_owned()),
        (Some(account), None) => Some(format!("its account {account} is not known")),
        (None, None) => Some(format!("{} belongs to no company", record.key)),
    }
}
