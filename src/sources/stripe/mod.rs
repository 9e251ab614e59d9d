//! IO in: Stripe Billing.
//!
//! One job: show customers and subscriptions as records, all of them or those that changed, in the fewest requests.
//!
//! Rules:
//! - Events say *what* was touched, never what it became: every touched object is read anew, once (stripe-api.md 4).
//! - Only `resource_missing` and the `deleted` stub mean gone. A lost right, an empty page or another server's 404 never does.
//! - Amounts are exact decimals in `mrr` and `money`, which are pure; nothing else counts money.
//! - Objects on a test clock are left out: they live in simulated time, and lists hide them while events do not (trap 52).
//! - Whatever must survive a restart is in the cursor; the catalogue is a cache.
//!
//! The least that each pull costs, in requests; `tests/it/stripe/costs.rs` counts them in the sandbox's log:
//!
//! | pull | requests |
//! | --- | --- |
//! | changes, nothing changed | 1: the types of both streams fit into one question, and its answer serves both |
//! | changes, touched objects | 1 for each 100 events, 1 for each object that was touched, however often |
//! | … of more than 100 events | from then on each stream pages through its own |
//! | … of subscriptions | 1 more for a product, tiered price or coupon that this process meets for the first time |
//! | … that share a changed price or discount | 1 for each 100 subscriptions, and 1 for the prices of a changed product |
//! | after everything, what changed meanwhile | 1 a stream, and what it touched; in the same run |
//! | everything, customers | 1 for each 100; 1 for each known one that was not shown |
//! | everything, subscriptions | 3 for prices, products and coupons (each 100), 1 for each 100; 1 for each with more than 10 items |
//! | what has changed by itself (a discount or a trial ran out) | 1 for each subscription |
//! | while coupons may not be read | 1 more each time, to see whether they may again |
//!
//! Beyond 5,000 touched objects a delta turns into a listing by itself; so it does when its cursor is nearly as old as the
//! events Stripe keeps, or lies ahead of Stripe's clock, when a coupon's amounts change, and when coupons can be read again.
//! The run's notes then say why ([`Source::notes`]).
//!
//! What happens while a listing goes on is replayed from its beginning by the pull of changes that the engine lets follow at
//! once: the run ends at the truth.
//! Reference: stripe-api.md.
//!
#![doc = include_str!("traps.md")]

mod api;
mod catalogue;
mod check;
mod cursor;
mod delta;
mod discounts;
mod events;
mod facts;
#[cfg(test)]
mod fake;
mod heard;
mod money;
mod mrr;
mod notes;
mod pricing;
mod pull;
mod settings;
pub mod webhook;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use secrecy::SecretString;

pub use settings::*;

use crate::domain::{ApiError, Cursor, ExternalId, Keeps, PullMode, Pulled, SourceKey, SourceName, Stream};
use crate::http::{BuildError, Patience};
use crate::ports::{Finding, Page, PullRequest, Source, Spent};

use api::Api;
use catalogue::Catalogue;
use cursor::State;
use heard::Heard;
use notes::{Notes, Relisted};

/// Grows when facts are read differently, so that streams read themselves again.
const FACTS_VERSION: u32 = 2;

/// The Stripe source.
pub struct Stripe {
    api: Api,
    catalogue: Catalogue,
    /// Whether this adapter has read the whole catalogue.
    catalogue_read: AtomicBool,
    notes: Notes,
    heard: Heard,
    mrr: MrrPolicy,
    /// Seconds a window of events reaches back behind the last one.
    overlap: i64,
    /// Seconds `high` stays behind Stripe's now.
    lag: i64,
    company_id_metadata: Vec<String>,
    /// What rules read of `stripe`.
    reads: BTreeSet<String>,
}

/// What rules may read besides a customer's own fields: its id, and what follows from its subscriptions.
const DERIVED: [&str; 6] = ["id", "mrr", "currency", "plan", "status", "since"];

/// What rules read of Stripe's customers and those do not have: what they read instead, in words. Found before anything runs,
/// because Stripe answers with whatever fields it has and would never say so.
pub fn unknown<'a>(reads: &'a BTreeMap<&'static str, BTreeSet<String>>) -> impl Iterator<Item = (&'a str, String)> {
    let names = reads.get(Stream::StripeCustomers.namespace()).into_iter().flatten().map(|read| facts::property(read));
    let unknown = names.filter(|name| !facts::PROPERTIES.contains(name) && !DERIVED.contains(name));
    unknown.map(|name| {
        let known = [&DERIVED[..], &facts::PROPERTIES[..]].concat().join(", ");
        (name, format!("Stripe's customers have no such field; they have {known}"))
    })
}

impl Stripe {
    /// Builds the adapter; no request is made. `reads` names what rules read, by namespace; `stripe` is this source's
    /// ([`Stream::namespace`]).
    pub fn new(
        settings: &Settings,
        key: SecretString,
        reads: &BTreeMap<&'static str, BTreeSet<String>>,
    ) -> Result<Self, BuildError> {
        Self::with_patience(settings, key, reads, Patience::default())
    }

    fn with_patience(
        settings: &Settings,
        key: SecretString,
        reads: &BTreeMap<&'static str, BTreeSet<String>>,
        patience: Patience,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            api: Api::new(settings, key, patience)?,
            catalogue: Catalogue::default(),
            catalogue_read: AtomicBool::new(false),
            notes: Notes::default(),
            heard: Heard::default(),
            mrr: settings.mrr.clone(),
            overlap: settings.overlap.delta().num_seconds(),
            lag: settings.lag.delta().num_seconds(),
            company_id_metadata: settings.company_id_metadata.clone(),
            reads: reads.get(Stream::StripeCustomers.namespace()).cloned().unwrap_or_default(),
        })
    }
}

#[async_trait]
impl Source for Stripe {
    fn name(&self) -> SourceName {
        SourceName::Stripe
    }

    fn streams(&self) -> Vec<Stream> {
        vec![Stream::StripeCustomers, Stream::StripeSubscriptions]
    }

    fn keeps(&self, stream: Stream) -> Keeps {
        if stream != Stream::StripeCustomers {
            return Keeps { facts: format!("{stream} {FACTS_VERSION} {:?}", self.mrr), ..Keeps::default() };
        }
        let properties = self.reads.iter().map(|read| facts::property(read));
        Keeps {
            facts: format!("{stream} {FACTS_VERSION} {}", self.company_id_metadata.join(" ")),
            properties: properties.filter(|name| facts::PROPERTIES.contains(name)).map(str::to_owned).collect(),
        }
    }

    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ApiError> {
        let state = request.cursor.and_then(State::read);
        if state.is_none() && request.cursor.is_some() && request.mode == PullMode::Changes {
            // Text of another version. The caller must see that a listing begins.
            return Ok(self.relist(request.stream, Relisted::Unreadable, BTreeSet::new()));
        }
        self.page(request.stream, state, request.mode).await
    }

    fn is_listing(&self, _stream: Stream, cursor: &Cursor) -> bool {
        matches!(State::read(cursor), Some(State::Listing(_)))
    }

    async fn read(&self, stream: Stream, ids: &[ExternalId], cursor: Option<&Cursor>) -> Result<Vec<Pulled>, ApiError> {
        let known = cursor.and_then(State::read).map(|state| state.known()).unwrap_or_default();
        self.api.same_mode(stream, known.live)?;
        let mut answers = self.read_each(stream, ids.iter().map(ExternalId::as_str)).await?;
        let answered: BTreeSet<_> = answers.iter().map(|answer| answer.key().id.clone()).collect();
        for id in ids.iter().filter(|id| !answered.contains(*id)) {
            let key = SourceKey { stream, id: id.clone() };
            answers.push(Pulled::Malformed(key, "it lives on a Stripe test clock, in simulated time".to_owned()));
        }
        Ok(answers)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.take()
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }

    fn spent(&self) -> Spent {
        self.api.spent()
    }
}
