//! A run taken back: the real binary against the whole sandbox.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use reqwest::Method;
use serde_json::json;

use super::desk::{BY_COMPANY, Desk};

fn contacts(desk: &Desk) -> usize {
    desk.sandbox.pivotal().visible(Object::Contact).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_back_and_are_not_written_again_until_the_source_changes() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.set(&beta, "name", "Beta Inc");
    desk.ends(0, "sync").await;
    desk.sandbox.log.clear();
    let said = desk.ends(0, "undo 2 --yes --json").await;
    assert_eq!((&said.json["undone"], &said.json["operations"]["update"]), (&json!(2), &json!(2)), "{}", said.text);
    assert_eq!((&said.json["kind"], desk.writes(), &said.json["cannot"]), (&json!("undo"), 2, &json!([])));
    assert_eq!((desk.says(&acme, "name"), desk.says(&beta, "name")), (json!("Acme"), json!("Beta")));

    // The sources still say so: it is held, whoever looks, and told why.
    desk.sandbox.log.clear();
    for line in ["sync", "sync --full", "sync"] {
        let said = desk.ends(3, line).await;
        assert!(said.text.contains("2 held"), "{line}: {}", said.text);
    }
    assert_eq!((desk.writes(), desk.says(&acme, "name")), (0, json!("Acme")));
    let text = desk.ends(3, "status").await.text;
    assert!(text.contains("undone by a person (run 2)"), "{text}");

    // Something else of it goes ahead; the same, once its source has said something else; or what a person lets through.
    desk.set(&acme, "domain", "acme.io");
    desk.ends(3, "sync").await;
    assert_eq!((desk.says(&acme, "domain"), desk.says(&acme, "name")), (json!("acme.io"), json!("Acme")));
    desk.set(&acme, "name", "Acme Holding");
    desk.ends(3, "sync").await;
    assert_eq!((desk.says(&acme, "name"), desk.says(&beta, "name")), (json!("Acme Holding"), json!("Beta")));
    desk.ends(0, &format!("approve {beta}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&beta, "name"), "Beta Inc");
    desk.is_quiet().await;
    let history = desk.ends(0, &format!("history {beta} --json")).await;
    let kinds: Vec<_> = history.json["history"].as_array().unwrap().iter().map(|h| h["run_kind"].clone()).collect();
    assert_eq!(kinds, ["sync", "undo", "sync", "sync"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_shown_first_and_nothing_happens_unless_somebody_says_yes() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.ends(0, "sync").await;
    desk.sandbox.log.clear();
    let said = desk.ends(2, "undo 2").await;
    for part in ["Acme Inc → Acme", "run 2 is taken back", "hint: read the plan, then `pivotal-sync undo 2 --yes"] {
        assert!(said.text.contains(part), "{part}: {}", said.text);
    }
    let said = desk.ends(2, "undo 2 --json").await;
    assert_eq!(
        (&said.json["status"], &said.json["plan"][0]["op"]),
        (&json!("failed"), &json!("update")),
        "{}",
        said.text
    );
    assert_eq!((desk.writes(), desk.says(&acme, "name")), (0, json!("Acme Inc")));
    desk.is_quiet().await;
    for (run, part) in [("99", "it is not here"), ("3", "wrote nothing to Pivotal")] {
        let said = desk.run(&["undo", run, "--yes"]).await;
        assert!(said.text.contains(part), "{run}: {}", said.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_load_is_taken_back_children_first_and_does_not_come_again_unasked() {
    let desk = Desk::with("[guard]\nmax_delete_percent = 100\n").await;
    let acme = desk.company("Acme", "acme.com");
    desk.person(&acme, "Ann", "ann@acme.com");
    let beta = desk.company("Beta", "beta.com");
    let theirs = json!({ "name": "Old Beta", "domain": "beta.com", BY_COMPANY: beta.rsplit(':').next().unwrap() });
    desk.in_pivotal(Method::POST, "/customers", theirs).await;
    desk.ends(0, "backfill").await;
    assert_eq!((desk.customers(), contacts(&desk), desk.says(&beta, "name")), (2, 1, json!("Beta")));

    desk.sandbox.log.clear();
    let said = desk.ends(0, "undo 1 --yes --json").await;
    let deleted: Vec<_> = desk.sandbox.log.entries().into_iter().filter(|e| e.method == "DELETE").collect();
    assert!(deleted[0].path.contains("/contacts/") && deleted[1].path.contains("/customers/"), "{deleted:?}");
    assert_eq!((&said.json["operations"]["delete"], &said.json["released"][0]["name"]), (&json!(2), &json!("Beta")));
    assert_eq!((desk.customers(), contacts(&desk), desk.says(&beta, "name")), (1, 0, json!("Old Beta")));

    desk.sandbox.log.clear();
    for line in ["sync", "sync --full"] {
        desk.ends(3, line).await;
    }
    assert_eq!((desk.writes(), desk.customers()), (0, 1));
    let why = desk.ends(0, &format!("why {beta}")).await.text;
    assert!(why.contains("undone by a person (run 1)") && why.contains("was not taken over"), "{why}");
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), contacts(&desk), desk.says(&beta, "name")), (2, 1, json!("Beta")));
    assert!(desk.sandbox.pivotal().duplicates().is_empty());
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_did_since_is_left_and_told_plainly() {
    let desk = Desk::with("[guard]\nmax_delete_percent = 100\n").await;
    let acme = desk.company("Acme", "acme.com");
    let beta = desk.company("Beta", "beta.com");
    let gone = desk.company("Gone", "gone.com");
    let busy = desk.company("Busy", "busy.com");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "By hand");
    desk.set(&beta, "name", "Beta Inc");
    let (_, row) = desk.customer(BY_COMPANY, &busy).unwrap();
    let path = format!("/customers/{}/contacts", row["id"].as_str().unwrap());
    desk.in_pivotal(Method::POST, &path, json!({ "name": "Their Own", "email": "own@busy.com" })).await;
    let (_, row) = desk.customer(BY_COMPANY, &gone).unwrap();
    desk.in_pivotal(Method::DELETE, &format!("/customers/{}", row["id"].as_str().unwrap()), json!({})).await;
    desk.ends(0, "sync").await;

    desk.sandbox.log.clear();
    let said = desk.ends(3, "undo 1 --yes --json").await;
    let mut cannot: Vec<String> = said.json["cannot"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}: {}", c["name"].as_str().unwrap(), c["why"].as_str().unwrap()))
        .collect();
    cannot.sort();
    assert_eq!(
        cannot,
        [
            "Acme: somebody changed its name in Pivotal since",
            "Beta: run 2 wrote to it since; undo that first",
            "Busy: 1 contact or onboarding under it would go with it, and is not taken back",
            "Gone: it is no longer in Pivotal",
        ]
    );
    assert_eq!((desk.writes(), desk.customers()), (0, 3));
    // The later one first, then it can be.
    desk.ends(0, "undo 2 --yes").await;
    let text = desk.ends(3, "undo 1 --yes").await.text;
    assert!(text.contains("cannot be taken back") && !text.contains("By hand"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_cannot_be_undone_and_history_still_knows_what_was_lost() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().archive(ObjectType::Company, acme.rsplit(':').next().unwrap()).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 0);
    let said = desk.ends(3, "undo 2 --yes").await;
    for part in ["nothing left to take back", "it was deleted, and Pivotal has no undelete"] {
        assert!(said.text.contains(part), "{part}: {}", said.text);
    }
    assert!(desk.ends(0, &format!("history {acme} -n 1")).await.text.contains("acme.com (gone)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_holds_the_whole_and_says_what_lets_it_through_once() {
    let desk = Desk::with("[guard]\nmax_deletes = 2\nmax_delete_percent = 100\n").await;
    for number in 0..12 {
        desk.company(&format!("Company {number}"), &format!("company{number}.com"));
    }
    desk.ends(0, "sync").await;
    desk.sandbox.log.clear();
    let said = desk.ends(1, "undo 1 --yes").await;
    assert!(
        said.text.contains("12 customers would be deleted at once, more than guard.max_deletes = 2"),
        "{}",
        said.text
    );
    assert!(said.text.contains("PIVOTAL_SYNC__GUARD__MAX_DELETES=12 pivotal-sync undo 1"), "{}", said.text);
    assert_eq!((desk.writes(), desk.customers()), (0, 12));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_can_be_undone() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.ends(0, "sync").await;
    desk.ends(0, "undo 2 --yes").await;
    desk.ends(3, "sync").await;
    desk.ends(0, "undo 3 --yes").await;
    assert_eq!(desk.says(&acme, "name"), "Acme Inc");
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_is_cut_off_goes_on_and_nothing_comes_back_meanwhile() {
    let desk = Desk::with("[guard]\nmax_deletes = 100\nmax_delete_percent = 100\n").await;
    for number in 0..30 {
        desk.company(&format!("Company {number}"), &format!("company{number}.com"));
    }
    desk.ends(0, "sync").await;
    desk.sandbox.pivotal().switches.write_latency = std::time::Duration::from_millis(30);
    let mut child = desk.begin(&["undo", "1", "--yes"]);
    desk.until(|| desk.sandbox.log.count("DELETE", "/api/v1/customers/") >= 5).await;
    child.kill().unwrap();
    child.wait().unwrap();
    desk.sandbox.pivotal().switches.write_latency = std::time::Duration::ZERO;
    desk.ends(3, "sync").await;
    let left = desk.customers();
    assert!(left < 30, "some were deleted");
    assert_eq!(desk.sandbox.pivotal().create_counts()[0], 30, "none came back");
    desk.ends(0, "undo 1 --yes").await;
    assert_eq!(desk.customers(), 0);
    desk.ends(3, "sync").await;
    assert_eq!(desk.sandbox.pivotal().create_counts()[0], 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_have_filled_in_since_is_not_deleted_with_what_the_run_made() {
    let desk = Desk::with("[guard]\nmax_delete_percent = 100\n").await;
    desk.sandbox.pivotal().switches.promote_first_contact = true;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let (beta, gamma) = (desk.company("Beta", "beta.com"), desk.company("Gamma", "gamma.com"));
    desk.set(&beta, "industry", "news");
    desk.set(&gamma, "industry", "news");
    let ann = desk.person(&gamma, "Ann", "ann@gamma.com");
    desk.ends(0, "sync").await;
    let (_, row) = desk.customer(BY_COMPANY, &beta).unwrap();
    let path = format!("/customers/{}", row["id"].as_str().unwrap());
    desk.in_pivotal(Method::PATCH, &path, json!({"plan": "by hand", "mrr": 5000, "slack_channel_id": "C1"})).await;
    let contact = desk.sandbox.pivotal().visible(Object::Contact).next().unwrap().id.clone();
    let labels = json!({"labels": ["vip"]});
    desk.in_pivotal(Method::PATCH, &format!("/contacts/{contact}"), labels).await;
    desk.sandbox.log.clear();
    let said = desk.ends(3, "undo 2 --yes --json").await;
    let cannot: Vec<String> = said.json["cannot"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}: {}", c["ref"].as_str().unwrap(), c["why"].as_str().unwrap()))
        .collect();
    let gone = "1 contact or onboarding under it would go with it, and is not taken back";
    for line in [
        format!("{beta}: somebody filled in its mrr, plan, slack_channel_id in Pivotal since"),
        format!("{ann}: somebody filled in its labels in Pivotal since"),
        format!("{gamma}: {gone}"),
    ] {
        assert!(cannot.contains(&line), "{line}: {cannot:?}");
    }
    assert_eq!((desk.writes(), desk.customers(), contacts(&desk)), (0, 3, 1));

    // Taken away again by hand, nothing holds it: what Pivotal filled in itself does not.
    desk.in_pivotal(Method::PATCH, &path, json!({"plan": null, "mrr": null, "slack_channel_id": null})).await;
    desk.in_pivotal(Method::PATCH, &format!("/contacts/{contact}"), json!({"labels": []})).await;
    desk.ends(0, "undo 2 --yes").await;
    assert_eq!((desk.customers(), desk.says(&acme, "name")), (1, json!("Acme")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_known_as_a_whole_is_not_taken_back_in_part() {
    let desk = Desk::with("[guard]\nmax_delete_percent = 100\n").await;
    for number in 0..3 {
        desk.company(&format!("Company {number}"), &format!("company{number}.com"));
    }
    desk.ends(0, "sync").await;
    desk.age(366).await;
    desk.ends(0, "sync").await;
    assert_eq!(
        desk.query("SELECT CAST(count(*) AS TEXT) FROM attempt").await,
        "1",
        "the newest stays, whatever its age"
    );
    let said = desk.ends(1, "undo 1 --yes").await;
    assert!(said.text.contains("removed after store.retention"), "{}", said.text);
    assert_eq!(desk.customers(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_guard_that_holds_it_is_named_and_nothing_that_does_not_help() {
    let desk = Desk::with("[guard]\nmax_deletes = 2\nmax_delete_percent = 10\n").await;
    for number in 0..12 {
        let company = desk.company(&format!("Company {number}"), &format!("company{number}.com"));
        desk.person(&company, "Ann", &format!("ann@company{number}.com"));
        desk.person(&company, "Bob", &format!("bob@company{number}.com"));
    }
    desk.ends(0, "sync").await;
    let said = desk.ends(1, "undo 1 --yes").await;
    // Both guards want the same variables: each once, with what the greater of them needs.
    let hint = "`PIVOTAL_SYNC__GUARD__MAX_DELETES=24 PIVOTAL_SYNC__GUARD__MAX_DELETE_PERCENT=100 pivotal-sync undo 1";
    assert!(said.text.contains(hint), "{}", said.text);
    for part in ["approve", "pivotal-sync plan", "pivotal-sync sync"] {
        assert!(!said.text.contains(part), "{part}: {}", said.text);
    }
    assert_eq!(desk.customers(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_once_takes_over_again_what_was_let_go_with_those_under_it() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    let theirs = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: acme.rsplit(':').next().unwrap() });
    let made = desk.in_pivotal(Method::POST, "/customers", theirs).await;
    let path = format!("/customers/{}/contacts", made["id"].as_str().unwrap());
    desk.in_pivotal(Method::POST, &path, json!({ "name": "Ann Lee", "email": "ann@acme.com", "title": "Buyer" })).await;
    desk.ends(0, "backfill").await;
    desk.ends(0, "undo 1 --yes").await;
    desk.ends(3, "sync").await;
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    let why = desk.ends(0, &format!("why {ann}")).await.text;
    assert!(why.contains("in step") && !why.contains("undone"), "{why}");
    assert_eq!((desk.customers(), contacts(&desk)), (1, 1));
}
