//! What Pivotal should say about one entity: a file for each kind.
//!
//! Rules: nothing is written that no rule or settled point names; a rule that yields nothing writes a null, which the diff
//! sends only to clear what was written before; a rule that fails holds its entity, and nothing else; an outcome that cannot
//! be brought into its field's form leaves the field as it is, with a note.

mod billing_contact;
mod contact;
mod customer;
mod onboarding;
mod ruleset;

use crate::domain::{Kind, MirrorState, Record, SourceKey, Stream, Timestamp};

use super::Reconciler;
use super::identity::key_order;
use super::leaving;
use super::types::{Desired, Known, Note, Subject, Wanted};
use super::view::View;

pub(super) use ruleset::RuleSet;

impl Reconciler {
    pub(super) fn desired(&self, subject: &Subject, now: Timestamp) -> Desired {
        if let Some(grace) = leaving::grace(&self.settings, subject, now) {
            let without = self.desired_now(subject, now);
            // Who is selected no more without that part leaves from now on, as it is, with the grace of leaving: after the part's
            // own grace that would be a second one.
            if matches!(without.wanted, Wanted::NotSelected(_)) {
                return without;
            }
            let mut desired = self.desired_now(&grace.subject, now);
            desired.until = Some(grace.until);
            desired.notes.push(grace.note);
            return desired;
        }
        self.desired_now(subject, now)
    }

    /// The notes by which the onboarding of a won deal is known in Pivotal, wherever it lives; nothing for a deal that opens none
    /// now, or where the rules' notes name no deal.
    pub fn onboarding_known_by(&self, deal: &Record, now: Timestamp) -> Option<String> {
        onboarding::known_by(self, deal, now)
    }

    fn desired_now(&self, subject: &Subject, now: Timestamp) -> Desired {
        let mut desired = match subject.entity.kind {
            Kind::Customer => customer::desire(self, subject, now),
            Kind::Contact => contact::desire(self, subject),
            Kind::Onboarding => onboarding::desire(self, subject, now),
        };
        desired.tell_misnamed(subject);
        desired
    }
}

/// What every kind starts from: the records that make the entity, live and gone.
struct Start<'a> {
    subject: &'a Subject,
    view: View<'a>,
    /// The record that names the entity to people.
    key: SourceKey,
    /// What its source calls it.
    called: String,
}

impl<'a> Start<'a> {
    /// `speaks` says which streams' records make the entity; others only add figures.
    fn new(subject: &'a Subject, speaks: fn(Stream) -> bool) -> Self {
        let view = View::of_subject(subject);
        let primary = Stream::ALL.into_iter().filter(|stream| speaks(*stream)).find_map(|stream| view.primary(stream));
        let gone = || {
            let own = subject.records.iter().filter(|known| speaks(known.record.key.stream));
            own.map(|known| &known.record).min_by(|a, b| key_order(&a.key, &b.key))
        };
        let record = primary.or_else(gone);
        let nobody = || SourceKey::new(stream_of(subject.entity.kind), format!("of-entity-{}", subject.entity.id));
        let left = || subject.left.as_ref().map(|left| left.key.clone());
        let key = record.map(|record| record.key.clone()).or_else(left).unwrap_or_else(nobody);
        let written = || Some(subject.entity.mirror.as_ref()?.written.text("name")?.to_owned());
        let called = record.map_or_else(written, called).unwrap_or_else(|| key.to_string());
        Self { subject, view, key, called }
    }

    /// Whether its object is in Pivotal, as far as is known.
    fn exists(&self) -> bool {
        self.subject.entity.mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Live)
    }

    /// When the last of the records that make the entity was first seen gone; nothing while one is there, or left out.
    fn gone(&self, speaks: fn(Stream) -> bool) -> Option<Timestamp> {
        let own = self.subject.records.iter().filter(|known| speaks(known.record.key.stream));
        let own: Vec<&Known> = own.filter(|known| !known.is_ignored()).collect();
        let seen: Option<Vec<Timestamp>> = own.iter().map(|known| known.gone.as_ref().map(|(_, at)| *at)).collect();
        seen?.into_iter().max()
    }

    /// Why nothing speaks of the entity.
    fn unspoken(&self, speaks: fn(Stream) -> bool) -> Wanted {
        let own = self.subject.records.iter().filter(|known| speaks(known.record.key.stream));
        let ignored = own
            .filter_map(|known| known.chosen.as_ref().filter(|_| known.is_ignored()).map(|c| (known, c)))
            .min_by(|(a, _), (b, _)| key_order(&a.record.key, &b.record.key));
        Wanted::NotSelected(match ignored {
            Some((known, chosen)) => {
                let (key, on) = (&known.record.key, chosen.decided_at.date_naive());
                format!("left out by a person on {on}; `pivotal-sync ignore --undo {key}` takes that back")
            }
            None => "no source record speaks of it".to_owned(),
        })
    }

    /// Why binding holds one of the records that make the entity; of several, the first by key, so that the answer
    /// does not hang on the order they came in.
    fn problem(&self, speaks: fn(Stream) -> bool) -> Option<&str> {
        let counting = self.subject.records.iter().filter(|known| known.counts() && known.problem.is_some());
        let held = counting.filter(|known| speaks(known.record.key.stream));
        held.min_by(|a, b| key_order(&a.record.key, &b.record.key)).and_then(|known| known.problem.as_deref())
    }

    fn end(self, wanted: Wanted, notes: Vec<String>) -> Desired {
        let name = match &wanted {
            Wanted::Yes(fields) => fields.text("name").unwrap_or(&self.called).to_owned(),
            _ => self.called,
        };
        let mut because: Vec<SourceKey> = self
            .subject
            .records
            .iter()
            .filter(|known| known.gone.is_none())
            .map(|known| known.record.key.clone())
            .collect();
        if because.is_empty() {
            because = self.subject.records.iter().map(|known| known.record.key.clone()).collect();
        }
        because.sort_by(key_order);
        because.dedup();
        let notes = notes.into_iter().map(|message| Note { subject: self.key.clone(), message }).collect();
        Desired { wanted, name, subject: self.key, because, notes, until: None }
    }
}

fn stream_of(kind: Kind) -> Stream {
    match kind {
        Kind::Customer => Stream::HubspotCompanies,
        Kind::Contact => Stream::HubspotContacts,
        Kind::Onboarding => Stream::HubspotDeals,
    }
}

fn called(record: &Record) -> Option<String> {
    record.facts.name().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "desire_tests.rs"]
mod tests;
