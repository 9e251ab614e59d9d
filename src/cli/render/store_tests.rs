//! How the store's answers read.

use super::tests::plain;
use super::*;
use crate::cli::Exit;
use crate::daemon::{Asker, Daemon, Facts, Slot, Stage, UnderWay};
use crate::domain::{
    Changes, Cursor, EntityId, Kind, OperationCounts, PivotalId, Report, RequestCounts, RunId, RunKind, RunStatus,
    Stream, StreamCounts, Timestamp, Value, Verb,
};
use crate::store::{OperationId, OperationRow, RunRow, StoreCounts, StreamState};

pub(super) fn at(text: &str) -> Timestamp {
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
        audit: None,
        progress: None,
        plan: vec![],
        later: vec![],
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

pub(super) fn operation(name: &str, state: &str, why: &str) -> OperationRow {
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
        waits: false,
        hold: None,
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
    let facts = Facts {
        workspace: Some("acme".into()),
        store: "/var/lib/pivotal-sync/state.db".into(),
        last_run: Some(run(7, RunStatus::Partial, Some("23T03:01"))),
        counts: StoreCounts {
            mapped: [(Kind::Customer, 1234), (Kind::Contact, 1), (Kind::Onboarding, 0)],
            owed: 541,
            waiting: 1,
            held: 26,
            approved: 0,
            quarantined: 1,
            waiting_deletions: 3,
            waiting_archivals: 0,
            streams: vec![(Stream::HubspotCompanies, stream, 12_000)],
        },
        owed: vec![
            OperationRow { waits: true, ..operation("Hotel", "owed", "its customer is held") },
            operation("India", "owed", "Pivotal answered 503"),
        ],
        later: vec![],
        held: vec![operation("Delta", "held", guard), operation("Echo", "held", guard)],
        approved: Vec::new(),
        quarantined: vec![operation("Golf\u{1b}[2J", "quarantined", "invalid plan")],
        findings: vec![],
        all_findings: 0,
        notes: vec![],
        all_notes: 0,
        last_audit: None,
        rate_per_minute: Some(54),
        in_use: true,
    };
    StatusView { facts, daemon: None, now: at("23T08:30") }
}

#[test]
fn status_tells_what_the_daemon_is_at() {
    let mut view = view();
    let slot = |errand: &str, time| Slot { errand: errand.into(), at: at(time) };
    view.daemon = Some(Daemon {
        pid: 77,
        version: "0.1.0".into(),
        ready: true,
        run: Some(UnderWay {
            by: Asker::Schedule,
            errand: "sync".into(),
            since: at("23T08:29"),
            stage: Stage::Writing { operations: 120, done: 7, undone: 1, estimate_seconds: Some(120) },
            waits_until: None,
        }),
        next: vec![slot("sync", "24T03:00"), slot("full", "29T05:00")],
        last_error: None,
        refused_configuration: Some("config.toml:3: pivotal.concurency: is no known key".into()),
    });
    let told = plain(&render_status(&view, None));
    let lines: Vec<&str> = told.lines().skip(2).take(3).collect();
    assert_eq!(
        lines,
        [
            "daemon: process 77, running sync for schedule, begun 2026-11-23 08:29 UTC (1m ago): written 7 of 120, 1 not done, about 2m in all",
            "next: sync 2026-11-24 03:00 UTC, full 2026-11-29 05:00 UTC",
            "warning: the configuration on disk was refused, the old one is in use: config.toml:3: pivotal.concurency: is no known key",
        ]
    );
    let json = status_json(&view);
    assert_eq!((&json["daemon"]["pid"], &json["daemon"]["run"]["stage"]["done"]), (&77.into(), &7.into()));
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
    540 owed, about 9m at 54 a minute; 1 waiting; 26 held; 1 quarantined; 3 to be deleted when the grace is over

    held until you decide
      26 deletions are more than guard.max_deletes = 25 allows
      delete customer  Delta  hubspot:company:7
      delete customer  Echo  hubspot:company:7
      … and 24 more (view v_held of the store lists all)

    quarantined: refused by Pivotal
      invalid plan
      delete customer  Golf␛[2J  hubspot:company:7

    waiting for something else
      its customer is held
      delete customer  Hotel  hubspot:company:7

    owed
      Pivotal answered 503
      delete customer  India  hubspot:company:7
      … and 539 more (view v_pending of the store lists all)

    next: pivotal-sync why hubspot:company:7  (tells the whole story of it)
    ");
    assert_eq!(view().exit(), Exit::Owed);
}

#[test]
fn status_of_a_store_in_step_and_of_an_empty_one() {
    let mut view = view();
    (view.facts.held, view.facts.quarantined, view.facts.owed) = (vec![], vec![], vec![]);
    view.facts.counts =
        StoreCounts { owed: 0, waiting: 0, held: 0, quarantined: 0, waiting_deletions: 0, ..view.facts.counts };
    view.facts.last_run = Some(run(8, RunStatus::Running, None));
    insta::assert_snapshot!(plain(&render_status(&view, None)), @r"
    workspace acme, store /var/lib/pivotal-sync/state.db
    running: sync 8, begun 2026-11-23 03:00 UTC (5h 30m ago)
    kept in Pivotal: 1,234 customers, 1 contact, 0 onboardings
    stream             read ago  in full  records  read  changed  gone  requests
    hubspot.companies  5h 30m    not yet   12,000     -        -     -         -
    nothing is owed
    ");
    assert_eq!(view.exit(), Exit::Done);
    (view.facts.last_run, view.facts.workspace, view.facts.counts.streams) = (None, None, vec![]);
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
    assert_eq!((&json["operations"]["owed"], &json["operations"]["waiting"]), (&541.into(), &1.into()));
    assert_eq!((&json["owed"][0]["waits"], &json["owed"][0]["why"]), (&true.into(), &"its customer is held".into()));
    assert_eq!(json["later"], serde_json::json!([]));
}

#[test]
fn runs_are_a_line_each() {
    let runs = [run(8, RunStatus::Interrupted, None), run(7, RunStatus::Partial, Some("23T03:01"))];
    insta::assert_snapshot!(plain(&render_runs(&runs, true, None)), @r"
    run  kind  status       started (UTC)     took  done
    8    sync  interrupted  2026-11-23 03:00  -     -
    7    sync  partial      2026-11-23 03:00  1m    1,200 created, 26 held
    ");
    let mut runs = runs;
    runs[1].asked_by = "schedule".into();
    insta::assert_snapshot!(plain(&render_runs(&runs, true, Some(76))), @r"
    run  kind  asked by  status       started (UTC)     took  done
    8    sync  command   interrupted  2026-11-23 03:00  -     -
    7    sync  schedule  partial      2026-11-23 03:00  1m    1,200 created, 26
                                                              held
    ");
    let json = runs_json(&runs, true);
    assert_eq!((&json["runs"][0]["status"], &json["runs"][0]["run"]), (&"interrupted".into(), &8.into()));
    assert_eq!(
        (&json["runs"][1]["operations"]["held"], &json["runs"][1]["asked_by"]),
        (&26.into(), &"schedule".into())
    );
    assert!(render_runs(&[], true, None).contains("no run yet"));
}

#[test]
fn a_run_that_nobody_goes_on_with_was_cut_off() {
    let runs = [run(8, RunStatus::Running, None)];
    for (in_use, text, json) in [(true, "running", "running"), (false, "cut off", "interrupted")] {
        assert!(render_runs(&runs, in_use, None).contains(text));
        assert_eq!(runs_json(&runs, in_use)["runs"][0]["status"], json);
    }
}

#[test]
fn nothing_is_estimated_that_is_not_known() {
    let mut view = view();
    (view.facts.counts.owed, view.facts.counts.waiting) = (32, 0);
    for (rate, words) in [(None, "32 owed; 26 held"), (Some(54), "32 owed, within a minute at 54 a minute; 26 held")] {
        view.facts.rate_per_minute = rate;
        let text = plain(&render_status(&view, None));
        assert!(text.contains(words), "{text}");
    }
    view.facts.rate_per_minute = None;
    assert_eq!(status_json(&view)["owed_seconds"], Value::Null.to_api_json());
}
