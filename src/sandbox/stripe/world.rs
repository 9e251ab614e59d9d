//! The account: what it holds, its clock, its ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::admit::{Meter, Permission};
use super::catalogue::{Coupon, Price, Product};
use super::customers::Customer;
use super::discounts::Discount;
use super::events::Event;
use super::shelf::{Place, Shelf};
use super::subscriptions::Subscription;
use super::switches::Switches;
use crate::domain::Timestamp;

/// There is no such object to act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such {what}: {id}")]
pub struct NoSuchObject {
    /// `customer`, `subscription`, …
    pub what: &'static str,
    /// Its id.
    pub id: String,
}

impl NoSuchObject {
    pub(super) fn new(what: &'static str, id: &str) -> Self {
        Self { what, id: id.to_owned() }
    }
}

/// The account. See the module's rules.
pub struct World {
    /// What can be switched.
    pub switches: Switches,
    /// The account's id.
    pub account: String,
    pub(super) key: String,
    pub(super) livemode: bool,
    pub(super) permissions: BTreeSet<Permission>,
    pub(super) meter: Meter,
    pub(super) customers: Shelf<Customer>,
    pub(super) products: Shelf<Product>,
    pub(super) prices: Shelf<Price>,
    pub(super) coupons: Shelf<Coupon>,
    pub(super) subscriptions: Shelf<Subscription>,
    pub(super) events: Shelf<Event>,
    pub(super) discounts: BTreeMap<String, Discount>,
    /// Customer → places of its subscriptions.
    pub(super) subscriptions_of: HashMap<String, BTreeSet<Place>>,
    pub(super) raised: u64,
    dice: StdRng,
    clock: Box<dyn Fn() -> Timestamp + Send>,
}

impl World {
    /// An empty account that accepts `key`. `rk_live_…` and `sk_live_…` make it live; a restricted key has every right of
    /// section 2 but that to the account itself. Ids are random, the same for every world that does the same.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let livemode = key.contains("_live_");
        let mut permissions = Permission::ALL.into_iter().collect::<BTreeSet<_>>();
        if key.starts_with("rk_") {
            permissions.remove(&Permission::Account);
        }
        Self {
            switches: Switches::new(livemode),
            account: "acct_1QSandbox0Pivotal".to_owned(),
            key: key.to_owned(),
            livemode,
            permissions,
            meter: Meter::default(),
            customers: Shelf::default(),
            products: Shelf::default(),
            prices: Shelf::default(),
            coupons: Shelf::default(),
            subscriptions: Shelf::default(),
            events: Shelf::default(),
            discounts: BTreeMap::new(),
            subscriptions_of: HashMap::new(),
            raised: 0,
            dice: StdRng::seed_from_u64(0x5712_19E5),
            clock: Box::new(chrono::Utc::now),
        }
    }

    /// Now, by the world's clock. The `Date` header of every answer follows it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Replaces the clock, which is the real one at first. Rate windows always run on real time.
    pub fn set_clock(&mut self, clock: impl Fn() -> Timestamp + Send + 'static) {
        self.clock = Box::new(clock);
    }

    /// Stops the clock at `now`.
    pub fn pin(&mut self, now: Timestamp) {
        self.set_clock(move || now);
    }

    /// Accepts another key instead: the old one is a 401 from now on. The mode stays.
    pub fn set_key(&mut self, key: &str) {
        key.clone_into(&mut self.key);
    }

    /// A fresh id: letters and digits of both cases (trap 61), in no order (trap 5).
    pub(super) fn mint(&mut self, prefix: &str, length: usize) -> String {
        let signs = (0..length).map(|_| char::from(self.dice.sample(rand::distr::Alphanumeric)));
        format!("{prefix}_{}", signs.collect::<String>())
    }
}
