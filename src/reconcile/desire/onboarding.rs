//! Won deals open onboardings under their account's customer.

use crate::domain::{DealFacts, Facts, Record, Role, SourceKey, Stream, Timestamp};

use super::super::context::Scope;
use super::super::types::{Desired, Subject, Wanted};
use super::super::view::View;
use super::super::{Reconciler, double, identity};
use super::Start;

fn speaks(stream: Stream) -> bool {
    stream.role() == Role::Deal
}

/// What Pivotal should say about a deal. An onboarding that is open stays, whatever becomes of the deal (hubspot-api.md
/// trap 26; design: settled points).
pub(super) fn desire(reconciler: &Reconciler, subject: &Subject, now: Timestamp) -> Desired {
    let start = Start::new(subject, speaks);
    if let Some(why) = double::doubled(subject, speaks) {
        return start.end(Wanted::Doubled(why), Vec::new());
    }
    if let Some(since) = start.gone(speaks) {
        return start.end(Wanted::Gone(since), Vec::new());
    }
    let deal = start.view.role(Role::Deal).into_iter().find_map(|record| Some((record, facts_of(record)?)));
    let Some((record, deal)) = deal else {
        let why = start.unspoken(speaks);
        return start.end(why, Vec::new());
    };
    let (wanted, notes) = wanted(reconciler, subject, record, deal, now);
    match start.problem(speaks).filter(|_| matches!(wanted, Wanted::Yes(_))).map(str::to_owned) {
        Some(problem) => start.end(Wanted::Held(problem), Vec::new()),
        None => start.end(wanted, notes),
    }
}

fn wanted(
    reconciler: &Reconciler,
    subject: &Subject,
    record: &Record,
    deal: &DealFacts,
    now: Timestamp,
) -> (Wanted, Vec<String>) {
    let no = |why: String| (Wanted::NotSelected(why), Vec::new());
    let held = |why: String| (Wanted::Held(format!("{why} ({})", record.key)), Vec::new());
    let Some(rules) = &reconciler.onboardings else {
        return no("onboardings.enabled is false".to_owned());
    };
    let account = identity::account_of(&deal.accounts).map_or_else(|| "none".to_owned(), |key| key.to_string());
    match &subject.parent {
        Some(parent) if parent.wanted => {}
        Some(_) => return no(format!("its account {account} is no customer")),
        None => return no(format!("its account is not known ({account})")),
    }
    let scope = Scope::of_record(record);
    match rules.selection.holds(&scope) {
        Err(why) => return held(why),
        Ok(false) => return no(format!("onboardings.where does not hold for {}", record.key)),
        Ok(true) => {}
    }
    // An onboarding that is open does not vanish when its deal grows old.
    if subject.entity.mirror.is_none() && !won_lately(reconciler, deal, now) {
        let within = reconciler.settings.onboardings.won_within;
        return no(match won_at(deal, now) {
            Some(at) => format!("it was won on {}, longer ago than onboardings.won_within ({within})", at.date_naive()),
            None => "the day it was won is not known".to_owned(),
        });
    }
    match rules.write(&scope, reconciler.unit) {
        Err(why) => held(why),
        Ok((fields, notes)) => (Wanted::Yes(fields), notes),
    }
}

/// The won deal behind an account's newest onboarding, as far as its deals show: of those that open one now, the one won
/// last. Nothing once they are older than `won_within`, and then the field keeps what it says.
pub(super) fn newest_deal<'a>(reconciler: &Reconciler, view: &View<'a>, now: Timestamp) -> Option<&'a SourceKey> {
    let rules = reconciler.onboardings.as_ref()?;
    let opening = view.role(Role::Deal).into_iter().filter_map(|record| {
        let deal = facts_of(record)?;
        let opens = won_lately(reconciler, deal, now) && rules.selection.holds(&Scope::of_record(record)).ok()?;
        opens.then(|| (won_at(deal, now), &record.key))
    });
    opening.max_by(|a, b| a.0.cmp(&b.0).then_with(|| identity::key_order(a.1, b.1))).map(|(_, key)| key)
}

/// When a deal was won: its close date, unless that lies ahead; then when it entered the won stage.
fn won_at(deal: &DealFacts, now: Timestamp) -> Option<Timestamp> {
    deal.closed_at.filter(|at| *at <= now).or(deal.won_stage_at)
}

fn won_lately(reconciler: &Reconciler, deal: &DealFacts, now: Timestamp) -> bool {
    let within = reconciler.settings.onboardings.won_within.delta();
    won_at(deal, now).is_some_and(|at| now.signed_duration_since(at) <= within)
}

fn facts_of(record: &Record) -> Option<&DealFacts> {
    match &record.facts {
        Facts::Deal(deal) => Some(deal),
        _ => None,
    }
}
