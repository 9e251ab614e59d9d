//! How runs read, and the exit codes they earn.

use super::tests::{operations, plain};
use super::*;
use crate::cli::Exit;
use crate::domain::{
    ErrorReport, OperationCounts, Report, RequestCounts, RunId, RunKind, RunStatus, Stream, StreamCounts,
};

pub(super) fn report(kind: RunKind, status: RunStatus, operations: OperationCounts) -> Report {
    Report {
        run: RunId(7),
        kind,
        status,
        streams: [
            (Stream::HubspotCompanies, StreamCounts { read: 12_000, changed: 3, requests: 121, ..Default::default() }),
            (Stream::StripeCustomers, StreamCounts { read: 9, changed: 0, deleted: 1, ..Default::default() }),
        ]
        .into(),
        operations,
        requests: RequestCounts { hubspot: 4, stripe: 2, pivotal: 3, throttled: 0 },
        started_at: "2026-11-23T03:00:00Z".parse().unwrap(),
        finished_at: Some("2026-11-23T03:01:12Z".parse().unwrap()),
        notes: vec![],
        error: None,
        audit: None,
        progress: None,
        plan: vec![],
        later: vec![],
    }
}

#[test]
fn a_run_in_step_reads_so() {
    let counts = OperationCounts { create: 1, update: 2, ..Default::default() };
    let text = render_report(&report(RunKind::Sync, RunStatus::Complete, counts), None);
    insta::assert_snapshot!(plain(&text), @r"
    sync 7: complete after 1m 12s
    stream               read  changed  deleted  requests
    hubspot.companies  12,000        3        0       121
    stripe.customers        9        0        1         0
    operations: 1 created, 2 updated, Pivotal is in step
    requests: 4 to HubSpot, 2 to Stripe, 3 to Pivotal
    ");
}

#[test]
fn a_partial_run_says_what_waits_and_what_to_type() {
    let counts = OperationCounts { delete: 1, held: 26, quarantined: 1, owed: 1203, waiting: 3, ..Default::default() };
    let mut partial = report(RunKind::Backfill, RunStatus::Partial, counts);
    partial.requests.throttled = 2;
    partial.notes = vec!["property 'tier' was shortened for 3 customers".into()];
    let companies = partial.streams.get_mut(&Stream::HubspotCompanies).unwrap();
    companies.malformed = 1;
    companies.error = Some("HubSpot POST /crm/objects/2026-09/companies/search answered 403".into());
    insta::assert_snapshot!(plain(&render_report(&partial, None)), @r#"
    backfill 7: partial after 1m 12s
    stream               read  changed  deleted  requests  malformed
    hubspot.companies  12,000        3        0       121          1
    stripe.customers        9        0        1         0          0
    operations: 1 deleted, 26 held, 1 quarantined, 3 waiting, 1,200 still owed
    requests: 4 to HubSpot, 2 to Stripe, 3 to Pivotal; 2 answered "too many"
    warning: hubspot.companies stopped early: HubSpot POST /crm/objects/2026-09/companies/search answered 403
    note: property 'tier' was shortened for 3 customers
    next: pivotal-sync check  (shows what keeps a source from being read)
    next: pivotal-sync status  (lists what waits for you, and why: 27)
    next: pivotal-sync sync  (goes on with the 1,200 still owed)
    "#);
}

#[test]
fn what_waits_is_told_with_its_reason_and_no_sync_is_promised() {
    let counts = OperationCounts { owed: 1, waiting: 1, ..Default::default() };
    let mut run = report(RunKind::Sync, RunStatus::Partial, counts);
    run.plan = operations();
    let text = plain(&render_report(&run, None));
    assert!(text.contains("operations: nothing written, 1 waiting\n"), "{text}");
    assert!(text.contains("waiting: onboarding Acme deal (hubspot:deal:d1): its customer is held\n"), "{text}");
    assert!(!text.contains("next:"), "{text}");
}

#[test]
fn a_plan_has_its_own_sum() {
    let counts = OperationCounts { create: 1, held: 1, ..Default::default() };
    let text = plain(&render_report(&report(RunKind::Plan, RunStatus::Complete, counts), None));
    assert!(!text.contains("operations:") && !text.contains("next:"), "{text}");
}

#[test]
fn what_a_plan_says_at_its_operations_is_no_note_as_well() {
    let mut run = report(RunKind::Plan, RunStatus::Complete, OperationCounts { held: 2, ..Default::default() });
    run.plan = operations();
    run.notes = vec!["26 deletions are more than guard.max_deletes = 25 allows".into(), "something else".into()];
    let text = plain(&render_report(&run, None));
    assert!(!text.contains("26 deletions") && text.contains("note: something else"), "{text}");
    run.kind = RunKind::Sync;
    assert!(plain(&render_report(&run, Some(40))).contains("note: 26 deletions are more than\n  guard."));
}

#[test]
fn the_report_as_json_is_the_documented_object() {
    let mut run = report(RunKind::Plan, RunStatus::Complete, OperationCounts::default());
    assert_eq!(report_json(&run, false).get("plan"), None);
    run.plan = operations();
    let json = report_json(&run, true);
    assert_eq!(json["plan"].as_array().unwrap().len(), 8);
    for key in ["run", "kind", "status", "streams", "operations", "requests", "started_at", "finished_at"] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["streams"]["hubspot.companies"]["read"], 12_000);
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    let of = |status| Exit::of_run(&report(RunKind::Sync, status, OperationCounts::default()));
    assert_eq!(
        [RunStatus::Complete, RunStatus::Partial, RunStatus::Failed, RunStatus::Interrupted].map(of),
        [Exit::Done, Exit::Owed, Exit::Failed, Exit::Interrupted]
    );
    let mut failed = report(RunKind::Sync, RunStatus::Failed, OperationCounts::default());
    for (kind, exit) in [("workspace", Exit::Usage), ("locked", Exit::Locked), ("api", Exit::Failed)] {
        failed.error = Some(ErrorReport { kind: kind.into(), message: String::new(), hint: String::new() });
        assert_eq!(Exit::of_run(&failed), exit);
    }
    let mut plan = report(RunKind::Plan, RunStatus::Complete, OperationCounts::default());
    assert_eq!((Exit::of_plan(&plan, false), Exit::of_plan(&plan, true)), (Exit::Done, Exit::Done));
    plan.plan = operations();
    assert_eq!((Exit::of_plan(&plan, false), Exit::of_plan(&plan, true)), (Exit::Done, Exit::Owed));
    assert_eq!(Exit::Interrupted as u8, 130);
}
