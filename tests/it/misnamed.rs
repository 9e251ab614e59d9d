//! A rule that reads a property which the portal does not have: configuration, wherever it comes out.

use super::desk::Desk;

/// hubspot-api.md trap 19: the portal answers nothing and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_property_is_named_with_its_rule_and_what_was_meant() {
    let desk = Desk::with(
        "[customers.fields]\nname = \"company.name\"\ndomain = \"company.domian\"\nplan = \"company.tier\"\n",
    )
    .await;
    desk.company("Acme", "acme.com");
    for line in ["check", "plan", "sync", "backfill"] {
        let said = desk.ends(2, line).await.text;
        for part in [
            "customers.fields.domain",
            "customers.fields.plan",
            "company.domian",
            "did you mean 'domain'?",
            "correct the rule",
        ] {
            assert!(said.contains(part), "{line}: {part}: {said}");
        }
    }
    // Told once.
    let said = desk.ends(3, "status").await.text;
    assert_eq!(said.matches("did you mean 'domain'?").count(), 1, "{said}");
    let said = desk.ends(2, "sync --json").await;
    assert_eq!((&said.json["status"], &said.json["error"]["kind"]), (&"failed".into(), &"config".into()));
    assert_eq!(desk.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_property_that_names_payers_is_told_by_its_setting() {
    let desk = Desk::with("").await;
    let names = "lag = \"0s\"\nstripe_id_properties = [\"stripe_idd\"]\n[stripe]";
    let config = desk.configuration().replacen("lag = \"0s\"\n[stripe]", names, 1);
    std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
    desk.company("Acme", "acme.com");
    for line in ["check", "plan"] {
        let said = desk.ends(2, line).await.text;
        assert!(
            said.contains("hubspot.stripe_id_properties names stripe_idd, but the portal has no"),
            "{line}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_mistyped_later_stops_the_run_before_anything_is_written() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    desk.set(&acme, "name", "Renamed");
    let config = desk.configuration();
    let wrong = format!("{config}[contacts.fields]\ntitle = \"contact.jobtitel\"\n");
    std::fs::write(desk.folder.path().join("config.toml"), wrong).unwrap();
    desk.sandbox.log.clear();
    for line in ["plan", "sync"] {
        let said = desk.ends(2, line).await.text;
        assert!(said.contains("contacts.fields.title") && said.contains("did you mean 'jobtitle'?"), "{line}: {said}");
    }
    assert_eq!(desk.writes(), 0);
    std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, "name"), "Renamed");
}
