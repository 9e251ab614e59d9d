//! Records and settings for the tests of this room.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AccountFacts, AccountLink, Action, Approval, Entity, EntityId, Facts, Fields, Gone, Kind, Mirror, MirrorState,
    MrrUnit, Operation, Origin, PersonFacts, PivotalId, Record, SourceKey, Standing, Stream, SubscriptionFacts,
    SubscriptionStatus, Timestamp, Value,
};

use super::{Home, Known, ParentState, Reconciler, Settings, Subject};

pub(super) fn at(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

pub(super) fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

/// The compiled-in defaults.
pub(super) fn settings() -> Settings {
    #[derive(serde::Deserialize)]
    struct Sections {
        customers: super::Customers,
        contacts: super::Contacts,
        onboardings: super::Onboardings,
        identity: super::Identity,
        guard: super::Guard,
    }
    let sections: Sections = toml::from_str(include_str!("../../config/default.toml")).unwrap();
    let Sections { customers, contacts, onboardings, identity, guard } = sections;
    Settings { customers, contacts, onboardings, identity, guard }
}

/// The defaults, changed, in dollars.
pub(super) fn reconciler(change: impl FnOnce(&mut Settings)) -> Reconciler {
    let mut settings = settings();
    change(&mut settings);
    Reconciler::new(&settings, Some(MrrUnit::Dollars)).unwrap()
}

pub(super) fn rule(fields: &mut BTreeMap<String, String>, name: &str, source: &str) {
    fields.insert(name.to_owned(), source.to_owned());
}

pub(super) fn company_key(id: &str) -> SourceKey {
    SourceKey::new(Stream::HubspotCompanies, id)
}

pub(super) fn stripe_key(id: &str) -> SourceKey {
    SourceKey::new(Stream::StripeCustomers, id)
}

fn record(key: SourceKey, facts: Facts, properties: &[(&str, Value)]) -> Record {
    // A source answers what it is asked for, if only with null.
    let asked: &[&str] = match key.stream {
        Stream::HubspotCompanies => &["name", "domain", "lifecyclestage"],
        Stream::HubspotContacts => &["email", "firstname", "jobtitle", "lastname"],
        Stream::HubspotDeals => &["hs_is_closed_won", "hs_object_id"],
        Stream::StripeCustomers => &["name", "individual_name"],
        Stream::StripeContacts | Stream::StripeSubscriptions => &[],
    };
    let empty = asked.iter().map(|name| ((*name).to_owned(), Value::Null));
    let given = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let properties = empty.chain(given).collect();
    Record { key, facts, properties, changed_at: None }
}

pub(super) fn company(id: &str, properties: &[(&str, Value)]) -> Record {
    record(company_key(id), Facts::Account(AccountFacts::default()), properties)
}

/// A company that the default rules select.
pub(super) fn acme(id: &str) -> Record {
    let properties =
        [("name", "Acme".into()), ("domain", "acme.com".into()), ("lifecyclestage", Value::text("customer"))];
    company(id, &properties)
}

pub(super) fn stripe(id: &str, created: &str) -> Record {
    let facts = AccountFacts { created_at: Some(at(created)), ..AccountFacts::default() };
    record(stripe_key(id), Facts::Account(facts), &[("name", format!("Stripe {id}").as_str().into())])
}

pub(super) fn account(mut record: Record, change: impl FnOnce(&mut AccountFacts)) -> Record {
    if let Facts::Account(facts) = &mut record.facts {
        change(facts);
    }
    record
}

pub(super) fn subscription(id: &str, of: &str, status: SubscriptionStatus, currency: &str, mrr: &str) -> Record {
    let facts = SubscriptionFacts {
        account: stripe_key(of),
        status,
        currency: currency.to_owned(),
        mrr: mrr.parse().unwrap(),
        plan: Some(format!("plan of {id}")),
        plan_weight: mrr.parse().unwrap(),
        started_at: Some(at("2026-01-01")),
        changes_at: None,
    };
    record(SourceKey::new(Stream::StripeSubscriptions, id), Facts::Subscription(facts), &[])
}

pub(super) fn contact(id: &str, of: Option<&str>, properties: &[(&str, Value)]) -> Record {
    let link = |id: &str| AccountLink { account: company_key(id), primary: true };
    let facts = PersonFacts { accounts: of.map(link).into_iter().collect(), ..PersonFacts::default() };
    record(SourceKey::new(Stream::HubspotContacts, id), Facts::Person(facts), properties)
}

/// A contact of company 1 that the default rules select.
pub(super) fn jane() -> Record {
    let properties =
        [("firstname", "Jane".into()), ("lastname", "Doe".into()), ("email", Value::text("Jane@Acme.com"))];
    contact("7", Some("1"), &properties)
}

pub(super) fn deal(id: &str, won: bool, closed: &str) -> Record {
    let facts = crate::domain::DealFacts { won, closed_at: Some(at(closed)), ..crate::domain::DealFacts::default() };
    let properties = [("hs_is_closed_won", won.into()), ("hs_object_id", Value::text(id))];
    record(SourceKey::new(Stream::HubspotDeals, id), Facts::Deal(facts), &properties)
}

pub(super) fn live(record: Record) -> Known {
    Known { record, gone: None, problem: None, survivor: None, chosen: None }
}

pub(super) fn gone(record: Record, how: Gone, seen: &str) -> Known {
    Known { record, gone: Some((how, at(seen))), problem: None, survivor: None, chosen: None }
}

pub(super) fn subject(kind: Kind, records: Vec<Known>) -> Subject {
    let entity = Entity {
        id: EntityId(1),
        kind,
        parent: None,
        mirror: None,
        vanished: None,
        shelved: None,
        gone_since: None,
        quarantine: None,
        approval: Approval::default(),
        undone: None,
    };
    Subject { entity, records, parent: None, siblings: Vec::new(), home: Home::Free, left: None }
}

pub(super) fn customer(records: impl IntoIterator<Item = Record>) -> Subject {
    subject(Kind::Customer, records.into_iter().map(live).collect())
}

/// Under a customer that exists as `cust-9`.
pub(super) fn child(kind: Kind, record: Record) -> Subject {
    let mut subject = subject(kind, vec![live(record)]);
    subject.parent = Some(parent(Some("cust-9")));
    subject
}

pub(super) fn parent(id: Option<&str>) -> ParentState {
    let (entity, pivotal_id) = (EntityId(9), id.map(PivotalId::new));
    ParentState { entity, wanted: true, pivotal_id, left: false, blocked: None, beside: Vec::new() }
}

pub(super) fn mirror(origin: Origin, written: Fields) -> Mirror {
    Mirror {
        id: PivotalId::new("obj-1"),
        display_id: Some(42),
        parent: None,
        origin,
        state: MirrorState::Live,
        written,
        found: Fields::default(),
    }
}

pub(super) fn tokens(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// An operation that may go ahead, about a company that has the entity's number.
pub(super) fn operation(entity: i64, kind: Kind, action: Action) -> Operation {
    Operation {
        entity: EntityId(entity),
        kind,
        subject: SourceKey::new(Stream::HubspotCompanies, entity.to_string()),
        name: String::new(),
        action,
        standing: Standing::Ready,
        reason: String::new(),
        hold: None,
    }
}
