//! How the whole story of one thing reads.

use super::store_tests::{at, operation};
use super::tests::plain;
use super::*;
use crate::domain::{
    Change, Changes, Entity, EntityId, Fields, Kind, Later, Mirror, MirrorState, Origin, PivotalId, Quarantine,
    Removal, RunId, SourceKey, Stream, Value, Verb,
};
use crate::engine::explain::{Roof, Told};
use crate::reconcile::{Desired, Explained, Fate, RuleTold, Wanted};
use crate::store::{AttemptId, AttemptRow, Story, StoryEntity, StoryRecord};

fn told() -> Told {
    let rule = |key: &str, rule: &str, outcome: Value, read: &[(&str, Value)]| RuleTold {
        then: None,
        key: key.into(),
        rule: rule.into(),
        outcome: Ok(outcome),
        read: read.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        owner: None,
    };
    let lead = [("company.lifecyclestage", "customer".into()), ("stripe.status", Value::Null)];
    let explained = Explained {
        desired: Desired {
            wanted: Wanted::Yes(Fields::default()),
            name: "Acme Inc".into(),
            subject: SourceKey::new(Stream::HubspotCompanies, "123"),
            because: vec![],
            until: None,
            notes: vec![],
        },
        evidence: vec!["stripe:customer:cus_1 is with hubspot:company:123: both show the domain acme.com".into()],
        selection: Some(rule("customers.where", "company.lifecyclestage == 'customer'", true.into(), &lead)),
        fields: vec![
            rule("customers.fields.name", "company.name", "Acme Inc".into(), &[]),
            rule("customers.fields.plan", "stripe.plan", Value::Null, &[]),
        ],
        fate: None,
    };
    Told { story: story(), explained: Some(explained), findings: vec![], account: None, roof: None, carrier: None }
}

fn story() -> Story {
    let mirror = Mirror {
        id: PivotalId::new("clx1"),
        display_id: Some(42),
        parent: None,
        origin: Origin::Created,
        state: MirrorState::Live,
        written: Fields::from([("name", "Acme".into()), ("plan", Value::Null)]),
        found: Fields::default(),
    };
    let change = Change { from: "Acme".into(), to: "Acme Inc".into() };
    let changes = Changes([("name".to_owned(), change)].into());
    let mut owed = operation("Acme Inc", "owed", "Pivotal answered 503");
    (owed.verb, owed.changes) = (Verb::Update, changes.clone());
    Story {
        entity: Some(StoryEntity {
            entity: Entity {
                id: EntityId(1),
                kind: Kind::Customer,
                parent: None,
                mirror: Some(mirror),
                vanished: None,
                shelved: None,
                gone_since: None,
                approval: Default::default(),
                undone: None,
                quarantine: Some(Quarantine {
                    fingerprint: "f".into(),
                    reason: "invalid plan".into(),
                    ..Default::default()
                }),
            },
            name: "Acme Inc".into(),
            wanted: Some("yes".into()),
            settled: false,
            dirty: false,
            look_at: None,
            written_at: Some(at("20T03:00")),
        }),
        records: vec![StoryRecord {
            key: SourceKey::new(Stream::HubspotCompanies, "123"),
            state: "live".into(),
            merged_into: None,
            facts: None,
            properties: [("name".to_owned(), "Acme Inc".into()), ("domain".to_owned(), Value::Null)].into(),
            problem: Some("two companies share acme.com".into()),
            unreadable: None,
            tokens: vec!["domain:acme.com".into()],
            changed_at: Some(at("22T10:00")),
            seen_at: at("23T03:00"),
            gone_at: None,
        }],
        mapping: vec![],
        operations: vec![owed],
        attempts: vec![AttemptRow {
            id: AttemptId(3),
            run: RunId(7),
            verb: Verb::Update,
            changes,
            reason: String::new(),
            method: "PATCH".into(),
            path: "/customers/clx1".into(),
            planned_at: at("23T03:01"),
            answered_at: None,
            outcome: "failed".into(),
            status: Some(503),
            error: Some("service unavailable".into()),
            pivotal_id: None,
            request_id: Some("req_9".into()),
            idempotency_key: None,
        }],
    }
}

#[test]
fn why_tells_the_whole_story() {
    insta::assert_snapshot!(plain(&render_why(&[told()])), @r"
    customer Acme Inc: in Pivotal as customer 42 (clx1), created by pivotal-sync
      wanted there, not in step
      refused by Pivotal: invalid plan
      last written 2026-11-20 03:00 UTC
      owed: update customer: Pivotal answered 503
          name  Acme → Acme Inc

    who is who
      stripe:customer:cus_1 is with hubspot:company:123: both show the domain acme.com

    what the sources say
    hubspot:company:123  live, changed 2026-11-22 10:00 UTC, read 2026-11-23 03:00 UTC
      domain  (empty)
      name    Acme Inc
      known by domain:acme.com
      held: two companies share acme.com

    what the rules make of it
      customers.where holds: company.lifecyclestage == 'customer'
        company.lifecyclestage is customer
        stripe.status is (nothing)
      name  Acme Inc  from company.name
      plan  (nothing)  from stripe.plan

    what Pivotal holds, as last written
      name  Acme
      plan  (empty)

    what was sent, newest first
      2026-11-23 03:01 UTC  run 7  PATCH /customers/clx1  failed 503
          name  Acme → Acme Inc
          request req_9
          service unavailable
    ");
}

#[test]
fn why_not_in_pivotal_names_the_reason() {
    let mut told = told();
    let why = "customers.where does not hold for hubspot:company:123";
    if let Some(explained) = &mut told.explained {
        explained.desired.wanted = Wanted::NotSelected(why.into());
        explained.selection.as_mut().unwrap().outcome = Ok(false.into());
    }
    let story = &mut told.story;
    let entity = story.entity.as_mut().unwrap();
    entity.entity.mirror = None;
    entity.entity.quarantine = None;
    entity.wanted = Some(why.into());
    (entity.written_at, story.operations, story.attempts) = (None, vec![], vec![]);
    insta::assert_snapshot!(plain(&render_why(&[told])), @r"
    customer Acme Inc: not in Pivotal
      not wanted there: customers.where does not hold for hubspot:company:123

    who is who
      stripe:customer:cus_1 is with hubspot:company:123: both show the domain acme.com

    what the sources say
    hubspot:company:123  live, changed 2026-11-22 10:00 UTC, read 2026-11-23 03:00 UTC
      domain  (empty)
      name    Acme Inc
      known by domain:acme.com
      held: two companies share acme.com

    what the rules make of it
      customers.where does not hold: company.lifecyclestage == 'customer'
        company.lifecyclestage is customer
        stripe.status is (nothing)
      name  Acme Inc  from company.name
      plan  (nothing)  from stripe.plan
    ");
}

/// Why of an object that is there and no longer wanted.
fn unwanted(fate: Fate) -> Told {
    let mut told = told();
    let explained = told.explained.as_mut().unwrap();
    explained.desired.wanted = Wanted::NotSelected("customers.where does not hold".into());
    explained.fate = Some(fate);
    told.story.operations.clear();
    told
}

#[test]
fn why_says_what_becomes_of_the_unwanted() {
    let at = at("26T11:02");
    let later = Fate::Later(Later { removal: Removal::Delete, at });
    for (fate, words) in [
        (later.clone(), "it will be deleted on 2026-11-26 11:02 UTC, unless it comes back"),
        (Fate::Now(Removal::Archive), "it is to be archived by the next run"),
        (Fate::Archived, "it was archived by pivotal-sync, and stays so until it comes back"),
        (Fate::Stays(Some("left, since it was adopted".into())), "left, since it was adopted"),
        (Fate::Stays(None), "it stays in Pivotal as it is"),
    ] {
        let text = plain(&render_why(&[unwanted(fate)]));
        assert!(text.contains(&format!("  not wanted there: customers.where does not hold\n  {words}\n")), "{text}");
    }
    assert_eq!(why_json("x", &[unwanted(later.clone())])["found"][0]["later"]["op"], "delete");

    let mut contact = unwanted(Fate::Stays(None));
    contact.roof = Some(Roof::Leaving(later));
    let text = plain(&render_why(std::slice::from_ref(&contact)));
    assert!(text.contains("it goes with its customer, which will be deleted on 2026-11-26 11:02 UTC"), "{text}");
    contact.roof = Some(Roof::Deleted(at));
    let text = plain(&render_why(std::slice::from_ref(&contact)));
    assert!(
        text.contains("it vanished with its customer, which pivotal-sync deleted on 2026-11-26 11:02 UTC"),
        "{text}"
    );
    assert!(text.contains("no longer in Pivotal, was customer 42 (clx1)") && !text.contains("stays in"), "{text}");
}

#[test]
fn why_as_json_holds_the_same() {
    let json = why_json("acme.com", &[told()]);
    let found = &json["found"][0];
    assert_eq!((&json["ref"], &found["pivotal"]["display_id"]), (&"acme.com".into(), &42.into()));
    assert_eq!(found["records"][0]["properties"]["name"], "Acme Inc");
    assert_eq!(found["operations"][0]["why"], "Pivotal answered 503");
    assert_eq!(found["attempts"][0]["changes"]["name"]["to"], "Acme Inc");
    assert_eq!((&found["wanted"], &found["in_step"]), (&true.into(), &false.into()));
}
