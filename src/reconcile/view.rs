//! Which of an entity's records count, and which one of a stream is the primary.

use std::collections::BTreeSet;

use crate::domain::{Facts, Fields, Record, Role, SourceKey, Stream, SubscriptionFacts, SubscriptionStatus, Timestamp};

use super::billing;
use super::identity::{carried, key_order};
use super::types::Subject;

/// The records of an entity that count, in key order: still there, and not left out by a person. A record that another one says was merged into it does not
/// count, though it may not have been seen gone yet.
#[derive(Debug)]
pub(super) struct View<'a> {
    records: Vec<&'a Record>,
}

impl<'a> View<'a> {
    /// The records of a subject that count.
    pub(super) fn of_subject(subject: &'a Subject) -> Self {
        let live: Vec<&Record> =
            subject.records.iter().filter(|known| known.counts()).map(|known| &known.record).collect();
        let merged: BTreeSet<&SourceKey> = live.iter().flat_map(|record| merged_into(record)).collect();
        let mut records: Vec<&Record> = live.iter().filter(|record| !merged.contains(&record.key)).copied().collect();
        // Two that name each other: believe neither.
        if records.is_empty() {
            records = live;
        }
        records.sort_by(|a, b| key_order(&a.key, &b.key));
        Self { records }
    }

    /// The records of one stream.
    pub(super) fn of(&self, stream: Stream) -> Vec<&'a Record> {
        self.records.iter().filter(|record| record.key.stream == stream).copied().collect()
    }

    /// The records of one role, in stream order.
    pub(super) fn role(&self, role: Role) -> Vec<&'a Record> {
        self.records.iter().filter(|record| record.key.stream.role() == role).copied().collect()
    }

    /// The record of a stream that speaks for the entity. Of paying customers the one with the best subscription, the oldest
    /// of several (design: settled points); of deals the one won last; else the one with the lowest id.
    pub(super) fn primary(&self, stream: Stream) -> Option<&'a Record> {
        let records = self.of(stream);
        match stream.role() {
            Role::Account => records.into_iter().min_by_key(|record| {
                let status = self.best_status(record);
                let created = created_at(record).filter(|_| stream.namespace() == billing::NAMESPACE);
                (status.is_none(), status, created.is_none(), created)
            }),
            Role::Deal => records.into_iter().max_by_key(|record| match &record.facts {
                Facts::Deal(deal) => (deal.won, deal.won_stage_at.max(deal.closed_at)),
                _ => (false, None),
            }),
            Role::Person | Role::Subscription => records.into_iter().next(),
        }
    }

    /// The record of an account stream whose id stands on the entity's customer: the one whose id was found there, for it may be
    /// all that tied them, and a store that is lost finds it there again; else the primary one.
    pub(super) fn on_customer(&self, stream: Stream, found: Option<&Fields>) -> Option<&'a Record> {
        let carried = found.map(carried).unwrap_or_default();
        let is_account = |record: &&Record| matches!(record.facts, Facts::Account(_));
        let kept = self.of(stream).into_iter().filter(is_account).find(|record| carried.contains(&record.key));
        kept.or_else(|| self.primary(stream).filter(is_account))
    }

    /// The subscriptions that pay under one account record.
    pub(super) fn subscriptions_of(&self, account: &SourceKey) -> Vec<(&'a SourceKey, &'a SubscriptionFacts)> {
        let subscriptions = self.records.iter().filter_map(|record| match &record.facts {
            Facts::Subscription(facts) if facts.account == *account => Some((&record.key, facts)),
            _ => None,
        });
        subscriptions.collect()
    }

    fn best_status(&self, record: &Record) -> Option<&'a SubscriptionStatus> {
        self.subscriptions_of(&record.key).into_iter().map(|(_, facts)| &facts.status).min()
    }
}

fn merged_into(record: &Record) -> impl Iterator<Item = &SourceKey> {
    // hubspot-api.md trap 11: a survivor may list itself.
    record.facts.merged().iter().filter(|key| **key != record.key)
}

fn created_at(record: &Record) -> Option<Timestamp> {
    match &record.facts {
        Facts::Account(account) => account.created_at,
        _ => None,
    }
}
