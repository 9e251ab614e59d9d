//! What was sent is told for as long as `store.retention` says: the real binary against the whole sandbox.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{BY_COMPANY, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn history_tells_who_asked_what_was_sent_the_answer_and_before_and_after() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "backfill").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().archive(ObjectType::Company, acme.rsplit(':').next().unwrap()).unwrap();
    desk.ends(0, "sync").await;

    let said = desk.ends(0, &format!("history {acme} --json")).await;
    let told: Vec<_> = said.json["history"].as_array().unwrap().iter().collect();
    let line = |at: usize| {
        let one = told[at];
        format!(
            "{} {} {} {} {} {}",
            one["run_kind"].as_str().unwrap(),
            one["asked_by"].as_str().unwrap(),
            one["op"].as_str().unwrap(),
            one["method"].as_str().unwrap(),
            one["outcome"].as_str().unwrap(),
            one["http_status"]
        )
    };
    let lines: Vec<String> = (0..told.len()).map(line).collect();
    assert_eq!(
        lines,
        [
            "sync command delete DELETE done 200",
            "sync command update PATCH done 200",
            "backfill command create POST done 201"
        ]
    );
    assert_eq!((&told[0]["before"]["name"], &told[0]["after"]), (&json!("Acme Inc"), &json!({})));
    assert_eq!((&told[1]["before"], &told[1]["after"]), (&json!({"name": "Acme"}), &json!({"name": "Acme Inc"})));
    assert_eq!((&told[1]["body"], &told[2]["before"]), (&json!(r#"{"name":"Acme Inc"}"#), &json!({})));
    assert_eq!(told[2]["after"]["domain"], "acme.com");

    // Page by page, newest first.
    let first = desk.ends(0, &format!("history {acme} -n 2 --json")).await;
    let second = desk.ends(0, &format!("history {acme} -n 2 --skip 2 --json")).await;
    assert_eq!((&first.json["more"], &second.json["more"]), (&json!(true), &json!(false)));
    assert_eq!((&first.json["history"][1], &second.json["history"][0]), (told[1], told[2]));
    let text = desk.ends(0, &format!("history {acme} -n 1")).await.text;
    for part in ["asked by command: sync 3", "DELETE /customers/", "done 200", "Acme Inc (gone)", "--skip 1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let said = desk.ends(1, "history hubspot:company:404").await;
    assert!(said.text.contains("is not known here") && said.text.contains("hint:"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_view_shows_is_what_history_shows() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.ends(0, "sync").await;
    let row = "SELECT concat_ws(' ', run_kind, asked_by, verb, method, before, after, body, outcome, status) FROM v_history LIMIT 1";
    let shown = desk.query(row).await;
    assert_eq!(shown, r#"sync command update PATCH {"name":"Acme"} {"name":"Acme Inc"} {"name":"Acme Inc"} done 200"#);

    // A deleted customer keeps its slug (pivotal-api.md 10.1): what is sent then is not what was planned.
    let made = desk.in_pivotal(Method::POST, "/customers", json!({ "name": "Old", "slug": "beta" })).await;
    desk.in_pivotal(Method::DELETE, &format!("/customers/{}", made["id"].as_str().unwrap()), json!({})).await;
    let beta = desk.company("Beta", "beta.com");
    desk.ends(0, "sync --full").await;
    let shown = agrees(&desk, &beta).await;
    let suffixed = desk.says(&beta, "slug");
    assert!(suffixed.as_str().unwrap().starts_with("beta-"), "{suffixed}");
    let told: Vec<_> = shown.iter().map(|line| (&line["op"], &line["outcome"], &line["after"]["slug"])).collect();
    let (create, done, failed) = (json!("create"), json!("done"), json!("failed"));
    assert_eq!(told, [(&create, &done, &suffixed), (&create, &failed, &json!("beta"))]);

    // Somebody was quicker: the create is refused, and what is there is taken over.
    let (_, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    let path = format!("/customers/{}/contacts", row["id"].as_str().unwrap());
    desk.in_pivotal(Method::POST, &path, json!({ "name": "A. Lee", "email": "ann@acme.com" })).await;
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    // No plan reads the contacts of a customer that is known.
    assert_eq!(desk.run_alone(&["sync", "--full"]).await.code, 0);
    let shown = agrees(&desk, &ann).await;
    let told: Vec<_> = shown.iter().map(|line| (&line["op"], &line["outcome"], &line["before"]["name"])).collect();
    assert_eq!(told, [(&json!("adopt"), &done, &json!("A. Lee")), (&create, &failed, &json!(null))]);
    assert_eq!((&shown[0]["method"], &shown[0]["after"]["name"]), (&json!("PATCH"), &json!("Ann Lee")));
    assert_eq!((&shown[1]["before"], &shown[1]["after"]["name"]), (&json!({}), &json!("Ann Lee")));
}

/// What the view shows of a thing, newest first, once `history` and `why` were found to tell the same.
async fn agrees(desk: &Desk, reference: &str) -> Vec<Value> {
    let all = "SELECT json_group_array(json_object('ref', ref, 'op', verb, 'method', method, 'outcome', outcome,
                   'before', json(before), 'after', json(after), 'changes', json(changes))) FROM v_history";
    let all: Vec<Value> = serde_json::from_str(&desk.query(all).await).unwrap();
    let shown: Vec<Value> = all.into_iter().filter(|row| row["ref"] == reference).collect();
    let pick = |line: &Value, names: &[&str]| names.iter().map(|name| line[*name].clone()).collect::<Vec<_>>();
    let same = |told: &Value, names: &[&str]| {
        let told: Vec<_> = told.as_array().unwrap().iter().map(|line| pick(line, names)).collect();
        assert_eq!(shown.iter().map(|line| pick(line, names)).collect::<Vec<_>>(), told);
    };
    let history = desk.ends(0, &format!("history {reference} --json")).await.json;
    same(&history["history"], &["op", "method", "outcome", "before", "after"]);
    let why = desk.ends(0, &format!("why {reference} --json")).await.json;
    same(&why["found"][0]["attempts"], &["op", "method", "outcome", "changes"]);
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_pivotal_already_is_told_though_nothing_was_sent() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let body = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: acme.rsplit(':').next().unwrap() });
    desk.in_pivotal(Method::POST, "/customers", body).await;
    desk.ends(0, "sync").await;
    let said = desk.ends(0, &format!("history {acme} --json")).await;
    let one = &said.json["history"][0];
    assert_eq!((&one["op"], &one["method"], &one["outcome"]), (&json!("adopt"), &json!(null), &json!("done")));
    assert!(desk.ends(0, &format!("history {acme}")).await.text.contains("nothing had to be sent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_left_is_told_as_not_sent() {
    let desk = Desk::with("").await;
    for number in 0..40 {
        desk.company(&format!("Company {number}"), &format!("company{number}.com"));
    }
    // Of 20 a minute the reserve leaves 18, and two go to who and what is there: the next stand ready for their turn.
    desk.sandbox.pivotal().limit = Some(20);
    let child = desk.begin(&["sync"]);
    desk.until(|| desk.sandbox.log.count("POST", "/api/v1/") == 16).await;
    assert_eq!(desk.interrupt(child).await, 130);
    desk.sandbox.pivotal().limit = None;
    let told = "SELECT group_concat(DISTINCT outcome) FROM (SELECT outcome FROM v_history ORDER BY outcome)";
    assert_eq!(desk.query(told).await, "done,not sent");
    let unsent = "SELECT count(*) || ' ' || group_concat(DISTINCT error) FROM v_history WHERE outcome = 'not sent'";
    assert!(desk.query(unsent).await.ends_with(" the run stopped before it was sent"), "{}", desk.query(unsent).await);
    let never = "SELECT ref FROM v_history WHERE outcome = 'not sent' LIMIT 1";
    let text = desk.ends(0, &format!("history {}", desk.query(never).await)).await.text;
    assert!(text.contains("POST /customers  not sent") && !text.contains("failed"), "{text}");
    desk.ends(0, "sync").await;
    assert_eq!(desk.sandbox.pivotal().visible(Object::Customer).count(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_retention_is_removed_and_nothing_else_changes() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Acme Inc");
    desk.ends(0, "sync").await;
    desk.age(366).await;
    desk.set(&acme, "name", "Acme Ltd");
    desk.ends(0, "sync").await;
    let said = desk.ends(0, &format!("history {acme} --json")).await;
    assert_eq!(said.json["history"].as_array().unwrap().len(), 1, "{}", said.text);
    assert_eq!(said.json["history"][0]["before"], json!({"name": "Acme Inc"}));
    assert_eq!(desk.query("SELECT count(*) || ' ' || max(id) FROM run").await, "1 3");
    assert_eq!(desk.query("SELECT group_concat(integrity_check) FROM pragma_integrity_check").await, "ok");
    desk.is_quiet().await;
    assert!(desk.ends(0, &format!("why {acme}")).await.text.contains("in step"));
}
