use super::super::sample::number;
use super::*;

fn fitted(form: Form, value: impl Into<Value>) -> Value {
    fit(form, &value.into(), Some(MrrUnit::Dollars)).unwrap().value
}

#[test]
fn amounts_are_rounded_half_to_even_in_the_unit() {
    // Design, settled points, Stripe; pivotal-api.md 16.18: integers only.
    for (amount, dollars, cents) in [
        ("0.5", "0", "50"),
        ("1.5", "2", "150"),
        ("2.5", "2", "250"),
        ("0.005", "0", "0"),
        ("0.015", "0", "2"),
        ("1234.56", "1235", "123456"),
        ("-0.4", "0", "-40"),
        ("2.4999999999999999999999999999", "2", "250"),
    ] {
        for (unit, expected) in [(MrrUnit::Dollars, dollars), (MrrUnit::Cents, cents)] {
            let value = fit(Form::Money, &number(amount), Some(unit)).unwrap().value;
            assert_eq!(value, number(expected), "{amount} {unit:?}");
            assert!(value.to_api_json().is_i64(), "{amount} {unit:?}");
        }
    }
    assert_eq!(fitted(Form::Money, " 12.0 "), number("12"));
    for bad in [number("79228162514264337593543950335"), number("1000000000000000")] {
        assert!(fit(Form::Money, &bad, Some(MrrUnit::Cents)).unwrap_err().contains("too large"));
    }
    assert!(fit(Form::Money, &"abc".into(), None).unwrap_err().contains("no number"));
}

#[test]
fn long_texts_are_cut_between_characters_and_say_so() {
    // hubspot-api.md trap 21.
    let cut = fit(Form::Line(5), &"żółwżółw".into(), None).unwrap();
    assert_eq!(cut, Fitted { value: "żółwż".into(), note: Some("was cut from 8 to 5 characters".to_owned()) });
    assert_eq!(fit(Form::Line(8), &"żółwżółw".into(), None).unwrap().note, None);
    assert_eq!(fitted(Form::Line(3), "ab cd"), "ab".into());
}

#[test]
fn texts_are_as_long_as_pivotal_counts_them() {
    // pivotal-api.md 5: Zod is JavaScript, and an emoji two of its characters.
    let long = format!("{}😀", "x".repeat(254));
    let cut = fit(Form::Line(255), &long.as_str().into(), None).unwrap();
    let note = "was cut from 255 to 254 characters, as Pivotal counts an emoji and its like as two";
    assert_eq!(cut, Fitted { value: Value::text("x".repeat(254)), note: Some(note.to_owned()) });
    let cut = fit(Form::Line(255), &Value::text("😀".repeat(300)), None).unwrap();
    assert_eq!(cut.value, Value::text("😀".repeat(127)));
    assert!(cut.note.unwrap().starts_with("was cut from 300 to 127 characters"));
    assert_eq!(fit(Form::Line(254), &Value::text("😀".repeat(127)), None).unwrap().note, None);
    assert_eq!(fitted(Form::Prose(4), "ab👩‍🚀"), "ab".into());
    assert_eq!(fit_metadata(&Value::text("😀".repeat(501))).unwrap().value, Value::text("😀".repeat(500)));
}

#[test]
fn lines_have_no_breaks_and_prose_keeps_them() {
    assert_eq!(fitted(Form::Line(99), " Acme\r\n\t Inc\u{0}. "), "Acme Inc .".into());
    assert_eq!(fitted(Form::Prose(99), " one\r\ntwo\u{0} "), "one\ntwo".into());
    assert_eq!(fitted(Form::Line(99), "\u{1}"), Value::Null);
    assert_eq!(fitted(Form::Line(99), number("12.50")), "12.5".into());
    assert_eq!(fitted(Form::Line(99), Value::List(vec!["a".into(), true.into()])), "a, true".into());
    assert!(fit(Form::Line(99), &Value::Map(std::collections::BTreeMap::new()), None).is_err());
}

#[test]
fn a_status_that_pivotal_does_not_know_is_told_and_not_sent() {
    let status = field_of(Kind::Customer, "status").unwrap().form;
    assert_eq!(fitted(status, " At_Risk "), "at_risk".into());
    let told = "yields 'trialing', and Pivotal takes active, onboarding, at_risk, churned, archived";
    assert_eq!(fit(status, &"trialing".into(), None).unwrap_err(), told);
    assert_eq!(fitted(status, Value::Null), Value::Null);
}

#[test]
fn a_state_that_pivotal_does_not_know_is_told_and_a_phase_is_the_workspaces_own() {
    let form = |field| field_of(Kind::Onboarding, field).unwrap().form;
    assert_eq!(fitted(form("phase"), "Our own phase"), "Our own phase".into());
    assert_eq!(fitted(form("state"), "paused"), "paused".into());
    let told = fit(form("state"), &"bogus".into(), None).unwrap_err();
    assert!(told.starts_with("yields 'bogus', and Pivotal takes "), "{told}");
}

#[test]
fn addresses_and_domains_that_pivotal_refuses_are_told_and_not_sent() {
    for bad in ["a..b@example.com", "ümläut@example.com", "o'@example.com"] {
        let told = format!("yields '{bad}', which Pivotal does not take for a mail address");
        assert_eq!(fit(Form::Email, &bad.into(), None).unwrap_err(), told);
    }
    let long = format!("{}.com", "x".repeat(250));
    assert!(fit(Form::Domain, &long.as_str().into(), None).unwrap_err().ends_with("longer than a domain can be"));
    assert_eq!(fitted(Form::Domain, &long[1..]), long[1..].into());
}

#[test]
fn domains_addresses_flags_and_labels_take_their_form() {
    assert_eq!(fitted(Form::Domain, "https://www.Acme.com/x"), "acme.com".into());
    assert_eq!(fit(Form::Domain, &"n/a".into(), None).unwrap_err(), "yields 'n/a', which is no domain");
    assert_eq!(fitted(Form::Email, "Jane@ACME.com"), "jane@acme.com".into());
    assert!(fit(Form::Email, &"jane".into(), None).unwrap_err().contains("no mail address"));
    assert_eq!(fitted(Form::Flag, "TRUE"), true.into());
    assert!(fit(Form::Flag, &number("1"), None).is_err());
    // hubspot-api.md trap 22: the order of a multi-select means nothing.
    assert_eq!(fitted(Form::Labels(9), "b; a;;b "), Value::List(vec!["a".into(), "b".into()]));
    assert_eq!(fitted(Form::Labels(9), ";"), Value::Null);
    assert_eq!(fitted(Form::Whole, number("3.5")), number("4"));
}

#[test]
fn fields_that_rules_may_not_set_say_why() {
    assert!(field_of(Kind::Customer, "slug").unwrap_err().contains("made from the name"));
    assert!(field_of(Kind::Customer, "stripe_customer_id").unwrap_err().contains("always sent"));
    assert!(field_of(Kind::Contact, "phone").unwrap_err().contains("name, email, title"));
    assert!(field_of(Kind::Onboarding, "notes").is_ok());
}

#[test]
fn dates_and_instants_take_pivotals_form() {
    // pivotal-api.md 1: ISO 8601 in UTC with milliseconds. hubspot-api.md trap 23: a calendar day does not move.
    for (source, expected) in [
        (Value::from("2026-06-01"), "2026-06-01T00:00:00.000Z"),
        (" 2026-06-01T09:30:00.25Z ".into(), "2026-06-01T09:30:00.250Z"),
        ("2026-06-01T00:30:00+02:00".into(), "2026-05-31T22:30:00.000Z"),
        ("1780272000000".into(), "2026-06-01T00:00:00.000Z"),
        (number("1780272000000"), "2026-06-01T00:00:00.000Z"),
    ] {
        assert_eq!(fitted(Form::Moment, source.clone()), expected.into(), "{source:?}");
    }
    // What could as well be seconds, a day that there is not, a year beyond four digits, and what is no date at all.
    for bad in ["1780272000", "2026-02-30", "+12026-06-01", "-0001-01-01", "1.6.2026", "soon", "9999999999999999", "-1"]
    {
        let why = fit(Form::Moment, &bad.into(), None).unwrap_err();
        assert_eq!(why, format!("yields '{bad}', which is no date"));
    }
    assert!(fit(Form::Moment, &true.into(), None).is_err());
    assert!(fit(Form::Moment, &number("1780272000000.5"), None).is_err());
    assert_eq!(fitted(Form::Moment, Value::Null), Value::Null);
}
