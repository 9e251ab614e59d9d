//! What is held stays held until a person decides, and every hold says how to decide.

use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::json;

use super::desk::{BY_COMPANY, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

/// Companies that are in Pivotal.
async fn companies(desk: &Desk, count: usize) -> Vec<String> {
    let companies = (0..count).map(|n| desk.company(&format!("Company {n}"), &format!("company{n}.com"))).collect();
    desk.ends(0, "sync").await;
    companies
}

fn archive(desk: &Desk, companies: &[String]) {
    companies.iter().for_each(|company| desk.sandbox.hubspot().archive(ObjectType::Company, id(company)).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guard_held_stays_held_though_it_would_be_few_enough_alone() {
    let desk = Desk::with("").await;
    let all = companies(&desk, 32).await;
    archive(&desk, &all[..3]);
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 3);
    desk.ends(0, &format!("approve {} {}", all[0], all[1])).await;
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["delete"], &said.json["operations"]["held"]), (&json!(2), &json!(1)));
    // One of 30 is under the limit, and yet nobody said yes to it.
    for line in ["sync", "plan", "sync", "sync --full"] {
        let said = desk.ends(if line == "plan" { 0 } else { 3 }, line).await;
        assert!(
            said.text.contains("3 of 32 customers would be deleted at once (9.3 %; 2 of them approved)"),
            "{}",
            said.text
        );
        assert_eq!(desk.customers(), 30, "{line}");
    }
    // What comes since is held with it: piece by piece all would get past the guard.
    archive(&desk, &all[3..4]);
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["delete"], &said.json["operations"]["held"]), (&json!(0), &json!(2)));
    // Its reason goes away.
    for company in &all[2..4] {
        desk.sandbox.hubspot().restore(ObjectType::Company, id(company)).unwrap();
    }
    desk.ends(0, "sync").await;
    archive(&desk, &all[2..3]);
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 29, "one alone, as any other");
    desk.is_quiet().await;
}

/// `[guard]` holds a kind and verb once it has tripped: what is new in a later run does not go by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_does_not_get_past_a_guard_that_holds_its_kind_and_verb() {
    let desk = Desk::with("[guard]\nmin_population = 10\nmax_creates = 2\n").await;
    let all = companies(&desk, 12).await;
    // Creates.
    let appears = |n: u32| {
        let company = desk.company("New", &format!("new{n}.com"));
        desk.set(&company, "name", &format!("New {n}"));
    };
    (0..3).for_each(appears);
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 3);
    appears(3);
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["create"], &said.json["operations"]["held"]), (&json!(0), &json!(4)));
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 16);
    // Updates.
    for company in &all[..9] {
        desk.set(company, "name", "Renamed");
    }
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 9);
    desk.set(&all[9], "name", "Renamed, too");
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["update"], &said.json["operations"]["held"]), (&json!(0), &json!(10)));
    // Once they went, what comes later is measured by itself.
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    desk.set(&all[10], "name", "Renamed later");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&all[10], "name"), json!("Renamed later"));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_goes_when_the_limit_allows_the_whole_of_it() {
    let desk = Desk::with("").await;
    let all = companies(&desk, 32).await;
    archive(&desk, &all[..3]);
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("approve {}", all[0])).await;
    desk.ends(3, "sync").await;
    let raise = |percent: u32| {
        let text = format!("{}[guard]\nmax_delete_percent = {percent}\n", desk.configuration());
        std::fs::write(desk.folder.path().join("config.toml"), text).unwrap();
    };
    raise(9);
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 31, "two alone would be 6 %");
    raise(10);
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 29);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_update_that_says_something_else_since_is_held_again() {
    let desk = Desk::with("[guard]\nmin_population = 10\n").await;
    let all = companies(&desk, 12).await;
    for company in &all[..7] {
        desk.set(company, "name", "Renamed");
    }
    desk.ends(3, "sync").await;
    for company in &all[..6] {
        desk.ends(0, &format!("approve {company}")).await;
    }
    desk.ends(3, "sync").await;
    desk.set(&all[6], "name", "Renamed again");
    desk.ends(3, "sync").await;
    assert_eq!(desk.says(&all[6], "name"), json!("Company 6"));
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&all[6], "name"), json!("Renamed again"));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_all_never_says_which_of_two_something_is() {
    let desk = Desk::with("").await;
    let all: Vec<String> = (0..12).map(|n| desk.company(&format!("Company {n}"), &format!("company{n}.com"))).collect();
    for name in ["Acme", "Acme Inc"] {
        let body = json!({ "name": name, "domain": "acme.com" });
        desk.in_pivotal(reqwest::Method::POST, "/customers", body).await;
    }
    let acme = desk.company("Acme", "acme.com");
    desk.ends(3, "sync").await;
    archive(&desk, &all[..3]);
    let said = desk.ends(3, "sync").await;
    assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["held"], 4, "{}", said.text);
    let said = desk.ends(3, "approve --all").await;
    assert!(said.text.contains("3 operations approved"), "{}", said.text);
    assert!(said.text.contains("1 operation needs another decision first"), "{}", said.text);
    assert!(said.text.contains(&format!("pivotal-sync link {acme} ")), "{}", said.text);
    let before = desk.customers();
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), before - 3, "no third one");

    // By name it is meant, and told what it makes.
    let said = desk.ends(0, &format!("approve {acme}")).await;
    assert!(
        said.text.contains(&format!("creates another customer for {acme} beside what is in Pivotal")),
        "{}",
        said.text
    );
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), before - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_all_neither_brings_back_what_a_person_deleted_nor_deletes_what_is_a_question() {
    let desk = Desk::with("").await;
    let all = companies(&desk, 12).await;
    let (_, row) = desk.customer(BY_COMPANY, &all[0]).unwrap();
    let path = format!("/customers/{}", row["id"].as_str().unwrap());
    desk.in_pivotal(reqwest::Method::DELETE, &path, json!({})).await;
    desk.set(&all[0], "name", "Renamed");
    // Two customers of one company: one is left behind, and whether it goes is asked.
    desk.ends(0, &format!("link {} {}", all[1], all[2])).await;
    archive(&desk, &all[8..]);
    let said = desk.ends(3, "sync").await.text;
    let before = desk.customers();
    let said_all = desk.ends(3, "approve --all").await.text;
    assert!(
        said_all.contains("4 operations approved") && said_all.contains("2 operations need another decision"),
        "{said} {said_all}"
    );
    let anew = format!("`pivotal-sync approve {} --config config.toml` creates it anew", all[0]);
    for part in [anew.as_str(), "`pivotal-sync approve pivotal:customer:"] {
        assert!(said_all.contains(part), "{part}: {said_all}");
    }
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), before - 4);
    desk.ends(0, &format!("approve {}", all[0])).await;
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), before - 3);
}
