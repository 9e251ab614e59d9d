//! MRR by table: the sheet's own numbers, then every trap that concerns money (stripe-api.md 9, traps 25 to 50).

use serde_json::{Value as Json, json};

use super::*;

const NOW: i64 = 1_790_000_000;

/// A subscription in force; `changes` are laid over it.
fn subscription(currency: &str, items: &[Json], changes: &Json) -> Subscription {
    let mut json = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "currency": currency,
        "items": {"object": "list", "data": items, "has_more": false}, "discounts": [], "trial_end": null,
        "pause_collection": null});
    for (name, value) in changes.as_object().unwrap() {
        json[name] = value.clone();
    }
    serde_json::from_value(json).unwrap()
}

/// A price of so many minor units each interval.
fn price(amount: &str, interval: &str, count: i64) -> Json {
    json!({"id": format!("price_{amount}_{interval}_{count}"), "object": "price", "type": "recurring",
        "billing_scheme": "per_unit", "currency": "usd", "nickname": null, "product": "prod_1",
        "unit_amount": amount.parse::<i64>().ok(), "unit_amount_decimal": amount, "tiers_mode": null,
        "recurring": {"interval": interval, "interval_count": count, "usage_type": "licensed"}, "transform_quantity": null})
}

fn item(price: Json, quantity: i64) -> Json {
    json!({"id": "si_1", "price": price, "quantity": quantity, "discounts": []})
}

fn with(mut json: Json, name: &str, value: Json) -> Json {
    json[name] = value;
    json
}

fn tiered(mode: &str, tiers: Json) -> Json {
    let price = with(with(price("", "month", 1), "unit_amount_decimal", Json::Null), "billing_scheme", json!("tiered"));
    with(with(price, "tiers_mode", json!(mode)), "tiers", tiers)
}

fn discount(coupon: Json, end: Option<i64>) -> Json {
    json!({"id": "di_1", "start": 1, "end": end, "source": {"type": "coupon", "coupon": coupon}})
}

fn percent(off: f64, duration: &str) -> Json {
    json!({"id": format!("c{off}{duration}"), "object": "coupon", "percent_off": off, "duration": duration})
}

fn amount(off: i64, currency: &str) -> Json {
    json!({"id": format!("a{off}{currency}"), "object": "coupon", "amount_off": off, "currency": currency, "duration": "forever"})
}

/// By the default policy; the switches are tried by the tables of `mrr.md`.
fn figures(subscription: &Subscription, shelf: &Shelf, now: i64) -> Figures {
    super::figures(subscription, shelf, &MrrPolicy::default(), now)
}

fn mrr_of(currency: &str, items: &[Json], changes: &Json) -> String {
    figures(&subscription(currency, items, changes), &Shelf::default(), NOW).mrr.to_string()
}

#[test]
fn the_test_numbers_of_the_sheet_9() {
    for (currency, amount, interval, count, expected) in [
        ("usd", "120000", "year", 1, "100"),
        ("usd", "30000", "month", 3, "100"),
        ("usd", "240000", "year", 2, "100"),
        ("usd", "1200", "week", 1, "52"),
        ("jpy", "12000", "year", 1, "1000"),
    ] {
        let price = with(price(amount, interval, count), "currency", json!(currency));
        assert_eq!(
            mrr_of(currency, &[item(price, 1)], &json!({})),
            expected,
            "{amount} {currency} each {count} {interval}"
        );
    }
}

#[test]
fn intervals_are_divided_by_their_count_traps_34_and_35() {
    for (amount, interval, count, expected) in [
        ("1200", "day", 1, "365"),
        ("1200", "day", 5, "73"),
        ("1200", "week", 2, "26"),
        ("1000", "month", 1, "10"),
        ("6000", "month", 6, "10"),
    ] {
        assert_eq!(
            mrr_of("usd", &[item(price(amount, interval, count), 1)], &json!({})),
            expected,
            "{count} {interval}"
        );
    }
    let mixed = [item(price("1000", "month", 1), 1), item(price("120000", "year", 1), 1)];
    assert_eq!(mrr_of("usd", &mixed, &json!({})), "110");
    let thirds = [1, 2, 3].map(|_| item(price("10000", "year", 1), 1));
    assert_eq!(mrr_of("usd", &thirds, &json!({})), "25", "three times 100 a year, without a lost digit");
    assert_eq!(mrr_of("usd", &thirds[..1], &json!({})), "8.333333333333333333333333333", "rounded by the writer only");
}

#[test]
fn currencies_have_stripes_own_exponents_trap_36() {
    for (currency, expected) in
        [("usd", "15"), ("jpy", "1500"), ("kwd", "1.5"), ("isk", "15"), ("ugx", "15"), ("mga", "1500")]
    {
        let price = with(price("1500", "month", 1), "currency", json!(currency));
        assert_eq!(mrr_of(currency, &[item(price, 1)], &json!({})), expected, "{currency}");
    }
}

#[test]
fn only_paying_subscriptions_count_traps_43_to_47() {
    let plain = [item(price("1000", "month", 1), 1)];
    for (changes, expected) in [
        (json!({}), "10"),
        (json!({"status": "past_due"}), "10"),
        (json!({"status": "trialing"}), "0"),
        (json!({"status": "unpaid"}), "0"),
        (json!({"status": "canceled"}), "0"),
        (json!({"status": "incomplete"}), "0"),
        (json!({"status": "incomplete_expired"}), "0"),
        (json!({"status": "paused"}), "0"),
        (json!({"status": "a_new_word"}), "0"),
        (json!({"trial_end": NOW + 1}), "0"),
        (json!({"trial_end": NOW}), "10"),
        (json!({"pause_collection": {"behavior": "void", "resumes_at": null}}), "0"),
        (json!({"cancel_at_period_end": true, "canceled_at": NOW - 5}), "10"),
        (json!({"schedule": "sub_sched_1", "pending_update": {"expires_at": 1}}), "10"),
    ] {
        assert_eq!(mrr_of("usd", &plain, &changes), expected, "{changes}");
    }
    let trial = |end: Json| with(item(price("500", "month", 1), 1), "current_trial", end);
    for (end, expected) in [
        (Json::Null, "15"),
        (json!({"end_date": NOW + 1}), "10"),
        (json!({"end_date": NOW - 1}), "15"),
        (json!({"trial_offer": "x"}), "10"),
    ] {
        assert_eq!(mrr_of("usd", &[plain[0].clone(), trial(end.clone())], &json!({})), expected, "item trial {end}");
    }
}

#[test]
fn every_item_counts_in_its_quantity_traps_27_to_31() {
    for (quantity, expected) in [(json!(3), "30"), (json!(null), "10"), (json!(0), "0")] {
        let one = with(item(price("1000", "month", 1), 1), "quantity", quantity.clone());
        assert_eq!(mrr_of("usd", &[one], &json!({})), expected, "quantity {quantity}");
    }
    let two = [item(price("1000", "month", 1), 1), item(price("250", "month", 1), 2)];
    assert_eq!(mrr_of("usd", &two, &json!({})), "15", "add-ons too");
    let half_a_cent = item(price("0.5", "month", 1), 1001);
    assert_eq!(mrr_of("usd", std::slice::from_ref(&half_a_cent), &json!({})), "5.005");
    let tiny = item(price("0.000000000001", "month", 1), 1);
    assert_eq!(mrr_of("usd", &[tiny], &json!({})), "0.00000000000001");
}

#[test]
fn metered_and_one_time_items_do_not_count_9() {
    let usage = |word: &str| json!({"interval": "month", "interval_count": 1, "usage_type": word});
    let metered = with(price("1000", "month", 1), "recurring", usage("metered"));
    let metered = with(item(metered, 0), "quantity", Json::Null);
    let once = with(with(price("1000", "month", 1), "recurring", Json::Null), "type", json!("one_time"));
    let items = [metered, item(once, 1), item(price("700", "month", 1), 1)];
    assert_eq!(mrr_of("usd", &items, &json!({})), "7");
}

#[test]
fn bundles_are_priced_by_the_bundle_trap_33() {
    for (quantity, round, expected) in [(250, "up", "30"), (250, "down", "20"), (200, "up", "20"), (0, "up", "0")] {
        let bundle = with(price("1000", "month", 1), "transform_quantity", json!({"divide_by": 100, "round": round}));
        assert_eq!(mrr_of("usd", &[item(bundle, quantity)], &json!({})), expected, "{quantity} {round}");
    }
}

#[test]
fn graduated_and_volume_are_not_mixed_up_trap_32() {
    let tiers = json!([
        {"up_to": 10, "unit_amount": 500, "unit_amount_decimal": "500", "flat_amount": 1000, "flat_amount_decimal": "1000"},
        {"up_to": 20, "unit_amount": 400, "unit_amount_decimal": "400", "flat_amount": null, "flat_amount_decimal": null},
        {"up_to": null, "unit_amount": null, "unit_amount_decimal": "0.5", "flat_amount": 300}
    ]);
    for (mode, quantity, expected) in [
        ("graduated", 0, "0"),
        ("graduated", 10, "60"),
        ("graduated", 11, "64"),
        ("graduated", 30, "103.05"),
        ("volume", 0, "0"),
        ("volume", 10, "60"),
        ("volume", 11, "44"),
        ("volume", 20, "80"),
        ("volume", 100, "3.5"),
    ] {
        let items = [item(tiered(mode, tiers.clone()), quantity)];
        assert_eq!(mrr_of("usd", &items, &json!({})), expected, "{mode} {quantity}");
    }
}

#[test]
fn tiers_and_other_currencies_come_from_the_catalogue_trap_32() {
    let mut shelf = Shelf::default();
    let whole = with(tiered("volume", json!([{"up_to": null, "unit_amount": 200}])), "id", json!("price_t"));
    shelf.put(&whole);
    let bare = with(whole, "tiers", Json::Null);
    let found = figures(&subscription("usd", &[item(bare, 4)], &json!({})), &shelf, NOW);
    assert_eq!((found.mrr.to_string().as_str(), found.doubts.unpriced.len()), ("8", 0));

    let embedded = with(price("1000", "month", 1), "id", json!("price_c"));
    let options = json!({"usd": {"unit_amount": 1000}, "eur": {"unit_amount": 900, "unit_amount_decimal": "900"}});
    shelf.put(&with(embedded.clone(), "currency_options", options));
    for (currency, mrr, unpriced) in [("usd", "10", 0), ("eur", "9", 0), ("gbp", "0", 1)] {
        let found = figures(&subscription(currency, &[item(embedded.clone(), 1)], &json!({})), &shelf, NOW);
        assert_eq!((found.mrr.to_string().as_str(), found.doubts.unpriced.len()), (mrr, unpriced), "{currency}");
    }
}

#[test]
fn what_cannot_be_priced_is_told_and_never_guessed_trap_30() {
    let custom = with(with(price("", "month", 1), "unit_amount", Json::Null), "unit_amount_decimal", Json::Null);
    let no_tiers = with(tiered("volume", Json::Null), "id", json!("price_x"));
    let short = tiered("graduated", json!([{"up_to": 5, "unit_amount": 1}]));
    let decade = price("1000", "decade", 1);
    let huge = price("79228162514264337593543950335", "month", 1);
    for odd in [custom, no_tiers, short, decade, huge] {
        let items = [item(price("700", "month", 1), 1), item(odd.clone(), 9)];
        let found = figures(&subscription("usd", &items, &json!({})), &Shelf::default(), NOW);
        assert_eq!((found.mrr.to_string().as_str(), found.doubts.unpriced.len()), ("7", 1), "{odd}");
    }
}

#[test]
fn only_lasting_discounts_lower_mrr_traps_38_to_41() {
    let items = [item(price("10000", "month", 1), 1), item(price("120000", "year", 1), 1)];
    let on = |discounts: Json| json!({"discounts": discounts});
    let customer = |discount: Json| json!({"customer": {"id": "cus_1", "discount": discount}});
    let half = || discount(percent(50.0, "forever"), None);
    for (changes, expected, why) in [
        (on(json!(["di_1"])), "200", "an id alone says nothing"),
        (on(json!([half()])), "100", "percent"),
        (on(json!([discount(percent(12.5, "forever"), None)])), "175", "a fraction of a percent"),
        (on(json!([half(), discount(percent(10.0, "forever"), None)])), "90", "one after the other"),
        (on(json!([discount(percent(100.0, "forever"), None)])), "0", "all of it"),
        (on(json!([discount(percent(50.0, "once"), None)])), "200", "once"),
        (on(json!([discount(percent(50.0, "repeating"), Some(NOW + 9))])), "200", "repeating"),
        (on(json!([discount(percent(50.0, "forever"), Some(NOW - 9))])), "200", "ended"),
        (on(json!([discount(amount(2000, "eur"), None)])), "200", "another currency has no effect"),
        (customer(half()), "100", "the customer's, where there is none"),
        (
            with(customer(half()), "discounts", json!([discount(percent(10.0, "forever"), None)])),
            "180",
            "own before customer's",
        ),
        (
            with(customer(half()), "discounts", json!([discount(percent(10.0, "once"), None)])),
            "200",
            "any own before customer's",
        ),
        (json!({"customer": {"id": "cus_1", "deleted": true}}), "200", "a deleted customer"),
    ] {
        assert_eq!(mrr_of("usd", &items, &changes), expected, "{why}");
    }
}

#[test]
fn an_amount_off_is_taken_once_per_subscription_trap_40() {
    let off = |minor: i64| json!({"discounts": [discount(amount(minor, "usd"), None)]});
    let three = [1, 2, 3].map(|_| item(price("1000", "month", 1), 1));
    for (minor, expected) in [(500, "25"), (1000, "20"), (3000, "0"), (9000, "0")] {
        assert_eq!(mrr_of("usd", &three, &off(minor)), expected, "{minor}");
    }
    let yearly = [item(price("120000", "year", 1), 1)];
    assert_eq!(mrr_of("usd", &yearly, &off(12000)), "90", "off the yearly invoice, so a twelfth a month");
    let mixed = [item(price("10000", "month", 1), 1), item(price("30000", "year", 1), 1)];
    assert_eq!(
        mrr_of("usd", &mixed, &off(4000)),
        "112.5",
        "a quarter of it off the month, three quarters off the year"
    );
    let free = [item(price("0", "month", 1), 1)];
    assert_eq!(mrr_of("usd", &free, &off(500)), "0");
}

#[test]
fn item_discounts_come_first_and_products_are_respected_7() {
    let one = with(item(price("10000", "month", 1), 1), "discounts", json!([discount(amount(5000, "usd"), None)]));
    let other = item(with(price("10000", "month", 1), "product", json!("prod_2")), 1);
    let items = [one, other];
    assert_eq!(mrr_of("usd", &items, &json!({"discounts": [discount(percent(50.0, "forever"), None)]})), "75");
    let only = with(percent(50.0, "forever"), "applies_to", json!({"products": ["prod_2"]}));
    assert_eq!(mrr_of("usd", &items, &json!({"discounts": [discount(only, None)]})), "100");
    // The catalogue knows what a coupon applies to even where the discount does not show it.
    let mut shelf = Shelf::default();
    let bare = percent(50.0, "forever");
    shelf.put(&with(bare.clone(), "applies_to", json!({"products": ["prod_2"]})));
    let subscription = subscription("usd", &items, &json!({"discounts": [discount(bare, None)]}));
    assert_eq!(figures(&subscription, &shelf, NOW).mrr.to_string(), "100");
}

#[test]
fn the_plan_is_the_largest_item_by_the_month_settled_points() {
    let mut shelf = Shelf::default();
    shelf.put(&json!({"object": "product", "id": "prod_1", "name": "Gold"}));
    let yearly = item(price("60000", "year", 1), 1);
    let monthly =
        item(with(with(price("6000", "month", 1), "nickname", json!("Seats")), "product", json!("prod_9")), 1);
    let of = |items: &[Json], changes: Json| figures(&subscription("usd", items, &changes), &shelf, NOW);
    let shown = |found: &Figures| (found.plan.clone().unwrap_or_default(), found.plan_weight.to_string());
    assert_eq!(shown(&of(&[yearly.clone(), monthly.clone()], json!({}))), ("Seats".to_owned(), "60".to_owned()));
    assert_eq!(
        shown(&of(std::slice::from_ref(&yearly), json!({"status": "canceled"}))),
        ("Gold".to_owned(), "50".to_owned())
    );
    let blank = with(with(price("5000", "month", 1), "nickname", json!(" ")), "product", json!("prod_gone"));
    assert_eq!(shown(&of(&[item(blank, 1)], json!({}))), (String::new(), "50".to_owned()));
    let twin = item(with(price("6000", "month", 1), "nickname", json!("Twin")), 1);
    assert_eq!(shown(&of(&[monthly, twin], json!({}))).0, "Seats", "the first of equals");
    let usage = json!({"interval": "month", "usage_type": "metered"});
    let metered = item(with(price("1", "month", 1), "recurring", usage), 0);
    assert_eq!(shown(&of(&[metered], json!({}))), ("Gold".to_owned(), "0".to_owned()));
    assert_eq!(shown(&of(&[], json!({}))), (String::new(), "0".to_owned()));
}

#[test]
fn figures_that_will_change_by_themselves_say_when_trap_39() {
    let items = [item(price("1000", "month", 1), 1)];
    let ends = |at: i64| json!([discount(percent(50.0, "repeating"), Some(at))]);
    for (changes, expected) in [
        (json!({}), None),
        (json!({"trial_end": NOW + 50}), Some(50)),
        (json!({"trial_end": NOW - 50}), None),
        (json!({"discounts": ends(NOW + 20), "trial_end": NOW + 50}), Some(20)),
        (json!({"pause_collection": {"behavior": "void", "resumes_at": NOW + 7}}), Some(7)),
        (json!({"customer": {"id": "c", "discount": discount(percent(1.0, "once"), Some(NOW + 3))}}), Some(3)),
        (json!({"status": "canceled", "trial_end": NOW + 50}), None),
    ] {
        let found = changes_at(&subscription("usd", &items, &changes), NOW);
        assert_eq!(found.map(|at| at - NOW), expected, "{changes}");
    }
}
