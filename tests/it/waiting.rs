//! What a person is told when something cannot go ahead: through the real binary, as typed.

use chrono::Utc;
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::{DealSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::EmailScope;
use serde_json::Value;

use super::rig::{Rig, portal, text};

/// Runs a command that must end with this code; what it printed, and what it said beside that.
fn ends(rig: &Rig, code: i32, line: &str) -> (String, String) {
    let output = rig.command(&line.split_whitespace().collect::<Vec<_>>()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{out}{err}");
    (out, err)
}

fn told(rig: &Rig, code: i32, line: &str) -> String {
    ends(rig, code, line).0
}

fn contacts(rig: &Rig) -> Vec<String> {
    rig.hubspot().ids(ObjectType::Contact).collect()
}

fn give(rig: &Rig, contact: &str, address: &str) {
    rig.hubspot().set_property(ObjectType::Contact, contact, "email", address).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_another_contact_has_is_asked_for_once_and_then_rests_as_held() {
    // Whether two customers may share an address Pivotal alone knows (pivotal-api.md 10.2), so no plan can foresee it.
    let rig = Rig::with(portal(2, 1)).await;
    rig.pivotal().switches.email_scope = EmailScope::Workspace;
    rig.backfill().await;
    rig.writes();
    let people = contacts(&rig);
    give(&rig, &people[0], "ann0@company1.com");
    told(&rig, 3, "sync");
    assert_eq!(rig.writes().len(), 1);
    let out = told(&rig, 0, "plan");
    assert!(
        out.contains(&format!("hubspot:contact:{} 'Ann", people[1])) && out.contains("' has this address"),
        "{out}"
    );
    assert!(
        out.contains(&format!(
            "`pivotal-sync approve hubspot:contact:{} --config config.toml` sends it again",
            people[0]
        )),
        "{out}"
    );
    assert!(out.contains("1 held") && !out.contains("to update"), "{out}");
    told(&rig, 3, "sync");
    assert!(rig.writes().is_empty(), "it rests");

    assert!(told(&rig, 0, "approve --all").contains("1 operation approved"));
    told(&rig, 3, "sync");
    assert_eq!(rig.writes().len(), 1, "sent again, once");
    told(&rig, 3, "sync");
    assert!(rig.writes().is_empty(), "and rests again");

    // Whoever has it gives it up: nobody need approve anything.
    give(&rig, &people[1], "ann.new@company1.com");
    told(&rig, 3, "sync");
    told(&rig, 0, "sync");
    let why = told(&rig, 0, &format!("why hubspot:contact:{}", people[0]));
    assert!(why.contains("wanted there, and in step") && !why.contains("refused by Pivotal"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_passed_on_in_one_night_settles_itself() {
    let rig = Rig::with(portal(1, 2)).await;
    rig.pivotal().switches.email_scope = EmailScope::Workspace;
    rig.backfill().await;
    let people = contacts(&rig);
    give(&rig, &people[0], "ann1@company0.com");
    give(&rig, &people[1], "ann.new@company0.com");
    rig.sync().await;
    told(&rig, 0, "sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_want_each_others_address_are_held_rather_than_tried_for_ever() {
    let rig = Rig::with(portal(1, 2)).await;
    rig.pivotal().switches.email_scope = EmailScope::Workspace;
    rig.backfill().await;
    let people = contacts(&rig);
    give(&rig, &people[0], "ann1@company0.com");
    give(&rig, &people[1], "ann0@company0.com");
    told(&rig, 3, "sync");
    rig.writes();
    assert!(told(&rig, 3, "sync").contains("2 held"));
    assert!(rig.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_deletion_says_what_goes_along_and_a_contact_what_it_went_with() {
    let rig = Rig::with(portal(2, 3)).await;
    rig.backfill().await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    rig.hubspot().archive(ObjectType::Company, &company).unwrap();
    let out = told(&rig, 0, "plan");
    assert!(out.contains("; takes 3 contacts along"), "{out}");
    told(&rig, 0, "sync");
    let why = told(&rig, 0, "why ann0@company0.com");
    assert!(why.contains("no longer in Pivotal, was contact"), "{why}");
    assert!(why.contains("it vanished with its customer, which pivotal-sync deleted on 20"), "{why}");
    assert!(!why.contains("it stays in Pivotal"), "{why}");
    assert!(told(&rig, 0, "why ann0@company1.com").contains("in Pivotal as contact"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_waits_for_its_company_is_told_as_waiting() {
    let mut world = portal(1, 0);
    let deal = world.add_deal(DealSeed {
        properties: text([
            ("dealname", "Big one"),
            ("pipeline", "default"),
            ("dealstage", "closedwon"),
            ("closedate", &Utc::now().to_rfc3339()),
        ]),
        company: None,
        created: Utc::now(),
    });
    let rig = Rig::with(world).await;
    let config = std::fs::read_to_string(rig.config()).unwrap();
    std::fs::write(rig.config(), config.replace("[onboardings]\nenabled = false", "[onboardings]")).unwrap();
    told(&rig, 3, "sync");
    let out = told(&rig, 3, "sync");
    assert!(out.contains("1 waiting") && !out.contains("goes on with"), "{out}");
    assert!(out.contains("waiting: onboarding Big one") && out.contains(&deal), "{out}");
    let out = told(&rig, 3, "status");
    assert!(out.contains("\n1 waiting\n") && out.contains("waiting for something else\n"), "{out}");
    assert!(!out.contains("owed") && !out.contains("a minute") && out.contains(&deal), "{out}");
    let json: Value = serde_json::from_str(&told(&rig, 3, "status --json")).unwrap();
    assert_eq!((&json["owed"][0]["waits"], &json["owed"][0]["object"]), (&true.into(), &"onboarding".into()));
    assert!(json["owed"][0]["why"].is_string() && json["owed_seconds"].is_null(), "{json:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_in_step_that_could_not_be_read() {
    let rig = Rig::with(portal(1, 0)).await;
    rig.backfill().await;
    rig.faults.inject(Fault::next("hubspot", Effect::Status(403)).times(99));
    let out = told(&rig, 1, "plan");
    assert!(out.contains("nothing to do, as far as is known") && !out.contains("in step"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_is_logged_when_it_trips_and_when_it_holds_something_else() {
    let rig = Rig::with(portal(8, 0)).await;
    rig.backfill().await;
    let config = std::fs::read_to_string(rig.config()).unwrap().replace("max_deletes = 1000", "max_deletes = 1");
    std::fs::write(rig.config(), format!("{config}[customers]\ndelete_grace = \"0s\"\n")).unwrap();
    let companies: Vec<String> = rig.hubspot().ids(ObjectType::Company).collect();
    let archive = |number: usize| rig.hubspot().archive(ObjectType::Company, &companies[number]).unwrap();
    let logged = || ends(&rig, 3, "sync").1.contains("a guard tripped");
    archive(0);
    archive(1);
    assert_eq!((logged(), logged()), (true, false));
    archive(2);
    archive(3);
    assert_eq!((logged(), logged()), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_rule_is_one_line_however_many_records_it_meets() {
    let rig = Rig::with(portal(12, 0)).await;
    rig.configure("[customers.fields]\nmonthly_orders = \"company.name\"\n");
    let out = told(&rig, 0, "plan");
    let notes: Vec<&str> = out.lines().filter(|line| line.starts_with("note:") && line.contains("yields")).collect();
    assert_eq!(notes.len(), 1, "{out}");
    assert!(
        notes[0].contains(
            "12 records: customers.fields.monthly_orders yields 'Company 0', 'Company 1', 'Company 2' or another"
        ),
        "{out}"
    );
    assert!(notes[0].contains("and 9 more)"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_selection_leaves_on_the_day_that_was_said_first() {
    let rig = Rig::with(portal(2, 1)).await;
    rig.backfill().await;
    rig.configure(
        "[customers]\non_leave = \"archive\"\ndelete_grace = \"1h\"\nwhere = \"company.name != 'Company 1'\"\n",
    );
    let due = || {
        let json: Value = serde_json::from_str(&told(&rig, 0, "plan --json")).unwrap();
        assert_eq!(json["later"].as_array().unwrap().len(), 1, "{json}");
        json["later"][0]["at"].as_str().unwrap().to_owned()
    };
    let first = due();
    for line in ["plan", "sync", "plan --offline", "sync --full"] {
        told(&rig, 0, line);
        assert_eq!(due(), first, "{line}");
    }
}
