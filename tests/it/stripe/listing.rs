//! Complete listings while things change, and what is gone.

use chrono::TimeDelta;
use pivotal_sync::domain::{PullMode, Pulled};
use pivotal_sync::ports::{PageEnd, Source};
use pivotal_sync::sandbox::stripe::{CustomerSeed, Interval, Status};

use super::{Account, CUSTOMERS, Kept, SUBSCRIPTIONS, follow, ids, listed, with_status};

#[tokio::test]
async fn what_happens_during_a_listing_is_replayed_after_it_trap_17() {
    let account = Account::start().await;
    let customers: Vec<String> = (0..250)
        .map(|n| {
            account.later(TimeDelta::seconds(1));
            account.customer(&format!("C{n}"))
        })
        .collect();
    let mut kept = Kept::default();
    // Each page is read by a fresh process, and the world moves between them.
    let (mut end, mut pages, mut newer) = (PageEnd::More, 0, Vec::new());
    while end == PageEnd::More {
        end = kept.page(&account.source(), CUSTOMERS, PullMode::Full).await.unwrap();
        pages += 1;
        account.later(TimeDelta::minutes(20));
        newer.push(account.customer(&format!("New {pages}")));
        account.rename(&customers[240], &format!("moved {pages}"));
    }
    assert_eq!((end, pages), (PageEnd::Listing, 3));
    assert!(!kept.records.keys().any(|key| key.id.as_str() == newer[0]), "newer ones stand above the first page");
    assert_eq!(follow(&account, &mut kept, CUSTOMERS).await, PageEnd::Listing, "its last page, which was not settled");
    follow(&account, &mut kept, CUSTOMERS).await;
    assert_eq!(kept.live().count(), 253);
    assert_eq!(kept.name(&customers[240]), "moved 3");
}

#[tokio::test]
async fn a_deleted_place_in_a_listing_is_got_over_trap_18() {
    for fails in [true, false] {
        let account = Account::start().await;
        account.world().switches.deleted_cursor_fails = fails;
        let customers: Vec<String> = (0..305)
            .map(|n| {
                account.later(TimeDelta::seconds(1));
                account.customer(&format!("C{n}"))
            })
            .collect();
        let mut kept = Kept::default();
        let source = account.source();
        kept.page(&source, CUSTOMERS, PullMode::Full).await.unwrap();
        kept.page(&source, CUSTOMERS, PullMode::Full).await.unwrap();
        // Page two ended with the 200th newest; it goes, and its neighbours too.
        for gone in &customers[103..=110] {
            account.world().delete_customer(gone).unwrap();
        }
        let now = account.world().now();
        assert_eq!(kept.run(&source, CUSTOMERS, PullMode::Full, now).await.unwrap(), PageEnd::Listing);
        follow(&account, &mut kept, CUSTOMERS).await;
        assert_eq!(kept.live().count(), 297, "deleted cursor fails: {fails}");
        assert!(customers[103..=110].iter().all(|id| kept.is_gone(CUSTOMERS, id)));
    }
}

#[tokio::test]
async fn absence_from_a_list_is_confirmed_by_id_traps_19_20_52() {
    let account = Account::start().await;
    let (stub, erased, stays) = (account.customer("Stub"), account.customer("Erased"), account.customer("Stays"));
    let clocked = account.customer("Clocked");
    let mut kept = listed(&account, CUSTOMERS).await;
    account.world().switches.silent = true;
    account.world().delete_customer(&stub).unwrap();
    account.world().erase_customer(&erased).unwrap();
    account.world().update_customer(&clocked, |it| it.test_clock = Some("clock_1".to_owned())).unwrap();
    account.asked();
    let now = account.world().now();
    kept.run(&account.source(), CUSTOMERS, PullMode::Full, now).await.unwrap();
    assert_eq!(account.asked().len(), 4, "one page, and one look for each that it did not show");
    assert!(kept.is_gone(CUSTOMERS, &stub) && kept.is_gone(CUSTOMERS, &erased));
    assert_eq!((kept.name(&stays), kept.name(&clocked)), ("Stays".to_owned(), "Clocked".to_owned()));
    let source = account.source();
    let read = source.read(CUSTOMERS, &ids(&[&clocked]), None).await.unwrap();
    assert!(matches!(&read[0], Pulled::Malformed(..)), "not listed is not gone: {read:?}");
}

#[tokio::test]
async fn a_deleted_customer_is_gone_whatever_order_its_events_come_in_traps_19_22() {
    for flag in [false, true] {
        let account = Account::start().await;
        let (customer, subscription, _) = account.payer();
        let mut customers = listed(&account, CUSTOMERS).await;
        let mut subscriptions = listed(&account, SUBSCRIPTIONS).await;
        account.world().switches.deleted_flag_in_event = flag;
        account.rename(&customer, "Last words");
        account.world().delete_customer(&customer).unwrap();
        follow(&account, &mut customers, CUSTOMERS).await;
        follow(&account, &mut subscriptions, SUBSCRIPTIONS).await;
        assert!(customers.is_gone(CUSTOMERS, &customer));
        let facts = subscriptions.facts(&subscription);
        assert_eq!((facts.status.as_str(), facts.account.id.as_str()), ("canceled", customer.as_str()));
        assert_eq!(customers.live().count(), 0, "no subscription brings a customer back");
    }
}

#[tokio::test]
async fn a_recreated_person_is_another_customer_traps_24_59_61() {
    let account = Account::start().await;
    let seed = |id: &str, email: Option<&str>| CustomerSeed {
        id: Some(id.to_owned()),
        email: email.map(str::to_owned),
        created: super::noon(),
        ..CustomerSeed::default()
    };
    let long = format!("cus_{}", "aB".repeat(125));
    for (id, email) in
        [("cus_aB", Some("ann@acme.com")), ("cus_Ab", Some("ann@acme.com")), (&long, Some("")), ("cus_n", None)]
    {
        account.world().add_customer(seed(id, email));
    }
    let mut kept = listed(&account, CUSTOMERS).await;
    assert_eq!(kept.live().count(), 4, "ids are opaque and case-sensitive");
    account.world().delete_customer("cus_aB").unwrap();
    follow(&account, &mut kept, CUSTOMERS).await;
    assert!(kept.is_gone(CUSTOMERS, "cus_aB") && !kept.is_gone(CUSTOMERS, "cus_Ab"));
}

#[tokio::test]
async fn ended_and_abandoned_subscriptions_are_listed_traps_25_44() {
    let account = Account::start().await;
    let (customer, price) = (account.customer("Acme"), account.price(1_000, Interval::Month));
    for status in Status::ALL {
        account.subscribe(with_status(&customer, &price, status));
    }
    let kept = listed(&account, SUBSCRIPTIONS).await;
    let mut found: Vec<_> = kept.live().map(|record| kept.facts(record.key.id.as_str())).collect();
    found.sort_by_key(|facts| facts.status.clone());
    let shown: Vec<_> = found.iter().map(|facts| (facts.status.as_str(), facts.mrr.to_string())).collect();
    let expected = [
        ("active", "10"),
        ("past_due", "10"),
        ("trialing", "0"),
        ("paused", "0"),
        ("unpaid", "0"),
        ("canceled", "0"),
        ("incomplete", "0"),
        ("incomplete_expired", "0"),
    ];
    assert_eq!(shown, expected.map(|(status, mrr)| (status, mrr.to_owned())));
}

#[tokio::test]
async fn a_subscription_of_no_customer_is_told_and_the_page_goes_on_trap_62() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    let other = account.customer("Other");
    let odd = account.subscription(&other, &[(&price, 1)]);
    account.world().update_subscription(&odd, |it| it.customer_account = Some("acct_1".to_owned())).unwrap();
    let kept = listed(&account, SUBSCRIPTIONS).await;
    assert!(matches!(kept.pulled(SUBSCRIPTIONS, &odd), Pulled::Malformed(_, why) if why.contains("customer")));
    assert_eq!(kept.mrr(&subscription), "10");
}
