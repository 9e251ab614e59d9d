use proptest::prelude::*;

use super::super::sample::{company, number, settings};
use super::super::view::View;
use super::super::{Reconciler, sample};
use super::*;
use crate::domain::{MrrUnit, Record, SubscriptionStatus};

fn compile(source: &str) -> Result<(Rule, Reads), Vec<String>> {
    let (mut reads, mut problems) = (Reads::new(), Vec::new());
    let rule = Rule::compile("customers.fields.x", source, Section::Customers, &mut reads, &mut problems);
    rule.map(|rule| (rule, reads)).ok_or_else(|| problems.into_iter().map(|problem| problem.message).collect())
}

fn eval(source: &str, records: Vec<Record>) -> Result<Value, String> {
    let subject = sample::customer(records);
    let (rule, _) = compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    rule.value(&Scope::of_account(&View::of_subject(&subject))).map_err(|why| why.to_string())
}

fn of_company(source: &str, properties: &[(&str, Value)]) -> Value {
    eval(source, vec![company("1", properties)]).unwrap_or_else(|why| panic!("{source}: {why}"))
}

#[test]
fn what_is_missing_blank_or_absent_is_nothing() {
    // hubspot-api.md traps 17, 18.
    let acme = [("name", Value::text("Acme")), ("blank", " \n".into()), ("null", Value::Null), ("zero", number("0"))];
    for (source, expected) in [
        ("company.name or stripe.name", "Acme".into()),
        ("stripe.name or company.name", "Acme".into()),
        ("company.nothing", Value::Null),
        ("company.null", Value::Null),
        ("company.blank", Value::Null),
        ("company.blank or 'x'", "x".into()),
        ("company.nothing | default('x')", "x".into()),
        ("company.null | default('x')", "x".into()),
        ("company.nothing ~ ' ' ~ company.name", "Acme".into()),
        ("company.null ~ ' ' ~ stripe.name", Value::Null),
        ("company.nothing | upper", Value::Null),
        ("stripe.metadata.tier", Value::Null),
        ("stripe is none", true.into()),
        ("company.null is none", true.into()),
        ("company.nothing is defined", false.into()),
        ("company is none", false.into()),
        ("company.name is not none", true.into()),
        ("company.zero", number("0")),
        ("none", Value::Null),
        ("'  padded  '", "padded".into()),
        ("company.id", "1".into()),
        ("stripe.status in ['active']", false.into()),
    ] {
        assert_eq!(of_company(source, &acme), expected, "{source}");
    }
}

#[test]
fn a_company_of_which_nothing_is_kept_is_still_there() {
    assert_eq!(of_company("1 if company else 2", &[]), number("1"));
    assert_eq!(of_company("companies | length", &[]), number("1"));
}

#[test]
fn numbers_pass_through_exactly() {
    // crates.md 1.2, money: never f64. Twelve hundred a year by the month has 28 digits.
    for digits in [
        "83.333333333333333333333333333",
        "0.1",
        "1500.25",
        "9007199254740993",
        "79228162514264337593543950335",
        "-0.0000000000000000000000000001",
        "9007199254740993.5",
        "9007199254740992.5",
    ] {
        let both = [("a", number(digits)), ("b", number("9007199254740992.25"))];
        assert_eq!(of_company("company.a", &both), number(digits));
        assert_eq!(of_company("company.nothing or company.a", &both), number(digits));
        assert_eq!(of_company("[company.b, company.a] | last", &both), number(digits));
    }
}

#[test]
fn fractions_compare_as_numbers() {
    let revenue = [("r", number("1000.75")), ("n", number("12"))];
    for (source, expected) in [
        ("company.r > 1000", true),
        ("company.r > 1000.5", true),
        ("company.r >= 1001", false),
        ("company.r == 1000.75", true),
        ("company.n == 12.0", true),
        ("company.r < company.n", false),
    ] {
        assert_eq!(of_company(source, &revenue), expected.into(), "{source}");
    }
    assert_eq!(of_company("company.r * 2 + 0.1 + 0.2", &revenue), number("2001.8"));
    assert_eq!(of_company("company.n * 100", &revenue), number("1200"));
    assert_eq!(of_company("'MRR ' ~ company.r", &revenue), "MRR 1000.75".into());
}

#[test]
fn every_problem_is_found_before_anything_runs() {
    for (source, word) in [
        ("company.name or", "no expression"),
        ("", "no expression"),
        ("customer.name", "'customer' is not known here"),
        ("contact.email", "company, deal, stripe"),
        ("company.name or (company.x | shout)", "no filter 'shout'"),
        ("company.owner.emial", "an owner has no 'emial'"),
        ("company['owner']['phone']", "an owner has no 'phone'"),
        ("company.name or company.x is shiny", "no test 'is shiny'"),
        ("company.name or today()", "no function 'today'"),
        ("company.name or company.x.strip()", "no methods such as '.strip()'"),
        ("company.x == none", "is none"),
        ("companies.name", "map(attribute='name')"),
        ("company[company.x]", "named outright"),
        ("debug()", "no function 'debug'"),
    ] {
        let problems = compile(source).map(|(rule, _)| rule.key).expect_err(source);
        assert!(problems.iter().any(|problem| problem.contains(word)), "{source}: {problems:?}");
    }
}

#[test]
fn what_a_rule_reads_is_known_however_it_is_written() {
    for (source, expected) in [
        ("company.name or stripe.email", "company.name stripe.email"),
        ("company['name']", "company.name"),
        ("stripe.metadata.tier", "stripe.metadata"),
        ("companies[0].name ~ (companies | first).city", "company.city company.name"),
        ("companies | map(attribute='name') | join(', ')", "company.name"),
        ("(stripes | selectattr('email') | list)[0].phone", "stripe.email stripe.phone"),
        ("(company or companies[0]).name", "company.name"),
        ("companies[1:][0].name", "company.name"),
        ("{'a': company.x}[company.y]", "company.x company.y"),
        ("company.x if company.y else 'z'", "company.x company.y"),
        ("stripe.mrr and stripe.status and company.id", ""),
    ] {
        let (_, reads) = compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        let told: Vec<String> =
            reads.iter().flat_map(|(name, set)| set.iter().map(move |property| format!("{name}.{property}"))).collect();
        assert_eq!(told.join(" "), expected, "{source}");
    }
}

#[test]
fn the_configuration_is_refused_with_all_its_problems() {
    let mut settings = settings();
    sample::rule(&mut settings.customers.fields, "colour", "company.colour");
    sample::rule(&mut settings.customers.fields, "slug", "company.name");
    sample::rule(&mut settings.contacts.fields, "title", "contact.jobtitle | shout");
    settings.contacts.fields.remove("email");
    settings.onboardings.r#where = "company.name".to_owned();
    let problems = Reconciler::new(&settings, None).expect_err("problems");
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected = [
        "customers.fields.colour",
        "customers.fields.slug",
        "contacts.fields.email",
        "contacts.fields.title",
        "onboardings.where",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn the_defaults_compile_and_say_what_they_read() {
    let reconciler = sample::reconciler(|_| {});
    let reads = reconciler.reads();
    let told: Vec<(&str, Vec<&str>)> =
        reads.iter().map(|(name, set)| (*name, set.iter().map(String::as_str).collect())).collect();
    assert_eq!(
        told,
        [
            ("company", vec!["domain", "lifecyclestage", "name"]),
            ("contact", vec!["email", "firstname", "jobtitle", "lastname"]),
            ("deal", vec!["hs_is_closed_won", "hs_object_id"]),
            ("stripe", vec!["name"]),
        ]
    );
    assert_eq!(reconciler.findings(), Vec::<String>::new());
    assert!(Reconciler::new(&settings(), None).unwrap().findings()[0].contains("pivotal.mrr_unit"));
    let without = sample::reconciler(|settings| settings.onboardings.enabled = false);
    assert!(!without.reads().contains_key("deal"));
}

#[test]
fn the_fingerprint_follows_what_would_be_desired() {
    let base = Reconciler::new(&settings(), Some(MrrUnit::Dollars)).unwrap().fingerprint();
    assert_eq!(sample::reconciler(|_| {}).fingerprint(), base);
    assert_eq!(sample::reconciler(|settings| settings.guard.max_deletes = 1).fingerprint(), base);
    assert_ne!(Reconciler::new(&settings(), Some(MrrUnit::Cents)).unwrap().fingerprint(), base);
    let changes: [fn(&mut super::super::Settings); 3] = [
        |settings| sample::rule(&mut settings.customers.fields, "plan", "'gold'"),
        |settings| settings.identity.free_mail_domains.push("x.org".to_owned()),
        |settings| settings.customers.on_leave = super::super::OnLeave::Archive,
    ];
    for change in changes {
        assert_ne!(sample::reconciler(change).fingerprint(), base);
    }
}

#[test]
fn a_runaway_rule_is_stopped_and_named() {
    let why = eval("range(100000) | list | map('string') | join(',')", vec![company("1", &[])]).expect_err("stopped");
    assert!(why.starts_with("customers.fields.x failed: "), "{why}");
    let why = eval("company.name + 1", vec![company("1", &[("name", "Acme".into())])]).expect_err("failed");
    assert!(why.contains("customers.fields.x"), "{why}");
    assert!(eval("1 / 0", vec![company("1", &[])]).is_err());
}

#[test]
fn several_records_show_as_one_and_as_a_list() {
    let active = || sample::subscription("sub_2", "cus_2", SubscriptionStatus::Active, "usd", "5");
    let records = || {
        vec![
            company("10", &[("name", "Ten".into())]),
            company("9", &[("name", "Nine".into())]),
            sample::stripe("cus_1", "2020-01-01"),
            sample::stripe("cus_2", "2024-01-01"),
            active(),
        ]
    };
    assert_eq!(eval("company.name", records()).unwrap(), "Nine".into());
    assert_eq!(eval("companies | map(attribute='name') | join('+')", records()).unwrap(), "Nine+Ten".into());
    assert_eq!(eval("stripe.name", records()).unwrap(), "Stripe cus_2".into());
    assert_eq!(eval("stripes[0].status or 'none of its own'", records()).unwrap(), "none of its own".into());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (any::<i128>(), 0..29_u32).prop_map(|(n, scale)| {
            Value::Number(rust_decimal::Decimal::from_i128_with_scale(
                n % 79_228_162_514_264_337_593_543_950_335,
                scale,
            ))
        }),
        ".{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(".{0,5}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_makes_a_rule_panic_and_numbers_stay_exact(a in any_value(), b in any_value()) {
        let properties = [("a", a.clone()), ("b", b)];
        for source in ["company.b", "company.a ~ company.b", "company.a < company.b", "company.a in [company.b]",
            "company.a | string", "[company.b, company.a] | sort | list", "company.a * 3", "company.b or company.a"] {
            let _ = eval(source, vec![company("1", &properties)]);
        }
        if let Value::Number(_) = a {
            prop_assert_eq!(eval("company.a", vec![company("1", &properties)]), Ok(a));
        }
    }

    #[test]
    fn no_source_text_makes_the_compiler_panic(source in ".{0,40}") {
        let _ = compile(&source);
    }
}
