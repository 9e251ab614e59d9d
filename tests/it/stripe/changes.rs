//! Events as lists of touched ids.

use chrono::TimeDelta;
use pivotal_sync::domain::PullMode;
use pivotal_sync::ports::{PageEnd, PullRequest, Source};
use pivotal_sync::sandbox::stripe::{Interval, Status};
use serde_json::json;

use super::{Account, CUSTOMERS, Kept, SUBSCRIPTIONS, follow, listed};

#[tokio::test]
async fn late_duplicate_and_unordered_events_lose_nothing_traps_3_4_5_9() {
    let account = Account::start().await;
    let ids: Vec<String> = (0..6).map(|n| account.customer(&format!("C{n}"))).collect();
    let mut kept = listed(&account, CUSTOMERS).await;
    {
        let mut world = account.world();
        (world.switches.late_every, world.switches.duplicate_every) = (2, 3);
        world.switches.late_by_ms = 9 * 60 * 1_000;
    }
    for round in 0..12 {
        let id = &ids[round % ids.len()];
        account.rename(id, &format!("R{round}"));
        account.rename(&ids[0], &format!("Z{round}"));
        follow(&account, &mut kept, CUSTOMERS).await;
        account.later(TimeDelta::seconds(20));
    }
    account.later(TimeDelta::minutes(10));
    follow(&account, &mut kept, CUSTOMERS).await;
    for id in &ids {
        assert_eq!(kept.name(id), account.world().customer(id).unwrap().name.clone().unwrap(), "{id}");
    }
    account.asked();
    follow(&account, &mut kept, CUSTOMERS).await;
    assert_eq!(account.asked(), ["events"], "seen events are not followed twice");
}

#[tokio::test]
async fn a_cursor_near_thirty_days_lists_everything_and_says_so_trap_2() {
    let account = Account::start().await;
    let (id, subscription, _) = account.payer();
    for stream in [CUSTOMERS, SUBSCRIPTIONS] {
        let mut kept = listed(&account, stream).await;
        account.rename(&id, "Acme Inc");
        account.world().cancel_subscription(&subscription).unwrap();
        for (days, end) in [(28, PageEnd::Delta), (30, PageEnd::Listing), (400, PageEnd::Listing)] {
            account.later(TimeDelta::days(days));
            let source = account.source();
            let now = account.world().now();
            assert_eq!(kept.run(&source, stream, PullMode::Changes, now).await.unwrap(), end, "{days} days");
            let notes = source.notes();
            assert_eq!(notes.len(), usize::from(end == PageEnd::Listing), "{notes:?}");
            assert!(
                notes.iter().all(|note| note.starts_with(stream.as_str()) && note.contains("30 days")),
                "{notes:?}"
            );
        }
    }
}

#[tokio::test]
async fn changes_in_the_hole_of_lost_events_are_found_trap_2() {
    // The events list itself answers happily with a hole.
    let account = Account::start().await;
    let (id, subscription, _) = account.payer();
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    let gone = account.customer("Gone");
    follow(&account, &mut customers, CUSTOMERS).await;
    account.later(TimeDelta::days(1));
    account.rename(&id, "Acme Inc");
    account.world().delete_customer(&gone).unwrap();
    account.world().cancel_subscription(&subscription).unwrap();
    account.later(TimeDelta::days(60));
    assert_eq!(follow(&account, &mut customers, CUSTOMERS).await, PageEnd::Listing);
    assert_eq!(follow(&account, &mut subscriptions, SUBSCRIPTIONS).await, PageEnd::Listing);
    assert_eq!(customers.name(&id), "Acme Inc");
    assert!(customers.is_gone(CUSTOMERS, &gone));
    assert_eq!(subscriptions.facts(&subscription).status.as_str(), "canceled");
}

#[tokio::test]
async fn a_quiet_quarter_is_no_lost_cursor_trap_2() {
    let account = Account::start().await;
    account.customer("Acme");
    account.later(TimeDelta::hours(1));
    let mut kept = listed(&account, CUSTOMERS).await;
    account.asked();
    for _ in 0..90 {
        account.later(TimeDelta::days(1));
        assert_eq!(follow(&account, &mut kept, CUSTOMERS).await, PageEnd::Delta);
    }
    assert_eq!(account.asked().len(), 90, "one request a night");
}

#[tokio::test]
async fn a_cursor_ahead_of_stripes_clock_is_not_believed_trap_16() {
    let account = Account::start().await;
    let id = account.customer("Acme");
    account.world().switches.date_skew_ms = 86_400_000;
    let mut kept = listed(&account, CUSTOMERS).await;
    account.world().switches.date_skew_ms = 0;
    account.later(TimeDelta::hours(1));
    account.rename(&id, "Acme Inc");
    account.later(TimeDelta::hours(1));
    let source = account.source();
    let now = account.world().now();
    assert_eq!(kept.run(&source, CUSTOMERS, PullMode::Changes, now).await.unwrap(), PageEnd::Listing);
    assert_eq!(kept.name(&id), "Acme Inc");
    assert!(source.notes()[0].contains("later than Stripe's own clock"));
}

#[tokio::test]
async fn a_kill_at_any_page_of_events_loses_nothing_traps_6_and_8() {
    let account = Account::start().await;
    let ids: Vec<String> = (0..120).map(|n| account.customer(&format!("C{n}"))).collect();
    let before = listed(&account, CUSTOMERS).await.cursor;
    account.later(TimeDelta::minutes(30));
    for round in 0..3 {
        ids.iter().for_each(|id| account.rename(id, &format!("{id} {round}")));
    }
    for kill_after in 0..5 {
        let mut kept = Kept { cursor: before.clone(), ..Kept::default() };
        for _ in 0..kill_after {
            if kept.page(&account.source(), CUSTOMERS, PullMode::Changes).await.unwrap() != PageEnd::More {
                break;
            }
        }
        // Killed in the middle of a page: nothing of it was kept. Meanwhile the world goes on.
        account.obstruct("events", 1, 500, "");
        let source = account.source();
        let request = PullRequest { stream: CUSTOMERS, cursor: kept.cursor.as_ref(), mode: PullMode::Changes };
        source.pull(request).await.unwrap_err();
        account.rename(&ids[7], &format!("late {kill_after}"));
        follow(&account, &mut kept, CUSTOMERS).await;
        follow(&account, &mut kept, CUSTOMERS).await;
        assert_eq!(kept.records.len(), 120);
        assert_eq!(kept.name(&ids[7]), format!("late {kill_after}"));
        assert_eq!(kept.name(&ids[8]), format!("{} 2", ids[8]));
    }
}

#[tokio::test]
async fn what_an_event_says_is_never_believed_traps_10_11_26_53() {
    // The account's own version still shows periods on top and discounts whole; the pinned version does not.
    let account = Account::start().await;
    let (customer, subscription, price) = account.payer();
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    account.world().change_subscription_item(&subscription, 0, &price, Some(2)).unwrap();
    account.world().switches.silent = true;
    account.world().change_subscription_item(&subscription, 0, &price, Some(3)).unwrap();
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "30", "as it is, not as it was then");
    let mut customers = listed(&account, CUSTOMERS).await;
    account.world().switches.silent = false;
    account.rename(&customer, "Acme Inc");
    account.world().erase_customer(&customer).unwrap();
    follow(&account, &mut customers, CUSTOMERS).await;
    assert!(customers.is_gone(CUSTOMERS, &customer), "a 404 by then is normal");
}

#[tokio::test]
async fn a_burst_is_one_look_per_object_trap_12() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    for quantity in 2..40 {
        account.world().change_subscription_item(&subscription, 0, &price, Some(quantity)).unwrap();
        account.world().raise("invoice.paid", &json!({"id": "in_1", "object": "invoice"}));
    }
    account.asked();
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    let asked = account.asked();
    assert_eq!(asked.iter().filter(|path| path.starts_with("subscriptions/")).count(), 1, "{asked:?}");
    assert_eq!(kept.mrr(&subscription), "390");
}

#[tokio::test]
async fn unknown_types_touch_nothing_and_known_ones_fit_into_twenty_traps_13_15() {
    let account = Account::start().await;
    account.payer();
    account.later(TimeDelta::hours(1));
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    account.world().raise("customer.subscription.hibernated", &json!({"id": "sub_1", "object": "subscription"}));
    account.asked();
    assert_eq!(follow(&account, &mut kept, SUBSCRIPTIONS).await, PageEnd::Delta);
    let asked = account.asked_whole();
    let types = asked[0].split('&').filter(|part| part.contains("types")).count();
    assert!((1..=20).contains(&types), "{asked:?}");
    assert!(kept.shown.is_empty());
}

#[tokio::test]
async fn changes_without_events_are_found_by_a_full_pass_trap_14() {
    let account = Account::start().await;
    let (customer, subscription, price) = account.payer();
    account.later(TimeDelta::hours(1));
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    account.world().switches.silent = true;
    account.rename(&customer, "Acme Inc");
    account.world().change_subscription_item(&subscription, 0, &price, Some(5)).unwrap();
    account.later(TimeDelta::hours(1));
    follow(&account, &mut customers, CUSTOMERS).await;
    assert_eq!(customers.name(&customer), "Acme", "no event, no news");
    let now = account.world().now();
    customers.run(&account.source(), CUSTOMERS, PullMode::Full, now).await.unwrap();
    subscriptions.run(&account.source(), SUBSCRIPTIONS, PullMode::Full, now).await.unwrap();
    assert_eq!((customers.name(&customer), subscriptions.mrr(&subscription)), ("Acme Inc".to_owned(), "50".to_owned()));
}

#[tokio::test]
async fn catalogue_events_refresh_what_hangs_on_it_traps_14_23() {
    // Whether an event says what it changed or not (section 4).
    for says in [true, false] {
        let account = Account::start().await;
        account.world().switches.previous_attributes = says;
        let (customer, subscription, price) = account.payer();
        let other = account.subscription(&customer, &[(&account.price(7_00, Interval::Month), 1)]);
        account.later(TimeDelta::hours(1));
        let mut kept = listed(&account, SUBSCRIPTIONS).await;
        let plan = |kept: &Kept, id: &str| kept.facts(id).plan.clone();
        account.world().update_price(&price, |price| price.nickname = Some("Pro".to_owned())).unwrap();
        follow(&account, &mut kept, SUBSCRIPTIONS).await;
        assert_eq!((plan(&kept, &subscription), plan(&kept, &other)), (Some("Pro".into()), Some("Gold".into())));
        assert_eq!(kept.shown, std::slice::from_ref(&subscription), "only what hangs on that price");
        account.world().update_price(&price, |price| (price.nickname, price.active) = (None, false)).unwrap();
        account.later(TimeDelta::hours(1));
        follow(&account, &mut kept, SUBSCRIPTIONS).await;
        assert_eq!(plan(&kept, &subscription), Some("Gold".into()), "an archived price stays on what runs");
        assert_eq!(kept.mrr(&subscription), "10");
        // A paused subscription is no churn, and a resumed one pays again (trap 46).
        for (status, mrr) in [(Status::Paused, "0"), (Status::Active, "10")] {
            account.world().update_subscription(&subscription, |it| it.status = status).unwrap();
            account.later(TimeDelta::hours(1));
            follow(&account, &mut kept, SUBSCRIPTIONS).await;
            assert_eq!(
                (kept.facts(&subscription).status.as_str(), kept.mrr(&subscription).as_str()),
                (status.as_str(), mrr)
            );
        }
    }
}
