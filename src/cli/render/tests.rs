//! How things look, colours taken out. What the tests share, and the plan.

use anstream::adapter::strip_str;

use super::report_tests::report;
use super::*;
use crate::domain::{
    Action, Change, Changes, EntityId, Fields, Kind, Later, Leaving, Operation, OperationCounts, Origin, PivotalId,
    Removal, Report, RunKind, RunStatus, SourceKey, Standing, Stream, Value,
};

pub(super) fn plain(text: &str) -> String {
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
        hold: None,
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
pub(super) fn operations() -> Vec<Operation> {
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
            "new company hubspot:company:123",
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
            "mrr, name and plan differ",
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

/// A plan that came to this.
fn planned(plan: Vec<Operation>) -> Report {
    Report { plan, ..report(RunKind::Plan, RunStatus::Complete, OperationCounts::default()) }
}

const WIDE: PlanView = PlanView { width: None, most: None, rate_per_minute: Some(54) };

#[test]
fn a_plan_is_grouped_and_legible_without_colour() {
    insta::assert_snapshot!(plain(&render_plan(&planned(operations()), &WIDE)), @r"
    1 customer to adopt
      = Zeta  hubspot:company:6
          plan  (empty) → gold
          because same domain, zeta.com

    1 customer to create
      + Acme Inc  hubspot:company:123
          domain  acme.com
          mrr     1250.5
          name    Acme Inc

    1 customer to update
      ~ Beta LLC  hubspot:company:9
          mrr   (empty) → 0
          name  Beta → Beta LLC
          plan  gold → (empty)

    1 customer to delete
      - Gamma  hubspot:company:5
          because deleted in HubSpot

    2 customers held until you decide
      26 deletions are more than guard.max_deletes = 25 allows
      because deleted in HubSpot
      ! delete Delta  hubspot:company:7
      ! delete Echo  hubspot:company:8

    1 contact quarantined: refused by Pivotal
      Pivotal refused email: not an address
      z create Ann Lee  hubspot:contact:c1
          email  ann@
          because new in HubSpot

    1 onboarding waiting
      its customer is held
      … create Acme deal  hubspot:deal:d1
          notes  HubSpot deal d1
          because won on 2026-11-20

    1 to adopt, 1 to create, 1 to update, 1 to delete, 2 held, 1 quarantined, 1 waiting
    4 requests to Pivotal, at once (54 a minute may be sent)
    ");
}

#[test]
fn colour_is_there_to_be_taken_out() {
    assert!(render_plan(&planned(operations()), &WIDE).contains("\u{1b}["));
}

#[test]
fn an_empty_plan_says_so() {
    assert_eq!(render_plan(&planned(vec![]), &WIDE), "nothing to do: Pivotal is in step\n");
}

#[test]
fn what_waits_out_its_grace_is_listed_with_what_is_done_then() {
    let leaving = |removal, name: &str, id: &str| Leaving {
        later: Later { removal, at: "2026-11-26T11:02:03Z".parse().unwrap() },
        object: Kind::Customer,
        subject: format!("hubspot:company:{id}"),
        name: name.into(),
        pivotal_id: PivotalId::new("clx1"),
    };
    let (delete, archive) = (Removal::Delete, Removal::Archive);
    let later =
        vec![leaving(delete, "Acme", "1"), leaving(delete, "Beta", "2"), leaving(archive, "Gamma\u{1b}[2J", "3")];
    let report = Report { later, ..planned(vec![]) };
    let view = PlanView { most: Some(1), ..WIDE };
    insta::assert_snapshot!(plain(&render_plan(&report, &view)), @r"
    2 customers to be deleted when the grace is over, unless seen again
      . Acme  hubspot:company:1  on 2026-11-26 11:02 UTC
      … and 1 more (pivotal-sync plan --json lists all)

    1 customer to be archived when the grace is over, unless seen again
      . Gamma␛[2J  hubspot:company:3  on 2026-11-26 11:02 UTC

    nothing to do now: Pivotal is in step
    ");
    let text = plain(&render_plan(&Report { plan: vec![operations().remove(2)], ..report.clone() }, &view));
    assert!(text.contains("1 to create, 3 later\n"), "{text}");
    let json = report_json(&report, true);
    assert_eq!(
        json["later"][0],
        serde_json::json!({
            "op": "delete", "at": "2026-11-26T11:02:03Z", "object": "customer", "ref": "hubspot:company:1",
            "name": "Acme", "pivotal_id": "clx1",
        })
    );
    // A name that does not fit beside the rest stands above it, uncut.
    let report = Report { later: vec![leaving(delete, "Copperyard Partners", "959")], ..planned(vec![]) };
    let text = plain(&render_plan(&report, &PlanView { width: Some(60), ..WIDE }));
    let expected = "  . Copperyard Partners\n      hubspot:company:959  on 2026-11-26 11:02 UTC\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_could_not_be_read_may_hold_anything() {
    let mut report = planned(vec![]);
    report.streams.get_mut(&Stream::HubspotCompanies).unwrap().error = Some("out of reach".into());
    assert_eq!(render_plan(&report, &WIDE), "nothing to do, as far as is known\n");
}

#[test]
fn a_shared_reason_stands_at_the_head_and_an_unknown_before_is_not_made_up() {
    let found = || Action::Adopt {
        id: PivotalId::new("clx2"),
        display_id: None,
        parent: None,
        origin: Origin::Adopted,
        found: Fields::new(),
        changes: Changes::default(),
    };
    let agrees = "already in Pivotal, and agrees";
    let archive = update(&[("status", Value::Null, "archived".into())]);
    let all = vec![
        operation(Kind::Customer, "1", "Acme", found(), Standing::Ready, agrees),
        operation(Kind::Customer, "2", "Beta", found(), Standing::Ready, "same domain, beta.com"),
        operation(Kind::Customer, "3", "Gamma", found(), Standing::Ready, agrees),
        operation(Kind::Customer, "4", "Delta", archive, Standing::Ready, "gone at the source"),
    ];
    insta::assert_snapshot!(plain(&render_plan(&planned(all), &WIDE)), @r"
    3 customers to adopt
      because already in Pivotal, and agrees
      = Acme  hubspot:company:1
      = Gamma  hubspot:company:3
      because same domain, beta.com
      = Beta  hubspot:company:2

    1 customer to update
      ~ Delta  hubspot:company:4
          status  → archived
          because gone at the source

    3 to adopt, 1 to update
    1 request to Pivotal, at once (54 a minute may be sent)
    ");
}

#[test]
fn a_long_plan_is_cut_and_says_where_the_rest_is() {
    let many: Vec<_> = (0..4963)
        .map(|i| operation(Kind::Customer, &i.to_string(), "Acme", create(&[]), Standing::Ready, ""))
        .collect();
    let view = PlanView { width: Some(100), most: Some(3), rate_per_minute: Some(60) };
    insta::assert_snapshot!(plain(&render_plan(&planned(many), &view)), @r"
    4,963 customers to create
      + Acme  hubspot:company:0
      + Acme  hubspot:company:1
      + Acme  hubspot:company:2
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
    let text = plain(&render_plan(&planned(vec![nasty]), &view));
    assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    insta::assert_snapshot!(text, @r"
    1 customer to update
      ~ ␛[2JÜberlange Gesellschaft für Namen die niemals…  hubspot:company:1
          name  Überlange Gesellschaft für … → Überlange Gesellschaft für N…
          because Überlange Gesellschaft für Namen die niemals enden wollen…

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
        "reason": "mrr, name and plan differ",
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
        "reason": "new company hubspot:company:123",
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
