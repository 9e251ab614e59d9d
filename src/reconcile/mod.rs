//! The pure centre: which records are one, what Pivotal should say of them, what is owed, and how much of it goes unasked.
//!
//! Rules: no async, no SQL, no HTTP, no clock, no environment, no log; `now` is a parameter. The same input gives the same
//! output in the same order, however it was shuffled. Nothing here panics on anything a source may say.

mod adopt;
mod audit;
mod billing;
mod bind;
mod choice;
mod clear;
mod context;
mod deal;
mod desire;
mod disown;
mod double;
mod explain;
mod fingerprint;
mod freemail;
mod guard;
mod identity;
mod leaving;
mod limits;
mod lookalike;
mod mailbox;
mod namesake;
mod order;
mod owner;
mod place;
mod plan;
mod rift;
mod rules;
mod settings;
mod shelf;
mod slug;
mod stray;
mod tree;
mod types;
mod unclear;
mod undo;
mod view;
mod zod;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::domain::{
    AccountLink, Changes, Choice, Entity, EntityId, Fields, Kind, Mirror, MirrorState, Operation, PivotalId, Record,
    RunId, SourceKey, Timestamp,
};

pub use adopt::{Adoption, another_persons, linked_object, named, unlinked_objects};
pub use audit::{Drift, DriftVerdict};
pub use clear::{Clearing, wait_for_clearing};
pub use explain::{Explained, Fate, RuleTold};
pub use fingerprint::{anew, fingerprint, fingerprint_of, says_something};
pub use guard::FREE_DELETES;
pub use leaving::takes_along;
pub use lookalike::{Features, features, hold_for, lookalike, namesake};
pub use mailbox::{Claim, Resident, claims, hold_second, ring};
pub use order::{order, with_urgent};
pub use plan::moves;
pub use rift::Rift;
pub use settings::*;
pub use shelf::Shelved;
pub use types::*;
pub use undo::{Done, Inverse, Past};

use desire::RuleSet;
use tree::Reads;

/// Counts up when this code, not the configuration, changes what would be desired.
const REVISION: u32 = 3;

/// Everything that decides, compiled from the configuration.
#[derive(Debug)]
pub struct Reconciler {
    settings: Settings,
    unit: Unit,
    customers: RuleSet,
    contacts: RuleSet,
    /// Nothing while there are no billing contacts.
    billing: Option<RuleSet>,
    /// What the rules of billing contacts read of a paying customer.
    billing_reads: BTreeSet<String>,
    /// Nothing when onboardings are not enabled.
    onboardings: Option<RuleSet>,
    reads: Reads,
    own_free: BTreeSet<String>,
}

impl Reconciler {
    /// Compiles every rule. The error lists every problem of every rule at once.
    ///
    /// The rules of `[onboardings]` and `[contacts.billing]` are checked even when they are not enabled, but then read nothing.
    pub fn new(settings: &Settings, unit: Unit) -> Result<Self, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let mut reads = Reads::new();
        let customer_rules = RuleSet::compile(Kind::Customer, settings, &mut reads, &mut problems);
        let contact_rules = RuleSet::compile(Kind::Contact, settings, &mut reads, &mut problems);
        let mut billing_reads = Reads::new();
        let billing_rules = RuleSet::of_billing(settings, &mut billing_reads, &mut problems);
        let billing = settings.contacts.billing.enabled;
        if billing {
            for (namespace, properties) in &billing_reads {
                reads.entry(namespace).or_default().extend(properties.iter().cloned());
            }
        }
        let billing_reads = billing_reads.into_values().flatten().collect();
        let mut idle = Reads::new();
        let enabled = settings.onboardings.enabled;
        let deal_reads = if enabled { &mut reads } else { &mut idle };
        let onboarding_rules = RuleSet::compile(Kind::Onboarding, settings, deal_reads, &mut problems);
        match (customer_rules, contact_rules) {
            (Some(customers), Some(contacts)) if problems.is_empty() => Ok(Self {
                settings: settings.clone(),
                unit,
                customers,
                contacts,
                billing: billing_rules.filter(|_| billing),
                billing_reads,
                onboardings: onboarding_rules.filter(|_| enabled),
                reads,
                own_free: identity::own_free_domains(&settings.identity.free_mail_domains),
            }),
            _ => Err(problems),
        }
    }

    /// What a person should know of the configuration, in words.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        if self.unit.is_none() && self.customers.writes_money() {
            findings.push("mrr is not written until pivotal.mrr_unit is set".to_owned());
        }
        findings
    }

    /// Namespace (`company`, `contact`, `deal`, `stripe`) to the source properties that rules read. What is derived
    /// from subscriptions (`stripe.mrr` and its like) and `id` are not among them: no source need keep those.
    pub fn reads(&self) -> BTreeMap<&'static str, BTreeSet<String>> {
        self.reads.clone()
    }

    /// The configuration keys of the rules that read a property, such as `company.name`, in their order.
    pub fn readers(&self, name: &str) -> Vec<String> {
        let sets = [Some(&self.customers), Some(&self.contacts), self.billing.as_ref(), self.onboardings.as_ref()];
        let rules = sets.into_iter().flatten().flat_map(RuleSet::rules);
        let mut keys: Vec<String> = rules.filter(|rule| rule.names(name)).map(|rule| rule.key.clone()).collect();
        keys.dedup();
        keys
    }

    /// Changes when a rule or policy changes what would be desired: then every entity must be looked at again.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(format!("{REVISION}\n{:?}", self.rules())))
    }

    /// Every setting that decides what is desired, as the configuration names it, with what it says: what a later run is held
    /// against, to name what changed.
    pub fn rules(&self) -> BTreeMap<String, String> {
        let mut rules = self.settings.texts();
        rules.insert("pivotal.mrr_unit".to_owned(), format!("{:?}", self.unit));
        rules
    }

    /// The rules for metadata, as text; empty while nobody wants any.
    pub fn metadata_rules(&self) -> String {
        match self.settings.customers.metadata.is_empty() {
            true => String::new(),
            false => format!("{:?}", self.settings.customers.metadata),
        }
    }

    /// Evidence tokens of a record: `is:`, `domain:`, `host:`, `email:` and `of:`, each followed by what it names. Sorted.
    pub fn tokens(&self, record: &Record) -> Vec<String> {
        identity::tokens(record, &self.own_free)
    }

    /// The domains that count as free mail besides the built-in list, as one text: another one makes other tokens.
    pub fn free_mail(&self) -> String {
        self.own_free.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// The token of a record that explicitly names another one.
    pub fn names(&self, other: &SourceKey) -> String {
        identity::names(other)
    }

    /// The account records whose ids a customer in Pivotal carries.
    pub fn carried(&self, customer: &Fields) -> Vec<SourceKey> {
        identity::carried(customer)
    }

    /// Whether the id of a record on a customer in Pivotal was found there, rather than written from here.
    pub fn is_found(&self, customer: &Mirror, key: &SourceKey) -> bool {
        identity::is_found(customer, key)
    }

    /// Whether sharing this token may make two account records one.
    pub fn is_evidence(&self, token: &str) -> bool {
        token.starts_with("is:") || token.starts_with("domain:")
    }

    /// Which account records of a cluster are one account. Independent of the order of the input, and stable: binding again
    /// with the outcome stored changes nothing. A record that is ambiguous belongs in an entity of its own.
    pub fn bind(&self, cluster: &[Bindable]) -> Bindings {
        bind::bind(cluster)
    }

    /// Which records of a cluster look like one account with a company they are not with, and stay where they are.
    pub fn rifts(&self, cluster: &[Bindable]) -> Vec<Rift> {
        bind::rifts(cluster)
    }

    /// The entity a person or a deal belongs to after a decision about it; nothing when that is a new one. `object` is the
    /// Pivotal object its `own` entity has, `linked` the entity that has the object the decision names.
    pub fn place(
        &self,
        own: Option<EntityId>,
        object: Option<&PivotalId>,
        choice: &Choice,
        linked: Option<EntityId>,
    ) -> Option<EntityId> {
        choice::place(own, object, choice, linked)
    }

    /// The account a person or a deal belongs to: the primary one; when none is primary the one with the lowest id, numbers
    /// by size and before words (hubspot-api.md trap 15).
    pub fn account_of(&self, links: &[AccountLink]) -> Option<SourceKey> {
        identity::account_of(links)
    }

    /// What Pivotal should say about an entity. An account's subject must hold its subscriptions, and its deals when
    /// `hubspot_deal_id` is to be written.
    pub fn desire(&self, subject: &Subject, now: Timestamp) -> Desired {
        self.desired(subject, now)
    }

    /// Whether one of the candidates is this entity. `fields` is what is desired of it. Onboardings and contacts are looked
    /// for among the candidates under their customer.
    pub fn adopt(&self, subject: &Subject, fields: &Fields, candidates: &[Candidate]) -> Adoption {
        adopt::adopt(subject, fields, candidates, &self.own_free)
    }

    /// Why a customer that carries the id of a record of this account is not taken over unasked, in words: it carries that of
    /// another record as well, which speaks of the customer of `mirror`.
    pub fn claimed(&self, subject: &Subject, found: &Candidate, other: &SourceKey, mirror: &Mirror) -> String {
        adopt::claimed(subject, found, other, mirror)
    }

    /// What is desired of a customer that turned out to be there and is taken over: an id of one of its records that it carries
    /// stays on it.
    pub fn keep_ids(&self, subject: &Subject, fields: &Fields, there: &Fields) -> Fields {
        plan::with_ids_of(subject, fields, there)
    }

    /// Taking over an object that turned out to be there, with fields that were meant to create it: what of it the mirror
    /// begins with, and what changes.
    pub fn take_over(&self, kind: Kind, fields: &Fields, there: &Fields) -> (Fields, Changes) {
        owner::take_over(&self.settings, kind, fields, there)
    }

    /// Where Pivotal says something else of an object than was written, and what follows from each; `desired` is what the
    /// sources say, where they want it at all.
    pub fn audit(
        &self,
        kind: Kind,
        written: &Fields,
        kept: &Fields,
        found: &Fields,
        desired: Option<&Fields>,
    ) -> Vec<Drift> {
        let mut drifts = audit::compare(&self.settings, kind, written, found, desired);
        audit::mark_kept(kind, &mut drifts, kept);
        drifts
    }

    /// How one entity's part of a run is taken back, and what cannot be.
    pub fn inverse(&self, past: &Past) -> Inverse {
        undo::inverse(past)
    }

    /// Whether another tool seems to keep the same customers: by how many of those compared had a field changed, and how many
    /// carry ids of ours without being ours. In words.
    pub fn two_writers(&self, compared: u64, edited: &BTreeMap<String, u64>, strangers: u64) -> Option<String> {
        audit::two_writers(compared, edited, strangers)
    }

    /// The slug a create sends: made from the name, with a suffix from the source id while `taken` says so.
    pub fn slug(&self, subject: &Subject, name: &str, taken: &dyn Fn(&str) -> bool) -> String {
        let records = subject.records.iter().map(|known| &known.record.key);
        let key = records.filter(|key| key.stream.customer_field().is_some()).min_by(|a, b| identity::key_order(a, b));
        let nobody = SourceKey::new(crate::domain::Stream::HubspotCompanies, subject.entity.id.to_string());
        slug::free_slug(name, key.unwrap_or(&nobody), taken)
    }

    /// What a create is retried under after Pivotal said `slug_taken` and the owner is a stranger.
    pub fn fallback_slug(&self, subject_key: &SourceKey, slug: &str) -> String {
        slug::fallback_slug(subject_key, slug)
    }

    /// What is owed to one entity. Without `adoption` nothing is taken over. See `plan.rs` for how held things show.
    pub fn decide(
        &self,
        subject: &Subject,
        desired: &Desired,
        adoption: Option<&Adoption>,
        slug: Option<&str>,
        now: Timestamp,
    ) -> Decision {
        plan::Case { settings: &self.settings, subject, desired, adoption, slug, now }.decide()
    }

    /// Whether what a person let through of an entity is no longer what is owed to it: then it was seen of something else, and
    /// what may be owed later is held again.
    pub fn lapses(&self, subject: &Subject, operations: &[Operation]) -> bool {
        let Entity { approval, mirror, undone, .. } = &subject.entity;
        // Of an object that is lost or was undone it is let come again, whatever it says by then.
        let comes_again = undone.is_some() || mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Lost);
        let is_owed = |operation: &Operation| approval.covers(&fingerprint_of(operation));
        !approval.0.is_empty() && !operations.iter().any(is_owed) && (operations.is_empty() || !comes_again)
    }

    /// Whether Pivotal is to be asked what it says of an object before an operation changes it: one that archives a customer or
    /// takes that back, or fills what a person may have filled.
    pub fn asks_first(&self, operation: &Operation) -> bool {
        shelf::turns_on_status(operation) || owner::fills(&self.settings, operation)
    }

    /// Fits such an operation to what Pivotal says of the object.
    pub fn meet(&self, operation: &mut Operation, mirror: &Mirror, there: &Fields) -> Option<Shelved> {
        let filled = owner::leave_filled(&self.settings, operation, mirror, there);
        let left = filled.map(|(written, found)| Mirror { written, found, ..mirror.clone() });
        let turns = shelf::turns_on_status(operation);
        let met = turns.then(|| shelf::meet(&self.settings, operation, left.as_ref().unwrap_or(mirror), there));
        met.flatten().or_else(|| left.map(|left| Shelved { written: left.written, found: left.found, note: None }))
    }

    /// Holds all operations of a kind and verb of which there are more than `[guard]` allows, but for those `approved` by a
    /// person, and says what tripped. Measured by what is ready; archiving counts as deleting, and so does the first half of
    /// a move, whose second half is no create. What was held `earlier` stays held until it is approved.
    pub fn guard(
        &self,
        operations: &mut [Operation],
        population: &Population,
        earlier: &Earlier,
        approved: &dyn Fn(&Operation) -> bool,
    ) -> Vec<Tripped> {
        guard::guard(&self.settings.guard, operations, population, earlier, approved)
    }

    /// [`Self::guard`] for what nothing was held of before and nobody approved: within the limits of whoever asks for it.
    pub fn guard_alone(
        &self,
        limits: &Guard,
        operations: &mut [Operation],
        population: &Population,
        run: RunId,
    ) -> Vec<Tripped> {
        guard::guard(limits, operations, population, &Earlier { run, guarded: Vec::new() }, &|_| false)
    }

    /// Whether paying customers show contacts: `contacts.billing.enabled`.
    pub const fn has_billing_contacts(&self) -> bool {
        self.billing.is_some()
    }

    /// Whether won deals open onboardings: `onboardings.enabled`.
    pub const fn opens_onboardings(&self) -> bool {
        self.onboardings.is_some()
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod sample;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile;
