//! Subscriptions and their items (section 6).

use std::collections::BTreeMap;

use chrono::{Days, Months};

use super::catalogue::{Duration, Interval, Recurring};
use super::discounts::Discounted;
use super::shelf::Listed;
use super::tax::TaxRate;
use super::world::{NoSuchObject, World};
use crate::domain::Timestamp;

/// The state of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    #[default]
    Active,
    PastDue,
    Unpaid,
    Canceled,
    Paused,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::IncompleteExpired,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Unpaid,
        Self::Canceled,
        Self::Paused,
    ];

    /// `past_due`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Paused => "paused",
        }
    }
}

/// A subscription to be added.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionSeed {
    /// Whose it is.
    pub customer: String,
    /// Prices and quantities; metered ones have none (trap 29).
    pub items: Vec<(String, Option<u64>)>,
    /// Its state.
    pub status: Status,
    /// Coupons at work from the start, without discount events.
    pub coupons: Vec<String>,
    /// End of the trial; it starts with the subscription.
    pub trial_end: Option<Timestamp>,
    /// Created, and started, at.
    pub created: Timestamp,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
}

/// One item of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// `si_…`.
    pub id: String,
    /// Its price.
    pub price: String,
    /// How many; `None` on metered ones.
    pub quantity: Option<u64>,
    /// Start of the running period.
    pub period_start: Timestamp,
    /// End of the running period.
    pub period_end: Timestamp,
    /// Free text by key; changes here raise an update with a partial view only (trap 14).
    pub metadata: BTreeMap<String, String>,
    /// A trial of this item alone, until then.
    pub trial_end: Option<Timestamp>,
    /// Taxes of this item, instead of the subscription's.
    pub tax_rates: Vec<TaxRate>,
    pub(super) created: Timestamp,
    pub(super) discounts: Vec<String>,
}

/// A subscription as it stands.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// Whose it is.
    pub customer: String,
    /// Its state.
    pub status: Status,
    /// Lower case; one for all items.
    pub currency: String,
    /// What is paid for.
    pub items: Vec<Item>,
    /// Created at.
    pub created: Timestamp,
    /// Started at: earlier when backdated, later when planned (trap 48).
    pub start_date: Timestamp,
    /// Trial, if there is or was one (trap 43).
    pub trial: Option<(Timestamp, Timestamp)>,
    /// Ends with the period; can be undone (trap 45).
    pub cancel_at_period_end: bool,
    /// Ends then.
    pub cancel_at: Option<Timestamp>,
    /// When the end was asked for, not when it comes.
    pub canceled_at: Option<Timestamp>,
    /// The true end.
    pub ended_at: Option<Timestamp>,
    /// `keep_as_draft`, `mark_uncollectible`, `void`: nothing is paid, the status stays (trap 46).
    pub pause_collection: Option<String>,
    /// When collection goes on by itself.
    pub resumes_at: Option<Timestamp>,
    /// Taxes of every item that has none of its own (trap 42).
    pub default_tax_rates: Vec<TaxRate>,
    /// Taxes are worked out at rates that are not shown (trap 42).
    pub automatic_tax: bool,
    /// Billed to an account of the v2 API: `customer` is null then (trap 62).
    pub customer_account: Option<String>,
    /// `charge_automatically`, `send_invoice`.
    pub collection_method: String,
    /// Id of a schedule with later phases (trap 48).
    pub schedule: Option<String>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// The test clock it lives on.
    pub test_clock: Option<String>,
    pub(super) discounts: Vec<String>,
}

impl Listed for Subscription {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Recurring {
    /// The end of a period that starts then.
    fn after(&self, start: Timestamp, periods: u32) -> Timestamp {
        let count = self.count.saturating_mul(periods);
        let end = match self.interval {
            Interval::Day => start.checked_add_days(Days::new(count.into())),
            Interval::Week => start.checked_add_days(Days::new(u64::from(count) * 7)),
            Interval::Month => start.checked_add_months(Months::new(count)),
            Interval::Year => start.checked_add_months(Months::new(count.saturating_mul(12))),
        };
        end.unwrap_or(Timestamp::MAX_UTC)
    }

    /// The period of a subscription started then that `now` falls into.
    fn period(&self, start: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
        let days = match self.interval {
            Interval::Day => 1,
            Interval::Week => 7,
            Interval::Month => 31,
            Interval::Year => 366,
        };
        let gone = (now - start).num_days().max(0) / (days * i64::from(self.count.max(1)));
        let mut periods = u32::try_from(gone).unwrap_or(0);
        while self.after(start, periods + 1) <= now {
            periods += 1;
        }
        (self.after(start, periods), self.after(start, periods + 1))
    }
}

impl World {
    /// Adds a subscription and returns its id, its items in their running periods. Raises
    /// `customer.subscription.created` at the time of its creation.
    ///
    /// # Errors
    /// [`NoSuchObject`] for the customer, a price or a coupon.
    pub fn add_subscription(&mut self, seed: SubscriptionSeed) -> Result<String, NoSuchObject> {
        let customer = self.customer(&seed.customer).ok_or_else(|| NoSuchObject::new("customer", &seed.customer))?;
        let test_clock = customer.test_clock.clone();
        let mut items = Vec::new();
        let mut currency = "usd".to_owned();
        for (price, quantity) in &seed.items {
            let item = self.new_item(price, *quantity, seed.created)?;
            if let Some(price) = self.prices.get(price) {
                currency.clone_from(&price.currency);
            }
            items.push(item);
        }
        let id = self.mint("sub", 24);
        let ended = matches!(seed.status, Status::Canceled | Status::IncompleteExpired);
        let subscription = Subscription {
            id: id.clone(),
            customer: seed.customer.clone(),
            status: seed.status,
            currency,
            items,
            created: seed.created,
            start_date: seed.created,
            trial: seed.trial_end.map(|end| (seed.created, end)),
            cancel_at_period_end: false,
            cancel_at: None,
            canceled_at: ended.then(|| self.now()),
            ended_at: ended.then(|| self.now()),
            pause_collection: None,
            resumes_at: None,
            default_tax_rates: Vec::new(),
            automatic_tax: false,
            customer_account: None,
            collection_method: "charge_automatically".to_owned(),
            schedule: None,
            metadata: seed.metadata,
            test_clock,
            discounts: Vec::new(),
        };
        let place = self.subscriptions.insert(subscription);
        self.subscriptions_of.entry(seed.customer).or_default().insert(place);
        for coupon in &seed.coupons {
            self.attach(Discounted::Subscription(id.clone()), coupon, seed.created)?;
        }
        if self.worth_raising(seed.created)
            && let Some(subscription) = self.subscriptions.get(&id)
        {
            let object = self.shape_subscription(subscription, &self.event_shape());
            self.raise_at(seed.created, "customer.subscription.created", &object, None);
        }
        Ok(id)
    }

    fn new_item(&mut self, price: &str, quantity: Option<u64>, created: Timestamp) -> Result<Item, NoSuchObject> {
        let known = self.prices.get(price).ok_or_else(|| NoSuchObject::new("price", price))?;
        let monthly = Recurring { interval: Interval::Month, count: 1, usage: super::Usage::Licensed };
        let (period_start, period_end) = known.recurring.unwrap_or(monthly).period(created, self.now());
        Ok(Item {
            id: self.mint("si", 14),
            price: price.to_owned(),
            quantity,
            period_start,
            period_end,
            metadata: BTreeMap::new(),
            trial_end: None,
            tax_rates: Vec::new(),
            created,
            discounts: Vec::new(),
        })
    }

    /// A subscription, running or not.
    #[must_use]
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions.get(id)
    }

    /// Ids of a customer's subscriptions, newest first.
    #[must_use]
    pub fn subscriptions_of(&self, customer: &str) -> Vec<String> {
        let places = self.subscriptions_of.get(customer).into_iter().flatten().rev();
        places.filter_map(|place| self.subscriptions.at(*place)).map(|it| it.id.clone()).collect()
    }

    /// Edits a subscription. Raises `customer.subscription.updated` if anything has changed, and `.paused`,
    /// `.resumed` when the status moved so. An end goes through [`World::cancel_subscription`].
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn update_subscription(&mut self, id: &str, edit: impl FnOnce(&mut Subscription)) -> Result<(), NoSuchObject> {
        let missing = || NoSuchObject::new("subscription", id);
        let shape = self.event_shape();
        let old = self.subscriptions.get(id).ok_or_else(missing)?;
        let (was, items, before) = (old.status, old.items.clone(), self.shape_subscription(old, &shape));
        edit(self.subscriptions.get_mut(id).ok_or_else(missing)?);
        let new = self.subscriptions.get(id).ok_or_else(missing)?;
        let (is, after) = (new.status, self.shape_subscription(new, &shape));
        if before == after && items != new.items {
            // An item beyond the embedded ones has changed: the event comes, and does not show it.
            self.raise("customer.subscription.updated", &after);
        }
        self.raise_change("customer.subscription.updated", &before, &after);
        if was != is && is == Status::Paused {
            self.raise("customer.subscription.paused", &after);
        }
        if was != is && was == Status::Paused {
            self.raise("customer.subscription.resumed", &after);
        }
        Ok(())
    }

    /// Ends a subscription now. Raises `customer.subscription.deleted`; it stays readable by id and with `status=all`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn cancel_subscription(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let now = self.now();
        let found = self.subscriptions.get_mut(id).ok_or_else(|| NoSuchObject::new("subscription", id))?;
        found.status = Status::Canceled;
        found.canceled_at = found.canceled_at.or(Some(now));
        found.ended_at = Some(now);
        if let Some(found) = self.subscriptions.get(id) {
            let object = self.shape_subscription(found, &self.event_shape());
            self.raise("customer.subscription.deleted", &object);
        }
        Ok(())
    }

    /// Changes price or quantity of the item at this position. Raises `customer.subscription.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`] for the subscription, the position or the price.
    pub fn change_subscription_item(
        &mut self,
        id: &str,
        position: usize,
        price: &str,
        quantity: Option<u64>,
    ) -> Result<(), NoSuchObject> {
        if self.prices.get(price).is_none() {
            return Err(NoSuchObject::new("price", price));
        }
        let found = self.subscription(id).is_some_and(|it| position < it.items.len());
        if !found {
            return Err(NoSuchObject::new("subscription_item", &format!("{id}[{position}]")));
        }
        self.update_subscription(id, |subscription| {
            if let Some(item) = subscription.items.get_mut(position) {
                (item.price, item.quantity) = (price.to_owned(), quantity);
            }
        })
    }

    /// Adds an item and returns its id. Raises `customer.subscription.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`] for the subscription or the price.
    pub fn add_subscription_item(
        &mut self,
        id: &str,
        price: &str,
        quantity: Option<u64>,
    ) -> Result<String, NoSuchObject> {
        let item = self.new_item(price, quantity, self.now())?;
        let item_id = item.id.clone();
        self.update_subscription(id, |subscription| subscription.items.push(item))?;
        Ok(item_id)
    }

    /// Begins the next period of every item, as the invoice of a renewal does; coupons for one invoice are used up.
    /// Raises `customer.subscription.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn renew(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let prices: BTreeMap<String, Recurring> = self.subscription(id).map_or_else(BTreeMap::new, |it| {
            let recurring = |item: &Item| Some((item.price.clone(), self.prices.get(&item.price)?.recurring?));
            it.items.iter().filter_map(recurring).collect()
        });
        let spent = |discount: &String| {
            let coupon = self.discounts.get(discount).and_then(|discount| self.coupons.get(&discount.coupon));
            coupon.is_some_and(|coupon| coupon.duration == Duration::Once)
        };
        let used = self.subscription(id).map_or(&[][..], |it| &it.discounts).iter().filter(|known| spent(known));
        let used: Vec<String> = used.cloned().collect();
        self.update_subscription(id, |subscription| {
            subscription.discounts.retain(|known| !used.contains(known));
            for item in &mut subscription.items {
                if let Some(recurring) = prices.get(&item.price) {
                    (item.period_start, item.period_end) = (item.period_end, recurring.after(item.period_end, 1));
                }
            }
        })
    }
}
