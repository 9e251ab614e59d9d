//! Domains that people write in several ways, and domains that say nothing of whose they are: what is one is one, and all of it
//! can be asked for.

use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn an_international_domain_is_one_in_both_spellings() {
    let desk = Desk::with("").await;
    let there = json!({ "name": "Known already", "domain": "xn--mller-kva.de" });
    let known = desk.in_pivotal(reqwest::Method::POST, "/customers", there).await;
    let company = desk.company("Bücher", "bücher.de");
    let payer = desk.payer("Bücher GmbH", "rechnung@xn--bcher-kva.de");
    let other = desk.company("Müller", "müller.de");
    desk.ends(0, "backfill").await;
    assert_eq!(desk.customers(), 2);
    let (one, row) = desk.customer(BY_COMPANY, &company).unwrap();
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap(), (one, row));
    assert_eq!(desk.says(&company, "domain"), "bücher.de", "as the rule says");
    assert_eq!(desk.customer(BY_COMPANY, &other).unwrap().1["id"], known["id"], "adopted");
    for domain in ["bücher.de", "xn--bcher-kva.de"] {
        let why = desk.ends(0, &format!("why {domain}")).await;
        assert!(why.text.contains(&company) && why.text.contains(&payer), "{}", why.text);
    }
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_found_by_a_domain_that_is_no_evidence() {
    let desk = Desk::with("").await;
    let domains = ["gmail.com", "corp.test", "corp.local", "github.io"];
    let companies = domains.map(|domain| desk.company(&format!("At {domain}"), domain));
    let payer = desk.payer("Jo", "jo@gmail.com");
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 5, "none of these ties anything");
    for round in ["sync", "sync --full"] {
        desk.ends(0, round).await;
        for (domain, company) in domains.iter().zip(&companies) {
            let why = desk.ends(0, &format!("why {domain}")).await;
            assert!(why.text.contains(company) && !why.text.contains(&payer), "{domain}\n{}", why.text);
            assert!(
                why.text.contains(&format!("{domain}, shown by {company}, does not count as evidence")),
                "{}",
                why.text
            );
            desk.ends(0, &format!("history {domain}")).await;
            desk.ends(0, &format!("audit {domain}")).await;
        }
    }
    let why = desk.ends(0, &format!("why {payer}")).await;
    let line = format!("gmail.com, shown by {payer}, does not count as evidence: it gives mailboxes to anybody");
    assert!(why.text.contains(&line), "{}", why.text);
    let said = desk.ends(1, "why nobody.github.io").await;
    assert!(said.text.contains("nothing here is known as nobody.github.io"), "{}", said.text);
    desk.ends(0, "ignore corp.test").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_by_configuration_says_so() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let said = desk.ends(1, "why hubspot:deal:951").await;
    assert!(said.text.contains("deals are not read, because onboardings.enabled is false"), "{}", said.text);
    let said = desk.ends(1, "history hubspot:deal:951").await;
    assert!(said.text.contains("onboardings.enabled"), "{}", said.text);
}

/// What counts as free mail is a rule: another one shows in the next plan, without a single request to a source.
#[tokio::test(flavor = "multi_thread")]
async fn another_list_of_free_mail_is_heeded_at_the_next_plan() {
    let desk = Desk::with("").await;
    let (one, _) = (desk.company("One", "shared.com"), desk.company("Two", "shared.com"));
    let payer = desk.payer("Payer", "pay@shared.com");
    let said = desk.ends(3, "sync").await.text;
    assert!(said.contains("1 held"), "{said}");
    let before = desk.configuration();
    let file = desk.folder.path().join("config.toml");
    std::fs::write(&file, format!("{before}\n[identity]\nfree_mail_domains = [\"shared.com\"]\n")).unwrap();
    desk.sandbox.log.clear();
    let plan = desk.ends(0, "plan --offline").await.text;
    assert!(plan.contains("+ Payer") && !plan.contains("held until"), "{plan}");
    assert_eq!(desk.sandbox.log.entries().len(), 0);
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 3);
    desk.is_quiet().await;

    // And back: what has a customer keeps it, and what comes is held again.
    std::fs::write(&file, before).unwrap();
    let late = desk.payer("Late", "late@shared.com");
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 3, "{one} {payer} {late}");
}
