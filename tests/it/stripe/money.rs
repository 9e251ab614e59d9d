//! Money from the wire to the record. Every rule by itself is a row of `src/sources/stripe/mrr.md`; here is what needs
//! Stripe's catalogue, its pages and its clock (traps 28 to 50).

use chrono::TimeDelta;
use pivotal_sync::domain::PullMode;
use pivotal_sync::ports::Source;
use pivotal_sync::sandbox::stripe::{
    Coupon, Discounted, Duration, Interval, PriceSeed, Status, SubscriptionSeed, TaxRate, Tier, TiersMode,
};
use pivotal_sync::sources::stripe::CountedDiscounts;

use super::{Account, Kept, SUBSCRIPTIONS, follow, ids, listed, noon};

#[tokio::test]
async fn items_beyond_the_embedded_ones_count_traps_27_28() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    for _ in 0..129 {
        account.world().add_subscription_item(&subscription, &price, Some(1)).unwrap();
    }
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "1300");
    assert_eq!(listed(&account, SUBSCRIPTIONS).await.mrr(&subscription), "1300");
}

#[tokio::test]
async fn tiers_are_fetched_though_lists_cannot_expand_them_trap_32() {
    let account = Account::start().await;
    let (customer, product) = (account.customer("Acme"), account.world().add_product("Seats"));
    for (tiers_mode, expected) in [(TiersMode::Graduated, "67"), (TiersMode::Volume, "47")] {
        let tier = |up_to, unit: i64, flat: i64| Tier {
            up_to,
            unit_amount: Some(unit.into()),
            flat_amount: Some(flat.into()),
        };
        let tiers = vec![tier(Some(10), 500, 1_000), tier(None, 400, 300)];
        let seed = PriceSeed { product: product.clone(), tiers, tiers_mode, ..PriceSeed::default() };
        let price = account.world().add_price(seed);
        let subscription = account.subscription(&customer, &[(&price, 11)]);
        assert_eq!(listed(&account, SUBSCRIPTIONS).await.mrr(&subscription), expected);
        // By itself too, where no listing has filled the catalogue.
        let read = account.source().read(SUBSCRIPTIONS, &ids(&[&subscription]), None).await.unwrap();
        assert!(format!("{read:?}").contains(&format!("mrr: {expected}")), "{read:?}");
    }
}

#[tokio::test]
async fn a_repeating_discount_runs_out_on_its_day_trap_39() {
    let mut account = Account::start().await;
    account.settings.mrr.discounts = CountedDiscounts::Repeating;
    let (_, subscription, price) = account.payer();
    let customer = account.customer("Other");
    let by_customer = account.subscription(&customer, &[(&price, 2)]);
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    account.world().add_coupon(Coupon::percent("HALF", 50.0, Duration::Repeating(2), noon()));
    let discount = account.world().apply_discount(Discounted::Subscription(subscription.clone()), "HALF").unwrap();
    account.world().apply_discount(Discounted::Customer(customer), "HALF").unwrap();
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!((kept.mrr(&subscription), kept.mrr(&by_customer)), ("5".to_owned(), "10".to_owned()));
    account.world().end_discount(&discount, Some(noon() + TimeDelta::days(20))).unwrap();
    let raised = account.world().events_raised();
    for (days, own, shared) in [(10, "5", "10"), (11, "10", "10"), (45, "10", "20")] {
        account.later(TimeDelta::days(days));
        follow(&account, &mut kept, SUBSCRIPTIONS).await;
        assert_eq!((kept.mrr(&subscription).as_str(), kept.mrr(&by_customer).as_str()), (own, shared));
    }
    assert_eq!(account.world().events_raised(), raised, "and Stripe said nothing");
}

#[tokio::test]
async fn discounts_on_item_subscription_and_customer_come_and_go_traps_38_to_41() {
    let account = Account::start().await;
    let (customer, price) = (account.customer("Acme"), account.price(10_000, Interval::Month));
    let subscription = account.subscription(&customer, &[(&price, 1), (&price, 1)]);
    let item = account.world().subscription(&subscription).unwrap().items[0].id.clone();
    {
        let mut world = account.world();
        world.add_coupon(Coupon::amount("FIFTY", 5_000, "usd", Duration::Forever, noon()));
        world.add_coupon(Coupon::percent("TENTH", 10.0, Duration::Forever, noon()));
        world.add_coupon(Coupon::percent("ONCE", 90.0, Duration::Once, noon()));
    }
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    let mut expect = async |mrr: &str| {
        account.later(TimeDelta::hours(1));
        follow(&account, &mut kept, SUBSCRIPTIONS).await;
        assert_eq!(kept.mrr(&subscription), mrr);
        assert_eq!(listed(&account, SUBSCRIPTIONS).await.mrr(&subscription), mrr, "as a listing has it");
    };
    expect("200").await;
    let on_item = Discounted::Item(subscription.clone(), item);
    let on_item = account.world().apply_discount(on_item, "FIFTY").unwrap();
    expect("150").await;
    account.world().apply_discount(Discounted::Customer(customer), "TENTH").unwrap();
    expect("135").await;
    let own = account.world().apply_discount(Discounted::Subscription(subscription.clone()), "ONCE").unwrap();
    expect("150").await;
    account.world().remove_discount(&own).unwrap();
    expect("135").await;
    account.world().remove_discount(&on_item).unwrap();
    expect("180").await;
}

#[tokio::test]
async fn a_deleted_coupon_still_lowers_what_it_was_put_to_work_on_trap_23() {
    for stub in [true, false] {
        let account = Account::start().await;
        account.world().switches.deleted_coupon_is_stub = stub;
        let (_, subscription, price) = account.payer();
        account.world().add_coupon(Coupon::percent("HALF", 50.0, Duration::Forever, noon()));
        account.world().apply_discount(Discounted::Subscription(subscription.clone()), "HALF").unwrap();
        let (source, mut kept) = (account.source(), Kept::default());
        kept.run(&source, SUBSCRIPTIONS, PullMode::Full, noon()).await.unwrap();
        account.world().delete_coupon("HALF").unwrap();
        account.world().change_subscription_item(&subscription, 0, &price, Some(3)).unwrap();
        for mode in [PullMode::Changes, PullMode::Full] {
            kept.run(&source, SUBSCRIPTIONS, mode, noon()).await.unwrap();
            assert_eq!(kept.mrr(&subscription), "15", "its terms are known from before");
        }
        assert!(source.notes().is_empty());
        // A process that never saw it cannot know, and does not keep quiet.
        let (fresh, mut anew) = (account.source(), Kept::default());
        anew.run(&fresh, SUBSCRIPTIONS, PullMode::Full, noon()).await.unwrap();
        let notes = fresh.notes();
        assert_eq!(anew.mrr(&subscription), if stub { "30" } else { "15" });
        assert_eq!(notes.iter().any(|note| note.contains(&subscription)), stub, "{notes:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_priced_is_named_in_the_run_trap_30() {
    let account = Account::start().await;
    let (customer, product) = (account.customer("Acme"), account.world().add_product("Donation"));
    let price = account.world().add_price(PriceSeed { product, ..PriceSeed::default() });
    let subscription = account.subscription(&customer, &[(&price, 1)]);
    let (source, mut kept) = (account.source(), Kept::default());
    kept.run(&source, SUBSCRIPTIONS, PullMode::Full, noon()).await.unwrap();
    assert_eq!(kept.mrr(&subscription), "0");
    assert!(source.notes()[0].contains(&price));
}

#[tokio::test]
async fn tax_trials_and_pauses_reach_the_figure_traps_42_43_46() {
    let account = Account::start().await;
    let (_, subscription, price) = account.payer();
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    let later = noon() + TimeDelta::days(3);
    let edit = |edit: fn(&mut pivotal_sync::sandbox::stripe::Subscription)| {
        account.world().update_subscription(&subscription, edit).unwrap();
    };
    edit(|it| {
        it.default_tax_rates = vec![TaxRate { id: "txr_1".into(), percentage: 25.into(), inclusive: true }];
    });
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "8");
    account.world().add_subscription_item(&subscription, &price, Some(1)).unwrap();
    account.world().update_subscription(&subscription, |it| it.items[1].trial_end = Some(later)).unwrap();
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "8", "an item on trial");
    account.later(TimeDelta::days(4));
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "16", "its trial ended without an event");
    edit(|it| it.pause_collection = Some("void".to_owned()));
    account.later(TimeDelta::hours(1));
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!((kept.mrr(&subscription).as_str(), kept.facts(&subscription).status.as_str()), ("0", "active"));
    edit(|it| (it.pause_collection, it.default_tax_rates, it.automatic_tax) = (None, Vec::new(), true));
    account.world().update_price(&price, |price| price.tax_behavior = "inclusive".to_owned()).unwrap();
    account.later(TimeDelta::hours(1));
    let (source, now) = (account.source(), account.world().now());
    kept.run(&source, SUBSCRIPTIONS, PullMode::Changes, now).await.unwrap();
    assert_eq!(kept.mrr(&subscription), "20");
    assert!(source.notes()[0].contains("tax"), "what cannot be taken out is told");
}

#[tokio::test]
async fn currencies_stay_apart_and_have_stripes_exponents_traps_36_37() {
    let account = Account::start().await;
    let (customer, product) = (account.customer("Acme"), account.world().add_product("X"));
    for (currency, mrr) in [("usd", "15"), ("jpy", "1500"), ("kwd", "1.5"), ("isk", "15"), ("ugx", "15")] {
        let seed = PriceSeed {
            product: product.clone(),
            currency: currency.to_owned(),
            unit_amount: Some(1_500),
            ..PriceSeed::default()
        };
        let price = account.world().add_price(seed);
        let subscription = account.subscription(&customer, &[(&price, 1)]);
        let kept = listed(&account, SUBSCRIPTIONS).await;
        assert_eq!((kept.facts(&subscription).currency.as_str(), kept.mrr(&subscription).as_str()), (currency, mrr));
    }
}

#[tokio::test]
async fn a_start_in_the_future_waits_for_its_day_trap_48() {
    let account = Account::start().await;
    let (customer, price) = (account.customer("Acme"), account.price(1_000, Interval::Month));
    let items = vec![(price, Some(1))];
    let seed = SubscriptionSeed { customer, items, status: Status::Active, ..SubscriptionSeed::default() };
    let subscription = account.subscribe(seed);
    let starts = noon() + TimeDelta::days(9);
    account.world().update_subscription(&subscription, |it| it.start_date = starts).unwrap();
    let mut kept = listed(&account, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "0");
    account.later(TimeDelta::days(10));
    follow(&account, &mut kept, SUBSCRIPTIONS).await;
    assert_eq!(kept.mrr(&subscription), "10");
}
