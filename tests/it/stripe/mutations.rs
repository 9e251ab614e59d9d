//! An account that changes at random between runs, with late and doubled events, faults and kills: what is kept ends equal
//! to the truth.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use pivotal_sync::domain::{PullMode, Stream};
use pivotal_sync::ports::PageEnd;
use pivotal_sync::sandbox::stripe::{Coupon, Discounted, Duration, Interval};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::{Account, CUSTOMERS, Kept, SUBSCRIPTIONS, follow, noon};

const SEEDS: u64 = 200;
const ROUNDS: usize = 6;
/// Accounts that live at once.
const LANES: u64 = 4;

/// What there is to change.
struct Things {
    customers: Vec<String>,
    subscriptions: Vec<String>,
    prices: Vec<String>,
    discounts: Vec<String>,
}

impl Things {
    fn stock(account: &Account) -> Self {
        let prices = vec![
            account.price(1_000, Interval::Month),
            account.price(120_000, Interval::Year),
            account.price(700, Interval::Week),
        ];
        for coupon in [
            Coupon::percent("HALF", 50.0, Duration::Forever, noon()),
            Coupon::amount("FIVE", 500, "usd", Duration::Forever, noon()),
            Coupon::percent("SPRING", 20.0, Duration::Repeating(1), noon()),
            Coupon::percent("HELLO", 10.0, Duration::Once, noon()),
        ] {
            account.world().add_coupon(coupon);
        }
        Self { customers: Vec::new(), subscriptions: Vec::new(), prices, discounts: Vec::new() }
    }

    fn change(&mut self, account: &Account, dice: &mut StdRng) {
        let pick = |from: &[String], dice: &mut StdRng| from.choose(dice).cloned();
        let (customer, subscription) = (pick(&self.customers, dice), pick(&self.subscriptions, dice));
        let price = pick(&self.prices, dice).unwrap();
        let number = dice.random_range(0..9u64);
        // What is already gone refuses the change: that is fine.
        match (dice.random_range(0..16), customer, subscription) {
            (0..=2, ..) | (_, None, _) => self.customers.push(account.customer(&format!("C{number}"))),
            (3, Some(id), _) => {
                drop(account.world().update_customer(&id, |it| it.name = Some(format!("N{number}"))));
            }
            (4, Some(id), _) if number < 3 => drop(account.world().delete_customer(&id)),
            (4, Some(id), _) if number == 3 => drop(account.world().erase_customer(&id)),
            (5..=7, Some(id), _) if account.world().customer(&id).is_some() => {
                self.subscriptions.push(account.subscription(&id, &[(&price, number), (&self.prices[0], 1)]));
            }
            (8, _, Some(id)) => drop(account.world().change_subscription_item(&id, 0, &price, Some(number))),
            (9, _, Some(id)) => drop(account.world().add_subscription_item(&id, &price, Some(number))),
            (10, _, Some(id)) if number < 4 => drop(account.world().cancel_subscription(&id)),
            (11, Some(of), Some(id)) => {
                let coupon = ["HALF", "FIVE", "SPRING", "HELLO"].choose(dice).unwrap();
                let Some(item) = account.world().subscription(&id).map(|it| it.items[0].id.clone()) else { return };
                let target = match number % 3 {
                    0 => Discounted::Customer(of),
                    1 => Discounted::Subscription(id),
                    _ => Discounted::Item(id, item),
                };
                self.discounts.extend(account.world().apply_discount(target, coupon));
            }
            (12, ..) => {
                if let Some(id) = pick(&self.discounts, dice) {
                    drop(account.world().remove_discount(&id));
                }
            }
            (13, ..) => {
                let nickname = (number % 2 == 0).then(|| format!("P{number}"));
                account.world().update_price(&price, |it| it.nickname = nickname).unwrap();
            }
            (14, _, Some(id)) => {
                let paused = (number % 2 == 0).then(|| "void".to_owned());
                drop(account.world().update_subscription(&id, |it| it.pause_collection = paused));
            }
            (15, _, Some(id)) => drop(account.world().renew(&id)),
            _ => {}
        }
    }
}

/// The truth, as a fresh process lists it.
async fn truth(account: &Account, stream: Stream) -> Kept {
    let mut kept = Kept::default();
    let now = account.world().now();
    kept.run(&account.source(), stream, PullMode::Full, now).await.unwrap();
    kept
}

fn live(kept: &Kept) -> BTreeSet<String> {
    kept.live().map(|record| format!("{record:?}")).collect()
}

async fn live_through(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let account = Account::start().await;
    {
        let mut world = account.world();
        world.switches.late_every = dice.random_range(0..5);
        world.switches.late_by_ms = 9 * 60_000;
        world.switches.duplicate_every = dice.random_range(0..4);
        world.switches.deleted_cursor_fails = dice.random();
        world.switches.embedded_items = dice.random_range(1..4);
        // Decided without the dice, so that the lives of older seeds stay what they were.
        world.switches.previous_attributes = !seed.is_multiple_of(3);
    }
    let mut things = Things::stock(&account);
    let (mut customers, mut subscriptions) = (Kept::default(), Kept::default());
    for round in 0..=ROUNDS {
        for _ in 0..dice.random_range(0..25) {
            things.change(&account, &mut dice);
            account.later(TimeDelta::seconds(dice.random_range(0..2)));
        }
        let pause = if dice.random_ratio(1, 15) { 31 * 24 * 60 } else { dice.random_range(0..3 * 24 * 60) };
        account.later(TimeDelta::minutes(pause));
        let last = round == ROUNDS;
        if last {
            // Everything late has appeared.
            account.later(TimeDelta::minutes(10));
        }
        for (kept, stream) in [(&mut customers, CUSTOMERS), (&mut subscriptions, SUBSCRIPTIONS)] {
            let mode = if dice.random_ratio(1, 10) { PullMode::Full } else { PullMode::Changes };
            if !last && dice.random_ratio(1, 3) {
                account.obstruct(["events", "/", "customers", "prices"].choose(&mut dice).unwrap(), 1, 500, "");
            }
            if !last && dice.random_ratio(1, 3) {
                // Killed after a page.
                drop(kept.page(&account.source(), stream, mode).await.map(|end| end == PageEnd::More));
            }
            let now = account.world().now();
            let run = kept.run(&account.source(), stream, mode, now).await;
            account.clear();
            if last {
                // What happened during a listing is replayed by the run after it.
                assert!(run.is_ok(), "seed {seed}: {run:?}");
                let end = follow(&account, kept, stream).await;
                assert_eq!(end, PageEnd::Delta, "seed {seed}");
            }
        }
    }
    for (kept, stream) in [(&mut customers, CUSTOMERS), (&mut subscriptions, SUBSCRIPTIONS)] {
        let truth = live(&truth(&account, stream).await);
        let mut differing: Vec<_> = live(kept).symmetric_difference(&truth).cloned().collect();
        // What had ended and was then erased raised no event: a full pass finds it (trap 14).
        differing.retain(|record| !record.contains("status: Canceled") || truth.contains(record));
        assert!(differing.is_empty(), "seed {seed}, {stream}: {differing:#?}");
        let now = account.world().now();
        kept.run(&account.source(), stream, PullMode::Full, now).await.unwrap();
        assert_eq!(live(kept), truth, "seed {seed}, {stream}");
    }
    let world = account.world();
    let mut names: Vec<_> = world.customer_ids().collect();
    names.sort();
    let mut found: Vec<_> = customers.live().map(|record| record.key.id.as_str().to_owned()).collect();
    found.sort();
    assert_eq!(found, names, "seed {seed}");
    for id in &things.subscriptions {
        match world.subscription(id) {
            Some(it) => assert_eq!(subscriptions.facts(id).status.as_str(), it.status.as_str(), "seed {seed} {id}"),
            None => assert!(subscriptions.live().all(|record| record.key.id.as_str() != id), "seed {seed} {id}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_between_runs_the_end_is_the_truth() {
    let lanes = (0..LANES).map(|lane| async move {
        for seed in (lane..SEEDS).step_by(LANES as usize) {
            live_through(seed).await;
        }
    });
    for lane in lanes.map(tokio::spawn).collect::<Vec<_>>() {
        lane.await.unwrap();
    }
}
