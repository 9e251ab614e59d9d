//! What becomes of an object that is no longer wanted: gone at the source, or outside the selection by now.
//!
//! `entity.gone_since` is when the entity was first seen unwanted, gone or left: the grace of leaving counts from it.

use crate::domain::{
    Action, Changes, Fields, Gone, Kind, Later, Mirror, MirrorState, Operation, Origin, Removal, Role, Span, Timestamp,
    Value,
};

use super::fingerprint::fingerprint_of;
use super::identity::key_order;
use super::plan::{ARCHIVED, Case, STATUS, held, shown};
use super::settings::{OnLeave, OnSourceDelete, Settings};
use super::types::{Decision, Known, Note, Subject};

impl Case<'_> {
    pub(super) fn gone(&self, since: Timestamp, mirror: &Mirror) -> Decision {
        let policy = self.settings.customers.on_source_delete;
        let why = "gone at the source";
        match (self.kind(), policy) {
            (Kind::Onboarding, _) | (_, OnSourceDelete::Keep) => Decision::default(),
            (Kind::Contact, OnSourceDelete::Archive) => Decision::default(),
            // With its customer it vanishes, or is left along with it (pivotal-api.md 10.1, DELETE).
            (Kind::Contact, _) if self.subject.parent.as_ref().is_some_and(|parent| !parent.wanted) => {
                Decision::default()
            }
            (Kind::Customer, OnSourceDelete::Archive) => self.archive(since, why, mirror),
            (_, OnSourceDelete::Delete) => self.delete(since, why, mirror),
        }
    }

    pub(super) fn left(&self, why: &str, mirror: &Mirror) -> Decision {
        // A contact or an onboarding stays where it is; an object that no account speaks of was unlinked, or is left out.
        let accounts = || self.subject.records.iter().filter(|known| known.record.key.stream.role() == Role::Account);
        let spoken_of = accounts().next().is_some() && !accounts().any(Known::is_ignored);
        if self.kind() != Kind::Customer || !spoken_of {
            return self.alone(mirror);
        }
        let since = self.subject.entity.gone_since.unwrap_or(self.now);
        match self.settings.customers.on_leave {
            OnLeave::Keep => {
                let message = "no longer selected; as customers.on_leave = \"keep\" says, it stays in Pivotal as it is"
                    .to_owned();
                let note = Note { subject: self.desired.subject.clone(), message };
                // Once, when it leaves.
                let leaves = self.subject.entity.gone_since.is_none();
                Decision { notes: leaves.then_some(note).into_iter().collect(), ..Decision::default() }
            }
            OnLeave::Archive => self.archive(since, why, mirror),
            OnLeave::Delete => self.delete(since, why, mirror),
        }
    }

    /// It stays in Pivotal as it is, but for ids that are another's.
    fn alone(&self, mirror: &Mirror) -> Decision {
        Decision { operations: self.disown(mirror).into_iter().collect(), ..Decision::default() }
    }

    /// What was made of it here goes without a grace: while it is there, who has its address by now cannot be written.
    pub(super) fn replaced(&self, why: &str, mirror: &Mirror) -> Decision {
        let away = || self.operation(Action::Delete { id: mirror.id.clone() }, why.to_owned());
        let operations = (mirror.origin == Origin::Created).then(away).into_iter().collect();
        Decision { operations, ..Decision::default() }
    }

    /// Held as the deletion that approving it would be, where this daemon may delete at all. Until then it no longer carries the
    /// id of the record that went.
    pub(super) fn left_behind(&self, why: &str, mirror: &Mirror) -> Decision {
        let reason = "what it stood for is elsewhere now".to_owned();
        let action = match mirror.origin {
            Origin::Created => Action::Delete { id: mirror.id.clone() },
            _ => Action::Update { id: mirror.id.clone(), changes: Changes::default() },
        };
        let away = held(self.operation(action, reason), why);
        let is_let_through = self.subject.entity.approval.covers(&fingerprint_of(&away));
        let disowned = self.disown(mirror).filter(|_| !is_let_through);
        Decision { operations: disowned.into_iter().chain([away]).collect(), ..Decision::default() }
    }

    fn delete(&self, since: Timestamp, why: &str, mirror: &Mirror) -> Decision {
        if mirror.origin != Origin::Created {
            let message = format!(
                "{why}; left in Pivotal, since pivotal:{}:{} was not created by pivotal-sync",
                self.kind(),
                shown(mirror)
            );
            let note = Note { subject: self.desired.subject.clone(), message };
            return Decision { notes: vec![note], ..Decision::default() };
        }
        self.after_grace(since, why, Removal::Delete, Action::Delete { id: mirror.id.clone() })
    }

    fn archive(&self, since: Timestamp, why: &str, mirror: &Mirror) -> Decision {
        let changes = mirror.written.changes_to(&Fields::from([(STATUS, Value::from(ARCHIVED))]));
        if changes.is_empty() {
            return Decision::default();
        }
        self.after_grace(since, why, Removal::Archive, Action::Update { id: mirror.id.clone(), changes })
    }

    fn after_grace(&self, since: Timestamp, why: &str, removal: Removal, action: Action) -> Decision {
        let grace = self.settings.customers.delete_grace;
        let at = since.checked_add_signed(grace.delta()).unwrap_or(Timestamp::MAX_UTC);
        if self.now < at {
            return Decision { later: Some(Later { removal, at }), ..Decision::default() };
        }
        let ago = self.now.signed_duration_since(since).to_std().map(Span).unwrap_or_default();
        let seen = if ago.0.as_secs() == 0 { "just now".to_owned() } else { format!("{ago} ago") };
        let over = if grace.0.is_zero() { String::new() } else { format!("; its grace of {grace} is over") };
        let reason = format!("{why}, first seen {seen}{over}");
        Decision { operations: vec![self.operation(action, reason)], ..Decision::default() }
    }
}

/// An account of which a part is gone at its source, and the rest is there.
pub(super) struct Grace {
    /// The account as it was, for as long as the deletion need not stand.
    pub(super) subject: Subject,
    /// Until when.
    pub(super) until: Timestamp,
    /// What is told of it.
    pub(super) note: Note,
}

/// While a record of a customer may be back within its grace, what it said stays: a mistake at the source would else empty a
/// customer the same night.
pub(super) fn grace(settings: &Settings, subject: &Subject, now: Timestamp) -> Option<Grace> {
    let is_live = subject.entity.mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Live);
    let is_account = |known: &&Known| known.record.key.stream.role() == Role::Account && !known.is_ignored();
    let accounts = || subject.records.iter().filter(is_account);
    if subject.entity.kind != Kind::Customer || !is_live || !accounts().any(Known::counts) {
        return None;
    }
    let ends = |known: &Known| match &known.gone {
        Some((Gone::Archived | Gone::Deleted, since)) => {
            since.checked_add_signed(settings.customers.delete_grace.delta()).filter(|at| now < *at)
        }
        Some((Gone::Merged { .. }, _)) | None => None,
    };
    let in_grace = || accounts().filter_map(|known| Some((ends(known)?, &known.record.key)));
    let (until, _) = in_grace().min()?;
    let (_, key) = in_grace().min_by(|(_, a), (_, b)| key_order(a, b))?;
    let message = format!(
        "is gone at its source; what it said stays until {} (customers.delete_grace), in case it comes back",
        until.format("%Y-%m-%d %H:%M UTC")
    );
    let note = Note { subject: key.clone(), message };
    let mut before = subject.clone();
    for known in before.records.iter_mut().filter(|known| is_account(&&**known) && ends(known).is_some()) {
        known.gone = None;
    }
    Some(Grace { subject: before, until, note })
}

/// Says at a customer's deletion what vanishes with it (pivotal-api.md 10.1, DELETE).
pub fn takes_along(operation: &mut Operation, contacts: u64, onboardings: u64) {
    let counted = |number: u64, noun: &str| match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    };
    let along: Vec<String> =
        [counted(contacts, "contact"), counted(onboardings, "onboarding")].into_iter().flatten().collect();
    if !along.is_empty() {
        operation.reason = format!("{}; takes {} along", operation.reason, along.join(" and "));
    }
}

#[cfg(test)]
#[path = "leaving_tests.rs"]
mod tests;
