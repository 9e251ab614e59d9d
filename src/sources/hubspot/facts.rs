//! From a row to a record: facts typed by hand, properties typed by the portal's own definitions (hubspot-api.md 5). Pure.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::domain::{
    AccountFacts, AccountLink, DealFacts, ExternalId, Facts, Gone, Keeps, PersonFacts, Pulled, Record, Role, SourceKey,
    Stream, Value,
};

use super::owners::{OWNER, OWNER_ID, Owners};
use super::wire::{Association, Pipelines, Properties, Row, instant};

/// Raised when facts are read differently, so that every stream reads itself again once.
const FACTS_VERSION: u32 = 2;

/// Where a survivor names the records that were merged into it (section 6).
pub(super) const MERGED: &str = "hs_merged_object_ids";

/// Where a deal tells when it entered a stage; the stage id follows (section 4.5).
const STAGE_ENTERED: &str = "hs_v2_date_entered_";

/// How like a name must be to another to be proposed for it.
const NEAR: f64 = 0.84;

/// What is asked of one stream.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Which stream.
    pub stream: Stream,
    /// Its name in paths.
    pub object: &'static str,
    /// The property that says when a record last changed. Contacts have their own (trap 4).
    pub modified: &'static str,
    /// The type id of the primary link to a company, for streams that have one (trap 13).
    pub primary_link: Option<u32>,
    /// What rules read: all that is kept.
    pub reads: BTreeSet<String>,
    /// Properties that hold the id of a paying customer: the surest tie between the two.
    pub payers: BTreeSet<String>,
}

impl Shape {
    /// The shape of a stream, given what rules read under its name.
    pub fn new(stream: Stream, reads: &BTreeMap<&'static str, BTreeSet<String>>) -> Option<Self> {
        let (object, modified, primary_link) = match stream {
            Stream::HubspotCompanies => ("companies", "hs_lastmodifieddate", None),
            Stream::HubspotContacts => ("contacts", "lastmodifieddate", Some(1)),
            Stream::HubspotDeals => ("deals", "hs_lastmodifieddate", Some(5)),
            _ => return None,
        };
        let reads = [stream.namespace(), stream.plural_namespace()]
            .into_iter()
            .filter_map(|name| reads.get(name))
            .flatten()
            .cloned()
            .collect();
        Some(Self { stream, object, modified, primary_link, reads, payers: BTreeSet::new() })
    }

    /// The same, told which properties of a company name its paying customers.
    pub fn paid_by(self, properties: &[String]) -> Self {
        let payers = properties.iter().filter(|_| self.stream.role() == Role::Account).cloned().collect();
        Self { payers, ..self }
    }

    /// What facts are made of, whatever rules read.
    fn needs(&self) -> &'static [&'static str] {
        match self.stream.role() {
            Role::Account => &["name", "domain", "hs_additional_domains", MERGED],
            Role::Person => &["email", "firstname", "lastname", MERGED],
            Role::Deal => &["dealname", "dealstage", "closedate", "hs_is_closed_won", MERGED],
            Role::Subscription => &[],
        }
    }

    /// The properties the record is told apart by.
    fn identity(&self) -> impl Iterator<Item = &str> {
        let own = match self.stream.role() {
            Role::Account => Some("domain"),
            Role::Person => Some("email"),
            Role::Deal | Role::Subscription => None,
        };
        own.into_iter().chain(self.payers.iter().map(String::as_str))
    }

    /// The properties to ask for, sorted. For deals also when each won stage was entered.
    pub fn properties(&self, known: &Known) -> Vec<String> {
        let own = self.needs().iter().map(|name| (*name).to_owned());
        let stages = known.won_stages.iter().map(|stage| format!("{STAGE_ENTERED}{stage}"));
        let reads = self.reads.iter().map(|name| if name == OWNER { OWNER_ID.to_owned() } else { name.clone() });
        own.chain(stages).chain(reads).chain(self.payers.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What is kept: who pays is part of the facts.
    pub fn keeps(&self) -> Keeps {
        let payers: Vec<&str> = self.payers.iter().map(String::as_str).collect();
        let facts = format!("hubspot {FACTS_VERSION} {} {}", self.object, payers.join(" "));
        Keeps { facts, properties: self.reads.clone() }
    }

    /// What rules and settings read and the portal does not know (trap 19).
    pub fn unknown(&self, known: &Known) -> Vec<&str> {
        let reads = self.reads.iter().filter(|name| *name != OWNER);
        let properties = reads.chain(self.payers.difference(&self.reads)).map(String::as_str);
        properties.filter(|name| !known.has(name)).collect()
    }

    /// Whether a rule reads that.
    pub fn reads(&self, name: &str) -> bool {
        self.reads.contains(name)
    }

    /// The key of one record.
    pub fn key(&self, id: &str) -> SourceKey {
        SourceKey::new(self.stream, id)
    }
}

/// What the portal says of itself: property types, and which deal stages are won (trap 25).
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    types: BTreeMap<String, Kind>,
    won_stages: BTreeSet<String>,
    /// Those of the types that need a scope of their own (trap 20).
    sensitive: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    Several,
    Text,
}

impl Known {
    /// Reads the definitions.
    pub fn new(properties: Properties, pipelines: Option<Pipelines>) -> Self {
        let stages = pipelines.into_iter().flat_map(|p| p.results).flat_map(|p| p.stages);
        let won_stages = stages.filter(|s| s.is_won()).map(|s| s.id).collect();
        Self { types: kinds(properties).collect(), won_stages, sensitive: BTreeSet::new() }
    }

    /// Adds the definitions of sensitive properties.
    pub fn add_sensitive(&mut self, properties: Properties) {
        for (name, kind) in kinds(properties) {
            self.sensitive.insert(name.clone());
            self.types.insert(name, kind);
        }
    }

    /// The sensitive property that a row lacks though it was asked for: its scope is missing (trap 20).
    pub fn withheld<'a>(&self, shape: &'a Shape, row: &Row) -> Option<&'a str> {
        let reads = shape.reads.iter().filter(|name| self.sensitive.contains(*name));
        reads.map(String::as_str).find(|name| !row.properties.contains_key(*name))
    }

    /// The sensitive properties that rules read.
    pub fn sensitive<'a>(&'a self, shape: &'a Shape) -> impl Iterator<Item = &'a str> {
        shape.reads.iter().filter(|name| self.sensitive.contains(*name)).map(String::as_str)
    }

    /// Whether the portal has a property of that name.
    pub fn has(&self, name: &str) -> bool {
        self.types.contains_key(name)
    }

    /// The name of a property that is near enough to a wrong one to be what was meant.
    pub fn near(&self, wrong: &str) -> Option<&str> {
        let likeness = |name: &str| strsim::jaro_winkler(&wrong.to_lowercase(), name);
        let near =
            self.types.keys().map(|name| (likeness(name), name.as_str())).filter(|(likeness, _)| *likeness > NEAR);
        near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    }

    /// How many properties the portal has.
    pub fn count(&self) -> usize {
        self.types.len()
    }

    /// A property's value as rules see it. Everything on the wire is text (trap 17); what does not read as its type stays the
    /// text it is; empty and null are both nothing (trap 18). Days and instants stay as written (trap 23).
    fn typed(&self, name: &str, raw: Option<&str>) -> Value {
        let Some(raw) = raw.filter(|text| !text.is_empty()) else { return Value::Null };
        match (self.types.get(name), raw) {
            (Some(Kind::Bool), "true") => Value::Bool(true),
            (Some(Kind::Bool), "false") => Value::Bool(false),
            (Some(Kind::Number), raw) => number(raw).map_or_else(|| Value::text(raw), Value::Number),
            // A set: its order is not stable (trap 22).
            (Some(Kind::Several), raw) => {
                let parts: BTreeSet<&str> = several(raw).collect();
                if parts.is_empty() { Value::Null } else { Value::List(parts.into_iter().map(Value::text).collect()) }
            }
            _ => Value::text(raw),
        }
    }
}

fn kinds(properties: Properties) -> impl Iterator<Item = (String, Kind)> {
    properties.results.into_iter().map(|p| {
        let kind = match (p.r#type.as_deref(), p.field_type.as_deref()) {
            (Some("bool"), _) => Kind::Bool,
            (Some("number"), _) => Kind::Number,
            (Some("enumeration"), Some("checkbox")) => Kind::Several,
            _ => Kind::Text,
        };
        (p.name, kind)
    })
}

/// An exact number, or none: never a rounded one.
fn number(raw: &str) -> Option<Decimal> {
    if !raw.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
        return None;
    }
    let Some((digits, exponent)) = raw.split_once(['e', 'E']) else { return Decimal::from_str_exact(raw).ok() };
    let mut number = Decimal::from_str_exact(digits).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let step = if exponent < 0 { Decimal::new(1, 1) } else { Decimal::TEN };
    for _ in 0..exponent.unsigned_abs().min(60) {
        let next = number.checked_mul(step)?;
        // A step that lost a digit cannot be taken back.
        if next.checked_div(step)? != number {
            return None;
        }
        number = next;
    }
    Some(number)
}

/// The parts of a `;` list.
fn several(raw: &str) -> impl Iterator<Item = &str> {
    raw.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// What one live row and its links say: the record, and every record that was merged into it.
pub(super) fn pulled(shape: &Shape, known: &Known, owners: &Owners, row: &Row, links: Vec<AccountLink>) -> Vec<Pulled> {
    if row.archived {
        return archived_one(shape, row);
    }
    let key = shape.key(&row.id);
    // Not answered, not even with null. Who the record is would be told anew without it (trap 18).
    if let Some(name) = shape.identity().find(|name| !row.properties.contains_key(*name)) {
        let why =
            format!("the portal did not answer '{name}', by which the record is known; what was known before stays");
        return vec![Pulled::Malformed(key, why)];
    }
    let merged = merged(shape, row);
    let mut all: Vec<Pulled> = taken_over(shape, &row.id, row.filled(MERGED)).collect();
    let (mut properties, mut unanswered) = (BTreeMap::new(), BTreeSet::new());
    for name in &shape.reads {
        let asked = if name == OWNER { OWNER_ID } else { name };
        match row.properties.get(asked) {
            Some(_) if name == OWNER => drop(properties.insert(name.clone(), owners.of(row))),
            Some(raw) => drop(properties.insert(name.clone(), known.typed(name, raw.as_deref()))),
            // A right that was lost, say. As a blank it would clear what was written (traps 18, 20).
            None => drop(unanswered.insert(name.clone())),
        }
    }
    let changed_at = row.updated_at.as_deref().and_then(instant);
    let record = Record { key, facts: facts(shape, known, row, links, merged), properties, changed_at };
    all.push(if unanswered.is_empty() { Pulled::Live(record) } else { Pulled::Partial(record, unanswered) });
    all
}

/// A record that is archived, and every record that was merged into it: those do not come back without it.
pub(super) fn archived_one(shape: &Shape, row: &Row) -> Vec<Pulled> {
    let itself = Pulled::Gone(shape.key(&row.id), Gone::Archived);
    taken_over(shape, &row.id, row.filled(MERGED)).chain([itself]).collect()
}

/// The records that `id` lives on for, given what it says of them.
pub(super) fn taken_over(shape: &Shape, id: &str, merged: Option<&str>) -> impl Iterator<Item = Pulled> {
    let into = ExternalId::new(id);
    older(shape, id, merged).into_iter().map(move |old| Pulled::Gone(old, Gone::Merged { into: into.clone() }))
}

/// Older ids that live on in this record.
pub(super) fn merged(shape: &Shape, row: &Row) -> Vec<SourceKey> {
    older(shape, &row.id, row.filled(MERGED))
}

/// A survivor of before 2025 may list itself (trap 11).
fn older(shape: &Shape, id: &str, merged: Option<&str>) -> Vec<SourceKey> {
    let ids: BTreeSet<&str> = merged.into_iter().flat_map(several).collect();
    ids.into_iter().filter(|old| *old != id).map(|old| shape.key(old)).collect()
}

fn facts(shape: &Shape, known: &Known, row: &Row, links: Vec<AccountLink>, merged: Vec<SourceKey>) -> Facts {
    let text = |name: &str| row.filled(name).map(str::to_owned);
    match shape.stream.role() {
        Role::Person => {
            let names: Vec<&str> = [row.filled("firstname"), row.filled("lastname")].into_iter().flatten().collect();
            let name = (!names.is_empty()).then(|| names.join(" "));
            Facts::Person(PersonFacts { name, email: text("email"), accounts: links, merged })
        }
        Role::Deal => Facts::Deal(DealFacts { merged, ..deal(known, row, links) }),
        Role::Account | Role::Subscription => {
            // `website` is no evidence: people put their page on somebody else's domain there.
            let additional = row.filled("hs_additional_domains").into_iter().flat_map(several);
            let mut domains: Vec<String> = Vec::new();
            for domain in row.filled("domain").into_iter().chain(additional) {
                if !domains.iter().any(|d| d == domain) {
                    domains.push(domain.to_owned());
                }
            }
            // Not the property `createdate`: imports backdate it (trap 24).
            let created_at = row.created_at.as_deref().and_then(instant);
            let name = text("name");
            let links = payers(shape, row);
            Facts::Account(AccountFacts { name, domains, links, merged, created_at, ..AccountFacts::default() })
        }
    }
}

/// The paying customers a company names: one in each property, or several as people list them.
fn payers(shape: &Shape, row: &Row) -> Vec<SourceKey> {
    let raw = shape.payers.iter().filter_map(|name| row.filled(name));
    let ids = raw.flat_map(|raw| raw.split([';', ',', '\n'])).map(str::trim).filter(|id| !id.is_empty());
    let ids: BTreeSet<&str> = ids.collect();
    ids.into_iter().map(|id| SourceKey::new(Stream::StripeCustomers, id)).collect()
}

/// Won: the deal's own word, else its stage's (section 4.5); extra pipelines have won stages of their own.
fn deal(known: &Known, row: &Row, accounts: Vec<AccountLink>) -> DealFacts {
    let stage = row.filled("dealstage");
    let won = match row.filled("hs_is_closed_won") {
        Some(word) => word == "true",
        None => stage.is_some_and(|stage| known.won_stages.contains(stage)),
    };
    let entered = stage.filter(|_| won).and_then(|s| row.filled(&format!("{STAGE_ENTERED}{s}"))).and_then(instant);
    let closed = row.filled("closedate").filter(|_| won).and_then(instant);
    DealFacts {
        name: row.filled("dealname").map(str::to_owned),
        won,
        closed_at: closed.or(entered),
        won_stage_at: entered,
        accounts,
        merged: Vec::new(),
    }
}

/// The companies one record is linked with, the primary one first; primary by type id, never by label (trap 13).
pub(super) fn links(shape: &Shape, association: &Association) -> Vec<AccountLink> {
    association
        .to
        .iter()
        .map(|link| AccountLink {
            account: SourceKey::new(Stream::HubspotCompanies, link.to_object_id.clone()),
            primary: link.association_types.iter().any(|t| {
                Some(t.type_id) == shape.primary_link && t.category.as_deref().is_none_or(|c| c == "HUBSPOT_DEFINED")
            }),
        })
        .collect()
}

/// One order and no repeats, so that equal links are equal bytes: the primary one first, then by id.
pub(super) fn in_order(links: Vec<AccountLink>) -> Vec<AccountLink> {
    let mut by_account: BTreeMap<SourceKey, bool> = BTreeMap::new();
    for link in links {
        *by_account.entry(link.account).or_default() |= link.primary;
    }
    let mut links: Vec<AccountLink> =
        by_account.into_iter().map(|(account, primary)| AccountLink { account, primary }).collect();
    links.sort_by_key(|link| !link.primary);
    links
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
