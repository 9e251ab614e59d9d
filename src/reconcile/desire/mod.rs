//! What Pivotal should say about one entity: a file for each kind.
//!
//! Rules: nothing is written that no rule or settled point names; a rule that yields nothing writes a null, which the diff
//! sends only to clear what was written before; a rule that fails holds its entity, and nothing else.

mod contact;
mod customer;
mod onboarding;

use std::collections::BTreeMap;

use crate::domain::{Facts, Fields, Kind, Record, SourceKey, Stream, Timestamp};

use super::Reconciler;
use super::context::Scope;
use super::identity::key_order;
use super::limits::{self, Field, Form};
use super::rules::Rule;
use super::tree::{Reads, Section};
use super::types::{Desired, Known, Note, RuleProblem, Subject, Unit, Wanted};
use super::view::View;

/// The rules of one kind, compiled.
#[derive(Debug)]
pub(super) struct RuleSet {
    selection: Rule,
    fields: Vec<(Field, Rule)>,
}

impl RuleSet {
    /// Compiles a section; every problem goes to `problems`.
    pub(super) fn compile(
        kind: Kind,
        selection: &str,
        fields: &BTreeMap<String, String>,
        reads: &mut Reads,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Self> {
        let (name, section) = match kind {
            Kind::Customer => ("customers", Section::Customers),
            Kind::Contact => ("contacts", Section::Contacts),
            Kind::Onboarding => ("onboardings", Section::Onboardings),
        };
        let selection = Rule::compile(&format!("{name}.where"), selection, section, reads, problems);
        let needed: &[&str] = match kind {
            Kind::Customer => &["name"],
            Kind::Contact => &["email"],
            Kind::Onboarding => &[],
        };
        for needed in needed.iter().filter(|needed| !fields.contains_key(**needed)) {
            let message = format!("Pivotal needs '{needed}' of every {kind}; give it a rule");
            problems.push(RuleProblem { key: format!("{name}.fields.{needed}"), message });
        }
        let mut rules = Vec::new();
        for (field, source) in fields {
            let key = format!("{name}.fields.{field}");
            let rule = Rule::compile(&key, source, section, reads, problems);
            match (limits::field_of(kind, field), rule) {
                (Ok(field), Some(rule)) => rules.push((field, rule)),
                (Ok(_), None) => {}
                (Err(message), _) => problems.push(RuleProblem { key, message }),
            }
        }
        Some(Self { selection: selection?, fields: rules })
    }

    /// The rule that selects.
    pub(super) fn selection(&self) -> &Rule {
        &self.selection
    }

    /// The rules of the fields.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.fields.iter().map(|(_, rule)| rule)
    }

    /// Whether some rule writes an amount.
    pub(super) fn writes_money(&self) -> bool {
        self.fields.iter().any(|(field, _)| field.form == Form::Money)
    }

    /// What the rules say, in Pivotal's form, with what had to be bent.
    fn write(&self, scope: &Scope, unit: Unit) -> Result<(Fields, Vec<String>), String> {
        let mut fields = Fields::new();
        let mut notes = Vec::new();
        for (field, rule) in &self.fields {
            if field.form == Form::Money && unit.is_none() {
                continue;
            }
            let value = rule.value(scope)?;
            let fitted = limits::fit(field.form, &value, unit).map_err(|why| format!("{} {why}", rule.key))?;
            notes.extend(fitted.note.map(|note| format!("{} {note}", field.name)));
            if field.clears || !fitted.value.is_null() {
                fields.0.insert(field.name.to_owned(), fitted.value);
            }
        }
        Ok((fields, notes))
    }
}

impl Reconciler {
    pub(super) fn desired(&self, subject: &Subject, now: Timestamp) -> Desired {
        match subject.entity.kind {
            Kind::Customer => customer::desire(self, subject, now),
            Kind::Contact => contact::desire(self, subject),
            Kind::Onboarding => onboarding::desire(self, subject, now),
        }
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
        let key = record.map_or_else(nobody, |record| record.key.clone());
        let called = record.and_then(called).unwrap_or_else(|| key.to_string());
        Self { subject, view, key, called }
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
        let mut own = self.subject.records.iter().filter(|known| speaks(known.record.key.stream));
        let ignored = own.find_map(|known| known.chosen.as_ref().filter(|_| known.is_ignored()).map(|c| (known, c)));
        Wanted::NotSelected(match ignored {
            Some((known, chosen)) => {
                let (key, on) = (&known.record.key, chosen.decided_at.date_naive());
                format!("left out by a person on {on}; `pivotal-sync ignore --undo {key}` takes that back")
            }
            None => "no source record speaks of it".to_owned(),
        })
    }

    /// Why binding holds one of the records that make the entity.
    fn problem(&self, speaks: fn(Stream) -> bool) -> Option<&str> {
        let counting = self.subject.records.iter().filter(|known| known.counts());
        counting.filter(|known| speaks(known.record.key.stream)).find_map(|known| known.problem.as_deref())
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
        Desired { wanted, name, subject: self.key, because, notes }
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
    let name = match &record.facts {
        Facts::Account(account) => account.name.as_ref(),
        Facts::Person(person) => person.name.as_ref().or(person.email.as_ref()),
        Facts::Deal(deal) => deal.name.as_ref(),
        Facts::Subscription(_) => None,
    };
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "desire_tests.rs"]
mod tests;
