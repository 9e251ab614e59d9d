//! Live and test mode, test clocks, versions (traps 51 to 53).

use pivotal_sync::domain::{Fault, PullMode};
use pivotal_sync::ports::{PullRequest, Source, Verdict};
use pivotal_sync::sandbox::stripe::World;

use super::{Account, CUSTOMERS, Kept, SUBSCRIPTIONS, follow, ids, listed};

#[tokio::test]
async fn a_store_of_test_data_refuses_a_live_key_trap_51() {
    let test = Account::start().await;
    test.payer();
    let mut live = World::new("rk_live_x");
    live.add_product("Gold");
    let live = Account::of(live, "rk_live_x").await;
    for stream in [CUSTOMERS, SUBSCRIPTIONS] {
        let mut kept = listed(&test, stream).await;
        for mode in [PullMode::Changes, PullMode::Full] {
            let now = live.world().now();
            let error = kept.run(&live.source(), stream, mode, now).await.unwrap_err();
            assert_eq!(error.fault, Fault::Unauthorised);
            assert!(error.to_string().contains("test mode data") && error.to_string().contains("live mode"), "{error}");
        }
        assert!(live.asked().is_empty(), "nothing is read, so nothing looks gone");
        follow(&test, &mut kept, stream).await;
    }
}

#[tokio::test]
async fn objects_of_the_other_mode_are_refused_and_told_by_check_trap_51() {
    let mut world = World::new("rk_live_x");
    world.set_key("rk_test_y");
    let account = Account::of(world, "rk_test_y").await;
    let id = account.customer("Acme");
    let source = account.source();
    let request = PullRequest { stream: CUSTOMERS, cursor: None, mode: PullMode::Full };
    for error in
        [source.pull(request).await.unwrap_err(), source.read(CUSTOMERS, &ids(&[&id]), None).await.unwrap_err()]
    {
        assert!(error.fault == Fault::Unexpected && error.to_string().contains(&id), "{error}");
    }
    let findings = source.check().await;
    let mode = findings.iter().find(|finding| finding.what == "stripe mode").unwrap();
    assert!(matches!(&mode.verdict, Verdict::Bad { found, .. } if found.contains("live")), "{mode:?}");
}

#[tokio::test]
async fn a_key_of_an_unknown_kind_takes_the_mode_of_what_it_finds_trap_51() {
    let mut world = World::new("rk_live_x");
    world.set_key("sx_1");
    let account = Account::of(world, "sx_1").await;
    account.customer("Acme");
    let mut kept = listed(&account, CUSTOMERS).await;
    let test = Account::start().await;
    let now = test.world().now();
    let error = kept.run(&test.source(), CUSTOMERS, PullMode::Changes, now).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("other_mode"), "{error}");
}

#[tokio::test]
async fn test_clock_objects_never_come_in_trap_52() {
    let account = Account::start().await;
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    let (customer, subscription, price) = account.payer();
    account.world().update_customer(&customer, |it| it.test_clock = Some("clock_1".to_owned())).unwrap();
    account.world().update_subscription(&subscription, |it| it.test_clock = Some("clock_1".to_owned())).unwrap();
    account.world().change_subscription_item(&subscription, 0, &price, Some(3)).unwrap();
    follow(&account, &mut customers, CUSTOMERS).await;
    follow(&account, &mut subscriptions, SUBSCRIPTIONS).await;
    assert!(customers.records.is_empty() && subscriptions.records.is_empty());
    assert!(listed(&account, CUSTOMERS).await.records.is_empty());
}

#[tokio::test]
async fn the_version_is_pinned_whatever_the_account_uses_trap_53() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    let mut kept = Kept::default();
    for version in ["2020-08-27", "2026-10-28.endive", "2022-11-15"] {
        account.world().switches.account_version = version.to_owned();
        let quantity = account.world().events_raised();
        account.world().change_subscription_item(&subscription, 0, &price, Some(quantity)).unwrap();
        follow(&account, &mut kept, SUBSCRIPTIONS).await;
        assert_eq!(kept.mrr(&subscription), (quantity * 10).to_string(), "{version}");
    }
    let mut old = Account::start().await;
    old.settings.api_version = "2025-03-31.basil".to_owned();
    let findings = old.source().check().await;
    let version = findings.iter().find(|finding| finding.what == "stripe api version").unwrap();
    assert!(matches!(&version.verdict, Verdict::Warning { found, .. } if found.contains("basil")), "{version:?}");
}
