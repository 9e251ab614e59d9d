//! Two accounts with a clock of their own, and what people do in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use pivotal_sync::domain::Stream;
use pivotal_sync::sandbox::hubspot::{self, CompanySeed, ContactSeed, DealSeed, Lagging, ObjectType};
use pivotal_sync::sandbox::stripe::{self, CustomerSeed, Interval, PriceSeed, Status, SubscriptionSeed};
use pivotal_sync::sandbox::{Options, Sandbox};
use rand::Rng;
use rand::rngs::StdRng;

use crate::rig::text;

/// The longest that a change may stay unseen by search and by the event list; the windows overlap by more.
const LATEST: TimeDelta = TimeDelta::seconds(90);

pub struct Account {
    pub sandbox: Sandbox,
    pub changes: usize,
    now: DateTime<Utc>,
    prices: Vec<String>,
    subscriptions: Mutex<BTreeSet<String>>,
    log: Vec<String>,
}

impl Account {
    /// A portal and a Stripe account with a little in them, with unknowns of the sheets switched at random.
    pub async fn open(dice: &mut StdRng) -> Self {
        // Any day: nothing that is read looks at another clock than the accounts' own.
        let now = "2026-10-01T08:00:00Z".parse().unwrap();
        let options = Options { size: 0, existing_customers: 0, start: Some(now), ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        sandbox.lift_limits();
        {
            let switches = &mut sandbox.hubspot().switches;
            switches.index_lag_ms = dice.random_range(0..40_000);
            switches.index_jitter_ms = dice.random_range(0..40_000);
            switches.lagging = [Lagging::OldRecord, Lagging::OldValues, Lagging::Absent][dice.random_range(0..3)];
            switches.numeric_association_ids = dice.random();
            switches.association_page = [1, 500][dice.random_range(0..2)];
            switches.restore_moves_modified = dice.random();
            switches.restore_keeps_links = dice.random();
            switches.merge_keeps_winner = dice.random();
            switches.date_skew_ms = if dice.random() { 0 } else { dice.random_range(-5_000..5_000) };
        }
        {
            let switches = &mut sandbox.stripe().switches;
            switches.late_every = dice.random_range(0..4);
            switches.late_by_ms = dice.random_range(0..LATEST.num_milliseconds());
            switches.duplicate_every = dice.random_range(0..4);
            switches.deleted_cursor_fails = dice.random();
            switches.embedded_items = dice.random_range(1..4);
        }
        let mut account =
            Self { sandbox, changes: 0, now, prices: Vec::new(), subscriptions: Mutex::default(), log: Vec::new() };
        account.pin();
        account.furnish();
        for _ in 0..20 {
            account.change(dice);
        }
        account
    }

    fn furnish(&mut self) {
        let mut stripe = self.sandbox.stripe();
        let product = stripe.add_product("Platform");
        for (amount, interval) in [(4_900, Interval::Month), (120_000, Interval::Year), (500, Interval::Week)] {
            self.prices.push(stripe.add_price(PriceSeed {
                product: product.clone(),
                unit_amount: Some(amount),
                interval: Some(interval),
                ..PriceSeed::default()
            }));
        }
    }

    pub fn configuration(&self, store: &Path) -> String {
        format!(
            "[store]\npath = \"{}\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"acme\"\nmrr_unit = \"cents\"\n\
             [hubspot]\nbase_url = \"{}\"\noverlap = \"5m\"\nlag = \"30s\"\n[stripe]\nbase_url = \"{}\"\n",
            store.display(),
            self.sandbox.pivotal_url(),
            self.sandbox.hubspot_url(),
            self.sandbox.stripe_url(),
        )
    }

    fn pin(&self) {
        let now = self.now;
        self.sandbox.hubspot().pin(now);
        self.sandbox.stripe().pin(now);
    }

    /// Some changes, several of them in one instant, and some time.
    pub fn live_a_while(&mut self, dice: &mut StdRng) {
        for _ in 0..dice.random_range(1..12) {
            self.change(dice);
            if dice.random() {
                self.now += TimeDelta::milliseconds(dice.random_range(1..40_000));
                self.pin();
            }
        }
        if dice.random() {
            self.now += TimeDelta::seconds(dice.random_range(1..7_200));
            self.pin();
        }
    }

    /// Longer than anything stays unseen.
    pub fn wait(&mut self, dice: &mut StdRng) {
        self.now += LATEST * 2 + TimeDelta::seconds(dice.random_range(0..3_600));
        self.pin();
    }

    /// One thing somebody does. What cannot be done to what is there is left.
    fn change(&mut self, dice: &mut StdRng) {
        let told = if dice.random_ratio(2, 3) { self.in_hubspot(dice) } else { self.in_stripe(dice) };
        if let Some(told) = told {
            self.changes += 1;
            self.log.push(format!("{} {told}", self.now.format("%H:%M:%S%.3f")));
        }
    }

    fn in_hubspot(&self, dice: &mut StdRng) -> Option<String> {
        let portal = &mut *self.sandbox.hubspot();
        let object = [ObjectType::Company, ObjectType::Contact, ObjectType::Deal][dice.random_range(0..3)];
        let one = |portal: &hubspot::World, object, dice: &mut StdRng| pick(portal.ids(object).collect(), dice);
        match dice.random_range(0..14) {
            0..4 => Some(create(portal, object, self.now, dice)),
            4..7 => {
                let id = one(portal, object, dice)?;
                let (name, value) = match object {
                    ObjectType::Company => ("name", word(dice)),
                    ObjectType::Contact => ("jobtitle", word(dice)),
                    ObjectType::Deal => ("dealstage", ["closedwon", "closedlost"][dice.random_range(0..2)].to_owned()),
                };
                portal.set_property(object, &id, name, &value).ok()?;
                Some(format!("edit {object:?} {id}: {name} = {value}"))
            }
            7 => {
                let id = one(portal, object, dice)?;
                portal.archive(object, &id).ok()?;
                Some(format!("archive {object:?} {id}"))
            }
            8 => {
                let archived = |id: &u64| {
                    portal.record(object, &id.to_string()).is_some_and(|r| r.id == *id && r.archived.is_some())
                };
                let id = pick((951..1_200).filter(archived).map(|id| id.to_string()).collect(), dice)?;
                portal.restore(object, &id).ok()?;
                Some(format!("restore {object:?} {id}"))
            }
            9 => {
                let (winner, loser) = (one(portal, object, dice)?, one(portal, object, dice)?);
                if winner == loser || object == ObjectType::Deal {
                    return None;
                }
                let into = portal.merge(object, &winner, &loser).ok()?;
                Some(format!("merge {object:?} {winner} and {loser} into {into}"))
            }
            10..12 => {
                let (contact, company) =
                    (one(portal, ObjectType::Contact, dice)?, one(portal, ObjectType::Company, dice)?);
                portal.move_contact(&contact, &company).ok()?;
                Some(format!("move contact {contact} to {company}"))
            }
            12 => {
                let (id, company) = (one(portal, object, dice)?, one(portal, ObjectType::Company, dice)?);
                if object == ObjectType::Company {
                    return None;
                }
                let primary = dice.random();
                portal.associate(object, &id, &company, primary).ok()?;
                Some(format!("associate {object:?} {id} with {company}, primary {primary}"))
            }
            _ => {
                let (contact, company) =
                    (one(portal, ObjectType::Contact, dice)?, one(portal, ObjectType::Company, dice)?);
                portal.dissociate(ObjectType::Contact, &contact, &company).ok()?;
                Some(format!("dissociate contact {contact} from {company}"))
            }
        }
    }

    fn in_stripe(&self, dice: &mut StdRng) -> Option<String> {
        let stripe = &mut *self.sandbox.stripe();
        let price = |dice: &mut StdRng| self.prices[dice.random_range(0..self.prices.len())].clone();
        let customer = |stripe: &stripe::World, dice: &mut StdRng| pick(stripe.customer_ids().collect(), dice);
        match dice.random_range(0..9) {
            0..3 => {
                let name = word(dice);
                let id = stripe.add_customer(CustomerSeed {
                    name: Some(name.clone()),
                    email: Some(format!("pay@{name}.com")),
                    created: self.now,
                    ..CustomerSeed::default()
                });
                Some(format!("new {id}"))
            }
            3 => {
                let (id, name) = (customer(stripe, dice)?, word(dice));
                stripe.update_customer(&id, |customer| customer.name = Some(name)).ok()?;
                Some(format!("edit {id}"))
            }
            4 => {
                let id = customer(stripe, dice)?;
                stripe.delete_customer(&id).ok()?;
                Some(format!("delete {id}"))
            }
            5..7 => {
                let customer = customer(stripe, dice)?;
                let items =
                    (0..dice.random_range(1..5)).map(|_| (price(dice), Some(dice.random_range(0..4)))).collect();
                let (status, created) = (Status::Active, self.now);
                let seed = SubscriptionSeed { customer, items, status, created, ..SubscriptionSeed::default() };
                let id = stripe.add_subscription(seed).ok()?;
                self.subscriptions.lock().unwrap().insert(id.clone());
                Some(format!("subscribe {id}"))
            }
            7 => {
                let customer = customer(stripe, dice)?;
                let id = pick(stripe.subscriptions_of(&customer), dice)?;
                let status = [Status::PastDue, Status::Active, Status::Paused][dice.random_range(0..3)];
                stripe.update_subscription(&id, |subscription| subscription.status = status).ok()?;
                Some(format!("{id} is {}", status.as_str()))
            }
            _ => {
                let customer = customer(stripe, dice)?;
                let id = pick(stripe.subscriptions_of(&customer), dice)?;
                stripe.cancel_subscription(&id).ok()?;
                Some(format!("cancel {id}"))
            }
        }
    }

    /// Erases one record of each type for good. The last one stays: a listing that is empty all at once proves nothing.
    pub fn erase(&mut self, dice: &mut StdRng) {
        for object in [ObjectType::Company, ObjectType::Contact, ObjectType::Deal] {
            let mut portal = self.sandbox.hubspot();
            let all: Vec<String> = portal.ids(object).collect();
            if let Some(id) = pick(all, dice).filter(|_| portal.ids(object).count() > 1) {
                portal.purge(object, &id).unwrap();
                drop(portal);
                self.log.push(format!("erase {object:?} {id}"));
            }
        }
    }

    /// Everything that is there, as the store would name it.
    pub fn there(&self) -> BTreeSet<(String, String)> {
        let mut all = BTreeSet::new();
        let mut add = |stream: Stream, ids: Vec<String>| {
            all.extend(ids.into_iter().map(|id| (stream.as_str().to_owned(), id)));
        };
        let portal = self.sandbox.hubspot();
        add(Stream::HubspotCompanies, portal.ids(ObjectType::Company).collect());
        add(Stream::HubspotContacts, portal.ids(ObjectType::Contact).collect());
        add(Stream::HubspotDeals, portal.ids(ObjectType::Deal).collect());
        let stripe = self.sandbox.stripe();
        add(Stream::StripeCustomers, stripe.customer_ids().collect());
        add(Stream::StripeSubscriptions, self.subscriptions.lock().unwrap().iter().cloned().collect());
        all
    }

    pub fn told(&self) -> String {
        self.log.join("\n")
    }
}

fn create(portal: &mut hubspot::World, object: ObjectType, now: DateTime<Utc>, dice: &mut StdRng) -> String {
    let companies: Vec<String> = portal.ids(ObjectType::Company).collect();
    let company = pick(companies, dice).filter(|_| dice.random_ratio(4, 5));
    let name = word(dice);
    let id = match object {
        ObjectType::Company => portal.add_company(CompanySeed {
            name: name.clone(),
            domain: Some(format!("{name}.com")),
            properties: text([("lifecyclestage", ["customer", "lead"][dice.random_range(0..2)])]),
            created: now,
        }),
        ObjectType::Contact => portal.add_contact(ContactSeed {
            properties: text([("firstname", "Ann"), ("lastname", &name), ("email", &format!("ann@{name}.com"))]),
            created: now,
            company: company.map(|id| (id, dice.random())),
        }),
        ObjectType::Deal => portal.add_deal(DealSeed {
            properties: text([("dealname", &name), ("pipeline", "default"), ("dealstage", "closedwon")]),
            created: now,
            company,
        }),
    };
    format!("new {object:?} {id}")
}

fn pick(ids: Vec<String>, dice: &mut StdRng) -> Option<String> {
    if ids.is_empty() { None } else { Some(ids[dice.random_range(0..ids.len())].clone()) }
}

fn word(dice: &mut StdRng) -> String {
    (0..6).map(|_| char::from(dice.random_range(b'a'..=b'z'))).collect()
}
