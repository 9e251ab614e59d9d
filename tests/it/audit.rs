//! What somebody changes in Pivotal, found and settled: the real binary against the whole sandbox.

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{BY_COMPANY, Desk, Said};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

/// `kind field written found` of each finding.
fn findings(said: &Said) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = said.json["findings"].as_array().unwrap_or_else(|| panic!("{}", said.text));
    all.iter().map(|f| ["kind", "field", "written", "found"].map(|name| text(&f[name])).join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_only_reported_stands_and_is_told_once_as_new() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "Acme GmbH");
    desk.sandbox.log.clear();
    let said = desk.ends(0, "audit --json").await;
    assert_eq!(findings(&said), ["edited name Acme Acme GmbH"]);
    assert_eq!((&said.json["audit"]["new"], &said.json["audit"]["customers"]), (&json!(1), &json!(2)));
    assert_eq!((&said.json["findings"][0]["by"], &said.json["dry_run"]), (&json!("somebody"), &json!(false)));
    assert_eq!((desk.writes(), &said.json["requests"]["pivotal"]), (0, &json!(2)), "who, and one page");

    // Neither the next sync nor one that looks at everything takes it back; the next audit has no news.
    for line in ["sync", "sync --full", "audit", "sync --full"] {
        desk.ends(0, line).await;
        assert_eq!(desk.says(&acme, "name"), "Acme GmbH", "{line}");
    }
    let again = desk.ends(0, "audit --json").await;
    assert_eq!((findings(&again).len(), &again.json["audit"]["new"]), (1, &json!(0)));
    assert_eq!(again.json["findings"][0]["first_seen_at"], said.json["findings"][0]["first_seen_at"]);
    assert_eq!(desk.writes(), 0);
    let text = desk.ends(0, "status").await.text;
    for part in ["1 field changed by somebody in Pivotal, and left", "Acme → Acme GmbH", "known since"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(desk.ends(0, &format!("why {acme}")).await.text.contains("what audits found in Pivotal"));
    assert!(!desk.ends(0, &format!("why {beta}")).await.text.contains("what audits found"));

    // It stands until the source changes its mind; then nothing is left to tell.
    desk.set(&acme, "name", "Acme Holding");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "name"), "Acme Holding");
    assert_eq!(desk.ends(0, "status --json").await.json["findings"], json!([]));
    assert!(findings(&desk.ends(0, "audit --json").await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_was_taken_back_by_hand_is_forgotten() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "Acme GmbH");
    desk.ends(0, "audit").await;
    desk.edit(&acme, "name", "Acme");
    assert!(findings(&desk.ends(0, "audit --json").await).is_empty());
    assert!(desk.ends(0, "audit").await.text.contains("Pivotal says what was written there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_on_a_field_of_the_source_is_put_back_and_a_dry_run_only_tells() {
    let desk = Desk::with("[customers.owner]\nname = \"source\"\n").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "Acme GmbH");
    desk.sandbox.log.clear();
    let said = desk.ends(3, "audit --dry-run --json").await;
    assert_eq!(findings(&said), ["put_back name Acme Acme GmbH"]);
    let text = desk.ends(3, "audit --dry-run").await.text;
    assert!(text.contains("next: pivotal-sync audit --config config.toml  (puts 1 field back)"), "{text}");
    desk.ends(0, "sync --full").await;
    assert_eq!((desk.writes(), desk.says(&acme, "name")), (0, json!("Acme GmbH")), "an audit's to do");

    let said = desk.ends(0, "audit --json").await;
    assert_eq!((desk.writes(), desk.says(&acme, "name")), (1, json!("Acme")), "{}", said.text);
    assert_eq!((findings(&said).len(), &said.json["operations"]["update"]), (0, &json!(1)));
    let history = desk.ends(0, &format!("history {acme} -n 1 --json")).await;
    let put = &history.json["history"][0];
    assert_eq!((&put["run_kind"], &put["before"]), (&json!("audit"), &json!({"name": "Acme GmbH"})));
    desk.is_quiet().await;
    assert!(findings(&desk.ends(0, "audit --json").await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_audit_did_not_come_to_put_back_is_put_back_by_the_next() {
    let desk = Desk::with("[customers.owner]\nname = \"source\"\n").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "Acme GmbH");
    desk.sandbox.faults.inject(Fault::next("pivotal", Effect::Status(401)).on("PATCH", "/api/v1/"));
    assert_ne!(desk.run(&["audit"]).await.code, 0);
    assert_eq!(desk.says(&acme, "name"), "Acme GmbH");
    desk.ends(0, "audit").await;
    assert_eq!(desk.says(&acme, "name"), "Acme");
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pivotal_owns_is_taken_quietly_and_what_is_emptied_is_filled() {
    let desk = Desk::with(
        "[customers.fields]\nplan = \"company.industry\"\n[customers.owner]\nname = \"pivotal\"\nplan = \"fill-if-empty\"\n",
    )
    .await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.set(&acme, "industry", "gold");
    desk.set(&beta, "industry", "gold");
    desk.ends(0, "sync").await;
    desk.edit(&acme, "name", "Acme GmbH");
    desk.edit(&acme, "plan", "platinum");
    desk.edit(&beta, "plan", Value::Null);
    let said = desk.ends(3, "audit --dry-run --json").await;
    assert_eq!(
        (findings(&said), &said.json["audit"]["taken"]),
        (vec!["put_back plan gold null".to_owned()], &json!(2))
    );
    desk.sandbox.log.clear();
    desk.ends(0, "audit").await;
    assert_eq!((desk.writes(), desk.says(&beta, "plan")), (1, json!("gold")));
    assert_eq!((desk.says(&acme, "name"), desk.says(&acme, "plan")), (json!("Acme GmbH"), json!("platinum")));
    desk.set(&acme, "industry", "silver");
    desk.is_quiet().await;
    assert!(desk.ends(0, &format!("why {acme}")).await.text.contains("Acme GmbH"), "the mirror says so too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_is_gone_is_lost_and_held_and_named() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    let (_, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    desk.in_pivotal(Method::DELETE, &format!("/customers/{}", row["id"].as_str().unwrap()), json!({})).await;
    desk.sandbox.log.clear();
    let said = desk.ends(3, "audit --json").await;
    assert_eq!(
        (&said.json["audit"]["missing"], &said.json["operations"]["held"]),
        (&json!(1), &json!(1)),
        "{}",
        said.text
    );
    assert_eq!((&said.json["requests"]["pivotal"], desk.writes()), (&json!(3), 0), "who, a page, and the one missing");
    assert!(said.json["plan"][0]["why"].as_str().unwrap().contains("someone may have deleted it on purpose"));
    assert!(desk.ends(3, "status").await.text.contains("Pivotal no longer has customer"));
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 1, "held, not made anew");
    desk.ends(0, &format!("approve {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_COMPANY, &beta).is_some()), (2, true));
    desk.ends(0, "audit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_compared_when_that_is_asked_for_and_the_cost_is_told_before() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    let bob = desk.person(&acme, "Bob", "bob@acme.com");
    desk.company("Beta", "beta.com");
    desk.ends(0, "sync").await;
    let contact = |name: &str| {
        let pivotal = desk.sandbox.pivotal();
        let found =
            pivotal.visible(Object::Contact).find(|row| row.text("name") == Some(name)).map(|row| row.id.clone());
        found.unwrap()
    };
    desk.in_pivotal(Method::PATCH, &format!("/contacts/{}", contact("Ann Lee")), json!({"title": "Boss"})).await;
    desk.in_pivotal(Method::DELETE, &format!("/contacts/{}", contact("Bob Lee")), json!({})).await;
    let text = desk.ends(0, "audit").await.text;
    assert!(text.contains("--deep compares them too (1 request)"), "{text}");
    let said = desk.ends(3, "audit --deep --json").await;
    assert_eq!(findings(&said), ["edited title Buyer Boss"]);
    assert_eq!((&said.json["findings"][0]["ref"], &said.json["plan"][0]["ref"]), (&json!(ann), &json!(bob)));
    assert_eq!((&said.json["audit"]["contacts"], &said.json["audit"]["missing"]), (&json!(1), &json!(1)));
    // An audit of customers alone says nothing of what is known of contacts.
    assert_eq!(findings(&desk.ends(0, "audit --json").await), ["edited title Buyer Boss"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_id_and_a_customer_of_another_maker_are_named() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let theirs = json!({ "name": "Acme again", BY_COMPANY: id(&acme) });
    desk.in_pivotal(Method::POST, "/customers", theirs).await;
    desk.in_pivotal(Method::POST, "/customers", json!({ "name": "By hand" })).await;
    let said = desk.ends(0, "audit --json").await;
    assert_eq!(findings(&said), [format!("stranger {BY_COMPANY} null {}", id(&acme))]);
    assert!(said.json["findings"][0]["said"].as_str().unwrap().contains("the same company twice in Pivotal"));

    let first = desk.sandbox.pivotal().customers()[0].id.clone();
    assert!(desk.sandbox.pivotal().edit_customer(&first, BY_COMPANY, json!("999")));
    desk.sandbox.log.clear();
    let said = desk.ends(3, "audit --json").await;
    assert_eq!(findings(&said)[0], format!("ids {BY_COMPANY} {} 999", id(&acme)));
    assert_eq!(desk.writes(), 0, "the tie to its source stays as somebody made it");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tool_that_writes_the_same_customers_is_warned_of() {
    let desk = Desk::with("[guard]\nmax_updates_percent = 100\n").await;
    let companies: Vec<String> =
        (0..12).map(|n| desk.company(&format!("Company {n}"), &format!("company{n}.com"))).collect();
    desk.ends(0, "sync").await;
    for company in &companies[..4] {
        desk.edit(company, "name", "By hand");
    }
    assert!(!desk.ends(0, "audit").await.text.contains("another tool"), "a few are people");
    for (number, company) in companies.iter().enumerate() {
        desk.edit(company, "name", format!("Connected {number}"));
    }
    let said = desk.ends(3, "audit --json").await;
    let why = said.json["audit"]["two_writers"].as_str().unwrap();
    assert!(why.starts_with("name was changed on 12 of 12 customers since it was written"), "{why}");
    assert!(desk.ends(0, "status").await.text.contains("another tool seems to write"));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_that_appear_with_ids_of_ours_are_another_writers() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    for number in 0..3 {
        let company = desk.company(&format!("Company {number}"), &format!("company{number}.com"));
        // Touched, so that the source shows it among its changes.
        desk.set(&company, "industry", "news");
        let body = json!({ "name": format!("Company {number}"), BY_COMPANY: id(&company) });
        desk.in_pivotal(Method::POST, "/customers", body).await;
    }
    let said = desk.ends(3, "audit --json").await;
    assert_eq!(said.json["audit"]["strangers"], 3, "{}", said.text);
    assert!(said.json["audit"]["two_writers"].as_str().unwrap().starts_with("3 customers were made elsewhere"));
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 4, "taken over, not doubled");
    assert_eq!(desk.ends(0, "audit --json").await.json["audit"]["strangers"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_meets_ties_and_puts_back_under_the_guards() {
    // pivotal-api.md 6, the tie hazard: many customers of one millisecond.
    let desk = Desk::with("[customers.owner]\nname = \"source\"\n").await;
    desk.sandbox.pivotal().switches.created_grid_ms = 60_000;
    let companies: Vec<String> =
        (0..120).map(|n| desk.company(&format!("Company {n}"), &format!("company{n}.com"))).collect();
    desk.ends(0, "sync").await;
    for company in &companies[..70] {
        desk.edit(company, "name", "Changed");
    }
    desk.sandbox.log.clear();
    let said = desk.ends(3, "audit --json").await;
    assert_eq!((&said.json["audit"]["customers"], &said.json["audit"]["missing"]), (&json!(120), &json!(0)));
    assert_eq!((&said.json["operations"]["held"], desk.writes()), (&json!(70), 0), "guard.max_updates_percent");
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&companies[0], "name"), "Company 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_audit_before_the_first_load_and_a_source_that_is_down_is_told() {
    let desk = Desk::with("").await;
    let said = desk.ends(1, "audit --json").await;
    assert_eq!(said.json["error"]["kind"], "store", "{}", said.text);
    assert!(!desk.store().exists(), "a look makes no store");
    // A first run that got no further than its store.
    pivotal_sync::store::Store::open(&desk.store()).await.unwrap().close().await;
    let said = desk.ends(1, "audit --json").await;
    assert_eq!(said.json["error"]["kind"], "audit", "{}", said.text);
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().archive(ObjectType::Company, id(&acme)).unwrap();
    // What the source wants no longer is compared all the same, and left.
    desk.edit(&acme, "name", "Acme GmbH");
    assert_eq!(findings(&desk.ends(0, "audit --json").await), ["edited name Acme Acme GmbH"]);
    assert_eq!(desk.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_is_compared_alone_and_says_nothing_of_the_rest() {
    let desk = Desk::with("[customers.owner]\ndomain = \"source\"\n").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    for company in [&acme, &beta] {
        desk.edit(company, "name", "By hand");
        desk.edit(company, "domain", "hand.com");
    }
    desk.sandbox.log.clear();
    let said = desk.ends(0, &format!("audit {acme} {ann} --json")).await;
    assert_eq!(findings(&said), ["edited name Acme By hand"]);
    assert_eq!((&said.json["audit"]["customers"], &said.json["audit"]["contacts"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&said.json["requests"]["pivotal"], desk.writes()),
        (&json!(4), 1),
        "who, each of two, and one put back"
    );
    assert_eq!((desk.says(&acme, "domain"), desk.says(&beta, "domain")), (json!("acme.com"), json!("hand.com")));
    // What is known of one stays while another is looked at, and goes when it is no longer so.
    desk.ends(0, &format!("audit {beta}")).await;
    assert_eq!(desk.ends(0, "status --json").await.json["findings"].as_array().unwrap().len(), 2);
    desk.edit(&acme, "name", "Acme");
    assert!(findings(&desk.ends(0, &format!("audit {acme} --json")).await).is_empty());
    assert_eq!(desk.ends(0, "status --json").await.json["findings"][0]["ref"], json!(beta));

    let (_, row) = desk.customer(BY_COMPANY, &beta).unwrap();
    desk.in_pivotal(Method::DELETE, &format!("/customers/{}", row["id"].as_str().unwrap()), json!({})).await;
    let said = desk.ends(3, &format!("audit {beta} --json")).await;
    assert_eq!((&said.json["audit"]["missing"], &said.json["operations"]["held"]), (&json!(1), &json!(1)));
    let said = desk.ends(1, &format!("audit {beta}")).await;
    assert!(said.text.contains(&format!("nothing of {beta} is in Pivotal")), "{}", said.text);
    let said = desk.ends(1, "audit hubspot:company:404").await;
    assert!(said.text.contains("is not known here"), "{}", said.text);
    desk.ends(2, &format!("audit {acme} --deep")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_our_own_to_another_field_hides_nobodys_edit_and_what_is_put_back_is_told() {
    let desk = Desk::with(
        "[customers.fields]\nplan = \"company.industry\"\n[customers.owner]\nplan = \"source\"\n\
         [contacts.owner]\nname = \"source\"\n",
    )
    .await;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.set(&acme, "industry", "Scale");
    desk.ends(0, "sync").await;
    let contact = desk.sandbox.pivotal().visible(Object::Contact).next().unwrap().id.clone();
    desk.in_pivotal(Method::PATCH, &format!("/contacts/{contact}"), json!({"name": "By Hand"})).await;
    desk.edit(&acme, "plan", "HUMANPLAN");
    desk.edit(&acme, "name", "Acme by hand");
    // Only the title and the domain are written: whatever else was typed is older than that.
    let person = ann.rsplit(':').next().unwrap();
    desk.sandbox.hubspot().set_property(ObjectType::Contact, person, "jobtitle", "Boss").unwrap();
    desk.set(&acme, "domain", "acme.io");
    desk.ends(0, "sync").await;

    let said = desk.ends(0, "audit --deep --json").await;
    assert_eq!((desk.says(&acme, "plan"), desk.says(&acme, "name")), (json!("Scale"), json!("Acme by hand")));
    let told: Vec<String> = said.json["audit"]["written_back"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", said.text))
        .iter()
        .map(|one| format!("{} {} {} {}", one["ref"], one["field"], one["from"], one["to"]))
        .collect();
    assert_eq!(
        told,
        [format!("\"{acme}\" \"plan\" \"HUMANPLAN\" \"Scale\""), format!("\"{ann}\" \"name\" \"By Hand\" \"Ann Lee\"")]
    );
    // What the audit itself wrote makes nothing of another's edit either.
    let said = desk.ends(0, "audit --json").await;
    assert_eq!(findings(&said), ["edited name Acme Acme by hand"]);
    assert_eq!(said.json["findings"][0]["said"], "left as it is, until the source's value changes");

    desk.edit(&acme, "plan", "HUMANPLAN");
    let text = desk.ends(0, "audit").await.text;
    for part in ["1 field put back", "plan  HUMANPLAN → Scale"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = desk.ends(0, "status").await.text;
    assert!(text.contains("plan  HUMANPLAN → Scale"), "{text}");
}
