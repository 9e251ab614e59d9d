//! Archiving, and taking it back, where people set the status of a customer too.

use serde_json::json;

use super::desk::Desk;

/// A company of a rule that it can leave, and another one, both in Pivotal. Who leaves is archived at once.
async fn filled(more: &str) -> (Desk, String) {
    let desk = Desk::with("on_leave = \"archive\"\n").await;
    let config = desk.configuration().replace("company.name or stripe.name", "company.lifecyclestage == 'customer'");
    std::fs::write(desk.folder.path().join("config.toml"), format!("{config}{more}")).unwrap();
    let companies = [desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com")];
    companies.iter().for_each(|company| desk.set(company, "lifecyclestage", "customer"));
    desk.ends(0, "sync").await;
    let [acme, _] = companies;
    (desk, acme)
}

async fn leave(desk: &Desk, company: &str) {
    desk.set(company, "lifecyclestage", "lead");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(company, "status"), json!("archived"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_has_the_status_again_that_a_person_had_set_before() {
    let (desk, acme) = filled("").await;
    desk.edit(&acme, "status", "at_risk");
    leave(&desk, &acme).await;
    desk.is_quiet().await;
    desk.set(&acme, "lifecyclestage", "customer");
    let plan = desk.ends(0, "plan --json").await.json;
    assert_eq!(plan["plan"][0]["changes"]["status"], json!({ "from": "archived", "to": "at_risk" }), "{plan}");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "status"), json!("at_risk"));
    desk.is_quiet().await;
    // Every time anew.
    desk.edit(&acme, "status", "onboarding");
    leave(&desk, &acme).await;
    desk.set(&acme, "lifecyclestage", "customer");
    desk.ends(0, "sync --full").await;
    assert_eq!(desk.says(&acme, "status"), json!("onboarding"));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_keeps_what_a_person_says_since() {
    for more in ["", "[customers.fields]\nname = \"company.name\"\nstatus = \"'active'\"\n"] {
        let (desk, acme) = filled(more).await;
        leave(&desk, &acme).await;
        desk.edit(&acme, "status", "churned");
        desk.set(&acme, "lifecyclestage", "customer");
        desk.sandbox.log.clear();
        for line in ["plan", "plan", "sync"] {
            let said = desk.ends(0, line).await;
            assert!(!said.text.contains("archived → "), "{line}: {}", said.text);
            assert!(said.text.contains("Pivotal says 'churned' by now"), "{line}: {}", said.text);
        }
        assert_eq!((desk.says(&acme, "status"), desk.writes()), (json!("churned"), 0));
        desk.is_quiet().await;
        desk.ends(0, "sync --full").await;
        assert_eq!(desk.says(&acme, "status"), json!("churned"));
        // What else differs is written all the same.
        desk.set(&acme, "name", "Acme Inc");
        desk.ends(0, "sync").await;
        assert_eq!((desk.says(&acme, "name"), desk.says(&acme, "status")), (json!("Acme Inc"), json!("churned")));
        leave(&desk, &acme).await;
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_archived_before_stays_archived() {
    let (desk, acme) = filled("").await;
    desk.edit(&acme, "status", "archived");
    desk.sandbox.log.clear();
    leave(&desk, &acme).await;
    assert_eq!(desk.writes(), 0, "nothing to archive");
    desk.is_quiet().await;
    desk.set(&acme, "lifecyclestage", "customer");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "status"), json!("archived"));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_has_the_last_word_on_the_status_has_it_here_too() {
    let fields =
        "owner = { status = \"source\" }\n[customers.fields]\nname = \"company.name\"\nstatus = \"'active'\"\n";
    let (desk, acme) = filled(fields).await;
    leave(&desk, &acme).await;
    desk.edit(&acme, "status", "churned");
    desk.set(&acme, "lifecyclestage", "customer");
    let plan = desk.ends(0, "plan --json").await.json;
    assert_eq!(plan["plan"][0]["changes"]["status"], json!({ "from": "churned", "to": "active" }), "{plan}");
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "status"), json!("active"));
    desk.is_quiet().await;
}
