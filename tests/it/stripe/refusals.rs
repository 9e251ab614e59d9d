//! Limits, locks, lost rights, and what every error says (traps 21, 54 to 56).

use chrono::TimeDelta;
use pivotal_sync::domain::{ApiError, Fault, PullMode};
use pivotal_sync::ports::{PageEnd, PullRequest, Source, Verdict};
use pivotal_sync::sandbox::stripe::{Coupon, Discounted, Duration, Permission, Refusal};

use super::{Account, CUSTOMERS, SUBSCRIPTIONS, follow, ids, listed};

#[tokio::test]
async fn a_locked_object_is_not_too_many_requests_trap_56() {
    let account = Account::start().await;
    let source = account.source();
    let request = PullRequest { stream: CUSTOMERS, cursor: None, mode: PullMode::Full };
    account.world().refuse_next(1, Refusal::LockTimeout);
    source.pull(request).await.unwrap();
    assert_eq!((source.spent().requests, source.spent().throttled), (2, 0));
    account.world().refuse_next(1, Refusal::EndpointRate);
    source.pull(request).await.unwrap();
    assert_eq!(
        (source.spent().requests, source.spent().throttled),
        (4, 1),
        "a 429 is tried again, unlike in Stripe's SDKs"
    );
}

#[tokio::test]
async fn stripe_decides_whether_to_try_again_and_says_which_limit_10() {
    let account = Account::start().await;
    account.world().switches.should_retry = Some(false);
    for (refusal, words) in [
        (Refusal::GlobalRate, "global-rate"),
        (Refusal::ResourceSpecific, "resource-specific"),
        (Refusal::LockTimeout, "lock_timeout"),
    ] {
        account.world().refuse_next(1, refusal);
        let source = account.source();
        let request = PullRequest { stream: CUSTOMERS, cursor: None, mode: PullMode::Full };
        let error = source.pull(request).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(source.spent().requests, 1, "told not to: {error}");
    }
}

#[tokio::test]
async fn every_error_names_stripes_request_11() {
    let account = Account::start().await;
    let id = account.customer("Acme");
    let mut errors: Vec<ApiError> = Vec::new();
    for (status, body) in [
        (400, r#"{"error":{"type":"invalid_request_error","message":"no"}}"#),
        (401, r#"{"error":{"message":"Invalid API Key"}}"#),
        (403, r#"{"error":{"message":"needs rak_customer_read"}}"#),
        (404, "<html>"),
        (409, "{}"),
        (424, "{}"),
        (500, "<html>oops"),
        (503, ""),
        (200, r#"{"object":"list"}"#),
        (200, r#"{"object":"list","data":[{}],"has_more":false}"#),
        (200, r#"{"object":"list","data":[],"has_more":true}"#),
        (200, "<html>a login page"),
    ] {
        account.obstruct("customers", 1, status, body);
        let request = PullRequest { stream: CUSTOMERS, cursor: None, mode: PullMode::Full };
        errors.push(account.source().pull(request).await.unwrap_err());
    }
    account.obstruct("customers/", 1, 200, r#"{"id":"cus_other","object":"customer"}"#);
    errors.push(account.source().read(CUSTOMERS, &ids(&[&id]), None).await.unwrap_err());
    for error in errors {
        assert_eq!(error.request_id.as_deref(), Some("req_obstacle"), "{error}");
        assert!(error.to_string().contains("req_obstacle"), "{error}");
    }
}

#[tokio::test]
async fn a_lost_right_or_key_never_looks_like_absence_trap_21() {
    let account = Account::start().await;
    account.world().switches.should_retry = Some(false);
    let (customer, subscription, _) = account.payer();
    let (mut customers, mut subscriptions) = (listed(&account, CUSTOMERS).await, listed(&account, SUBSCRIPTIONS).await);
    account.rename(&customer, "Acme Inc");
    account.world().cancel_subscription(&subscription).unwrap();
    for (status, named) in [(403, true), (401, true), (403, false), (401, false)] {
        {
            let switches = &mut account.world().switches;
            (switches.forbidden_status, switches.forbidden_names_right) = (status, named);
        }
        for right in [
            Permission::Customers,
            Permission::Subscriptions,
            Permission::Events,
            Permission::Prices,
            Permission::Products,
        ] {
            account.world().forbid(right);
            for (kept, stream) in [(&mut customers, CUSTOMERS), (&mut subscriptions, SUBSCRIPTIONS)] {
                for mode in [PullMode::Changes, PullMode::Full] {
                    let (cursor, now) = (kept.cursor.clone(), account.world().now());
                    if let Err(error) = kept.run(&account.source(), stream, mode, now).await {
                        let expected = match (status, named) {
                            // Without a right in its words it is a key that does not work.
                            (401, false) => Fault::Unauthorised,
                            (_, false) => Fault::Forbidden { scopes: Vec::new() },
                            (_, true) => Fault::Forbidden { scopes: vec![right.id().to_owned()] },
                        };
                        assert_eq!(error.fault, expected, "{error}");
                    }
                    kept.cursor = cursor;
                }
            }
            account.world().permit(right);
        }
    }
    assert!(!customers.is_gone(CUSTOMERS, &customer) && !subscriptions.is_gone(SUBSCRIPTIONS, &subscription));
    account.world().set_key("rk_test_rolled");
    let now = account.world().now();
    let error = customers.run(&account.source(), CUSTOMERS, PullMode::Full, now).await.unwrap_err();
    assert_eq!((error.fault, customers.live().count()), (Fault::Unauthorised, 1));
}

#[tokio::test]
async fn events_that_are_left_out_without_a_word_delete_nothing_and_a_full_pass_names_the_right_trap_21() {
    let account = Account::start().await;
    account.world().switches.events_hide_forbidden = true;
    let (stays, _, _) = account.payer();
    let goes = account.customer("Goes");
    let mut kept = listed(&account, CUSTOMERS).await;
    account.world().forbid(Permission::Customers);
    account.rename(&stays, "Renamed");
    account.world().delete_customer(&goes).unwrap();
    account.later(TimeDelta::hours(1));
    assert_eq!(follow(&account, &mut kept, CUSTOMERS).await, PageEnd::Delta, "nothing says that something is missing");
    assert_eq!((kept.name(&stays), kept.live().count()), ("Acme".to_owned(), 2));

    let now = account.world().now();
    let error = kept.run(&account.source(), CUSTOMERS, PullMode::Full, now).await.unwrap_err();
    assert_eq!(error.fault, Fault::Forbidden { scopes: vec![Permission::Customers.id().to_owned()] });
    let findings = account.source().check().await;
    assert!(
        findings
            .iter()
            .any(|found| matches!(&found.verdict, Verdict::Bad { remedy, .. } if remedy.contains("customer")))
    );
    assert_eq!(kept.live().count(), 2);

    account.world().permit(Permission::Customers);
    assert_eq!(kept.run(&account.source(), CUSTOMERS, PullMode::Full, now).await.unwrap(), PageEnd::Listing);
    assert_eq!((kept.name(&stays), kept.live().count()), ("Renamed".to_owned(), 1));
    assert!(kept.is_gone(CUSTOMERS, &goes));
}

#[tokio::test]
async fn without_the_coupon_right_it_goes_on_says_so_and_corrects_itself_trap_54() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    account.world().add_coupon(Coupon::percent("HALF", 50.0, Duration::Forever, super::noon()));
    account.world().apply_discount(Discounted::Subscription(subscription.clone()), "HALF").unwrap();
    let said = |notes: &[String]| notes.iter().filter(|note| note.contains("rak_coupon_read")).count();

    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "5");
    account.world().forbid(Permission::Coupons);
    // While following events, with a touched subscription and without; and in a full pass.
    for (touch, mode) in [(true, PullMode::Changes), (false, PullMode::Changes), (false, PullMode::Full)] {
        if touch {
            account.world().change_subscription_item(&subscription, 0, &price, Some(3)).unwrap();
        }
        account.later(TimeDelta::hours(1));
        let (source, now) = (account.source(), account.world().now());
        kept.run(&source, SUBSCRIPTIONS, mode, now).await.unwrap();
        assert_eq!(kept.mrr(&subscription), "30", "without its discount");
        assert_eq!(said(&source.notes()), 1, "each run says so: {touch}");
    }
    let findings = account.source().check().await;
    let coupons = findings.iter().find(|finding| finding.what.contains("Coupons")).unwrap();
    assert!(matches!(&coupons.verdict, Verdict::Warning { remedy, .. } if remedy.contains("rak_coupon_read")));

    account.world().permit(Permission::Coupons);
    account.later(TimeDelta::hours(1));
    let (source, now) = (account.source(), account.world().now());
    assert_eq!(kept.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap(), PageEnd::Listing);
    assert_eq!(kept.mrr(&subscription), "15");
    let notes = source.notes();
    assert!(said(&notes) == 0 && notes[0].contains("coupons can be read again"), "{notes:?}");
    assert_eq!(follow(&account, &mut kept, SUBSCRIPTIONS).await, PageEnd::Delta);
}

#[tokio::test]
async fn check_asks_for_every_right_and_never_for_the_account_trap_55() {
    let account = Account::start().await;
    account.payer();
    let findings = account.source().check().await;
    assert!(findings.iter().all(|finding| matches!(finding.verdict, Verdict::Good(_))), "{findings:?}");
    let asked = account.asked();
    assert!(!asked.iter().any(|path| path.starts_with("account")), "{asked:?}");
    for (right, row) in
        [(Permission::Customers, "Customers"), (Permission::Events, "Events"), (Permission::Prices, "Prices")]
    {
        account.world().forbid(right);
        let findings = account.source().check().await;
        let found = findings.iter().find(|finding| finding.what.contains(row)).unwrap();
        assert!(matches!(&found.verdict, Verdict::Bad { remedy, .. } if remedy.contains(right.id())), "{found:?}");
        account.world().permit(right);
    }
}
