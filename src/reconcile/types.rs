//! What goes into and comes out of the pure centre.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Binding, Choice, Chosen, Entity, EntityId, Fields, Gone, Guarded, Kind, Later, MrrUnit, Operation, PivotalId,
    Record, RunId, SourceKey, Timestamp,
};

/// A record as the store keeps it: the source's last word, and whether it is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What the source last showed.
    pub record: Record,
    /// Set once it was seen gone: how, and when that was first seen.
    pub gone: Option<(Gone, Timestamp)>,
    /// Why it is held: an ambiguity binding found, in words.
    pub problem: Option<String>,
    /// Set when it was merged into a record that speaks of another Pivotal object.
    pub survivor: Option<Survivor>,
    /// What a person decided about it.
    pub chosen: Option<Chosen>,
}

impl Known {
    /// Whether it counts: still there, and not left out by a person.
    pub fn counts(&self) -> bool {
        self.gone.is_none() && !self.is_ignored()
    }

    /// Whether a person left it out.
    pub fn is_ignored(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.choice == Choice::Ignore)
    }
}

/// The Pivotal object that the survivor of a merge speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// The survivor's record.
    pub key: SourceKey,
    /// The object's cuid.
    pub pivotal_id: PivotalId,
    /// Its number.
    pub display_id: Option<i64>,
}

/// One account record among those it shares evidence with, directly or through others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindable {
    /// Which record.
    pub key: SourceKey,
    /// What people call it; empty where its source gives it no name.
    pub name: String,
    /// What [`Reconciler::tokens`](super::Reconciler::tokens) makes of it.
    pub tokens: BTreeSet<String>,
    /// The tokens of those whose ids a customer in Pivotal carries beside its own, as it was found there.
    pub tied: BTreeSet<String>,
    /// The entity it speaks of so far.
    pub entity: Option<EntityId>,
    /// That entity's Pivotal object: while it has one, the record stays where it is (design: stored mapping comes first).
    pub object: Option<PivotalId>,
    /// What a person decided about it.
    pub choice: Option<Choice>,
    /// The entity that has the object the decision links it to.
    pub linked: Option<EntityId>,
    /// The records whose ids that object carries.
    pub ties: Vec<SourceKey>,
    /// The tokens of those that a person said are not the customer which carries its id.
    pub parted: BTreeSet<String>,
    /// Whether a customer in Pivotal carries its id that nothing here stands for.
    pub stands: bool,
    /// Whether the record is still there. A record that is gone joins nobody and nobody joins it.
    pub live: bool,
}

/// One entity with everything that speaks of it: the input of desire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The entity.
    pub entity: Entity,
    /// Its records, live and gone, of every stream.
    pub records: Vec<Known>,
    /// The account it belongs to, for contacts and onboardings; `None` when its account is not known.
    pub parent: Option<ParentState>,
    /// For a billing contact: the other persons of its account that show its address, but for those without an object that
    /// are gone.
    pub siblings: Vec<Sibling>,
    /// Whether it may leave the customer it lives under in Pivotal.
    pub home: Home,
    /// For a customer in Pivotal that no record speaks of: the record that did.
    pub left: Option<Leaver>,
}

/// A record that went to another account and left a customer behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaver {
    /// The record.
    pub key: SourceKey,
    /// Whether a person said that it is not this customer.
    pub unlinked: bool,
    /// Whether it was merged into another at its source: its id is nobody else's.
    pub merged: bool,
    /// The object it stands for now, where that is there already.
    pub now: Option<Survivor>,
}

/// Whether a contact may leave the customer it lives under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Home {
    /// It may.
    #[default]
    Free,
    /// That customer turned out to be one with another, and a person must say which of the two stays.
    Torn,
    /// A person left that customer out: what is there stays.
    LeftOut,
}

/// Another person of the same account with the same address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// The person's record.
    pub known: Known,
    /// Whether Pivotal has a contact of that person.
    pub settled: bool,
}

/// What a child needs to know of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentState {
    /// The account's entity.
    pub entity: EntityId,
    /// Whether the account is wanted in Pivotal, as last decided (accounts are decided before their children).
    pub wanted: bool,
    /// Its customer, once it exists (or is about to be adopted).
    pub pivotal_id: Option<PivotalId>,
    /// Whether its customer was deleted: the account left by the rules.
    pub left: bool,
    /// Set when the customer cannot be written to: lost, held, refused. In words.
    pub blocked: Option<String>,
    /// Customers in Pivotal that carry ids of records merged into its own, and that a person kept or did not choose for it:
    /// whoever lives there stays there.
    pub beside: Vec<PivotalId>,
}

/// Something worth telling a person about one entity that stops nothing, e.g. a text that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The record it is about.
    pub subject: SourceKey,
    /// What it is, in words.
    pub message: String,
}

/// What Pivotal should say about one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Whether it should exist.
    pub wanted: Wanted,
    /// What people call it.
    pub name: String,
    /// The record that names it in output.
    pub subject: SourceKey,
    /// The source keys behind it.
    pub because: Vec<SourceKey>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// When it will be otherwise though nothing changes.
    pub until: Option<Timestamp>,
}

impl Desired {
    /// The same without metadata: Pivotal was found not to keep it.
    pub fn without_metadata(mut self) -> Self {
        if let Wanted::Yes(fields) | Wanted::Waiting { fields, .. } = &mut self.wanted {
            *fields = fields.without_metadata();
        }
        self
    }
}

impl Desired {
    /// The same without the ids that another customer carries and keeps: one id is one customer's. It is told, for a person may
    /// want it here.
    pub fn without_ids_of(mut self, other: &Candidate) -> Self {
        if let Wanted::Yes(fields) | Wanted::Waiting { fields, .. } = &mut self.wanted {
            let its = |field: &str| other.kept.text(field).filter(|id| fields.text(field) == Some(id));
            let its: Vec<(&'static str, String)> =
                super::disown::carriers().filter_map(|field| Some((field, its(field)?.to_owned()))).collect();
            fields.0.retain(|field, _| its.iter().all(|(carried, _)| carried != field));
            let name =
                other.display_id.map_or_else(|| other.id.to_string(), |number| format!("pivotal:customer:{number}"));
            self.notes.extend(its.into_iter().map(|(field, id)| Note {
                subject: self.subject.clone(),
                message: format!(
                    "{field} {id} is on {name}, which had it before and stays as it is beside this one; take it off there, and \
                     it is written here after `pivotal-sync audit` and `pivotal-sync sync --full`"
                ),
            }));
        }
        self
    }
}

/// Whether an entity should exist in Pivotal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Yes, saying this. Holds a null for each field whose rule yields none, so that a cleared value is cleared.
    Yes(Fields),
    /// Yes, saying this, as soon as what it goes under is there. Why that is not so yet, in words.
    Waiting {
        /// What it will say.
        fields: Fields,
        /// What is missing.
        why: String,
    },
    /// No: it never fitted, or no longer fits, the selection. In words, naming the rule.
    NotSelected(String),
    /// No: another contact of the same customer has its address by now, and is there already. In words, naming that one.
    Replaced(String),
    /// No: every record of it is gone at the source, first seen so at this time.
    Gone(Timestamp),
    /// Not decidable: a rule failed, or a person must decide. In words.
    Held(String),
    /// No: what it speaks of lives on in a record that speaks of another object. Which of the two stays, a person says. In
    /// words, naming both and the commands.
    Doubled(String),
    /// No: the record that spoke of it stands for another customer by now. In words, naming both and the commands.
    LeftBehind(String),
}

/// What is already in Pivotal and might be this entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its cuid.
    pub id: PivotalId,
    /// Its number.
    pub display_id: Option<i64>,
    /// The customer it lives under.
    pub parent: Option<PivotalId>,
    /// What it says.
    pub fields: Fields,
    /// Of what it says, what nothing here takes off it: all of it while nobody here has it, else what was found there when it
    /// was taken over.
    pub kept: Fields,
    /// The entity that has it already, if one has.
    pub owner: Option<EntityId>,
    /// The record that names that entity, where somebody asks for the address of its contact.
    pub called: Option<String>,
}

/// What deciding about one entity led to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What is owed, in the order it must happen. Empty: in step.
    pub operations: Vec<Operation>,
    /// What is done once a grace is over, and so when to look again though nothing changes.
    pub later: Option<Later>,
    /// What a person should know.
    pub notes: Vec<Note>,
}

/// How many objects of a kind this store has live as a run begins: what guards measure by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Population {
    /// Live customers.
    pub customers: u64,
    /// Live contacts.
    pub contacts: u64,
    /// Live onboardings.
    pub onboardings: u64,
    /// Whether a first load came to its end: until then there is no number of creates that is too many.
    pub loaded: bool,
    /// What lives under customers that the plan deletes, each with its customer: it would go along anyway.
    pub along: BTreeMap<EntityId, EntityId>,
    /// What this run has carried out already: a plan made in its middle counts on from there.
    pub done: Vec<Operation>,
    /// When the backup was made that this store was put back from, until an audit has compared it with Pivotal: till then nothing is
    /// removed on its word.
    pub put_back: Option<Timestamp>,
    /// Whether Pivotal holds customers that it shows to nobody who walks it (pivotal-api.md 6, the tie hazard): what a first load
    /// creates may be one of them.
    pub unseen: bool,
}

/// What guards held in earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The run that asks.
    pub run: RunId,
    /// What is still held or not done yet, and what of the same was let through and done.
    pub guarded: Vec<Guarded>,
}

/// A guard that tripped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// Of which kind there is too much.
    pub kind: Kind,
    /// What would be done to them: `created`, `updated`, `deleted`, `archived` or `deleted or archived`.
    pub verb: &'static str,
    /// How many were measured, the approved among them.
    pub count: u64,
    /// How many are held.
    pub held: u64,
    /// The setting, e.g. `guard.max_deletes = 25`.
    pub limit: String,
    /// What would allow as many for once, as the environment spells it: `PIVOTAL_SYNC__GUARD__MAX_DELETES=30`.
    pub allow: Vec<String>,
    /// All that and what to do, in words; the same as at each operation it holds.
    pub why: String,
}

impl Population {
    /// The number for one kind.
    pub const fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Customer => self.customers,
            Kind::Contact => self.contacts,
            Kind::Onboarding => self.onboardings,
        }
    }
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The configuration key, e.g. `customers.fields.name`.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Bindings of one cluster, in key order.
pub type Bindings = Vec<(SourceKey, Binding)>;

/// The unit `mrr` is written in; without it, it is not written.
pub type Unit = Option<MrrUnit>;
