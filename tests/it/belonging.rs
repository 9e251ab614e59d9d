//! Which customer a record belongs to when its evidence changes, and what stays behind when a person moves it.

use pivotal_sync::sandbox::pivotal::Object;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_company_never_joins_a_customer_that_has_a_company() {
    let desk = Desk::with("").await;
    let old = desk.company("Birchport", "birchport.com");
    let payer = desk.payer("Birchport Billing", "billing@birchport.com");
    desk.ends(0, "sync").await;
    let (customer, _) = desk.customer(BY_COMPANY, &old).unwrap();
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, customer);
    desk.set(&old, "domain", "birchport-new.com");
    desk.ends(0, "sync").await;

    let new = desk.company("Birchport", "birchport.com");
    desk.set(&new, "name", "Birchport Logistics");
    let said = desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 2, "{}", said.text);
    let (own, _) = desk.customer(BY_COMPANY, &new).unwrap();
    assert_eq!(desk.customer(BY_COMPANY, &old).unwrap().0, customer);
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, customer, "the stored mapping stands");
    assert!(own != customer, "{own}");
    let why = desk.ends(0, &format!("why {new}")).await.text;
    assert!(!why.contains("was tied to"), "{why}");
    assert!(why.contains(&format!("`pivotal-sync link {payer} {new}")), "{why}");
    let why = desk.ends(0, &format!("why {payer}")).await.text;
    assert!(why.contains(&format!("{payer} was tied to {old} before")), "{why}");

    desk.ends(0, &format!("link {payer} {old}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, customer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_record_that_joins_two_customers_waits_until_a_person_says_so() {
    let desk = Desk::with("").await;
    let company = desk.company("Acme", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme-payments.com");
    desk.ends(0, "sync").await;
    let (own, _) = desk.customer(BY_PAYER, &payer).unwrap();
    let names = |company: &str| {
        let (name, value) = ("hubspot_company_id".to_owned(), id(company).to_owned());
        let edit = |customer: &mut pivotal_sync::sandbox::stripe::Customer| drop(customer.metadata.insert(name, value));
        desk.sandbox.stripe().update_customer(id(&payer), edit).unwrap();
    };
    names(&company);
    let proposal = format!("`pivotal-sync link {payer} {company}");
    for command in ["plan --exit-code", "sync", "sync", "sync --full", "plan --offline --exit-code"] {
        // A hold changes nothing: a plan of it alone has nothing to do.
        let said = desk.ends(if command.starts_with("plan") { 0 } else { 3 }, command).await;
        let said = if command.starts_with("sync") { desk.ends(3, "status").await } else { said };
        assert!(said.text.contains(&proposal), "{command}: {}", said.text);
    }
    for either in [&company, &payer] {
        let why = desk.ends(0, &format!("why {either}")).await.text;
        assert_eq!(why.matches(&proposal).count(), 1, "{why}");
    }
    let said = desk.ends(3, &format!("approve {payer}")).await;
    assert!(said.text.contains(&proposal), "{}", said.text);

    // Both go on being updated.
    desk.set(&company, "name", "Acme Renamed");
    desk.sandbox.stripe().update_customer(id(&payer), |customer| customer.name = Some("Acme Paid".to_owned())).unwrap();
    desk.ends(3, "sync").await;
    assert_eq!(desk.says(&company, "name"), "Acme Renamed");
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().1["name"], "Acme Paid");

    // It ends with what it was about, without a word from anybody: another company is named, one that is not there.
    names("hubspot:company:1");
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert!(!desk.ends(0, &format!("why {company}")).await.text.contains(&proposal));

    // It ends when a person says that it stays.
    names(&company);
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("link {payer} {own}")).await;
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert_eq!(desk.customers(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_address_that_moves_to_another_company_waits_beside_its_own() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let payer = desk.payer("Payer", "billing@acme.com");
    desk.ends(0, "sync").await;
    let edit =
        |customer: &mut pivotal_sync::sandbox::stripe::Customer| customer.email = Some("billing@beta.com".to_owned());
    desk.sandbox.stripe().update_customer(id(&payer), edit).unwrap();
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "status").await;
    assert!(said.text.contains(&format!("{payer} 'Payer' stays with {acme} 'Acme'")), "{}", said.text);
    // What one source says next belongs in the same customer, whatever waits there.
    desk.set(&acme, "name", "Acme Renamed");
    desk.ends(3, "sync").await;
    assert_eq!(desk.says(&acme, "name"), "Acme Renamed");
    desk.ends(0, &format!("link {payer} {beta}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, desk.customer(BY_COMPANY, &beta).unwrap().0);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_a_link_leaves_behind_waits_for_its_end_and_shows_no_id_twice() {
    let desk = Desk::with("").await;
    let company = desk.company("Acme", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme-payments.com");
    desk.ends(0, "sync").await;
    let (behind, stays) = (desk.customer(BY_PAYER, &payer).unwrap().0, desk.customer(BY_COMPANY, &company).unwrap().0);
    desk.ends(0, &format!("link {payer} {stays}")).await;
    desk.ends(3, "sync").await;
    assert_eq!((carrying(&desk, &payer), desk.customer(BY_PAYER, &payer).unwrap().0), (1, stays.clone()));
    for (code, command) in [(3, "status".to_owned()), (0, format!("why {behind}"))] {
        let said = desk.ends(code, &command).await.text;
        let ways = [format!("`pivotal-sync approve {behind}"), format!("`pivotal-sync link {payer} {behind}")];
        for part in [&stays, &ways[0], &ways[1]] {
            assert!(said.contains(part.as_str()), "{command} {part}: {said}");
        }
        assert!(!said.contains("of-entity"), "{said}");
    }
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("approve {behind}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_apart_and_comes_back_leaves_no_second_customer_behind_unsaid() {
    let desk = Desk::with("").await;
    let company = desk.company("Acme", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme.com");
    desk.ends(0, "sync").await;
    let (home, _) = desk.customer(BY_COMPANY, &company).unwrap();
    desk.ends(0, &format!("unlink {payer}")).await;
    desk.ends(0, "sync").await;
    let (apart, _) = desk.customer(BY_PAYER, &payer).unwrap();
    assert!(apart != home, "{apart}");
    desk.ends(0, &format!("unlink --undo {payer}")).await;
    desk.ends(3, "sync").await;
    assert_eq!((carrying(&desk, &payer), desk.customer(BY_PAYER, &payer).unwrap().0), (1, home));
    assert!(desk.ends(3, "status").await.text.contains(&format!("`pivotal-sync approve {apart}")));
    desk.ends(0, &format!("approve {apart}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
    desk.is_quiet().await;
}

/// Customers in Pivotal that carry a payer's id.
fn carrying(desk: &Desk, payer: &str) -> usize {
    desk.sandbox.pivotal().visible(Object::Customer).filter(|row| row.text(BY_PAYER) == Some(id(payer))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_taken_back_before_it_was_carried_out_leaves_nothing_owed() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme.com");
    desk.ends(0, "sync").await;
    desk.ends(0, &format!("unlink {payer}")).await;
    desk.ends(3, "plan --exit-code").await;
    desk.ends(0, &format!("unlink --undo {payer}")).await;
    desk.ends(0, "sync").await;
    desk.ends(0, "status").await;
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_before_it_ever_came_says_nothing_of_its_account() {
    let desk = Desk::with("").await;
    let company = desk.company("Acme Holding", "acme.com");
    let payer = desk.payer("Acme Payments", "pay@acme.com");
    desk.ends(0, "plan").await;
    let said = desk.ends(0, &format!("ignore {company}")).await.text;
    assert!(said.contains(&format!("{company} (Acme Holding)")), "{said}");
    assert!(said.contains(&format!("`pivotal-sync ignore {payer}")), "{said}");
    let told = desk.ends(0, "why acme.com").await.text;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().1["name"], "Acme Payments");
    assert!(told.contains("left out by a person"), "{told}");
    let said = desk.ends(0, &format!("unlink {payer}")).await.text;
    assert!(said.contains(&format!("{payer} (Acme Payments)")), "{said}");
}
