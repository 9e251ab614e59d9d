//! Subscriptions, prices, coupons, expansion.

use rust_decimal::Decimal;

use super::super::{Discounted, Interval, Rounding, Tier, TiersMode, Transform, Usage};
use super::*;

#[tokio::test]
async fn trap_28_29_embedded_items_are_cut_and_metered_ones_have_no_quantity() {
    let account = Account::open().await;
    let (customer, price) = (account.customer("A", days(50)), account.price());
    let product = account.world().add_product("Usage");
    let usage_type = Usage::Metered;
    let metered =
        account.world().add_price(PriceSeed { product, unit_amount: Some(1), usage_type, ..PriceSeed::default() });
    let mut items = vec![(price, Some(2)); 11];
    items.push((metered, None));
    let seed = SubscriptionSeed { customer, items, created: days(40), ..Default::default() };
    let id = account.world().add_subscription(seed).unwrap();
    let embedded = account.get(&format!("subscriptions/{id}")).await.body["items"].clone();
    assert_eq!((embedded["data"].as_array().unwrap().len(), &embedded["has_more"]), (10, &json!(true)));
    let all = account.get(&format!("subscription_items?subscription={id}&limit=100")).await;
    assert_eq!((all.ids().len(), &all.body["has_more"]), (12, &json!(false)));
    assert_eq!(all.body["data"][0], embedded["data"][0]);
    assert_eq!((all.body["data"][11].get("quantity"), &all.body["data"][0]["quantity"]), (None, &json!(2)));
    let page =
        account.get(&format!("subscription_items?subscription={id}&limit=2&starting_after={}", all.ids()[4])).await;
    assert_eq!(page.ids(), all.ids()[5..7]);
}

#[tokio::test]
async fn trap_30_31_amounts_that_are_not_whole_are_null_and_decimal_text() {
    let account = Account::open().await;
    let product = account.world().add_product("API");
    let half = Some(Decimal::new(50, 2));
    let price = account.world().add_price(PriceSeed { product, unit_amount_decimal: half, ..PriceSeed::default() });
    let got = account.get(&format!("prices/{price}")).await.body;
    assert_eq!((&got["unit_amount"], &got["unit_amount_decimal"]), (&Value::Null, &json!("0.5")));
    let whole = account.price();
    let got = account.get(&format!("prices/{whole}")).await.body;
    assert_eq!((&got["unit_amount"], &got["unit_amount_decimal"]), (&json!(2_000), &json!("2000")));
    assert_eq!(got["recurring"]["interval"], "month");
}

#[tokio::test]
async fn trap_32_33_tiers_come_on_expand_only() {
    let account = Account::open().await;
    let product = account.world().add_product("Seats");
    let tier = |up_to, unit: i64| Tier { up_to, unit_amount: Some(unit.into()), flat_amount: Some(Decimal::new(5, 1)) };
    let seed = PriceSeed {
        product,
        tiers: vec![tier(Some(10), 500), tier(None, 300)],
        tiers_mode: TiersMode::Volume,
        transform_quantity: Some(Transform { divide_by: 100, round: Rounding::Up }),
        interval: Some(Interval::Year),
        interval_count: 2,
        ..PriceSeed::default()
    };
    account.world().add_price(seed);
    let plain = account.get("prices").await.body["data"][0].clone();
    assert_eq!(plain.get("tiers"), None);
    assert_eq!((&plain["billing_scheme"], &plain["unit_amount_decimal"]), (&json!("tiered"), &Value::Null));
    assert_eq!((&plain["tiers_mode"], &plain["recurring"]["interval_count"]), (&json!("volume"), &json!(2)));
    assert_eq!(plain["transform_quantity"], json!({ "divide_by": 100, "round": "up" }));
    let tiers = account.get("prices?expand[]=data.tiers").await.body["data"][0]["tiers"].clone();
    let last = json!({ "up_to": null, "unit_amount": 300, "unit_amount_decimal": "300", "flat_amount": null, "flat_amount_decimal": "0.5" });
    assert_eq!((tiers.as_array().unwrap().len(), &tiers[1]), (2, &last));
}

#[tokio::test]
async fn trap_38_discounts_are_ids_and_four_levels_reach_the_coupon() {
    let account = Account::open().await;
    let (customer, price) = (account.customer("A", days(50)), account.price());
    account.world().add_coupon(Coupon::percent("HALF", 50.0, Lasting::Forever, days(60)));
    let items = vec![(price, Some(1))];
    let coupons = vec!["HALF".to_owned()];
    let seed = SubscriptionSeed { customer, items, coupons, created: days(40), ..Default::default() };
    let id = account.world().add_subscription(seed).unwrap();
    let plain = account.get("subscriptions").await.body["data"][0]["discounts"].clone();
    assert!(plain[0].as_str().unwrap().starts_with("di_"));
    let one = account.get("subscriptions?expand[]=data.discounts").await.body["data"][0]["discounts"][0].clone();
    assert_eq!((&one["source"], &one["subscription"]), (&json!({ "type": "coupon", "coupon": "HALF" }), &json!(id)));
    let two = account.get("subscriptions?expand[]=data.discounts.source.coupon").await.body["data"][0]["discounts"][0]
        .clone();
    assert_eq!(two["source"]["coupon"]["percent_off"], json!(50.0));
    for path in ["data.items.data.price.product", "data.items.data.price.tiers"] {
        let got = account.get(&format!("subscriptions?expand[]={path}")).await;
        assert_eq!((got.status, got.code()), (400, "property_expansion_max_depth"));
    }
    let got =
        account.get(&format!("subscriptions/{id}?expand[]=items.data.price.product&expand[]=customer")).await.body;
    assert_eq!(got["items"]["data"][0]["price"]["product"]["name"], "Pro");
    assert_eq!(got["customer"]["name"], "A");
    account.world().forbid(Permission::Coupons);
    let got = account.get("subscriptions?expand[]=data.discounts.source.coupon").await;
    assert_eq!(got.status, 403, "trap 54: the whole call");
    account.world().permit(Permission::Coupons);
    account.world().delete_coupon("HALF").unwrap();
    let two = account.get("subscriptions?expand[]=data.discounts.source.coupon").await.body["data"][0]["discounts"][0]
        .clone();
    assert_eq!(two["source"]["coupon"]["deleted"], true, "trap 23");
}

#[tokio::test]
async fn trap_39_41_discounts_run_out_without_an_event() {
    let account = Account::open().await;
    let (customer, price) = (account.customer("A", days(50)), account.price());
    let subscription = account.subscription(&customer, &price, Status::Active);
    account.world().add_coupon(Coupon::amount("FIVE", 500, "usd", Lasting::Repeating(2), noon()));
    account.world().add_coupon(Coupon::percent("FIRST", 10.0, Lasting::Once, noon()));
    account.world().apply_discount(Discounted::Customer(customer.clone()), "FIVE").unwrap();
    account.world().apply_discount(Discounted::Subscription(subscription.clone()), "FIRST").unwrap();
    let path = format!("customers/{customer}");
    let discount = account.get(&path).await.body["discount"].clone();
    assert_eq!(discount["end"], Utc.with_ymd_and_hms(2027, 1, 23, 12, 0, 0).unwrap().timestamp());
    assert_eq!((&discount["customer"], &discount["subscription"]), (&json!(customer), &Value::Null));
    let raised = account.world().events_raised();
    account.world().pin(noon() + Duration::days(62));
    assert!(account.get(&path).await.body["discount"].is_null());
    assert_eq!(account.world().events_raised(), raised);
    account.world().renew(&subscription).unwrap();
    let got = account.get(&format!("subscriptions/{subscription}")).await.body;
    assert_eq!(got["discounts"], json!([]), "one invoice only");
}

#[tokio::test]
async fn trap_35_periods_are_of_the_item_and_hold_now() {
    let account = Account::open().await;
    let (customer, product) = (account.customer("A", days(900)), account.world().add_product("X"));
    let every = |interval, interval_count| PriceSeed {
        product: product.clone(),
        unit_amount: Some(100),
        interval: Some(interval),
        interval_count,
        ..PriceSeed::default()
    };
    let rows = [(Interval::Day, 3), (Interval::Week, 1), (Interval::Month, 3), (Interval::Year, 2)];
    let seeds = rows.map(|(interval, count)| every(interval, count));
    let items = seeds.map(|seed| (account.world().add_price(seed), Some(1))).into();
    let seed = SubscriptionSeed { customer, items, created: days(900), ..Default::default() };
    let id = account.world().add_subscription(seed).unwrap();
    let got = account.get(&format!("subscriptions/{id}")).await.body;
    let now = noon().timestamp();
    for (item, (least, most)) in
        got["items"]["data"].as_array().unwrap().iter().zip([(3, 3), (7, 7), (89, 92), (730, 731)])
    {
        let (start, end) =
            (item["current_period_start"].as_i64().unwrap(), item["current_period_end"].as_i64().unwrap());
        assert!(start <= now && now < end && (least..=most).contains(&((end - start) / 86_400)), "{item}");
    }
    let first = got["items"]["data"][0]["current_period_end"].as_i64().unwrap();
    assert_eq!(account.get(&format!("subscriptions?current_period_end[lte]={first}")).await.ids(), [id]);
    assert!(account.get(&format!("subscriptions?current_period_end[lt]={first}")).await.ids().is_empty());
}

#[tokio::test]
async fn trap_23_a_deleted_product_hangs_on_as_a_stub() {
    let account = Account::open().await;
    let price = account.price();
    let product = account.get(&format!("prices/{price}")).await.body["product"].as_str().unwrap().to_owned();
    assert_eq!(account.get(&format!("products?ids[]={product}")).await.ids(), vec![product.clone()]);
    account.world().delete_product(&product).unwrap();
    assert_eq!(account.get(&format!("products/{product}")).await.status, 404);
    assert!(account.get("products").await.ids().is_empty());
    let got = account.get(&format!("prices/{price}?expand[]=product")).await.body;
    assert_eq!(got["product"], json!({ "id": product, "object": "product", "deleted": true }));
    account.world().update_price(&price, |price| price.active = false).unwrap();
    assert_eq!(account.get("prices?active=false").await.ids(), vec![price]);
}

#[tokio::test]
async fn trap_45_46_asked_to_end_or_paused_collection_is_still_active() {
    let account = Account::open().await;
    let (customer, price) = (account.customer("A", days(50)), account.price());
    let id = account.subscription(&customer, &price, Status::Active);
    let edit = |it: &mut super::super::Subscription| {
        (it.cancel_at_period_end, it.canceled_at) = (true, Some(noon()));
        it.pause_collection = Some("void".to_owned());
    };
    account.world().update_subscription(&id, edit).unwrap();
    let got = account.get(&format!("subscriptions/{id}")).await.body;
    assert_eq!((&got["status"], &got["canceled_at"]), (&json!("active"), &json!(noon().timestamp())));
    assert_eq!((&got["pause_collection"]["behavior"], &got["ended_at"]), (&json!("void"), &Value::Null));
}
