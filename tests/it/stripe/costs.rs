//! The least number of requests of each pull, as the room's documentation states it, shown by the account's log.

use chrono::TimeDelta;
use pivotal_sync::domain::PullMode;
use pivotal_sync::ports::Source;
use pivotal_sync::sandbox::stripe::{Coupon, CustomerSeed, Discounted, Duration, Interval};

use super::{Account, CUSTOMERS, SUBSCRIPTIONS, follow, listed};

#[tokio::test]
async fn a_quiet_night_is_one_request() {
    let account = Account::start().await;
    account.payer();
    account.later(TimeDelta::hours(1));
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    account.later(TimeDelta::days(1));
    account.asked();
    let (source, now) = (account.source(), account.world().now());
    for night in 0..2 {
        customers.run(&source, CUSTOMERS, PullMode::Changes, now).await.unwrap();
        subscriptions.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap();
        assert_eq!(account.asked(), ["events"], "{night}");
        account.later(TimeDelta::days(1));
    }
    // Alone, or after another process, the second stream asks for itself.
    follow(&account, &mut subscriptions, SUBSCRIPTIONS).await;
    assert_eq!(account.asked(), ["events"]);
}

#[tokio::test]
async fn a_busy_night_is_read_by_each_stream_for_itself() {
    let account = Account::start().await;
    let (customer, subscription, price) = account.payer();
    account.later(TimeDelta::hours(1));
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    account.later(TimeDelta::days(1));
    account.rename(&customer, "Acme Inc");
    for n in 0..150 {
        account.world().change_subscription_item(&subscription, 0, &price, Some(10 + n)).unwrap();
    }
    account.asked();
    let (source, now) = (account.source(), account.world().now());
    customers.run(&source, CUSTOMERS, PullMode::Changes, now).await.unwrap();
    // The newest 100 events are all of subscriptions: the customers' own are asked for.
    assert_eq!(account.asked(), ["events".to_owned(), "events".to_owned(), format!("customers/{customer}")]);
    subscriptions.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap();
    let asked = account.asked();
    assert_eq!(asked.iter().filter(|path| *path == "events").count(), 2, "{asked:?}");
    assert_eq!((customers.name(&customer), subscriptions.mrr(&subscription)), ("Acme Inc".into(), "1590".into()));
}

#[tokio::test]
async fn a_touched_object_is_one_request_more() {
    let account = Account::start().await;
    let (customer, subscription, price) = account.payer();
    let other = account.subscription(&customer, &[(&price, 2)]);
    account.later(TimeDelta::hours(1));
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    account.later(TimeDelta::days(1));
    for n in 0..5 {
        account.rename(&customer, &format!("Acme {n}"));
        account.world().change_subscription_item(&subscription, 0, &price, Some(10 + n)).unwrap();
    }
    account.asked();
    follow(&account, &mut customers, CUSTOMERS).await;
    assert_eq!(account.asked(), ["events".to_owned(), format!("customers/{customer}")]);
    let source = account.source();
    let now = account.world().now();
    subscriptions.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap();
    // The product's name is asked for once by a process, whoever refers to it.
    let asked = account.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[2].starts_with("products/"), "{asked:?}");
    account.world().change_subscription_item(&other, 0, &price, Some(7)).unwrap();
    subscriptions.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap();
    assert_eq!(account.asked(), ["events".to_owned(), format!("subscriptions/{other}")]);
}

#[tokio::test]
async fn a_changed_price_is_one_request_for_a_hundred_subscriptions() {
    let account = Account::start().await;
    let (customer, price) = (account.customer("Acme"), account.price(1_000, Interval::Month));
    for _ in 0..150 {
        account.subscription(&customer, &[(&price, 1)]);
    }
    account.later(TimeDelta::hours(1));
    let mut subscriptions = listed(&account, SUBSCRIPTIONS).await;
    account.later(TimeDelta::days(1));
    account.world().update_price(&price, |price| price.nickname = Some("Pro".to_owned())).unwrap();
    account.asked();
    follow(&account, &mut subscriptions, SUBSCRIPTIONS).await;
    assert_eq!(account.asked(), ["events", "subscriptions", "subscriptions"]);
}

#[tokio::test]
async fn a_listing_is_one_request_for_a_hundred_objects() {
    let account = Account::start().await;
    let price = account.price(1_000, Interval::Month);
    account.world().add_coupon(Coupon::percent("TEN", 10.0, Duration::Forever, super::noon()));
    for n in 0..250 {
        account.later(TimeDelta::seconds(1));
        let customer = account.customer(&format!("C{n}"));
        let subscription = account.subscription(&customer, &[(&price, 1)]);
        if n % 2 == 0 {
            account.world().apply_discount(Discounted::Subscription(subscription), "TEN").unwrap();
        }
    }
    listed(&account, CUSTOMERS).await;
    assert_eq!(account.asked(), ["customers"; 3]);
    let kept = listed(&account, SUBSCRIPTIONS).await;
    assert_eq!(account.asked(), ["prices", "products", "coupons", "subscriptions", "subscriptions", "subscriptions"]);
    assert_eq!(kept.live().count(), 250);
    // An empty account.
    let empty = Account::start().await;
    listed(&empty, CUSTOMERS).await;
    listed(&empty, SUBSCRIPTIONS).await;
    assert_eq!(empty.asked().len(), 5);
}

#[tokio::test]
async fn only_documented_paths_are_ever_asked_trap_57() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    for _ in 0..30 {
        account.world().add_subscription_item(&subscription, &price, Some(1)).unwrap();
    }
    account.world().add_customer(CustomerSeed { created: super::noon(), ..CustomerSeed::default() });
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    account.world().update_price(&price, |price| price.nickname = Some("x".to_owned())).unwrap();
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    listed(&account, CUSTOMERS).await;
    account.source().check().await;
    let lists = ["customers", "subscriptions", "subscription_items", "events", "prices", "products", "coupons"];
    for path in account.asked() {
        let list = path.split('/').next().unwrap();
        assert!(lists.contains(&list) && !path.contains("search"), "{path}");
    }
}
