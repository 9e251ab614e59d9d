//! How the store's answers read.

use super::tests::plain;
use super::*;
use crate::cli::Exit;
use crate::domain::{
    Change, Changes, Cursor, Entity, EntityId, Fields, Kind, Mirror, MirrorState, OperationCounts, Origin, PivotalId,
    Quarantine, Report, RequestCounts, RunId, RunKind, RunStatus, SourceKey, Stream, StreamCounts, Timestamp, Value,
    Verb,
};
use crate::engine::explain::Told;
use crate::reconcile::{Desired, Explained, RuleTold, Wanted};
use crate::store::{
    AttemptId, AttemptRow, OperationId, OperationRow, RunRow, StoreCounts, Story, StoryEntity, StoryRecord, StreamState,
};

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}:00Z").parse().unwrap()
}

fn run(id: i64, status: RunStatus, finished: Option<&str>) -> RunRow {
    let report = finished.map(|end| Report {
        run: RunId(id),
        kind: RunKind::Sync,
        status,
        streams: [(
            Stream::HubspotCompanies,
            StreamCounts { read: 40, changed: 3, deleted: 1, requests: 5, ..Default::default() },
        )]
        .into(),
        operations: OperationCounts { create: 1200, held: 26, ..Default::default() },
        requests: RequestCounts::default(),
        started_at: at("23T03:00"),
        finished_at: Some(at(end)),
        notes: vec![],
        error: None,
        progress: None,
        plan: vec![],
    });
    RunRow {
        id: RunId(id),
        kind: RunKind::Sync,
        asked_by: "command".into(),
        status,
        started_at: at("23T03:00"),
        finished_at: finished.map(at),
        report,
    }
}

fn operation(name: &str, state: &str, why: &str) -> OperationRow {
    OperationRow {
        id: OperationId(1),
        run: RunId(7),
        entity: EntityId(1),
        object: Kind::Customer,
        verb: Verb::Delete,
        subject: "hubspot:company:7".into(),
        name: name.into(),
        pivotal_id: Some(PivotalId::new("clx1")),
        changes: Changes::default(),
        reason: "deleted in HubSpot".into(),
        state: state.into(),
        why: Some(why.into()),
    }
}

fn view() -> StatusView {
    let stream = StreamState {
        cursor: Cursor("c".into()),
        keeps: "k".into(),
        listing: None,
        complete_at: None,
        pulled_at: at("23T03:00"),
    };
    let guard = "26 deletions are more than guard.max_deletes = 25 allows";
    StatusView {
        workspace: Some("acme".into()),
        store: "/var/lib/pivotal-sync/state.db".into(),
        last_run: Some(run(7, RunStatus::Partial, Some("23T03:01"))),
        counts: StoreCounts {
            mapped: [(Kind::Customer, 1234), (Kind::Contact, 1), (Kind::Onboarding, 0)],
            owed: 540,
            held: 26,
            quarantined: 1,
            waiting_deletions: 3,
            streams: vec![(Stream::HubspotCompanies, stream, 12_000)],
        },
        held: vec![operation("Delta", "held", guard), operation("Echo", "held", guard)],
        quarantined: vec![operation("Golf\u{1b}[2J", "quarantined", "invalid plan")],
        rate_per_minute: 54,
        in_use: true,
        now: at("23T08:30"),
    }
}

#[test]
fn status_tells_what_waits_and_why() {
    insta::assert_snapshot!(plain(&render_status(&view(), None)), @r"
    workspace acme, store /var/lib/pivotal-sync/state.db
    last run: sync 7, partial, 2026-11-23 03:01 UTC (5h 29m ago), took 1m
    kept in Pivotal: 1,234 customers, 1 contact, 0 onboardings
    stream             read ago  in full  records  read  changed  gone  requests
    hubspot.companies  5h 30m    not yet   12,000    40        3     1         5
    (read, changed, gone, requests: by the last run)
    540 owed, about 9m at 54 a minute; 26 held; 1 quarantined; 3 deletions waiting out the grace

    held until you decide
      26 deletions are more than guard.max_deletes = 25 allows
      delete customer  Delta  hubspot:company:7
      delete customer  Echo  hubspot:company:7
      … and 24 more (view v_held of the store lists all)

    quarantined: refused by Pivotal
      invalid plan
      delete customer  Golf␛[2J  hubspot:company:7

    next: pivotal-sync why REF  (tells the whole story of one)
    ");
    assert_eq!(view().exit(), Exit::Owed);
}

#[test]
fn status_of_a_store_in_step_and_of_an_empty_one() {
    let mut view = view();
    (view.held, view.quarantined) = (vec![], vec![]);
    view.counts = StoreCounts { owed: 0, held: 0, quarantined: 0, waiting_deletions: 0, ..view.counts };
    view.last_run = Some(run(8, RunStatus::Running, None));
    insta::assert_snapshot!(plain(&render_status(&view, None)), @r"
    workspace acme, store /var/lib/pivotal-sync/state.db
    running: sync 8, begun 2026-11-23 03:00 UTC (5h 30m ago)
    kept in Pivotal: 1,234 customers, 1 contact, 0 onboardings
    stream             read ago  in full  records  read  changed  gone  requests
    hubspot.companies  5h 30m    not yet   12,000     -        -     -         -
    nothing is owed
    ");
    assert_eq!(view.exit(), Exit::Done);
    (view.last_run, view.workspace, view.counts.streams) = (None, None, vec![]);
    insta::assert_snapshot!(plain(&render_status(&view, None)), @r"
    workspace (none yet), store /var/lib/pivotal-sync/state.db
    last run: none yet
    kept in Pivotal: 1,234 customers, 1 contact, 0 onboardings
    nothing was ever read
    next: pivotal-sync plan  (shows what a first load would do)
    ");
}

#[test]
fn status_as_json_holds_the_same() {
    let json = status_json(&view());
    assert_eq!((&json["status"], &json["operations"]["held"]), (&"waiting".into(), &26.into()));
    assert_eq!(json["last_run"]["run"], 7);
    assert_eq!(json["last_run"]["operations"]["create"], 1200);
    assert_eq!(json["streams"]["hubspot.companies"]["records"], 12_000);
    assert_eq!(json["streams"]["hubspot.companies"]["requests"], 5);
    assert_eq!(json["held"][0]["ref"], "hubspot:company:7");
    assert_eq!(json["owed_seconds"], 540);
}

#[test]
fn runs_are_a_line_each() {
    let runs = [run(8, RunStatus::Interrupted, None), run(7, RunStatus::Partial, Some("23T03:01"))];
    insta::assert_snapshot!(plain(&render_runs(&runs, None)), @r"
    run  kind  status       started (UTC)     took  done
    8    sync  interrupted  2026-11-23 03:00  -     -
    7    sync  partial      2026-11-23 03:00  1m    1,200 created, 26 held
    ");
    let mut runs = runs;
    runs[1].asked_by = "schedule".into();
    insta::assert_snapshot!(plain(&render_runs(&runs, Some(76))), @r"
    run  kind  asked by  status       started (UTC)     took  done
    8    sync  command   interrupted  2026-11-23 03:00  -     -
    7    sync  schedule  partial      2026-11-23 03:00  1m    1,200 created, 26
                                                              held
    ");
    let json = runs_json(&runs);
    assert_eq!((&json["runs"][0]["status"], &json["runs"][0]["run"]), (&"interrupted".into(), &8.into()));
    assert_eq!(
        (&json["runs"][1]["operations"]["held"], &json["runs"][1]["asked_by"]),
        (&26.into(), &"schedule".into())
    );
    assert!(render_runs(&[], None).contains("no run yet"));
}

fn told() -> Told {
    let rule = |key: &str, rule: &str, outcome: Value, read: &[(&str, Value)]| RuleTold {
        key: key.into(),
        rule: rule.into(),
        outcome: Ok(outcome),
        read: read.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    };
    let lead = [("company.lifecyclestage", "customer".into()), ("stripe.status", Value::Null)];
    let explained = Explained {
        desired: Desired {
            wanted: Wanted::Yes(Fields::default()),
            name: "Acme Inc".into(),
            subject: SourceKey::new(Stream::HubspotCompanies, "123"),
            because: vec![],
            notes: vec![],
        },
        evidence: vec!["stripe:customer:cus_1 is with hubspot:company:123: both show the domain acme.com".into()],
        selection: Some(rule("customers.where", "company.lifecyclestage == 'customer'", true.into(), &lead)),
        fields: vec![
            rule("customers.fields.name", "company.name", "Acme Inc".into(), &[]),
            rule("customers.fields.plan", "stripe.plan", Value::Null, &[]),
        ],
    };
    Told { story: story(), explained: Some(explained), account: None }
}

fn story() -> Story {
    let mirror = Mirror {
        id: PivotalId::new("clx1"),
        display_id: Some(42),
        parent: None,
        origin: Origin::Created,
        state: MirrorState::Live,
        written: Fields::from([("name", "Acme".into()), ("plan", Value::Null)]),
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
                gone_since: None,
                approval: Default::default(),
                quarantine: Some(Quarantine { fingerprint: "f".into(), reason: "invalid plan".into() }),
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
