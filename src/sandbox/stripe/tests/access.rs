//! Keys, rights, versions, limits.

use super::super::Refusal;
use super::*;

#[tokio::test]
async fn keys_are_checked_and_publishable_ones_refused() {
    let mut account = Account::open().await;
    assert_eq!(account.get("customers").await.status, 200);
    account.key = "rk_test_other".to_owned();
    let got = account.get("customers").await;
    assert_eq!((got.status, &got.body["error"]["type"]), (401, &json!("invalid_request_error")));
    account.key = "pk_test_abcdefgh".to_owned();
    assert_eq!(account.get("customers").await.code(), "secret_key_required");
}

#[tokio::test]
async fn trap_21_a_missing_right_is_a_403_that_names_it_before_any_look_up() {
    let account = Account::open().await;
    for (right, paths) in [
        (Permission::Customers, ["customers", "customers/cus_none"]),
        (Permission::Subscriptions, ["subscriptions", "subscription_items?subscription=sub_none"]),
        (Permission::Events, ["events", "events/evt_none"]),
        (Permission::Prices, ["prices", "prices/price_none"]),
        (Permission::Products, ["products", "products/prod_none"]),
        (Permission::Coupons, ["coupons", "coupons/NONE"]),
    ] {
        account.world().forbid(right);
        for path in paths {
            let got = account.get(path).await;
            assert_eq!(got.status, 403, "{path}");
            assert!(got.body["error"]["message"].as_str().unwrap().contains(right.id()));
        }
        account.world().permit(right);
        assert_ne!(account.get(paths[0]).await.status, 403);
    }
}

#[tokio::test]
async fn trap_55_the_account_is_closed_to_restricted_keys() {
    let account = Account::open().await;
    assert_eq!(account.get("account").await.status, 403);
    account.world().permit(Permission::Account);
    assert_eq!(account.get("account").await.body["object"], "account");
    assert_eq!(World::new("rk_live_x").switches.calls_per_second, Some(100));
}

#[tokio::test]
async fn events_may_hide_what_the_key_cannot_read() {
    let account = Account::open().await;
    account.customer("A", days(1));
    account.price();
    account.world().forbid(Permission::Customers);
    assert_eq!(account.get("events").await.kinds().len(), 3);
    account.world().switches.events_hide_forbidden = true;
    assert_eq!(account.get("events").await.kinds(), ["price.created", "product.created"]);
}

#[tokio::test]
async fn trap_53_the_version_is_echoed_and_decides_the_shape() {
    let mut account = Account::open().await;
    let (customer, price) = (account.customer("A", days(50)), account.price());
    account.subscription(&customer, &price, Status::Active);
    let got = account.get("subscriptions").await;
    assert_eq!(got.header("stripe-version"), Some(VERSION));
    assert!(got.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(got.header("date"), Some("Mon, 23 Nov 2026 12:00:00 GMT"));
    account.version = None;
    let got = account.get("subscriptions").await;
    assert_eq!(got.header("stripe-version"), Some("2024-06-20"));
    assert!(got.body["data"][0]["current_period_end"].is_i64());
    account.version = Some("latest");
    assert_eq!(account.get("subscriptions").await.status, 400);
}

#[tokio::test]
async fn trap_56_a_429_gives_a_reason_and_a_lock_timeout_none() {
    let account = Account::open().await;
    account.world().refuse_next(1, Refusal::EndpointConcurrency);
    account.world().refuse_next(1, Refusal::LockTimeout);
    let got = account.get("customers").await;
    assert_eq!((got.status, got.header("stripe-rate-limited-reason")), (429, Some("endpoint-concurrency")));
    assert!(got.header("retry-after").is_none() && got.header("stripe-should-retry").is_none());
    account.world().switches.should_retry = Some(true);
    let got = account.get("customers").await;
    assert_eq!((got.status, got.code(), got.header("stripe-rate-limited-reason")), (429, "lock_timeout", None));
    assert_eq!(got.header("stripe-should-retry"), Some("true"));
    assert_eq!(account.get("customers").await.status, 200);
    account.world().switches.calls_per_second = Some(0);
    assert_eq!(account.get("customers").await.header("stripe-rate-limited-reason"), Some("global-rate"));
    account.world().switches.calls_per_second = None;
    account.world().switches.endpoint_calls_per_second = Some(0);
    assert_eq!(account.get("customers").await.header("stripe-rate-limited-reason"), Some("endpoint-rate"));
    assert_eq!(account.world().refused(), 4);
}
