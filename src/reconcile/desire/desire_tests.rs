use super::super::sample::{
    account, acme, at, child, company, company_key, contact, customer, deal, gone, jane, live, number, reconciler,
    rule, settings, stripe, subject, subscription,
};
use super::*;
use crate::domain::{Fields, Gone, MrrUnit, Span, SubscriptionStatus, Value};

fn now() -> Timestamp {
    at("2026-06-01")
}

fn desire(subject: &Subject) -> Desired {
    reconciler(|_| {}).desire(subject, now())
}

fn fields(desired: Desired) -> Fields {
    match desired.wanted {
        Wanted::Yes(fields) => fields,
        other => panic!("not wanted: {other:?}"),
    }
}

fn refusal(desired: Desired) -> String {
    match desired.wanted {
        Wanted::NotSelected(why) => format!("no: {why}"),
        Wanted::Held(why) => format!("held: {why}"),
        other => panic!("wanted or gone: {other:?}"),
    }
}

#[test]
fn an_account_says_what_its_rules_say_and_always_its_ids() {
    let paying = subscription("sub_1", "cus_1", SubscriptionStatus::Active, "usd", "99.50");
    let desired = desire(&customer([acme("1"), stripe("cus_1", "2026-01-01"), paying]));
    assert_eq!((desired.name.as_str(), &desired.subject), ("Acme", &company_key("1")));
    let because: Vec<String> = desired.because.iter().map(ToString::to_string).collect();
    assert_eq!(because, ["hubspot:company:1", "stripe:customer:cus_1", "stripe:subscription:sub_1"]);
    let expected = Fields::from([
        ("name", "Acme".into()),
        ("domain", "acme.com".into()),
        ("plan", "plan of sub_1".into()),
        ("mrr", number("100")),
        ("hubspot_company_id", "1".into()),
        ("stripe_customer_id", "cus_1".into()),
    ]);
    assert_eq!(fields(desired), expected);
}

#[test]
fn what_no_record_says_is_a_null_and_an_unnamed_field_is_absent() {
    let said = fields(desire(&customer([acme("1")])));
    for null in ["plan", "mrr", "stripe_customer_id"] {
        assert_eq!(said.get(null), Some(&Value::Null), "{null}");
    }
    for absent in ["status", "slug", "hubspot_deal_id", "monthly_orders"] {
        assert_eq!(said.get(absent), None, "{absent}");
    }
}

#[test]
fn without_a_unit_no_amount_is_named() {
    // pivotal-api.md 10.1: the unit of mrr is unknown.
    let reconciler = Reconciler::new(&settings(), None).unwrap();
    assert_eq!(fields(reconciler.desire(&customer([acme("1")]), now())).get("mrr"), None);
    let cents = Reconciler::new(&settings(), Some(MrrUnit::Cents)).unwrap();
    let paying = subscription("sub_1", "cus_1", SubscriptionStatus::Active, "usd", "99.505");
    let said = fields(cents.desire(&customer([stripe("cus_1", "2026-01-01"), paying]), now()));
    assert_eq!(said.get("mrr"), Some(&number("9950")));
}

#[test]
fn an_account_that_does_not_fit_says_which_rule_and_record() {
    let lead = company("1", &[("name", "Acme".into()), ("lifecyclestage", "lead".into())]);
    assert_eq!(refusal(desire(&customer([lead]))), "no: customers.where does not hold for hubspot:company:1");
}

#[test]
fn an_account_without_a_name_and_a_rule_that_fails_are_held() {
    let nameless = company("1", &[("name", " ".into()), ("lifecyclestage", "customer".into())]);
    let why = refusal(desire(&customer([nameless])));
    assert!(
        why.starts_with("held: customers.fields.name yields no name") && why.contains("hubspot:company:1"),
        "{why}"
    );
    let failing = reconciler(|settings| rule(&mut settings.customers.fields, "plan", "company.name * company.name"));
    let why = refusal(failing.desire(&customer([acme("1")]), now()));
    assert!(why.starts_with("held: customers.fields.plan failed") && why.contains("hubspot:company:1"), "{why}");
}

#[test]
fn what_was_cut_is_told() {
    let long = "x".repeat(300);
    let properties = [("name", Value::text(long)), ("lifecyclestage", "customer".into()), ("domain", "n/a".into())];
    let desired = desire(&customer([company("1", &properties)]));
    let notes: Vec<&str> = desired.notes.iter().map(|note| note.message.as_str()).collect();
    let unfit = "customers.fields.domain yields 'n/a', which is no domain; domain is left as it is";
    assert_eq!(notes, [unfit, "name was cut from 300 to 255 characters"]);
    assert_eq!(fields(desired).text("name").map(str::len), Some(255));
}

#[test]
fn an_account_is_gone_when_all_its_account_records_are() {
    let mut account = customer([stripe("cus_1", "2026-01-01")]);
    account.records.push(gone(acme("1"), Gone::Archived, "2026-05-01"));
    assert!(matches!(desire(&account).wanted, Wanted::NotSelected(_)), "one is left, and pays nothing");
    account.records[0] = gone(stripe("cus_1", "2026-01-01"), Gone::Deleted, "2026-05-20");
    // A subscription alone keeps nobody (stripe-api.md trap 22).
    account.records.push(live(subscription("sub_1", "cus_1", SubscriptionStatus::Active, "usd", "1")));
    let desired = desire(&account);
    assert_eq!(desired.wanted, Wanted::Gone(at("2026-05-20")));
    assert_eq!(desired.subject, company_key("1"));
}

#[test]
fn a_record_merged_into_another_does_not_speak() {
    // hubspot-api.md trap 10: it may not have been seen gone yet.
    let survivor = account(company("9", &[("name", "New".into()), ("lifecyclestage", "customer".into())]), |facts| {
        facts.merged = vec![company_key("1"), company_key("9")];
    });
    let said = fields(desire(&customer([acme("1"), survivor])));
    assert_eq!((said.text("name"), said.text("hubspot_company_id")), (Some("New"), Some("9")));
}

#[test]
fn of_several_companies_the_lowest_id_speaks_however_young() {
    let born = |id: &str, day: &str| account(acme(id), |facts| facts.created_at = Some(at(day)));
    let said = fields(desire(&customer([born("10", "2020-01-01"), born("9", "2026-01-01")])));
    assert_eq!(said.text("hubspot_company_id"), Some("9"));
}

#[test]
fn what_was_not_read_is_not_empty() {
    // hubspot-api.md trap 18; the other record has it, and was read.
    let without = |name: &str| {
        let mut account = customer([acme("1")]);
        account.records[0].record.properties.remove(name);
        desire(&account)
    };
    let desired = without("domain");
    assert!(desired.notes[0].message.contains("company.domain was not read; domain is left as it is"), "{desired:?}");
    let said = fields(desired);
    assert_eq!((said.get("domain"), said.text("name")), (None, Some("Acme")));
    assert!(refusal(without("lifecyclestage")).contains("customers.where needs company.lifecyclestage"));
}

#[test]
fn an_ambiguous_account_is_held_only_if_it_would_be_a_customer() {
    let mut account = customer([acme("1")]);
    account.records[0].problem = Some("could be two".to_owned());
    assert_eq!(refusal(desire(&account)), "held: could be two");
    account.records[0].record.properties.insert("lifecyclestage".to_owned(), Value::Null);
    assert!(refusal(desire(&account)).starts_with("no: "));
}

#[test]
fn of_several_reasons_the_first_by_key_is_told_whatever_order_they_came_in() {
    let mut account = customer([acme("9"), acme("10")]);
    account.records[0].problem = Some("nine".to_owned());
    account.records[1].problem = Some("ten".to_owned());
    assert_eq!(refusal(desire(&account)), "held: nine");
    account.records.reverse();
    assert_eq!(refusal(desire(&account)), "held: nine");
}

#[test]
fn nobody_speaks_of_it() {
    assert_eq!(refusal(desire(&customer([]))), "no: no source record speaks of it");
    for kind in [Kind::Contact, Kind::Onboarding] {
        assert!(refusal(desire(&subject(kind, vec![]))).starts_with("no: "));
    }
}

#[test]
fn a_person_becomes_a_contact() {
    let said = fields(desire(&child(Kind::Contact, jane())));
    let expected =
        Fields::from([("name", "Jane Doe".into()), ("email", "jane@acme.com".into()), ("title", Value::Null)]);
    assert_eq!(said, expected);
    let half = contact("7", Some("1"), &[("email", "jo@acme.com".into()), ("lastname", "Doe".into())]);
    assert_eq!(fields(desire(&child(Kind::Contact, half))).text("name"), Some("Doe"));
}

#[test]
fn a_person_without_a_customer_or_an_address_says_why() {
    let mut lonely = child(Kind::Contact, contact("7", None, &[("email", "jo@acme.com".into())]));
    lonely.parent = None;
    assert_eq!(refusal(desire(&lonely)), "no: hubspot:contact:7 belongs to no company");
    let mut unknown = child(Kind::Contact, jane());
    unknown.parent = None;
    assert_eq!(refusal(desire(&unknown)), "no: its account hubspot:company:1 is not known");
    let mut unwanted = child(Kind::Contact, jane());
    unwanted.parent.as_mut().unwrap().wanted = false;
    assert_eq!(refusal(desire(&unwanted)), "no: its account hubspot:company:1 is no customer");
    let mute = contact("7", Some("1"), &[]);
    assert_eq!(refusal(desire(&child(Kind::Contact, mute))), "no: contacts.where does not hold for hubspot:contact:7");
}

#[test]
fn the_newest_won_deal_stands_on_the_customer() {
    let deals = [deal("5", true, "2026-05-01"), deal("6", true, "2026-05-20"), deal("7", false, "2026-05-30")];
    let account = || customer([acme("1")].into_iter().chain(deals.clone()));
    assert_eq!(fields(desire(&account())).text("hubspot_deal_id"), Some("6"));
    let strict = reconciler(|settings| settings.onboardings.won_within = Span::default());
    assert_eq!(fields(strict.desire(&account(), now())).get("hubspot_deal_id"), None, "kept as it is, not cleared");
}
