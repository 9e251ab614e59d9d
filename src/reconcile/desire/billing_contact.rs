//! The address that bills are sent to becomes a contact too, where `[contacts.billing]` says so.
//!
//! | case | outcome |
//! | --- | --- |
//! | a contact of the source that knows people has the same address, under the same customer | that one stands, and the billing contact is not wanted: its reason names who stands |
//! | such a contact comes later | it takes the billing contact's place, object and all: binding asks [`Reconciler::takes_place_of`] |
//! | a contact that is there already changes its address to this one | the billing contact goes, if it was created here, and the address with it |
//! | such a contact goes | its object goes first (grace included); then the billing contact appears |
//! | several paying customers of one account with one address | one contact: of the one that has it already, else of the lowest id |
//! | the address changes, or its customer is deleted | as for every contact |
//! | switched off again | nothing is written to those that are there, and none is deleted |

use std::collections::BTreeMap;

use crate::domain::{AccountLink, Facts, PersonFacts, Pulled, Record, SourceKey, Stream};

use super::super::context::Scope;
use super::super::identity::{self, key_order};
use super::super::settings::Settings;
use super::super::types::{Sibling, Subject};
use super::super::{Reconciler, RuleSet};

/// The stream of billing contacts that an account stream's records show.
fn billing_stream(account: Stream) -> Option<Stream> {
    Stream::ALL.into_iter().find(|stream| stream.shown_by() == Some(account))
}

/// Whether a record is a billing contact.
pub(super) fn is_billing(key: &SourceKey) -> bool {
    key.stream.shown_by().is_some()
}

impl Reconciler {
    /// What decides who is a billing contact, as text; empty while there are none. When it changes, every paying customer
    /// and every person is to be looked at again.
    pub fn billing_rules(&self) -> String {
        if self.billing.is_none() {
            return String::new();
        }
        let Settings { contacts, .. } = &self.settings;
        format!("{:?} {:?} {:?}", contacts.r#where, contacts.fields, contacts.billing)
    }

    /// The billing contact that an account's record shows; nothing where there are none.
    pub fn billing_contact(&self, account: &Pulled) -> Option<Pulled> {
        let key = SourceKey { stream: billing_stream(account.key().stream)?, id: account.key().id.clone() };
        let rules = self.billing.as_ref()?;
        let record = match account {
            Pulled::Live(record) | Pulled::Partial(record, _) => record,
            Pulled::Gone(_, gone) => return Some(Pulled::Gone(key, gone.clone())),
            Pulled::Malformed(..) => return None,
        };
        let Facts::Account(facts) = &record.facts else { return None };
        let properties: BTreeMap<_, _> = record
            .properties
            .iter()
            .filter(|(name, _)| self.billing_reads.contains(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut contact =
            Record { key, facts: Facts::Person(PersonFacts::default()), properties, changed_at: record.changed_at };
        contact.facts = Facts::Person(PersonFacts {
            name: facts.name.clone(),
            // By its rule, so that those with the same address find each other.
            email: address(rules, &contact),
            accounts: vec![AccountLink { account: account.key().clone(), primary: true }],
            ..PersonFacts::default()
        });
        Some(Pulled::Live(contact))
    }

    /// Whether a person without an object stands for a billing contact of the same customer, and so takes its place.
    pub fn takes_place_of(&self, person: &Record, billing: &Record) -> bool {
        let Some(rules) = &self.billing else { return false };
        let same = address(&self.contacts, person).filter(|own| address(rules, billing).as_ref() == Some(own));
        !is_billing(&person.key) && same.is_some() && selects(&self.contacts, person)
    }

    /// Who stands for the address a billing contact would have.
    pub(super) fn stands_instead(&self, subject: &Subject, record: &Record, settled: bool) -> Option<SourceKey> {
        let mine = address(self.billing.as_ref()?, record)?;
        let stands = |sibling: &&Sibling| {
            let Sibling { known, settled: has_object } = sibling;
            let other = &known.record;
            let rules = if is_billing(&other.key) { self.billing.as_ref() } else { Some(&self.contacts) };
            let Some(rules) = rules.filter(|rules| address(rules, other).as_ref() == Some(&mine)) else { return false };
            let counts = known.counts() && selects(rules, other);
            if !is_billing(&other.key) {
                return counts || *has_object;
            }
            match (*has_object, settled) {
                (true, false) => true,
                (false, true) => false,
                _ => counts && key_order(&other.key, &record.key).is_lt(),
            }
        };
        let standing = subject.siblings.iter().filter(stands).map(|sibling| &sibling.known.record.key);
        standing.min_by(|a, b| key_order(a, b)).cloned()
    }
}

/// The address a record's rules yield.
fn address(rules: &RuleSet, record: &Record) -> Option<String> {
    rules.email(&Scope::of_record(record)).as_deref().and_then(identity::email)
}

/// Whether the rules want a record; one whose rule fails is not passed over, for it waits for a person.
fn selects(rules: &RuleSet, record: &Record) -> bool {
    rules.selection().holds(&Scope::of_record(record)) != Ok(false)
}

#[cfg(test)]
#[path = "billing_contact_tests.rs"]
mod tests;
