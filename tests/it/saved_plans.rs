//! `plan --out` and `sync --apply` through the real binary: what was read is what is done, or nothing is.

use std::path::PathBuf;

use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::{Value, json};

use super::rig::{Rig, portal};

fn typed(rig: &Rig, words: &[&str]) -> (Option<i32>, String, String) {
    let output = rig.command(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn file(rig: &Rig) -> PathBuf {
    rig.folder.path().join("plan.json")
}

fn saved(rig: &Rig) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(rig)).unwrap()).unwrap()
}

fn save(rig: &Rig, plan: &Value) {
    std::fs::write(file(rig), plan.to_string()).unwrap();
}

fn rename(rig: &Rig, number: usize, name: &str) -> String {
    let company = rig.hubspot().ids(ObjectType::Company).nth(number).unwrap();
    rig.hubspot().set_property(ObjectType::Company, &company, "name", name).unwrap();
    company
}

/// Twelve customers, one of them to be renamed, and the plan saved that says so.
async fn planned() -> Rig {
    let rig = Rig::with(portal(12, 1)).await;
    rig.backfill().await;
    rename(&rig, 0, "Acme");
    let (code, out, err) = typed(&rig, &["plan", "--out", "plan.json"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.ends_with("next: pivotal-sync sync --apply plan.json --config config.toml  (within 24 hours)\n"),
        "{out}"
    );
    rig.writes();
    rig
}

/// Refused, with these words, and nothing written.
fn assert_refused(rig: &Rig, words: &[&str]) {
    let (code, _, err) = typed(rig, &["sync", "--apply", "plan.json"]);
    assert_eq!(code, Some(1), "{err}");
    for word in words {
        assert!(err.contains(word), "{word}: {err}");
    }
    assert!(err.contains("nothing was written"), "{err}");
    assert!(rig.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_is_applied_as_it_was_read() {
    let rig = planned().await;
    let plan = saved(&rig);
    let hours = |name: &str| plan[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((hours("valid_until") - hours("made_at")).num_hours(), 24);
    let (code, out, err) = typed(&rig, &["sync", "--apply", "plan.json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(rig.writes().len(), 1);
    assert_refused(
        &rig,
        &[
            "nothing of the saved plan is left to do: it was applied",
            "`pivotal-sync runs --config config.toml` shows what",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_reason_went_away_says_what_is_no_longer_to_be_done() {
    let rig = planned().await;
    rename(&rig, 1, "Beta");
    assert_eq!(typed(&rig, &["plan", "--out", "plan.json"]).0, Some(0));
    rename(&rig, 0, "Company 0");
    assert_refused(&rig, &["of 2 operations then, 1 now: 1 gone", "no longer: update customer Acme (hubspot:company:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_no_longer_matches_says_what_moved() {
    let rig = planned().await;
    let first = rename(&rig, 0, "Acme Inc");
    let second = rename(&rig, 1, "Beta");
    assert_refused(
        &rig,
        &[
            "the saved plan no longer matches: of 1 operation then, 2 now: 1 different, 1 new",
            &format!("customer Acme Inc (hubspot:company:{first}): name was 'Acme', is 'Acme Inc' now"),
            &format!("new: update customer Beta (hubspot:company:{second}): name 'Company 1' → 'Beta'"),
            "hint: make a new plan",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_reason_tells_its_age_is_applied_as_well() {
    let rig = planned().await;
    let company = rig.hubspot().ids(ObjectType::Company).nth(3).unwrap();
    rig.hubspot().archive(ObjectType::Company, &company).unwrap();
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    assert_eq!(typed(&rig, &["plan", "--out", "plan.json"]).0, Some(0));
    let reason = |plan: &Value| plan["operations"][1]["reason"].as_str().unwrap().to_owned();
    assert!(reason(&saved(&rig)).contains("first seen"), "the reason tells how long ago: {}", reason(&saved(&rig)));
    rig.writes();
    let (code, out, err) = typed(&rig, &["sync", "--apply", "plan.json"]);
    assert_eq!((code, rig.writes().len()), (Some(0), 2), "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_edited_is_refused() {
    let rig = planned().await;
    let plan = saved(&rig);
    let edits: [fn(&mut Value); 4] = [
        |plan| plan["operations"] = json!([]),
        |plan| plan["operations"][0]["action"]["do"] = json!("delete"),
        |plan| plan["valid_until"] = json!("2999-01-01T00:00:00Z"),
        |plan| plan["only"] = json!("hubspot"),
    ];
    for edit in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_ne!(edited, plan);
        save(&rig, &edited);
        let (code, _, err) = typed(&rig, &["sync", "--apply", "plan.json"]);
        assert_eq!(code, Some(1), "{err}");
        assert!(
            err.contains("the saved plan was changed after it was made") || err.contains("cannot be read"),
            "{err}"
        );
    }
    assert!(rig.writes().is_empty());
    std::fs::write(file(&rig), "{").unwrap();
    let (code, _, err) = typed(&rig, &["sync", "--apply", "plan.json"]);
    assert!(code == Some(1) && err.contains("cannot be read") && err.contains("hint: "), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_another_store_or_workspace_is_refused() {
    let rig = planned().await;
    let config = std::fs::read_to_string(rig.config()).unwrap();
    std::fs::write(rig.config(), config.replace("state.db", "other.db")).unwrap();
    assert_refused(&rig, &["made with another store than", "other.db", "with the configuration it was made with"]);

    let other = Rig::with_both(
        portal(2, 0),
        pivotal_sync::sandbox::pivotal::World::new(
            "globex",
            pivotal_sync::sandbox::pivotal::Clock::running(chrono::Utc::now()),
            2,
        ),
    )
    .await;
    let config = std::fs::read_to_string(other.config()).unwrap();
    std::fs::write(other.config(), config.replace("\"acme\"", "\"globex\"")).unwrap();
    std::fs::copy(file(&rig), file(&other)).unwrap();
    assert_refused(&other, &["the saved plan is for workspace 'acme', but the key belongs to 'globex'"]);
}
