//! Won deals open onboardings under their account's customer: each one, once.
//!
//! A deal is won lately, or opens nothing; it has a customer, or waits for one and says so, until it is won too long ago. What
//! is open stays open whatever becomes of the deal, and is never opened twice: the entity is the deal's, won, reopened or won
//! again.

use chrono::TimeDelta;

use crate::domain::{DealFacts, Facts, MirrorState, Record, Role, SourceKey, Stream, Timestamp};

use super::super::adopt::names_a_deal;
use super::super::context::Scope;
use super::super::types::{Desired, Subject, Wanted};
use super::super::view::View;
use super::super::{Reconciler, double, identity};
use super::Start;

/// How long after its time is over a win that waited in vain is told: long enough for a daemon that was down for some days,
/// and short enough that a first load does not tell of years.
const TOLD_FOR: TimeDelta = TimeDelta::days(7);

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
    let (wanted, notes) = wanted(reconciler, &start, record, deal, now);
    let opens = matches!(wanted, Wanted::Yes(_) | Wanted::Waiting { .. });
    match start.problem(speaks).filter(|_| opens).map(str::to_owned) {
        Some(problem) => start.end(Wanted::Held(problem), Vec::new()),
        None => start.end(wanted, notes),
    }
}

fn wanted(
    reconciler: &Reconciler,
    start: &Start<'_>,
    record: &Record,
    deal: &DealFacts,
    now: Timestamp,
) -> (Wanted, Vec<String>) {
    let no = |why: String| (Wanted::NotSelected(why), Vec::new());
    let Some(rules) = &reconciler.onboardings else {
        return no("onboardings.enabled is false".to_owned());
    };
    let missing = missing_customer(start.subject, record, deal);
    // What no customer waits for disturbs nobody, so a rule that fails on it does not either.
    let failed = |why: String| match &missing {
        Some(missing) => no(format!("{missing}; besides, {why} ({})", record.key)),
        None => (Wanted::Held(format!("{why} ({})", record.key)), Vec::new()),
    };
    let scope = Scope::of_record(record);
    match rules.selects(&scope) {
        Err(why) => return failed(why),
        Ok(false) => return no(format!("onboardings.where does not hold for {}", record.key)),
        Ok(true) => {}
    }
    // An onboarding that is open does not vanish when its deal grows old, nor when its customer leaves.
    let is_open = start.subject.entity.mirror.as_ref().is_some_and(|mirror| mirror.state != MirrorState::Deleted);
    if !is_open && !won_lately(reconciler, deal, now) {
        return too_old(reconciler, start, deal, missing, now);
    }
    let (fields, notes) = match rules.write(&scope, reconciler.unit) {
        Ok(written) => written,
        Err(why) => return failed(why),
    };
    match missing {
        None => (Wanted::Yes(fields), notes),
        Some(missing) if is_open => no(missing),
        // It waits for nothing: the rules took its customer away. Should they bring it back, this is looked at again.
        Some(missing) if start.subject.parent.as_ref().is_some_and(|parent| parent.left) => {
            no(format!("its customer was deleted: {missing}"))
        }
        // It was opened, and a source that drops a company drops its links: the day its deal has a customer, it comes back.
        Some(missing) if start.subject.entity.vanished.is_some() => {
            no(format!("it went with its customer, and is opened again under another only: {missing}"))
        }
        Some(why) => (Wanted::Waiting { fields, why }, notes),
    }
}

/// Why there is no customer to open it under.
fn missing_customer(subject: &Subject, record: &Record, deal: &DealFacts) -> Option<String> {
    match (identity::account_of(&deal.accounts), &subject.parent) {
        (_, Some(parent)) if parent.wanted => None,
        (Some(account), Some(_)) => {
            Some(format!("its company {account} is not a customer; `pivotal-sync why {account}` says why not"))
        }
        (None, Some(_)) => Some("its company is not a customer".to_owned()),
        (Some(account), None) => Some(format!("its company {account} was not read yet")),
        (None, None) => Some(format!("{} belongs to no company", record.key)),
    }
}

/// A win that opens nothing any more. One that waited for a customer until now ends with a note, so that nobody thinks it
/// went ahead.
fn too_old(
    reconciler: &Reconciler,
    start: &Start<'_>,
    deal: &DealFacts,
    missing: Option<String>,
    now: Timestamp,
) -> (Wanted, Vec<String>) {
    let within = reconciler.settings.onboardings.won_within;
    let Some(at) = won_at(deal, now) else {
        return (Wanted::NotSelected("the day it was won is not known".to_owned()), Vec::new());
    };
    let day = at.date_naive();
    let blocked = start.subject.parent.as_ref().and_then(|parent| parent.blocked.clone());
    let old = format!("it was won on {day}, longer ago than onboardings.won_within ({})", within.as_set());
    let waits = missing.filter(|_| start.subject.entity.vanished.is_none()).or(blocked);
    let Some(waited) = waits else { return (Wanted::NotSelected(old), Vec::new()) };
    let why = format!("{old}, and until then {waited}; no onboarding is opened");
    let over = at.checked_add_signed(within.delta()).unwrap_or(Timestamp::MAX_UTC);
    let lately = now.signed_duration_since(over) <= TOLD_FOR;
    let notes = if lately { vec![why.clone()] } else { Vec::new() };
    (Wanted::NotSelected(why), notes)
}

/// The won deal behind an account's newest onboarding, as far as its deals show: of those that open one now, the one won
/// last. Nothing once they are older than `won_within`, and then the field keeps what it says.
pub(super) fn newest_deal<'a>(reconciler: &Reconciler, view: &View<'a>, now: Timestamp) -> Option<&'a SourceKey> {
    let rules = reconciler.onboardings.as_ref()?;
    let opening = view.role(Role::Deal).into_iter().filter_map(|record| {
        let deal = facts_of(record)?;
        let opens = won_lately(reconciler, deal, now) && rules.selects(&Scope::of_record(record)).ok()?;
        opens.then(|| (won_at(deal, now), &record.key))
    });
    opening.max_by(|a, b| a.0.cmp(&b.0).then_with(|| identity::key_order(a.1, b.1))).map(|(_, key)| key)
}

/// By what the onboarding of a won deal is known in Pivotal, wherever it lives. Nothing for a deal that opens none, or whose notes
/// name no deal.
pub(super) fn known_by(reconciler: &Reconciler, record: &Record, now: Timestamp) -> Option<String> {
    let rules = reconciler.onboardings.as_ref()?;
    let scope = Scope::of_record(record);
    let opens = won_lately(reconciler, facts_of(record)?, now) && rules.selects(&scope).ok()?;
    let (fields, _) = opens.then(|| rules.write(&scope, reconciler.unit).ok())??;
    fields.text("notes").map(str::trim).filter(|notes| names_a_deal(notes)).map(str::to_owned)
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

#[cfg(test)]
#[path = "onboarding_tests.rs"]
mod tests;
