//! How things look, colours taken out.

use std::path::PathBuf;

use anstream::adapter::strip_str;

use super::*;
use crate::cli::{Exit, Failure};
use crate::config::{ConfigErrors, Credential, Found, Place, Problem, SecretErrors, SecretProblem, Secrets};
use crate::domain::{
    Action, ApiError, Change, Changes, EntityId, ErrorReport, Fault, Fields, Kind, Operation, OperationCounts, Origin,
    PivotalId, Report, RequestCounts, RunId, RunKind, RunStatus, SourceKey, Standing, Stream, StreamCounts, Value,
};
use crate::ports::{Finding, Verdict};

fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

fn operation(kind: Kind, id: &str, name: &str, action: Action, standing: Standing, reason: &str) -> Operation {
    let stream = match kind {
        Kind::Customer => Stream::HubspotCompanies,
        Kind::Contact => Stream::HubspotContacts,
        Kind::Onboarding => Stream::HubspotDeals,
    };
    Operation {
        entity: EntityId(1),
        kind,
        subject: SourceKey::new(stream, id),
        name: name.into(),
        action,
        standing,
        reason: reason.into(),
    }
}

fn create(fields: &[(&str, Value)]) -> Action {
    let fields = Fields(fields.iter().map(|(k, v)| ((*k).into(), v.clone())).collect());
    Action::Create { parent: None, fields }
}

fn changes(pairs: &[(&str, Value, Value)]) -> Changes {
    Changes(pairs.iter().map(|(k, from, to)| ((*k).into(), Change { from: from.clone(), to: to.clone() })).collect())
}

fn update(pairs: &[(&str, Value, Value)]) -> Action {
    Action::Update { id: PivotalId::new("clx9"), changes: changes(pairs) }
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

/// One of everything.
fn operations() -> Vec<Operation> {
    let delete = || Action::Delete { id: PivotalId::new("clx1") };
    let adopt = Action::Adopt {
        id: PivotalId::new("clx2"),
        display_id: Some(42),
        parent: None,
        origin: Origin::Adopted,
        found: Fields::new(),
        changes: changes(&[("plan", Value::Null, "gold".into())]),
    };
    let guard = "26 deletions are more than guard.max_deletes = 25 allows";
    vec![
        operation(Kind::Customer, "7", "Delta", delete(), Standing::Held(guard.into()), "deleted in HubSpot"),
        operation(Kind::Customer, "8", "Echo", delete(), Standing::Held(guard.into()), "deleted in HubSpot"),
        operation(
            Kind::Customer,
            "123",
            "Acme Inc",
            create(&[("name", "Acme Inc".into()), ("domain", "acme.com".into()), ("mrr", number("1250.50"))]),
            Standing::Ready,
            "new in HubSpot",
        ),
        operation(
            Kind::Customer,
            "9",
            "Beta LLC",
            update(&[
                ("name", "Beta".into(), "Beta LLC".into()),
                ("plan", "gold".into(), Value::Null),
                ("mrr", Value::Null, number("0")),
            ]),
            Standing::Ready,
            "hubspot:company:9 changed",
        ),
        operation(Kind::Customer, "5", "Gamma", delete(), Standing::Ready, "deleted in HubSpot"),
        operation(Kind::Customer, "6", "Zeta", adopt, Standing::Ready, "same domain, zeta.com"),
        operation(
            Kind::Contact,
            "c1",
            "Ann Lee",
            create(&[("email", "ann@".into())]),
            Standing::Quarantined("Pivotal refused email: not an address".into()),
            "new in HubSpot",
        ),
        operation(
            Kind::Onboarding,
            "d1",
            "Acme deal",
            create(&[("notes", "HubSpot deal d1".into())]),
            Standing::Waiting("its customer is held".into()),
            "won on 2026-11-20",
        ),
    ]
}

const WIDE: PlanView = PlanView { width: None, most: None, rate_per_minute: Some(54) };

#[test]
fn a_plan_is_grouped_and_legible_without_colour() {
    insta::assert_snapshot!(plain(&render_plan(&operations(), &WIDE)), @r"
    1 customer to adopt
      = adopt customer  Zeta  hubspot:company:6
          plan  (empty) → gold
          because same domain, zeta.com

    1 customer to create
      + create customer  Acme Inc  hubspot:company:123
          domain  acme.com
          mrr     1250.5
          name    Acme Inc
          because new in HubSpot

    1 customer to update
      ~ update customer  Beta LLC  hubspot:company:9
          mrr   (empty) → 0
          name  Beta → Beta LLC
          plan  gold → (empty)
          because hubspot:company:9 changed

    1 customer to delete
      - delete customer  Gamma  hubspot:company:5
          because deleted in HubSpot

    2 customers held until you decide
      26 deletions are more than guard.max_deletes = 25 allows
      ! delete customer  Delta  hubspot:company:7
          because deleted in HubSpot
      ! delete customer  Echo  hubspot:company:8
          because deleted in HubSpot

    1 contact quarantined: refused by Pivotal
      Pivotal refused email: not an address
      z create contact  Ann Lee  hubspot:contact:c1
          email  ann@
          because new in HubSpot

    1 onboarding waiting
      its customer is held
      … create onboarding  Acme deal  hubspot:deal:d1
          notes  HubSpot deal d1
          because won on 2026-11-20

    1 to adopt, 1 to create, 1 to update, 1 to delete, 2 held, 1 quarantined, 1 waiting
    4 requests to Pivotal, about 5s at 54 a minute
    ");
}

#[test]
fn colour_is_there_to_be_taken_out() {
    assert!(render_plan(&operations(), &WIDE).contains("\u{1b}["));
}

#[test]
fn an_empty_plan_says_so() {
    assert_eq!(render_plan(&[], &WIDE), "nothing to do: Pivotal is in step\n");
}

#[test]
fn a_long_plan_is_cut_and_says_where_the_rest_is() {
    let many: Vec<_> = (0..4963)
        .map(|i| operation(Kind::Customer, &i.to_string(), "Acme", create(&[]), Standing::Ready, ""))
        .collect();
    let view = PlanView { width: Some(100), most: Some(3), rate_per_minute: Some(60) };
    insta::assert_snapshot!(plain(&render_plan(&many, &view)), @r"
    4,963 customers to create
      + create customer  Acme  hubspot:company:0
      + create customer  Acme  hubspot:company:1
      + create customer  Acme  hubspot:company:2
      … and 4,960 more (pivotal-sync plan --json lists all)

    4,963 to create
    4,963 requests to Pivotal, about 1h 22m at 60 a minute
    ");
}

#[test]
fn lines_fit_the_terminal_and_no_name_can_move_the_cursor() {
    let long = "Überlange Gesellschaft für Namen die niemals enden wollen und immer weiter gehen mbH & Co KG";
    let nasty = operation(
        Kind::Customer,
        "1",
        &format!("\u{1b}[2J{long}"),
        update(&[("name", format!("{long} alt").as_str().into(), format!("{long}\nneu").as_str().into())]),
        Standing::Ready,
        long,
    );
    let view = PlanView { width: Some(72), most: None, rate_per_minute: None };
    let text = plain(&render_plan(&[nasty], &view));
    assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    insta::assert_snapshot!(text, @r"
    1 customer to update
      ~ update customer  ␛[2JÜberlange Gesellschaft für …  hubspot:company:1
          name  Überlange Gesellschaft für … → Überlange Gesellschaft für N…
          because Überlange Gesellschaft für Namen die niemals enden woll…

    1 to update
    1 request to Pivotal
    ");
}

#[test]
fn the_plan_as_json_has_the_documented_shape() {
    let all = operations();
    let picked = [all[3].clone(), all[2].clone(), all[0].clone(), all[7].clone()];
    insta::assert_snapshot!(format!("{:#}", plan_json(&picked)), @r#"
    [
      {
        "changes": {
          "mrr": {
            "from": null,
            "to": 0
          },
          "name": {
            "from": "Beta",
            "to": "Beta LLC"
          },
          "plan": {
            "from": "gold",
            "to": null
          }
        },
        "name": "Beta LLC",
        "object": "customer",
        "op": "update",
        "pivotal_id": "clx9",
        "reason": "hubspot:company:9 changed",
        "ref": "hubspot:company:9"
      },
      {
        "changes": {
          "domain": {
            "from": null,
            "to": "acme.com"
          },
          "mrr": {
            "from": null,
            "to": "1250.5"
          },
          "name": {
            "from": null,
            "to": "Acme Inc"
          }
        },
        "name": "Acme Inc",
        "object": "customer",
        "op": "create",
        "pivotal_id": null,
        "reason": "new in HubSpot",
        "ref": "hubspot:company:123"
      },
      {
        "changes": {},
        "name": "Delta",
        "object": "customer",
        "op": "delete",
        "pivotal_id": "clx1",
        "reason": "deleted in HubSpot",
        "ref": "hubspot:company:7",
        "standing": "held",
        "why": "26 deletions are more than guard.max_deletes = 25 allows"
      },
      {
        "changes": {
          "notes": {
            "from": null,
            "to": "HubSpot deal d1"
          }
        },
        "name": "Acme deal",
        "object": "onboarding",
        "op": "create",
        "pivotal_id": null,
        "reason": "won on 2026-11-20",
        "ref": "hubspot:deal:d1",
        "standing": "owed",
        "why": "its customer is held"
      }
    ]
    "#);
}

fn report(kind: RunKind, status: RunStatus, operations: OperationCounts) -> Report {
    Report {
        run: RunId(7),
        kind,
        status,
        streams: [
            (Stream::HubspotCompanies, StreamCounts { read: 12_000, changed: 3, ..Default::default() }),
            (Stream::StripeCustomers, StreamCounts { read: 9, changed: 0, deleted: 1, ..Default::default() }),
        ]
        .into(),
        operations,
        requests: RequestCounts { hubspot: 4, stripe: 2, pivotal: 3, throttled: 0 },
        started_at: "2026-11-23T03:00:00Z".parse().unwrap(),
        finished_at: Some("2026-11-23T03:01:12Z".parse().unwrap()),
        notes: vec![],
        error: None,
        plan: vec![],
    }
}

#[test]
fn a_run_in_step_reads_so() {
    let counts = OperationCounts { create: 1, update: 2, ..Default::default() };
    let text = render_report(&report(RunKind::Sync, RunStatus::Complete, counts));
    insta::assert_snapshot!(plain(&text), @r"
    sync 7: complete after 1m 12s
    stream               read  changed  deleted
    hubspot.companies  12,000        3        0
    stripe.customers        9        0        1
    operations: 1 created, 2 updated, Pivotal is in step
    requests: 4 to HubSpot, 2 to Stripe, 3 to Pivotal
    ");
}

#[test]
fn a_partial_run_says_what_waits_and_what_to_type() {
    let counts = OperationCounts { delete: 1, held: 26, quarantined: 1, owed: 1200, ..Default::default() };
    let mut partial = report(RunKind::Backfill, RunStatus::Partial, counts);
    partial.requests.throttled = 2;
    partial.notes = vec!["property 'tier' was shortened for 3 customers".into()];
    let companies = partial.streams.get_mut(&Stream::HubspotCompanies).unwrap();
    companies.malformed = 1;
    companies.error = Some("HubSpot POST /crm/objects/2026-09/companies/search answered 403".into());
    insta::assert_snapshot!(plain(&render_report(&partial)), @r#"
    backfill 7: partial after 1m 12s
    stream               read  changed  deleted  malformed
    hubspot.companies  12,000        3        0          1
    stripe.customers        9        0        1          0
    operations: 1 deleted, 26 held, 1 quarantined, 1,200 still owed
    requests: 4 to HubSpot, 2 to Stripe, 3 to Pivotal; 2 answered "too many"
    warning: hubspot.companies stopped early: HubSpot POST /crm/objects/2026-09/companies/search answered 403
    note: property 'tier' was shortened for 3 customers
    next: pivotal-sync check  (shows what keeps a source from being read)
    next: pivotal-sync status  (lists what waits for you, and why: 27)
    next: pivotal-sync sync  (goes on with the 1,200 still owed)
    "#);
}

#[test]
fn a_plan_has_its_own_sum() {
    let counts = OperationCounts { create: 1, held: 1, ..Default::default() };
    let text = plain(&render_report(&report(RunKind::Plan, RunStatus::Complete, counts)));
    assert!(!text.contains("operations:") && text.contains("next: pivotal-sync status"), "{text}");
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

#[test]
fn all_that_is_wrong_with_a_configuration_is_one_error() {
    let problem = |line, key: &str, what: &str| Problem {
        place: Place::File { path: PathBuf::from("acme.toml"), line: Some(line) },
        key: key.into(),
        what: what.into(),
        expected: "true or false".into(),
    };
    let errors = ConfigErrors(vec![
        problem(4, "hubspot.enabled", "is the text \"yes\""),
        problem(9, "webhooks.enabled", "is the number 1"),
    ]);
    let failure = Failure::from(errors);
    assert_eq!(failure.exit, Exit::Usage);
    insta::assert_snapshot!(plain(&render_failure(&failure)), @r#"
    error: the configuration cannot be used: 2 problems
      acme.toml:4: hubspot.enabled: is the text "yes"; expected true or false
      acme.toml:9: webhooks.enabled: is the number 1; expected true or false
      hint: mend them and run pivotal-sync check; pivotal-sync init writes an example of every key
    "#);
    insta::assert_snapshot!(format!("{:#}", failure_json(&failure)), @r#"
    {
      "error": {
        "details": [
          "acme.toml:4: hubspot.enabled: is the text \"yes\"; expected true or false",
          "acme.toml:9: webhooks.enabled: is the number 1; expected true or false"
        ],
        "hint": "mend them and run pivotal-sync check; pivotal-sync init writes an example of every key",
        "kind": "config",
        "message": "the configuration cannot be used: 2 problems"
      },
      "status": "failed"
    }
    "#);
}

#[test]
fn missing_credentials_are_one_error() {
    let failure = Failure::from(SecretErrors(vec![SecretProblem::Missing(Credential::Hubspot)]));
    assert_eq!((failure.kind.as_str(), failure.exit), ("credentials", Exit::Usage));
    insta::assert_snapshot!(plain(&render_failure(&failure)), @r"
    error: credentials are missing
      the HubSpot token is missing; looked at the systemd credential hubspot-token, the file hubspot.token_file, or HUBSPOT_TOKEN
      hint: put each where one of its places is, readable by this user only, and run pivotal-sync check
    ");
}

fn api_error(api: &'static str, fault: Fault, status: Option<u16>) -> ApiError {
    ApiError {
        fault,
        api,
        endpoint: "GET /me".into(),
        status,
        code: None,
        field: None,
        message: "no such key".into(),
        request_id: Some("req_1".into()),
    }
}

#[test]
fn a_refused_credential_is_named_with_the_place_it_came_from() {
    let secrets = Secrets {
        pivotal: "k".into(),
        hubspot: None,
        stripe: None,
        found: [(Credential::Pivotal, Found::Variable("PIVOTAL_API_KEY"))].into(),
        warnings: vec![],
    };
    let refused = Failure::of_api(&api_error("Pivotal", Fault::Unauthorised, Some(401)), Some(&secrets));
    insta::assert_snapshot!(plain(&render_failure(&refused)), @r"
    error: Pivotal GET /me answered 401: no such key [request req_1]
      the Pivotal API key is taken from the environment variable PIVOTAL_API_KEY
      hint: make a new one, put it in the place of the old one, and run pivotal-sync check
    ");
    let scopes = vec!["crm.objects.deals.read".to_owned()];
    let forbidden = Failure::from(api_error("HubSpot", Fault::Forbidden { scopes }, Some(403)));
    insta::assert_snapshot!(plain(&render_failure(&forbidden)), @r"
    error: HubSpot GET /me answered 403: no such key [request req_1]
      the HubSpot token is taken from the systemd credential hubspot-token, the file hubspot.token_file, or HUBSPOT_TOKEN
      hint: give the HubSpot credential one of these rights: crm.objects.deals.read; then run pivotal-sync check
    ");
    let unreachable = Failure::from(api_error("Stripe", Fault::Unreachable, None));
    insta::assert_snapshot!(plain(&render_failure(&unreachable)), @r"
    error: Stripe GET /me failed: no such key [request req_1]
      hint: check the network, and stripe.base_url in the configuration
    ");
}

#[test]
fn a_check_is_a_line_each_with_the_remedy_of_what_fails() {
    let finding = |what: &str, verdict| Finding { what: what.into(), verdict };
    let good = finding("pivotal workspace", Verdict::Good("acme (key \"sync\")".into()));
    let warning = finding(
        "pivotal mrr_unit",
        Verdict::Warning { found: "is not set".into(), remedy: "set it to write mrr".into() },
    );
    let bad = finding(
        "hubspot scope crm.objects.deals.read",
        Verdict::Bad { found: "is missing".into(), remedy: "add it to the service key".into() },
    );
    let all = [good.clone(), warning, bad];
    insta::assert_snapshot!(plain(&render_findings(&all)), @r#"
    ok    pivotal workspace: acme (key "sync")
    warn  pivotal mrr_unit: is not set → set it to write mrr
    fail  hubspot scope crm.objects.deals.read: is missing → add it to the service key
    3 checks: 1 failed, 1 to look at
    "#);
    insta::assert_snapshot!(format!("{:#}", findings_json(&all)), @r#"
    {
      "checks": [
        {
          "found": "acme (key \"sync\")",
          "verdict": "ok",
          "what": "pivotal workspace"
        },
        {
          "found": "is not set",
          "remedy": "set it to write mrr",
          "verdict": "warn",
          "what": "pivotal mrr_unit"
        },
        {
          "found": "is missing",
          "remedy": "add it to the service key",
          "verdict": "fail",
          "what": "hubspot scope crm.objects.deals.read"
        }
      ],
      "status": "failed"
    }
    "#);
    assert_eq!((verdict_of(&all), verdict_of(&[good.clone()])), (Exit::Failed, Exit::Done));
    assert_eq!(plain(&render_findings(&[good])), "ok    pivotal workspace: acme (key \"sync\")\n1 check, all good\n");
}
