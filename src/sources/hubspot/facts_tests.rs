use serde_json::json;

use super::*;
use crate::domain::Timestamp;

const COMPANY: Stream = Stream::HubspotCompanies;

fn shape(stream: Stream, reads: &[&str]) -> Shape {
    let reads = reads.iter().map(|name| (*name).to_owned()).collect();
    Shape::new(stream, &BTreeMap::from([(stream.namespace(), reads)])).unwrap()
}

fn row(json: serde_json::Value) -> Row {
    Row::read(json).unwrap()
}

fn known() -> Known {
    let properties = json!({"results": [
        {"name": "flag", "type": "bool", "fieldType": "booleancheckbox"},
        {"name": "amount", "type": "number", "fieldType": "number"},
        {"name": "tags", "type": "enumeration", "fieldType": "checkbox"},
        {"name": "stage", "type": "enumeration", "fieldType": "select"},
        {"name": "day", "type": "date", "fieldType": "date"},
        {"name": "new_kind", "type": "something_new", "options": []},
    ]});
    let pipelines = json!({"results": [{"id": "default", "stages": [
        {"id": "closedwon", "metadata": {"isClosed": "true", "probability": "1.0"}},
        {"id": "closedlost", "metadata": {"isClosed": "true", "probability": "0.0"}},
        {"id": "certain", "metadata": {"isClosed": "false", "probability": "1.0"}}]},
        {"id": "77", "stages": [{"id": "4711", "metadata": {"isClosed": true, "probability": 1}}, {"id": "5"}]}]});
    Known::new(serde_json::from_value(properties).unwrap(), Some(serde_json::from_value(pipelines).unwrap()))
}

fn only(mut all: Vec<Pulled>) -> Record {
    assert_eq!(all.len(), 1, "{all:?}");
    match all.remove(0) {
        Pulled::Live(record) => record,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn text_on_the_wire_reads_as_the_portal_defines_it() {
    // Traps 17, 18, 22, 23.
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let known = known();
    for (name, raw, value) in [
        ("flag", Some("true"), Value::Bool(true)),
        ("flag", Some("false"), Value::Bool(false)),
        ("flag", Some("maybe"), "maybe".into()),
        ("flag", Some(""), Value::Null),
        ("flag", None, Value::Null),
        ("amount", Some("1500.00"), number("1500")),
        ("amount", Some("0"), number("0")),
        ("amount", Some("-12.345678901234567890"), number("-12.345678901234567890")),
        ("amount", Some("1.5E7"), number("15000000")),
        ("amount", Some("25e-3"), number("0.025")),
        ("amount", Some("1e-40"), "1e-40".into()),
        ("amount", Some("1e99"), "1e99".into()),
        ("amount", Some("0.12345678901234567890123456789012345"), "0.12345678901234567890123456789012345".into()),
        ("amount", Some("1_000"), "1_000".into()),
        ("amount", Some("NaN"), "NaN".into()),
        ("amount", Some(""), Value::Null),
        ("tags", Some("b;a"), Value::List(vec!["a".into(), "b".into()])),
        ("tags", Some(";b; a;b"), Value::List(vec!["a".into(), "b".into()])),
        ("tags", Some(";"), Value::Null),
        ("stage", Some("a;b"), "a;b".into()),
        ("day", Some("2026-11-23"), "2026-11-23".into()),
        ("new_kind", Some("7"), "7".into()),
        ("undefined", Some("true"), "true".into()),
    ] {
        assert_eq!(known.typed(name, raw), value, "{name} {raw:?}");
    }
}

#[test]
fn only_what_rules_read_is_kept_and_a_property_not_answered_is_no_blank() {
    // Traps 18 to 20: a property that was not answered must not blank anything.
    let whole = shape(COMPANY, &["amount", "tags"]);
    let row = row(
        json!({"id": 12, "properties": {"name": "Acme", "domain": null, "amount": "5", "tags": null, "other": "x"},
        "createdAt": "2020-01-02T03:04:05.006Z", "updatedAt": "2026-01-02T03:04:05.006Z", "archived": false}),
    );
    let record = only(pulled(&whole, &known(), &Owners::default(), &row, vec![]));
    assert_eq!(record.key, SourceKey::new(COMPANY, "12"));
    assert_eq!(
        record.properties.into_iter().collect::<Vec<_>>(),
        [("amount".to_owned(), Value::Number(5.into())), ("tags".to_owned(), Value::Null),]
    );
    assert_eq!(record.changed_at, Some(at("2026-01-02T03:04:05.006Z")));
    let withheld = pulled(&shape(COMPANY, &["amount", "tags", "vat_id"]), &known(), &Owners::default(), &row, vec![]);
    let [Pulled::Partial(record, unanswered)] = withheld.as_slice() else { panic!("{withheld:?}") };
    assert_eq!(record.properties.keys().collect::<Vec<_>>(), ["amount", "tags"]);
    assert_eq!(unanswered.iter().collect::<Vec<_>>(), ["vat_id"]);
}

#[test]
fn a_record_without_what_it_is_known_by_keeps_its_older_facts() {
    // Trap 18: as a blank, the missing domain or address would part the record from all that was bound by it.
    for (stream, by) in [(COMPANY, "domain"), (Stream::HubspotContacts, "email")] {
        let all = |json| pulled(&shape(stream, &[]), &known(), &Owners::default(), &row(json), vec![]);
        let told = all(json!({"id": "4", "properties": {"name": "A"}}));
        assert!(matches!(told.as_slice(), [Pulled::Malformed(_, why)] if why.contains(by)), "{told:?}");
        let told = all(json!({"id": "4", "properties": {by: null}}));
        assert!(matches!(told.as_slice(), [Pulled::Live(_)]), "null is an answer: {told:?}");
    }
}

#[test]
fn a_company_brings_its_evidence() {
    // Traps 11, 24, 43: old ids without its own; created by the system's clock; every domain it claims.
    let row = row(
        json!({"id": "9", "properties": {"name": " Acme ", "domain": "acme.com", "website": "facebook.com/acme",
        "hs_additional_domains": "acme.de;acme.com; acme.fr", "hs_merged_object_ids": "9;7;;8", "createdate": "1999-01-01T00:00:00Z"},
        "createdAt": "2020-01-02T03:04:05.006Z"}),
    );
    let mut all = pulled(&shape(COMPANY, &[]), &known(), &Owners::default(), &row, vec![]);
    let Some(Pulled::Live(Record { facts: Facts::Account(facts), .. })) = all.pop() else { panic!("{all:?}") };
    assert_eq!(facts.name.as_deref(), Some("Acme"));
    assert_eq!(facts.domains, ["acme.com", "acme.de", "acme.fr"]);
    assert_eq!(facts.created_at, Some(at("2020-01-02T03:04:05.006Z")));
    let old = ["7", "8"].map(|id| SourceKey::new(COMPANY, id));
    assert_eq!(facts.merged, old);
    let into = SourceKey::new(COMPANY, "9").id;
    assert_eq!(all, old.map(|key| Pulled::Gone(key, Gone::Merged { into: into.clone() })));
}

#[test]
fn a_contact_is_a_name_an_email_and_its_companies() {
    // Traps 14 and 15: the free text `company` says nothing.
    let shape = shape(Stream::HubspotContacts, &[]);
    for (first, last, name) in [
        (json!("Ann"), json!("Lee"), Some("Ann Lee")),
        (json!(null), json!("Lee"), Some("Lee")),
        (json!("Ann"), json!(" "), Some("Ann")),
        (json!(""), json!(null), None),
    ] {
        let row = row(
            json!({"id": "1", "properties": {"firstname": first, "lastname": last, "email": "A@x.com", "company": "Acme"}}),
        );
        let links = vec![AccountLink { account: SourceKey::new(COMPANY, "5"), primary: true }];
        let Facts::Person(facts) = only(pulled(&shape, &known(), &Owners::default(), &row, links.clone())).facts else {
            panic!("a person")
        };
        assert_eq!((facts.name.as_deref(), facts.email.as_deref(), facts.accounts), (name, Some("A@x.com"), links));
    }
}

#[test]
fn a_deal_is_won_by_its_own_word_else_by_its_stage() {
    // Section 4.5, traps 25 and 26: other pipelines have won stages of their own, and a deal can be re-opened.
    let shape = shape(Stream::HubspotDeals, &[]);
    for (word, stage, won) in [
        (json!("true"), "anything", true),
        (json!("false"), "closedwon", false),
        (json!(null), "closedwon", true),
        (json!(""), "4711", true),
        (json!(null), "closedlost", false),
        (json!(null), "certain", false),
    ] {
        let row = row(
            json!({"id": "1", "properties": {"hs_is_closed_won": word, "dealstage": stage, "closedate": "2026-03-01T00:00:00Z"}}),
        );
        let Facts::Deal(deal) = only(pulled(&shape, &known(), &Owners::default(), &row, vec![])).facts else {
            panic!("a deal")
        };
        assert_eq!(deal.won, won, "{word} {stage}");
        assert_eq!(deal.closed_at.is_some(), won, "an open deal's close date is a hope");
    }
}

#[test]
fn a_win_is_dated_by_the_close_date_else_by_the_stage() {
    let shape = shape(Stream::HubspotDeals, &[]);
    let asked = shape.properties(&known());
    assert!(
        asked.contains(&"hs_v2_date_entered_4711".to_owned())
            && asked.contains(&"hs_v2_date_entered_closedwon".to_owned())
    );
    let (close, enter) = (at("2026-03-01T00:00:00Z"), at("2026-02-20T08:00:00Z"));
    for (closed, entered, expected) in [
        (json!("2026-03-01T00:00:00Z"), json!("2026-02-20T08:00:00Z"), (Some(close), Some(enter))),
        (json!("2026-03-01"), json!(null), (Some(close), None)),
        (json!("1772323200000"), json!(null), (Some(close), None)),
        (json!(null), json!("2026-02-20T08:00:00Z"), (Some(enter), Some(enter))),
        (json!("soon"), json!(""), (None, None)),
    ] {
        let row =
            row(json!({"id": "1", "properties": {"hs_is_closed_won": "true", "dealstage": "4711", "closedate": closed,
            "hs_v2_date_entered_4711": entered, "hs_v2_date_entered_closedwon": "2001-01-01T00:00:00Z"}}));
        let Facts::Deal(deal) = only(pulled(&shape, &known(), &Owners::default(), &row, vec![])).facts else {
            panic!("a deal")
        };
        assert_eq!((deal.closed_at, deal.won_stage_at), expected, "{closed} {entered}");
    }
}

#[test]
fn the_primary_company_is_told_by_type_id() {
    // Trap 13: 1 for contacts, 5 for deals, whatever the label says, and only HubSpot's own.
    let association: Association = serde_json::from_value(json!({"from": {"id": 1}, "to": [
        {"toObjectId": 30, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": "Primary"}]},
        {"toObjectId": "20", "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 279}, {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": null}]},
        {"toObjectId": "10", "associationTypes": [{"category": "USER_DEFINED", "typeId": 1, "label": "Primary"}]},
        {"toObjectId": "40", "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 5}]},
        {"toObjectId": "20", "associationTypes": []}]}))
    .unwrap();
    let told = |stream| {
        in_order(links(&shape(stream, &[]), &association))
            .into_iter()
            .map(|link| format!("{}{}", link.account.id, if link.primary { "*" } else { "" }))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(Stream::HubspotContacts), ["20*", "10", "30", "40"]);
    assert_eq!(told(Stream::HubspotDeals), ["40*", "10", "20", "30"]);
}

#[test]
fn a_company_may_name_its_paying_customers() {
    let shape = shape(COMPANY, &[]).paid_by(&["stripe_id".to_owned()]);
    assert!(shape.properties(&known()).contains(&"stripe_id".to_owned()));
    assert_eq!(shape.unknown(&known()), ["stripe_id"], "trap 19");
    let links = |value: serde_json::Value| {
        let properties = json!({"domain": "acme.com", "stripe_id": value});
        let row = row(json!({"id": "1", "properties": properties, "archived": false}));
        match only(pulled(&shape, &known(), &Owners::default(), &row, Vec::new())).facts {
            Facts::Account(account) => account.links.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(links(json!(" cus_B ")), ["stripe:customer:cus_B"]);
    assert_eq!(links(json!("cus_B; cus_A,cus_B")), ["stripe:customer:cus_A", "stripe:customer:cus_B"]);
    assert!(links(json!(null)).is_empty() && links(json!(" ; ")).is_empty());
    // Trap 18: not answered, not even with null. The tie must not be undone for that.
    let silent = row(json!({"id": "1", "properties": {"domain": "acme.com"}, "archived": false}));
    let all = pulled(&shape, &known(), &Owners::default(), &silent, Vec::new());
    assert!(matches!(&all[0], Pulled::Malformed(_, why) if why.contains("stripe_id")), "{all:?}");
}

#[test]
fn what_is_kept_has_a_fingerprint() {
    let base = shape(COMPANY, &["a", "b"]).keeps();
    assert!(base.covers(&shape(COMPANY, &["b"]).keeps()), "fewer need no reading");
    assert_eq!(base, shape(COMPANY, &["b", "a"]).keeps());
    for other in
        [shape(COMPANY, &["a"]), shape(COMPANY, &["ab"]), shape(COMPANY, &[]), shape(Stream::HubspotDeals, &["a", "b"])]
    {
        assert_ne!(base, other.keeps());
    }
    assert_eq!(shape(COMPANY, &["amount", "nmae"]).unknown(&known()), ["nmae"], "trap 19");
}

#[test]
fn a_row_that_is_no_record_says_why() {
    for (json, id, reason) in [
        (json!({"properties": {}}), None, "id"),
        (json!({"id": null, "properties": {}}), None, "id"),
        (json!({"id": "", "properties": {}}), None, "id"),
        (json!({"id": "4"}), Some("4"), "properties"),
        (json!({"id": "4", "properties": {"name": {"a": 1}}}), Some("4"), "name"),
        (json!("text"), None, "expected"),
    ] {
        let error = Row::read(json.clone()).expect_err(&json.to_string());
        assert_eq!(error.id.as_deref(), id);
        assert!(error.reason.contains(reason), "{json}: {}", error.reason);
    }
}

#[test]
fn an_archived_row_is_no_live_record() {
    let row = row(json!({"id": "4", "properties": {"hs_merged_object_ids": "3"}, "archived": true}));
    let all = pulled(&shape(COMPANY, &[]), &known(), &Owners::default(), &row, vec![]);
    // Traps 7 and 10: what was merged into it is gone with it.
    let older = Pulled::Gone(SourceKey::new(COMPANY, "3"), Gone::Merged { into: ExternalId::new("4") });
    assert_eq!(all, [older, Pulled::Gone(SourceKey::new(COMPANY, "4"), Gone::Archived)]);
}
