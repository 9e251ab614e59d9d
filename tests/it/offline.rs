//! `plan --offline`: what a changed rule touches, without a single request.

use serde_json::Value;

use super::rig::{Rig, portal};

fn typed(rig: &Rig, words: &[&str]) -> (Option<i32>, String, String) {
    let output = rig.command(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_shows_exactly_what_it_touches_without_a_request() {
    let rig = Rig::with(portal(12, 1)).await;
    rig.backfill().await;
    rig.configure(
        "max_updates_percent = 100\n[contacts.fields]\ntitle = \"'Team ' ~ contact.jobtitle if contact.email == \
         'ann0@company3.com' else contact.jobtitle\"\n",
    );
    rig.log.clear();
    let (code, out, err) = typed(&rig, &["plan", "--offline", "--json"]);
    assert_eq!((code, rig.log.entries().len()), (Some(0), 0), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let plan = report["plan"].as_array().unwrap();
    assert_eq!(plan.len(), 1, "{out}");
    assert_eq!(plan[0]["changes"]["title"]["to"], "Team Buyer");
    assert!(out.contains("\"made offline from the last reading of 20"), "{out}");
    // It is what the next sync does, though the looks of the offline plan were kept.
    let report = rig.sync_as_planned().await;
    assert_eq!((report.operations.update, report.plan.len()), (1, 1));
    assert_eq!(typed(&rig, &["plan", "--offline", "--exit-code"]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_offline_is_refused_with_the_reason() {
    let rig = Rig::with(portal(2, 1)).await;
    let (code, _, err) = typed(&rig, &["plan", "--offline"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: there is no store at "), "{err}");
    // A first run that got no further than its store.
    pivotal_sync::store::Store::open(&rig.folder.path().join("state.db")).await.unwrap().close().await;
    let (code, _, err) = typed(&rig, &["plan", "--offline"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: no plan can be made offline: nothing is known yet"), "{err}");
    assert!(err.contains("hint: run `pivotal-sync plan --config config.toml` without --offline"), "{err}");
    assert!(typed(&rig, &["runs"]).1.contains("no run yet"), "a refusal is no run");
    rig.backfill().await;
    rig.configure("[customers.fields]\ndomain = \"company.website\"\n");
    rig.log.clear();
    let (code, _, err) = typed(&rig, &["plan", "--offline"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("hubspot.companies must be read anew: a rule reads a property that was not kept so far"),
        "{err}"
    );
    std::fs::write(rig.config(), std::fs::read_to_string(rig.config()).unwrap().replace("\"acme\"", "\"other\""))
        .unwrap();
    let (_, _, err) = typed(&rig, &["plan", "--offline"]);
    assert!(err.contains("the store belongs to workspace 'acme', but pivotal.workspace says 'other'"), "{err}");
    assert!(rig.log.entries().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_waits_out_its_grace() {
    use pivotal_sync::sandbox::hubspot::ObjectType;

    let rig = Rig::with(portal(12, 0)).await;
    rig.backfill().await;
    let companies: Vec<String> = rig.hubspot().ids(ObjectType::Company).take(2).collect();
    rig.hubspot().archive(ObjectType::Company, &companies[0]).unwrap();
    let (_, out, _) = typed(&rig, &["plan"]);
    assert!(out.contains("1 customer to be deleted when the grace is over, unless seen again"), "{out}");
    assert!(out.contains("nothing to do now: Pivotal is in step"), "{out}");
    rig.hubspot().archive(ObjectType::Company, &companies[1]).unwrap();
    let (_, out, _) = typed(&rig, &["plan"]);
    assert!(out.contains("2 customers to be deleted") && !out.contains("wait out"), "{out}");
    let reference = format!("hubspot:company:{}", companies[0]);
    let (_, out, _) = typed(&rig, &["plan", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["later"].as_array().unwrap().len(), &json["later"][0]["op"]), (2, &"delete".into()));
    assert!(json["later"].as_array().unwrap().iter().any(|one| one["ref"] == reference.as_str()), "{out}");
    let (_, out, _) = typed(&rig, &["status"]);
    assert!(out.contains("2 to be deleted when the grace is over") && out.contains(&reference), "{out}");
    let (_, out, _) = typed(&rig, &["why", &reference]);
    assert!(out.contains("it will be deleted on 20") && out.contains("UTC, unless it comes back"), "{out}");
    rig.configure("[customers]\non_source_delete = \"archive\"\n");
    let (_, out, _) = typed(&rig, &["plan"]);
    assert!(
        out.contains("2 customers to be archived when the grace is over") && !out.contains("to be deleted"),
        "{out}"
    );
    rig.configure("[customers]\non_source_delete = \"archive\"\ndelete_grace = \"0s\"\n");
    let (_, out, _) = typed(&rig, &["plan"]);
    assert!(out.contains("      status  active → archived\n"), "{out}");
    rig.sync().await;
    let (_, out, _) = typed(&rig, &["why", &reference]);
    assert!(out.contains("it was archived by pivotal-sync, and stays so until it comes back"), "{out}");
}
