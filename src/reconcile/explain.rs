//! Why an entity is what it is, for a person who asks: the same rules and the same evidence, told instead of applied.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AccountLink, Choice, Facts, Kind, Later, Mirror, MirrorState, Removal, Role, SourceKey, Stream, Timestamp, Value,
    Verb,
};

use super::Reconciler;
use super::context::Scope;
use super::desire::RuleSet;
use super::identity::Untelling;
use super::leaving::{self, Grace};
use super::plan::{ARCHIVED, STATUS};
use super::rules::Rule;
use super::types::{Desired, Known, Subject, Wanted};
use super::view::View;
use super::{identity, owner};

/// What the rules and the evidence make of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What Pivotal should say.
    pub desired: Desired,
    /// Why its records are one, or whom it belongs to: a sentence each.
    pub evidence: Vec<String>,
    /// The rule that selects; nothing when no record is there to look at, or its section is switched off.
    pub selection: Option<RuleTold>,
    /// The rules of its fields, in the order of their names; then what is sent without a rule.
    pub fields: Vec<RuleTold>,
    /// What becomes of its object, when it is there and no longer wanted.
    pub fate: Option<Fate>,
}

/// What becomes of an object that is in Pivotal and no longer wanted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// This, once its grace is over, unless it comes back.
    Later(Later),
    /// This, with the next run.
    Now(Removal),
    /// It was archived, and stays so unless it comes back.
    Archived,
    /// It stays as it is; in words why, where that is more than a setting.
    Stays(Option<String>),
}

/// One rule, and what it made of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTold {
    /// Its configuration key, e.g. `customers.fields.name`.
    pub key: String,
    /// The rule as it is written.
    pub rule: String,
    /// What it yields, before it is brought into the field's form; or why it failed.
    pub outcome: Result<Value, String>,
    /// What it read, in the order of the names.
    pub read: Vec<(String, Value)>,
    /// Who has the last word on the field, in words; nothing where the source simply has it.
    pub owner: Option<&'static str>,
    /// From when on the field will say something else though nothing changes, and what.
    pub then: Option<(Timestamp, Value)>,
}

impl Reconciler {
    /// Tells what [`Reconciler::desire`] makes of an entity, rule by rule, and on what evidence its records are together.
    pub fn explain(&self, subject: &Subject, now: Timestamp) -> Explained {
        let desired = self.desire(subject, now);
        // What a record in its grace says stands until that is over.
        let grace = leaving::grace(&self.settings, subject, now);
        let (selection, mut fields) = self.told(grace.as_ref().map_or(subject, |grace| &grace.subject), &desired);
        if let Some(Grace { until, .. }) = grace {
            let after = self.desire(subject, until);
            for rule in &mut fields {
                rule.then = changes_then(subject, &desired, &after, &rule.key).map(|value| (until, value));
            }
        }
        let fate = self.fate(subject, &desired, now);
        Explained { desired, evidence: self.evidence(subject), selection, fields, fate }
    }

    /// The rule that selects, and those of the fields with what is sent without one.
    fn told(&self, subject: &Subject, desired: &Desired) -> (Option<RuleTold>, Vec<RuleTold>) {
        let view = View::of_subject(subject);
        let record = |role| view.role(role).into_iter().next();
        let (rules, scope) = match subject.entity.kind {
            Kind::Customer => (Some(&self.customers), record(Role::Account).map(|_| Scope::of_account(&view))),
            Kind::Contact => {
                let person = record(Role::Person);
                let rules = person.and_then(|person| self.contact_rules(person)).map(|(_, rules)| rules);
                (rules, person.map(Scope::of_record))
            }
            Kind::Onboarding => (self.onboardings.as_ref(), record(Role::Deal).map(Scope::of_record)),
        };
        let Some((rules, scope)) = rules.zip(scope) else { return (None, Vec::new()) };
        let mut fields = self.fields(subject, rules, &scope);
        fields.extend(always_sent(subject, &view, desired));
        (Some(selection(rules, &scope)), fields)
    }

    fn fields(&self, subject: &Subject, rules: &RuleSet, scope: &Scope) -> Vec<RuleTold> {
        let (kind, mirror) = (subject.entity.kind, live(subject));
        let each = rules.told(scope).into_iter();
        each.map(|(rule, outcome, named_by)| {
            let field = rule.key.rsplit('.').next().unwrap_or_default();
            let nameless = kind == Kind::Contact && field == "name" && matches!(&outcome, Ok(Value::Null));
            let owner = owner::told(&self.settings, kind, field, mirror).or(nameless.then_some(NAMELESS));
            RuleTold { owner, ..told(rule, outcome.map_err(|why| why.to_string()), named_by, scope) }
        })
        .collect()
    }

    /// By the very decision that the next plan would make.
    fn fate(&self, subject: &Subject, desired: &Desired, now: Timestamp) -> Option<Fate> {
        let leaves = matches!(desired.wanted, Wanted::Gone(_) | Wanted::NotSelected(_) | Wanted::Replaced(_));
        let mirror = live(subject).filter(|_| leaves)?;
        let mut decision = self.decide(subject, desired, None, None, now);
        // What is told of it anyway is not why it stays.
        decision.notes.drain(..desired.notes.len());
        Some(match (decision.later, decision.operations.first()) {
            (Some(later), _) => Fate::Later(later),
            (None, Some(operation)) if operation.verb() == Verb::Delete => Fate::Now(Removal::Delete),
            (None, Some(operation)) if operation.changes().0.contains_key(STATUS) => Fate::Now(Removal::Archive),
            (None, _) if mirror.written.text(STATUS) == Some(ARCHIVED) => Fate::Archived,
            (None, _) => Fate::Stays(decision.notes.pop().map(|note| note.message)),
        })
    }

    fn evidence(&self, subject: &Subject) -> Vec<String> {
        let mut told: Vec<String> = subject.records.iter().filter_map(decided).collect();
        match subject.entity.kind {
            Kind::Customer => {
                told.extend(self.together(subject));
                told.extend(self.untelling(subject));
            }
            Kind::Contact | Kind::Onboarding => told.extend(subject.records.iter().filter_map(belongs)),
        }
        told
    }

    /// Why each account record is with the ones before it.
    fn together(&self, subject: &Subject) -> Vec<String> {
        let mut accounts: Vec<&Known> =
            subject.records.iter().filter(|known| known.counts() && is_account(known)).collect();
        accounts.sort_by(|a, b| identity::key_order(&a.record.key, &b.record.key));
        let mut told = Vec::new();
        for (place, known) in accounts.iter().enumerate().skip(1) {
            if matches!(known.chosen.as_ref().map(|chosen| &chosen.choice), Some(Choice::Link { .. })) {
                continue;
            }
            let shared = accounts[..place].iter().find_map(|other| self.shared(other, known));
            told.push(shared.unwrap_or_else(|| {
                let (key, first) = (&known.record.key, &accounts[0].record.key);
                format!("{key} was tied to {first} before; what ties them is in Pivotal, or no longer shown by their sources")
            }));
        }
        told
    }

    /// The hosts that its records show and that are no evidence of whose they are, and why not.
    fn untelling(&self, subject: &Subject) -> Vec<String> {
        let mut shown: BTreeMap<String, (Untelling, BTreeSet<&SourceKey>)> = BTreeMap::new();
        for known in subject.records.iter().filter(|known| known.counts()) {
            let Facts::Account(account) = &known.record.facts else { continue };
            for (host, _) in identity::hosts(account) {
                if let Err(why) = identity::telling(&host, &self.own_free) {
                    shown.entry(host).or_insert_with(|| (why, BTreeSet::new())).1.insert(&known.record.key);
                }
            }
        }
        let sentence = |(host, (why, keys)): (String, (Untelling, BTreeSet<&SourceKey>))| {
            let more = keys.len().saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            Some(format!("{host}, shown by {}{more}, does not count as evidence: {why}", keys.first()?))
        };
        shown.into_iter().filter_map(sentence).collect()
    }

    /// What two records show alike: an explicit id before a domain.
    fn shared(&self, one: &Known, other: &Known) -> Option<String> {
        let (a, b) = (&one.record.key, &other.record.key);
        let (mine, its) =
            (identity::tokens(&one.record, &self.own_free), identity::tokens(&other.record, &self.own_free));
        for (namer, named, tokens) in [(b, a, &its), (a, b, &mine)] {
            if tokens.contains(&identity::names(named)) {
                return Some(format!("{b} is with {a}: {namer} names {named}"));
            }
        }
        let domain = its.iter().find(|token| mine.contains(token))?.strip_prefix("domain:")?;
        Some(format!("{b} is with {a}: both show the domain {domain}"))
    }
}

/// What is said of a contact whose rule yields no name (pivotal-api.md 10.2: it needs one).
const NAMELESS: &str = "Pivotal needs one: a new contact is called by its address, one that is there keeps its name";

/// What a field of a customer will say otherwise once a grace is over: of one that would be emptied and that nobody here set,
/// nothing.
fn changes_then(subject: &Subject, now: &Desired, after: &Desired, key: &str) -> Option<Value> {
    let field = key.rsplit('.').next()?;
    let (Wanted::Yes(now), Wanted::Yes(after)) = (&now.wanted, &after.wanted) else { return None };
    let value = after.get(field).filter(|value| now.get(field) != Some(value))?;
    let stays = value.is_null() && live(subject).is_some_and(|mirror| mirror.is_found(field));
    (!stays).then(|| value.clone())
}

fn is_account(known: &Known) -> bool {
    known.record.key.stream.role() == Role::Account
}

/// What a person decided about a record.
fn decided(known: &Known) -> Option<String> {
    let chosen = known.chosen.as_ref()?;
    let (key, on) = (&known.record.key, chosen.decided_at.date_naive());
    Some(match &chosen.choice {
        Choice::Link { pivotal_id } => format!("{key} was linked to {pivotal_id} by a person on {on}"),
        Choice::Unlink { pivotal_id: Some(object) } => {
            format!("{key} was unlinked from {object} by a person on {on}, and stands alone")
        }
        Choice::Unlink { pivotal_id: None } => format!("{key} was set apart by a person on {on}, and stands alone"),
        Choice::Ignore => format!("{key} was left out by a person on {on} (ignore)"),
    })
}

/// Which account a person or a deal belongs to, and why that one.
fn belongs(known: &Known) -> Option<String> {
    let (links, key): (&[AccountLink], &SourceKey) = match &known.record.facts {
        Facts::Person(person) => (&person.accounts, &known.record.key),
        Facts::Deal(deal) => (&deal.accounts, &known.record.key),
        Facts::Account(_) | Facts::Subscription(_) => return None,
    };
    let account = match identity::account_of(links) {
        None => return Some(format!("{key} belongs to no company")),
        Some(account) => account,
    };
    if key.stream.shown_by() == Some(account.stream) {
        return Some(format!("{key} belongs to {account}: its bills go there"));
    }
    let primary = links.iter().any(|link| link.account == account && link.primary);
    let why = match (primary, links.len()) {
        (true, 1) => "its primary company",
        (true, _) => "the primary one of its companies",
        (false, 1) => "its only company",
        (false, _) => "none of its companies is primary, so the one with the lowest id counts",
    };
    Some(format!("{key} belongs to {account}: {why}"))
}

fn selection(rules: &RuleSet, scope: &Scope) -> RuleTold {
    let rule = rules.selection();
    told(rule, rule.holds(scope).map(Value::Bool), None, scope)
}

/// What a customer is sent though no rule names it (design section 6, settled points).
fn always_sent(subject: &Subject, view: &View<'_>, desired: &Desired) -> Vec<RuleTold> {
    let Wanted::Yes(fields) = &desired.wanted else { return Vec::new() };
    if subject.entity.kind != Kind::Customer {
        return Vec::new();
    }
    let sent = |field: &str, from: String, value: &Value| RuleTold {
        key: format!("customers.{field}"),
        rule: from,
        outcome: Ok(value.clone()),
        read: Vec::new(),
        owner: None,
        then: None,
    };
    let found = subject.entity.mirror.as_ref().map(Mirror::as_found);
    let mut told = Vec::new();
    for stream in Stream::ALL {
        let primary = stream.customer_field().zip(view.on_customer(stream, found.as_ref()));
        if let Some((field, record)) = primary {
            told.extend(fields.get(field).map(|value| sent(field, format!("{}, always sent", record.key), value)));
        }
    }
    const DEAL: &str = "hubspot_deal_id";
    told.extend(fields.get(DEAL).map(|value| sent(DEAL, "its newest won deal, always sent".to_owned(), value)));
    let slug = live(subject).and_then(|mirror| mirror.written.get("slug"));
    told.extend(slug.map(|slug| sent("slug", "the name it was created with; never changed".to_owned(), slug)));
    told
}

/// The mirror of an object that is there, as far as is known.
fn live(subject: &Subject) -> Option<&Mirror> {
    subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live)
}

fn told(rule: &Rule, outcome: Result<Value, String>, named_by: Option<&str>, scope: &Scope) -> RuleTold {
    let named = named_by.map_or_else(String::new, |table| format!(", by its name in {table}"));
    RuleTold {
        key: rule.key.clone(),
        rule: format!("{}{named}", rule.source),
        outcome,
        read: rule.read(scope),
        owner: None,
        then: None,
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
