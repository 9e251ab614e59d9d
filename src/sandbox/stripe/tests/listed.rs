//! Lists, cursors, deletes.

use super::*;

#[tokio::test]
async fn trap_6_7_cursors_mean_older_and_newer_and_pages_are_newest_first() {
    let account = Account::open().await;
    let mut made: Vec<String> = (0..7).map(|n| account.customer(&format!("c{n}"), days(100 - n))).collect();
    made.reverse();
    let first = account.get("customers?limit=3").await;
    assert_eq!((first.ids(), &first.body["has_more"]), (made[..3].to_vec(), &json!(true)));
    assert_eq!((&first.body["object"], &first.body["url"]), (&json!("list"), &json!("/v1/customers")));
    let older = account.get(&format!("customers?limit=3&starting_after={}", made[2])).await;
    assert_eq!((older.ids(), &older.body["has_more"]), (made[3..6].to_vec(), &json!(true)));
    let last = account.get(&format!("customers?limit=3&starting_after={}", made[5])).await;
    assert_eq!((last.ids(), &last.body["has_more"]), (made[6..].to_vec(), &json!(false)));
    let newer = account.get(&format!("customers?limit=2&ending_before={}", made[5])).await;
    assert_eq!((newer.ids(), &newer.body["has_more"]), (made[3..5].to_vec(), &json!(true)), "nearest to the cursor");
    let top = account.get(&format!("customers?limit=3&ending_before={}", made[2])).await;
    assert_eq!((top.ids(), &top.body["has_more"]), (made[..2].to_vec(), &json!(false)));
}

#[tokio::test]
async fn a_second_holds_many_and_a_window_is_in_whole_seconds() {
    let account = Account::open().await;
    let at = days(50);
    let made: Vec<String> = (0..4).map(|n| account.customer(&format!("c{n}"), at + Duration::seconds(n / 2))).collect();
    let second = at.timestamp();
    let of = async |query: String| account.get(&format!("customers?{query}")).await.ids();
    assert_eq!(of(format!("created[gt]={second}")).await, [made[3].clone(), made[2].clone()]);
    assert_eq!(of(format!("created[lte]={second}")).await, [made[1].clone(), made[0].clone()]);
    assert_eq!(
        of(format!("created[gte]={second}&created[lt]={}", second + 1)).await,
        [made[1].clone(), made[0].clone()]
    );
    assert_eq!(of(format!("created[gte]={second}&starting_after={}", made[1])).await, [made[0].clone()]);
    assert!(of(format!("created[gte]={}&created[lt]={second}", second + 9)).await.is_empty());
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let account = Account::open().await;
    let id = account.customer("A", days(50));
    for (query, code) in [
        ("limit=101".to_owned(), "parameter_invalid_integer"),
        ("limit=0".to_owned(), "parameter_invalid_integer"),
        ("created[since]=1".to_owned(), "parameter_invalid_integer"),
        ("updated[gte]=1".to_owned(), "parameter_unknown"),
        (format!("starting_after={id}&ending_before={id}"), "parameter_invalid"),
        ("starting_after=cus_none".to_owned(), "resource_missing"),
        ("expand[]=subscriptions".to_owned(), "parameter_invalid"),
    ] {
        let got = account.get(&format!("customers?{query}")).await;
        assert_eq!((got.status, got.code()), (400, code), "{query}");
    }
    assert_eq!(account.get("subscriptions?status=dead").await.status, 400);
    assert_eq!(account.get("subscription_items").await.code(), "parameter_missing");
    assert_eq!(account.get("charges").await.status, 404);
}

#[tokio::test]
async fn trap_19_20_22_a_deleted_customer_is_a_stub_absent_from_lists_and_its_subscriptions_end() {
    let account = Account::open().await;
    let (id, price) = (account.customer("Acme", days(50)), account.price());
    let subscription = account.subscription(&id, &price, Status::Active);
    account.hush();
    account.world().delete_customer(&id).unwrap();
    let stub = account.get(&format!("customers/{id}")).await;
    assert_eq!((stub.status, stub.body), (200, json!({ "id": id, "object": "customer", "deleted": true })));
    assert!(account.get("customers").await.ids().is_empty());
    let unknown = account.get("customers/cus_none").await;
    assert_eq!((unknown.status, unknown.code()), (404, "resource_missing"));
    let ended = account.get(&format!("subscriptions/{subscription}?expand[]=customer")).await.body;
    assert_eq!((&ended["status"], &ended["customer"]["deleted"]), (&json!("canceled"), &json!(true)));
    assert_eq!(account.get("subscriptions?status=all").await.ids(), vec![subscription]);
    let events = account.get("events").await;
    assert_eq!(events.kinds(), ["customer.subscription.deleted", "customer.deleted"]);
    assert_eq!(events.body["data"][1]["data"]["object"]["name"], "Acme", "the last full customer");
    assert!(account.world().update_customer(&id, |_| {}).is_err());
}

#[tokio::test]
async fn trap_18_a_cursor_of_a_deleted_customer_fails_or_goes_on_as_switched() {
    let account = Account::open().await;
    let (old, new) = (account.customer("Old", days(60)), account.customer("New", days(50)));
    account.world().delete_customer(&new).unwrap();
    let path = format!("customers?starting_after={new}");
    assert_eq!(account.get(&path).await.code(), "resource_missing");
    account.world().switches.deleted_cursor_fails = false;
    assert_eq!(account.get(&path).await.ids(), vec![old]);
}

#[tokio::test]
async fn trap_52_test_clock_customers_hide_from_lists_but_not_from_events() {
    let account = Account::open().await;
    let seed = CustomerSeed { test_clock: Some("clock_1".into()), created: days(1), ..CustomerSeed::default() };
    let id = account.world().add_customer(seed);
    assert!(account.get("customers").await.ids().is_empty());
    assert_eq!(account.get("customers?test_clock=clock_1").await.ids(), vec![id.clone()]);
    assert_eq!(account.get("events").await.body["data"][0]["data"]["object"]["id"], json!(id));
}

#[tokio::test]
async fn trap_24_59_mails_are_not_unique_and_matched_as_written() {
    let account = Account::open().await;
    let seed =
        |email: &str, day| CustomerSeed { email: Some(email.into()), created: days(day), ..CustomerSeed::default() };
    let one = account.world().add_customer(seed("a@b.example", 52));
    let two = account.world().add_customer(seed("a@b.example", 51));
    account.world().add_customer(seed("A@b.example", 50));
    assert_eq!(account.get("customers?email=a@b.example").await.ids(), vec![two, one]);
}

#[tokio::test]
async fn trap_25_the_default_list_hides_canceled_subscriptions() {
    let account = Account::open().await;
    let (id, other, price) = (account.customer("A", days(50)), account.customer("B", days(50)), account.price());
    let live = account.subscription(&id, &price, Status::PastDue);
    let dead = account.subscription(&id, &price, Status::Active);
    let expired = account.subscription(&other, &price, Status::IncompleteExpired);
    account.world().cancel_subscription(&dead).unwrap();
    let of = async |query: &str| account.get(&format!("subscriptions?{query}")).await.ids();
    assert_eq!(of("").await, [expired.clone(), live.clone()]);
    assert_eq!(of("status=all").await, [expired.clone(), dead.clone(), live.clone()]);
    assert_eq!(of("status=ended").await, [expired.clone(), dead.clone()]);
    assert_eq!(of("status=past_due").await, [live.as_str()]);
    assert_eq!(of(&format!("customer={id}&status=all&limit=1")).await, [dead.as_str()]);
    assert_eq!(of(&format!("customer={id}&status=all&starting_after={dead}")).await, [live]);
    assert_eq!(account.get(&format!("subscriptions/{dead}")).await.body["status"], "canceled");
}
