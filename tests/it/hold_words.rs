//! What is said of what waits: each hold with the commands that settle it, and nothing that is not so.

use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::json;

use super::desk::{BY_COMPANY, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

async fn in_pivotal(desk: &Desk, name: &str, body: serde_json::Value) -> String {
    let mut body = body;
    body["name"] = json!(name);
    let made = desk.in_pivotal(reqwest::Method::POST, "/customers", body).await;
    let number = made["displayId"].as_i64().or(made["display_id"].as_i64());
    let number = number.or(made["data"]["displayId"].as_i64()).or(made["data"]["display_id"].as_i64());
    format!("pivotal:customer:{}", number.unwrap_or_else(|| panic!("{made}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_carries_another_id_is_this_one_or_stays_beside_its_own() {
    let desk = Desk::with("").await;
    let there = in_pivotal(&desk, "Acme", json!({ "domain": "acme.com", BY_COMPANY: "424242" })).await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(3, "sync").await;
    for line in ["plan", &format!("why {acme}")] {
        let said = desk.ends(0, line).await.text;
        for part in ["(424242)", &format!("pivotal-sync link {acme} {there}"), &format!("pivotal-sync unlink {acme}")] {
            assert!(said.contains(part), "{line}: {part}: {said}");
        }
    }
    desk.ends(0, &format!("unlink {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 2, "its own");
    assert_ne!(desk.customer(BY_COMPANY, &acme).unwrap().0, there);
    assert_eq!(desk.customer(BY_COMPANY, "424242").unwrap().0, there, "and the other is as it was");
    desk.is_quiet().await;
    desk.ends(0, "sync --full").await;
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_candidates_has_its_command() {
    let desk = Desk::with("").await;
    let mut commands = Vec::new();
    for name in ["Acme", "Beta"] {
        let company = desk.company(name, &format!("{}.com", name.to_lowercase()));
        for twin in ["One", "Two"] {
            let customer = in_pivotal(&desk, &format!("{name} {twin}"), json!({ BY_COMPANY: id(&company) })).await;
            commands.push(format!("pivotal-sync link {company} {customer}"));
        }
        commands.push(format!("pivotal-sync ignore {company}"));
    }
    desk.ends(3, "sync").await;
    // Both say the same, and so are told as one; each keeps its own commands.
    for (code, line) in [(0, "plan"), (3, "status"), (3, "approve --all")] {
        let said = desk.ends(code, line).await.text;
        for command in &commands {
            assert!(said.contains(command), "{line}: {command}: {said}");
        }
        assert!(line == "approve --all" || said.matches("so nobody can say").count() == 1, "{said}");
    }
    for command in [&commands[1], &commands[5]] {
        desk.ends(0, command.strip_prefix("pivotal-sync ").unwrap()).await;
    }
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 4, "nothing was made");
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_with_one_address_are_not_told_to_become_one() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "office@acme.com");
    let bob = desk.person(&acme, "Bob", "office@acme.com");
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "sync").await.text;
    // Both were sent at once: whoever came second is held.
    let status = desk.ends(3, "status").await.text;
    let second = if status.contains(&format!("pivotal-sync ignore {bob}")) { &bob } else { &ann };
    assert!(status.contains(&format!("pivotal-sync ignore {second}")), "{said} {status}");
    for line in ["plan", &format!("why {second}")] {
        let said = desk.ends(0, line).await.text;
        for part in ["Is it the same person? Yes:", &format!("pivotal-sync ignore {second}"), "at its source"] {
            assert!(said.contains(part), "{line}: {part}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pivotal_refused_is_tried_again_unasked_once_pivotal_may_take_it() {
    let desk = Desk::with("[customers.fields]\nstatus = \"company.industry\"\n").await;
    let beta = desk.company("Beta", "beta.com");
    desk.person(&beta, "Ann", "ann@beta.com");
    desk.set(&beta, "industry", "onboarding");
    desk.sandbox.pivotal().switches.statuses.retain(|status| status != "onboarding");
    desk.ends(3, "sync").await;
    // The pauses grow: a day, two days, four, and then a week each.
    for (days, sent) in [(0, 0), (1, 1), (1, 0), (1, 1), (3, 0), (1, 1), (6, 0), (1, 1), (6, 0), (1, 1)] {
        desk.rest(days).await;
        desk.sandbox.log.clear();
        assert_eq!(desk.ends(3, "sync --json").await.json["operations"]["quarantined"], 1);
        assert_eq!(desk.writes(), sent, "{days}");
    }
    desk.sandbox.pivotal().switches.statuses.push("onboarding".to_owned());
    desk.ends(3, "sync").await;
    desk.rest(7).await;
    assert!(desk.ends(3, "plan --exit-code").await.text.contains("2 requests to Pivotal"));
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&beta, "status"), "onboarding");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_deleted_and_what_pivotal_refused_name_their_commands() {
    let desk = Desk::with("[customers.fields]\nstatus = \"company.industry\"\n").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let ann = desk.person(&beta, "Ann", "ann@beta.com");
    desk.set(&beta, "industry", "onboarding");
    desk.sandbox.pivotal().switches.statuses.retain(|status| status != "onboarding");
    let said = desk.ends(3, "sync").await.text;
    assert!(said.contains("1 quarantined, 1 waiting") && !said.contains("goes on with the"), "{said}");
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains("1 waiting") && !said.contains("owed"), "{said}");
    let retry = format!("`pivotal-sync retry {beta} --config config.toml`");
    for (code, line) in
        [(3, "status".to_owned()), (0, "plan".to_owned()), (0, format!("why {beta}")), (0, format!("why {ann}"))]
    {
        let said = desk.ends(code, &line).await.text;
        assert!(said.contains(&retry), "{line}: {said}");
    }
    assert!(desk.ends(0, "runs").await.text.contains("1 quarantined, 1 waiting"));
    assert!(desk.ends(0, "plan --exit-code").await.text.contains("0 requests to Pivotal"));

    let (_, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    let path = format!("/customers/{}", row["id"].as_str().unwrap());
    desk.in_pivotal(reqwest::Method::DELETE, &path, json!({})).await;
    desk.set(&acme, "name", "Renamed");
    desk.ends(3, "sync").await;
    for _ in 0..2 {
        let said = desk.ends(3, "status").await.text;
        for part in [format!("pivotal-sync approve {acme}"), format!("pivotal-sync ignore {acme}")] {
            assert!(said.contains(&part), "{part}: {said}");
        }
        desk.ends(3, "sync").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_no_longer_said_to_wait_for_a_decision() {
    let desk = Desk::with("[guard]\nmax_deletes = 0\n").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().archive(ObjectType::Company, id(&acme)).unwrap();
    desk.ends(3, "sync").await;
    let said = desk.ends(2, "approve").await.text;
    assert!(said.contains("--all"), "{said}");
    desk.ends(0, "approve --all").await;
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains("1 approved, goes ahead with the next run"), "{said}");
    assert!(!said.contains("held until you decide"), "{said}");
    assert!(said.contains("next: pivotal-sync sync --config config.toml  (does what was approved)"), "{said}");
    let said = desk.ends(3, "status --json").await.json;
    assert_eq!((&said["operations"]["held"], &said["operations"]["approved"]), (&json!(0), &json!(1)));
    let said = desk.ends(0, "approve --all --undo").await.text;
    assert!(said.contains("1 approval taken back\n"), "{said}");
    assert!(desk.ends(3, "status").await.text.contains("held until you decide"));
    desk.ends(0, &format!("approve {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.ends(0, "status").await.code), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_takes_the_place_of_a_saved_plan_alone() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    let before = desk.configuration();
    let said = desk.ends(2, "plan --out config.toml").await.text;
    assert!(said.contains("is there already and is no saved plan"), "{said}");
    assert_eq!(std::fs::read_to_string(desk.folder.path().join("config.toml")).unwrap(), before);
    desk.ends(0, "plan --out plan.json").await;
    desk.ends(0, "plan --out plan.json").await;
    desk.ends(0, "sync --apply plan.json").await;
    // Refused, and yet all is well.
    desk.ends(1, "sync --apply plan.json").await;
    assert!(desk.ends(0, "status").await.text.contains("nothing is owed"));
    assert!(desk.ends(2, "runs -n 0").await.text.contains("0 is not in 1.."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_names_both_customers() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().associate(ObjectType::Contact, id(&ann), id(&beta), true).unwrap();
    desk.sandbox.hubspot().set_property(ObjectType::Contact, id(&ann), "jobtitle", "Boss").unwrap();
    let said = desk.ends(0, "plan").await.text;
    assert!(said.contains("moves from Acme to Beta"), "{said}");
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    let said = desk.ends(2, &format!("link {ann} pivotal:onboarding:1")).await.text;
    assert!(said.contains("becomes a contact in Pivotal, and pivotal:onboarding:1 is an onboarding"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_what_pivotal_no_longer_has_says_how_it_is_taken_back() {
    let desk = Desk::with("").await;
    let gone = in_pivotal(&desk, "Gone", json!({})).await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "plan").await;
    desk.ends(0, &format!("link {acme} {gone}")).await;
    assert!(desk.sandbox.pivotal().delete_customer(id(&gone)));
    // It was seen by the walk that this load goes on from.
    let said = desk.ends(3, "sync").await.text;
    assert!(said.contains("which was there a moment ago"), "{said}");
    desk.ends(3, "sync").await;
    for (code, line) in [(0, "plan".to_owned()), (3, "status".to_owned()), (0, format!("why {acme}"))] {
        let said = desk.ends(code, &line).await.text;
        assert!(said.contains(&format!("`pivotal-sync link --undo {acme} --config config.toml`")), "{line}: {said}");
    }
    desk.ends(0, &format!("link --undo {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_taken_in_and_leads_nowhere_says_how_it_is_taken_back() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let file = format!("ref,choice,pivotal_id\n{acme},link,clx0000000000000000000000\n");
    std::fs::write(desk.folder.path().join("decisions.csv"), file).unwrap();
    let said = desk.ends(0, "import decisions.csv").await.text;
    assert!(!said.contains("first backfill"), "nothing was filled yet: {said}");
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "status").await.text;
    assert!(
        said.contains(&format!("{acme} is linked to clx0000000000000000000000, which Pivotal does not have")),
        "{said}"
    );
    assert!(said.contains(&format!("`pivotal-sync link --undo {acme} --config config.toml`")), "{said}");
    // What was made before it was taken in stays.
    let beta = desk.company("Beta", "beta.com");
    std::fs::write(desk.folder.path().join("more.csv"), format!("ref,choice\n{beta},ignore\n")).unwrap();
    let said = desk.ends(0, "import more.csv").await.text;
    assert!(said.contains("before the first backfill"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_the_selection_is_not_told_to_be_gone_at_its_source() {
    for on_leave in ["archive", "delete"] {
        let desk = Desk::with("").await;
        let acme = desk.company("Acme", "acme.com");
        desk.ends(0, "sync").await;
        let leave = format!("delete_grace = \"24h\"\non_leave = \"{on_leave}\"");
        let config = desk.configuration().replace("delete_grace = \"0s\"", &leave);
        let config = config.replace("company.name or stripe.name", "company.industry");
        std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
        desk.run(&["sync"]).await;
        let why = desk.ends(0, &format!("why {acme}")).await;
        assert!(why.text.contains("outside the selection since 20"), "{on_leave}: {}", why.text);
        assert!(!why.text.contains("gone at its source"), "{on_leave}: {}", why.text);
        let json = desk.ends(0, &format!("why {acme} --json")).await.json;
        let told = &json["found"][0];
        assert!(told["gone_since"].is_null() && told["unselected_since"].is_string(), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_made_by_hand_and_has_the_address_is_named() {
    let desk = Desk::with("").await;
    desk.sandbox.pivotal().switches.email_scope = pivotal_sync::sandbox::pivotal::EmailScope::Workspace;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    let (customer, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    let path = format!("/customers/{}/contacts", row["id"].as_str().unwrap());
    let body = json!({ "name": "By Hand", "email": "new@acme.com" });
    desk.in_pivotal(reqwest::Method::POST, &path, body).await;
    let by_hand = {
        let pivotal = desk.sandbox.pivotal();
        let object = pivotal_sync::sandbox::pivotal::Object::Contact;
        pivotal.visible(object).find(|row| row.text("name") == Some("By Hand")).unwrap().id.clone()
    };
    desk.sandbox.hubspot().set_property(ObjectType::Contact, id(&ann), "email", "new@acme.com").unwrap();
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains(&format!("{by_hand} under {customer} has this address: it was made in Pivotal")), "{said}");
    assert!(said.contains("Give it another there or delete it"), "{said}");
    desk.in_pivotal(reqwest::Method::DELETE, &format!("/contacts/{by_hand}"), json!({})).await;
    desk.ends(0, &format!("approve {ann}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
}
