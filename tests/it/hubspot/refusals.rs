//! Limits, lost rights, and `check`.

use std::time::Duration;

use pivotal_sync::domain::{Facts, Fault, PullMode, Pulled, SourceKey, Value};
use pivotal_sync::ports::{PageEnd, Source, Verdict};
use pivotal_sync::sandbox::hubspot::{Cleared, ObjectType, Property, PropertyType, RetryAfter};

use super::{COMPANIES, CONTACTS, Kept, Portal, at, ids, names};

#[tokio::test]
async fn a_throttled_request_is_sent_again() {
    // Trap 31, and a record that is locked (section 8).
    let portal = Portal::start().await;
    portal.company("Acme");
    let source = portal.source();
    let mut kept = Kept::default();
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    let body = r#"{"status":"error","errorType":"RATE_LIMIT","policyName":"SECONDLY"}"#;
    for (status, body) in [(429, body), (423, "{}")] {
        portal.plan("/search", status, &[("retry-after", "0")], body);
        portal.asked();
        assert_eq!(kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Delta);
        assert_eq!(portal.asked()["search"], 2, "{status}");
    }
    assert_eq!(source.spent().throttled, 2);
}

#[tokio::test]
async fn a_pause_is_kept_once_whichever_unit_it_is_told_in() {
    // Trap 33: the window is full for ten seconds. Milliseconds for seconds would never end; seconds for milliseconds would
    // ask again and again.
    futures::future::join_all([RetryAfter::Seconds, RetryAfter::Milliseconds].map(async |unit| {
        let portal = Portal::start().await;
        portal.company("Acme");
        let source = portal.source();
        let mut kept = Kept::default();
        kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
        {
            let switches = &mut portal.world().switches;
            (switches.calls_per_ten_seconds, switches.retry_after) = (Some(4), unit);
        }
        portal.asked();
        let run = tokio::time::timeout(Duration::from_secs(300), kept.run(&source, COMPANIES, PullMode::Changes)).await;
        assert_eq!(run.expect("hours for seconds").unwrap(), PageEnd::Delta);
        assert_eq!((source.spent().throttled, portal.asked()["list"], portal.world().refused()), (1, 2, 1), "{unit:?}");
    }))
    .await;
}

#[tokio::test]
async fn the_limit_of_the_day_ends_the_pull_at_once() {
    // Trap 32.
    let portal = Portal::start().await;
    portal.world().account.zone = chrono_tz::Asia::Tokyo;
    let mut kept = Kept::default();
    kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    portal.world().switches.calls_per_day = Some(0);
    let source = portal.source();
    let error = kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Throttled { .. }), "{error}");
    assert_eq!((error.code.as_deref(), source.spent().requests), (Some("DAILY"), 1));
    // The portal's own midnight, known from an earlier run.
    assert!(error.message.contains("midnight Asia/Tokyo (") && error.message.contains("15:00 UTC"), "{error}");
    for stream in [COMPANIES, CONTACTS] {
        let again = Kept::default().run(&source, stream, PullMode::Changes).await.unwrap_err();
        assert_eq!((again, source.spent().requests), (error.clone(), 1), "nothing is asked before it resets");
    }
}

#[tokio::test]
async fn the_limit_of_the_day_ends_reads_by_id_at_once() {
    // Trap 32: what is nudged is read by id, and so is what a listing did not show.
    let portal = Portal::start().await;
    let id = portal.company("Acme");
    let source = portal.source();
    let mut kept = Kept::default();
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    portal.world().switches.calls_per_day = Some(0);
    let before = source.spent().requests;
    let error = source.read(COMPANIES, &ids(&[&id]), kept.cursor.as_ref()).await.unwrap_err();
    assert_eq!((error.code.as_deref(), source.spent().requests), (Some("DAILY"), before + 1));
    assert!(error.message.contains("it resets at midnight US/Eastern ("), "{error}");
    let again = source.read(COMPANIES, &ids(&[&id]), kept.cursor.as_ref()).await.unwrap_err();
    let pulled = kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!([&again, &pulled], [&error; 2]);
    assert_eq!(source.spent().requests, before + 1, "nothing is asked before it resets");
}

#[tokio::test]
async fn the_burst_limit_is_kept_without_a_refusal() {
    let portal = Portal::start().await;
    portal.world().switches.calls_per_ten_seconds = Some(20);
    for n in 0..2_500 {
        portal.company(&format!("C{n}"));
    }
    let mut kept = Kept::default();
    kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    assert_eq!((kept.records.len(), portal.world().refused()), (2_500, 0));
}

#[tokio::test]
async fn a_moving_or_closed_account_ends_the_pull_and_loses_no_place() {
    // Trap 39; a 403 names the scope; a 401 is the token.
    let portal = Portal::start().await;
    let id = portal.company("Acme");
    let source = portal.source();
    let mut kept = Kept::default();
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    let before = (kept.cursor.clone(), kept.records.clone());
    let scope = "crm.objects.companies.read";

    portal.world().switches.migrating_seconds = Some(86_400);
    let moving = kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    portal.world().switches.migrating_seconds = None;
    portal.world().revoke(scope);
    let forbidden = kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    portal.world().grant(scope);
    portal.world().set_token("another");
    let stranger = kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    portal.world().set_token(super::TOKEN);

    assert_eq!((moving.status, moving.fault), (Some(477), Fault::Unavailable));
    assert_eq!(forbidden.fault, Fault::Forbidden { scopes: vec![scope.to_owned()] });
    assert_eq!(stranger.fault, Fault::Unauthorised);
    assert!(forbidden.request_id.is_some(), "the id HubSpot's support asks for");
    assert_eq!((kept.cursor.clone(), kept.records.clone()), before);
    portal.world().touch(ObjectType::Company, &id).unwrap();
    assert_eq!(kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Delta);
}

#[tokio::test]
async fn streams_and_fingerprints_follow_the_configuration() {
    let mut portal = Portal::start().await;
    let before = portal.source();
    assert_eq!(before.streams(), [COMPANIES, CONTACTS, super::DEALS]);
    portal.reads.insert("company", names(&["name"]));
    let after = portal.source();
    assert_ne!(before.keeps(COMPANIES), after.keeps(COMPANIES));
    assert_eq!(before.keeps(CONTACTS), after.keeps(CONTACTS));
    assert_eq!(after.spent().requests, 0);
}

async fn bad(portal: &Portal) -> Vec<(String, String, String)> {
    let findings = portal.source().check().await;
    let bad = findings.into_iter().filter_map(|finding| match finding.verdict {
        Verdict::Good(_) => None,
        Verdict::Warning { found, remedy }
        | Verdict::Bad { found, remedy }
        | Verdict::Misnamed { found, remedy, .. } => Some((finding.what, found, remedy)),
    });
    bad.collect()
}

#[tokio::test]
async fn check_is_content_with_a_good_portal_and_asks_nothing_twice() {
    let portal = Portal::start().await;
    let acme = portal.company("Acme");
    portal.contact("a@x.com", Some((&acme, true)));
    assert_eq!(bad(&portal).await, []);
    let asked = portal.asked();
    assert_eq!((asked["list"], asked["links"], asked["properties"], asked["account"]), (6, 1, 3, 1));
}

#[tokio::test]
async fn check_names_every_fault_with_its_remedy() {
    // Traps 19 and 20.
    let mut portal = Portal::start().await;
    portal.reads.insert("company", names(&["name", "nmae", "lifecyclestag"]));
    portal.world().revoke("crm.objects.contacts.read");
    let bad = bad(&portal).await;
    let what: Vec<&str> = bad.iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(
        what,
        [
            "hubspot property company.lifecyclestag",
            "hubspot property company.nmae",
            "hubspot scope crm.objects.contacts.read",
        ]
    );
    assert!(bad[0].2.contains("internal name 'lifecyclestag'"));
    assert!(bad[2].1.contains("403") && bad[2].2.contains("crm.objects.contacts.read"), "{:?}", bad[2]);

    portal.world().set_token("another");
    let bad = self::bad(&portal).await;
    assert_eq!(bad.len(), 1, "a dead token ends the check: {bad:?}");
    assert!(bad[0].2.contains("service key"));
}

#[tokio::test]
async fn a_sensitive_property_without_its_scope_is_named_and_never_read_as_empty() {
    // Trap 20: the portal leaves it out of its answers without a word.
    let mut portal = Portal::start().await;
    let id = portal.company("Acme");
    let secret = Property { sensitive: true, ..Property::custom("tax_number", PropertyType::String) };
    portal.world().add_property(ObjectType::Company, secret);
    portal.set(ObjectType::Company, &id, "tax_number", "DE1");
    portal.reads.insert("company", names(&["name", "tax_number"]));
    let scope = "crm.objects.companies.sensitive.read.v2";

    portal.world().grant(scope);
    let mut kept = Kept::default();
    kept.run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    assert_eq!(kept.live("tax_number")[&id], "DE1");
    assert_eq!(bad(&portal).await, []);

    portal.world().revoke(scope);
    portal.world().touch(ObjectType::Company, &id).unwrap();
    for mode in [PullMode::Changes, PullMode::Full] {
        let error = kept.run(&portal.source(), COMPANIES, mode).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some("company.tax_number"), "{error}");
        assert!(matches!(&error.fault, Fault::Forbidden { scopes } if scopes[0] == scope), "{error:?}");
    }
    assert_eq!(kept.live("tax_number")[&id], "DE1", "what was known stays");
    let bad = bad(&portal).await;
    let [(what, _, remedy)] = bad.as_slice() else { panic!("{bad:?}") };
    assert!(what == "hubspot property company.tax_number" && remedy.contains(scope), "{bad:?}");
}

#[tokio::test]
async fn check_names_the_missing_scopes_one_by_one() {
    let portal = Portal::start().await;
    for object in ["companies", "contacts", "deals"] {
        portal.world().revoke(&format!("crm.objects.{object}.read"));
        portal.world().revoke(&format!("crm.schemas.{object}.read"));
    }
    let bad = bad(&portal).await;
    for object in ["companies", "contacts", "deals"] {
        for (what, scope) in [("scope crm.objects.", "objects"), ("properties of ", "schemas")] {
            let found = bad.iter().find(|(name, ..)| name.contains(what) && name.contains(object));
            let (_, _, remedy) = found.unwrap_or_else(|| panic!("{object} {scope}: {bad:?}"));
            assert!(remedy.contains(&format!("crm.{scope}.{object}.read")), "{remedy}");
        }
    }
}

#[tokio::test]
async fn check_warns_that_a_portal_cannot_be_told_apart_without_the_scope_it_takes() {
    // Sections 2 and 8: the details of the account need `oauth`, and no right to any object. Pulls go on without them.
    let portal = Portal::start().await;
    portal.company("Acme");
    portal.world().revoke("oauth");
    Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap();
    let findings = portal.source().check().await;
    let (token, others) = findings.split_first().unwrap();
    let Verdict::Warning { found, remedy } = &token.verdict else { panic!("{token:?}") };
    assert!(token.what == "hubspot token" && found.contains("whose portal this is cannot be told"), "{token:?}");
    assert_eq!(remedy, "add the scope oauth to the key");
    assert!(others.iter().all(|finding| matches!(finding.verdict, Verdict::Good(_))), "{others:?}");

    portal.world().set_token("another");
    assert!(matches!(portal.source().check().await[0].verdict, Verdict::Bad { .. }), "a dead token is more than that");
}

#[tokio::test]
async fn a_missing_schema_scope_is_named_beside_the_objects_own() {
    // Section 2 lists both; whether the one covers for the other is not certain.
    let portal = Portal::start().await;
    portal.company("Acme");
    let (schema, object) = ("crm.schemas.companies.read", "crm.objects.companies.read");
    portal.world().switches.schemas_need_their_scope = true;
    portal.world().revoke(schema);
    let error = Kept::default().run(&portal.source(), COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!(error.fault, Fault::Forbidden { scopes: vec![schema.to_owned()] });
    let found = bad(&portal).await;
    let [(what, _, remedy)] = found.as_slice() else { panic!("{found:?}") };
    assert!(what == "hubspot properties of companies" && remedy.contains(&format!("the scope {schema} ")), "{found:?}");

    for strict in [true, false] {
        portal.world().switches.schemas_need_their_scope = strict;
        portal.world().revoke(object);
        let found = bad(&portal).await;
        assert_eq!(found.len(), 2, "strict: {strict}: {found:?}");
        for scope in [schema, object] {
            assert!(found.iter().any(|(.., remedy)| remedy.contains(&format!("add the scope {scope} "))), "{found:?}");
        }
    }
}

#[tokio::test]
async fn a_property_that_is_not_answered_is_missing_and_not_empty() {
    // Trap 18. Cleared is an answer; silence is not.
    let portal = Portal::start().await;
    let dated = [("date", "Fri, 20 Nov 2026 10:00:00 GMT")];
    let body = r#"{"results":[{"id":"1","properties":{"domain":null,"name":"A","lifecyclestage":null,"annualrevenue":null}},
        {"id":"2","properties":{"domain":null,"name":"B","annualrevenue":"5"}},{"id":"3","properties":{"domain":null,"name":"C"}}]}"#;
    portal.plan("archived=false", 200, &dated, body);
    let (source, mut kept) = (portal.source(), Kept::default());
    kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap();
    assert_eq!(kept.shown(), ["1 live", "2 partial", "3 partial"], "nothing rests");
    let notes = source.notes();
    assert_eq!(notes.len(), 2, "one finding for each property: {notes:?}");
    assert!(notes[0].contains("'annualrevenue' of 1 (3)") && notes[1].contains("'lifecyclestage' of 2 (2, 3)"));
}

#[tokio::test]
async fn a_cleared_property_is_empty_however_it_is_answered() {
    // Trap 18: as "" or as null, and never as what it was.
    let read = [Cleared::Empty, Cleared::Null].map(async |cleared| {
        let portal = Portal::start().await;
        portal.world().switches.cleared = cleared;
        let id = portal.contact("a@x.com", None);
        portal.set(ObjectType::Contact, &id, "jobtitle", "Buyer");
        let source = portal.source();
        let mut kept = Kept::default();
        portal.world().pin(at("11:00:00"));
        kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();
        assert_eq!(kept.live("jobtitle")[&id], "Buyer");
        portal.set(ObjectType::Contact, &id, "jobtitle", "");
        portal.set(ObjectType::Contact, &id, "email", "");
        portal.world().pin(at("12:00:00"));
        kept.run(&source, CONTACTS, PullMode::Changes).await.unwrap();
        assert_eq!(kept.shown(), [format!("{id} live")], "{cleared:?}: an answer, not silence");
        let Pulled::Live(record) = &kept.records[&SourceKey::new(CONTACTS, id.as_str())] else { panic!("{cleared:?}") };
        let Facts::Person(person) = &record.facts else { panic!("{record:?}") };
        (record.properties.get("jobtitle").cloned(), person.email.clone())
    });
    let [empty, null] = futures::future::join_all(read).await.try_into().unwrap();
    assert_eq!(empty, null);
    assert!(empty.1.is_none() && empty.0 == Some(Value::Null), "{empty:?}");
}
