//! What is kept of a Stripe object: facts, and of customers the properties that rules read (stripe-api.md 5, 6).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat};
use serde_json::Value as Json;

use crate::domain::{
    AccountFacts, Facts, Record, SourceKey, Stream, SubscriptionFacts, SubscriptionStatus, Timestamp, Value,
};

use super::MrrPolicy;
use super::catalogue::Shelf;
use super::mrr::{self, Doubts};
use super::wire::{Expandable, Raw, Subscription};

/// Customer fields that a rule may read (stripe-api.md 5).
pub(super) const PROPERTIES: [&str; 16] = [
    "address",
    "balance",
    "business_name",
    "created",
    "currency",
    "delinquent",
    "description",
    "email",
    "individual_name",
    "invoice_prefix",
    "metadata",
    "name",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
];

/// The customer as a record. Only its id is demanded, and that was looked at before.
pub(super) fn customer(id: &str, raw: &Raw, reads: &BTreeSet<String>, company_keys: &[String]) -> Record {
    let text = |name: &str| raw.get(name).and_then(Json::as_str).filter(|t| !t.trim().is_empty()).map(str::to_owned);
    let (links, misnamed) = company_links(raw, company_keys);
    let facts = AccountFacts {
        name: text("business_name").or_else(|| text("name")),
        emails: text("email").into_iter().collect(),
        links,
        misnamed,
        created_at: raw.get("created").and_then(Json::as_i64).and_then(instant),
        ..AccountFacts::default()
    };
    Record {
        key: SourceKey::new(Stream::StripeCustomers, id),
        facts: Facts::Account(facts),
        properties: properties(raw, reads),
        // Stripe does not say when a customer last changed.
        changed_at: None,
    }
}

/// The property a rule's name stands for: `metadata.crm_id` reads `metadata`.
pub(super) fn property(read: &str) -> &str {
    read.split('.').next().unwrap_or(read)
}

fn properties(raw: &Raw, reads: &BTreeSet<String>) -> BTreeMap<String, Value> {
    let names: BTreeSet<_> = reads.iter().map(|read| property(read)).filter(|n| PROPERTIES.contains(n)).collect();
    // Stripe answers whole objects: a field that it leaves out holds nothing.
    let kept = names.into_iter().map(|name| (name, raw.get(name).map_or(Value::Null, |json| value(name, json))));
    kept.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Instants become ISO 8601 text, the form in which the other source has them.
fn value(name: &str, json: &Json) -> Value {
    match json.as_i64().filter(|_| name == "created").and_then(instant) {
        Some(at) => Value::text(at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        None => Value::from_api_json(json),
    }
}

/// Companies the metadata names, and what stands there instead of one. A HubSpot id is all digits; anything else there is
/// somebody's note (trap 58).
fn company_links(raw: &Raw, keys: &[String]) -> (Vec<SourceKey>, Vec<(String, String)>) {
    let metadata = raw.get("metadata").and_then(Json::as_object);
    let named = keys.iter().filter_map(|key| Some((key, metadata?.get(key)?.as_str()?.trim())));
    let named = named.filter(|(_, text)| !text.is_empty());
    let (ids, notes): (Vec<_>, Vec<_>) = named.partition(|(_, text)| text.bytes().all(|b| b.is_ascii_digit()));
    let ids: BTreeSet<&str> = ids.into_iter().map(|(_, id)| id).collect();
    let links = ids.into_iter().map(|id| SourceKey::new(Stream::HubspotCompanies, id)).collect();
    (links, notes.into_iter().map(|(key, note)| (format!("metadata.{key}"), note.to_owned())).collect())
}

/// The subscription as a record as of `now`, and what makes its figures doubtful. The error says why it cannot be a record.
pub(super) fn subscription(
    id: &str,
    subscription: &Subscription,
    shelf: &Shelf,
    policy: &MrrPolicy,
    now: Timestamp,
) -> Result<(Record, Doubts), String> {
    let customer = match &subscription.customer {
        Some(Expandable::Id(id)) => id,
        Some(Expandable::Object(payer)) => &payer.id,
        // Billed to an account of the v2 API, which no customer record stands for (trap 62).
        None => return Err("it names no customer".to_owned()),
    };
    let figures = mrr::figures(subscription, shelf, policy, now.timestamp());
    let facts = SubscriptionFacts {
        account: SourceKey::new(Stream::StripeCustomers, customer),
        status: status(&subscription.status),
        currency: subscription.currency.to_ascii_lowercase(),
        mrr: figures.mrr,
        plan: figures.plan,
        plan_weight: figures.plan_weight,
        started_at: subscription.start_date.or(subscription.created).and_then(instant),
        changes_at: mrr::changes_at(subscription, now.timestamp()).and_then(instant),
    };
    let record = Record {
        key: SourceKey::new(Stream::StripeSubscriptions, id),
        facts: Facts::Subscription(facts),
        properties: BTreeMap::new(),
        changed_at: None,
    };
    Ok((record, figures.doubts))
}

/// The status by its word; a word this version does not know is kept (trap 15).
fn status(word: &str) -> SubscriptionStatus {
    serde_json::from_value(Json::from(word)).unwrap_or_else(|_| SubscriptionStatus::Other(word.to_owned()))
}

fn instant(seconds: i64) -> Option<Timestamp> {
    DateTime::from_timestamp(seconds, 0)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
