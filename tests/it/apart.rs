//! `unlink` of an account that several records make: one of them keeps the customer, and no id is on two.

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::pivotal::Object;
use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn carrying(desk: &Desk, field: &str, reference: &str) -> usize {
    let id = reference.rsplit(':').next().unwrap();
    desk.sandbox.pivotal().visible(Object::Customer).filter(|row| row.text(field) == Some(id)).count()
}

async fn joined() -> (Desk, String, String, String) {
    let desk = Desk::with("").await;
    let company = desk.company("Beacon", "beacon.com");
    let payer = desk.payer("Beacon Billing", "pay@beacon.com");
    desk.ends(0, "sync").await;
    let (customer, _) = desk.customer(BY_COMPANY, &company).unwrap();
    assert_eq!((desk.customers(), &desk.customer(BY_PAYER, &payer).unwrap().0), (1, &customer));
    (desk, company, payer, customer)
}

/// What stays in Pivotal as it is, because nobody selects who is left to it, does not keep the id of who went.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_set_apart_from_who_is_not_selected_alone_takes_its_id_along() {
    let (desk, company, payer, customer) = joined().await;
    let config = desk.configuration().replace("company.name or stripe.name", "company.name");
    std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
    desk.ends(0, "sync").await;
    desk.ends(0, &format!("unlink {company}")).await;
    for line in ["sync", "sync --full"] {
        desk.run(&line.split(' ').collect::<Vec<_>>()).await;
        assert_eq!([carrying(&desk, BY_COMPANY, &company), carrying(&desk, BY_PAYER, &payer)], [1, 1], "{line}");
    }
    assert_ne!(desk.customer(BY_COMPANY, &company).unwrap().0, customer);
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, customer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_keeps_the_customer_when_its_account_is_taken_apart_and_the_same_name_undoes_it() {
    for name in ["beacon.com", "pivotal:customer"] {
        let (desk, company, payer, customer) = joined().await;
        let name = if name == "beacon.com" { name.to_owned() } else { customer.clone() };
        let said = desk.ends(0, &format!("unlink {name}")).await.text;
        assert!(said.contains(&format!("{payer} (Beacon Billing) stands alone")), "{said}");
        assert!(said.contains(&format!("{company} keeps")), "{said}");
        let words = ["becomes a customer of its own", "stays with the records that are left to it"];
        assert!(
            words.iter().all(|part| said.contains(part)) && said.contains(&format!("is not {customer} in")),
            "{said}"
        );
        assert!(
            said.contains(&format!("`pivotal-sync unlink --undo {payer} --config config.toml` takes that back")),
            "{said}"
        );
        desk.ends(0, "sync").await;
        assert_eq!(desk.customer(BY_COMPANY, &company).unwrap().0, customer);
        let apart = desk.customer(BY_PAYER, &payer).unwrap().0;
        assert_ne!(apart, customer);
        assert_eq!(
            (desk.customers(), carrying(&desk, BY_COMPANY, &company), carrying(&desk, BY_PAYER, &payer)),
            (2, 1, 1)
        );
        desk.ends(0, "sync --full").await;
        desk.is_quiet().await;

        let said = desk.ends(0, &format!("unlink --undo {name}")).await.text;
        assert!(said.contains(&payer), "{said}");
        desk.ends(3, "sync").await;
        assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, customer);
        assert_eq!(carrying(&desk, BY_PAYER, &payer), 1);
        desk.ends(0, &format!("approve {apart}")).await;
        desk.ends(0, "sync").await;
        assert_eq!(desk.customers(), 1);
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_all_its_records_leave_carries_none_of_their_ids_and_is_told() {
    let (desk, company, payer, customer) = joined().await;
    let said = desk.ends(0, &format!("unlink {company}")).await.text;
    assert!(said.contains("stays with the records that are left to it"), "{said}");
    let said = desk.ends(0, &format!("unlink {payer}")).await.text;
    assert!(said.contains(&format!("{customer} stays in Pivotal and is no longer written to")), "{said}");
    let said = desk.ends(0, "sync").await.text;
    assert!(said.contains(&customer), "{said}");
    assert_eq!((desk.customers(), carrying(&desk, BY_COMPANY, &company), carrying(&desk, BY_PAYER, &payer)), (3, 1, 1));
    assert!(desk.sandbox.pivotal().duplicates().is_empty());
    desk.is_quiet().await;
    // Two decisions: the name of both does not say which is meant.
    let said = desk.ends(2, "unlink --undo beacon.com").await.text;
    assert!(said.contains(&company) && said.contains(&payer), "{said}");
}

/// A payer goes from one customer to another: where its id stands, and what the first run after that came to.
async fn passed_on(desk: &Desk, company: &str, payer: &str) -> String {
    let other = desk.company("Other", "other.com");
    desk.set(&other, "name", "Other");
    desk.ends(0, "sync").await;
    desk.ends(0, &format!("link {payer} {other}")).await;
    assert_eq!(carrying(desk, BY_PAYER, payer), 1);
    desk.customer(BY_COMPANY, company).unwrap().1["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_could_not_be_taken_off_one_customer_is_not_written_on_another() {
    for (effect, owed, quarantined) in [(Effect::Status(500), 2, 0), (Effect::Status(422), 1, 1)] {
        let (desk, company, payer, _) = joined().await;
        let path = format!("/api/v1/customers/{}", passed_on(&desk, &company, &payer).await);
        desk.sandbox.faults.inject(Fault::next("pivotal", effect).on("PATCH", &path).times(50));
        let said = desk.ends(3, "sync --json").await;
        let counts = &said.json["operations"];
        assert_eq!((&counts["owed"], &counts["quarantined"]), (&json!(owed), &json!(quarantined)), "{}", said.text);
        assert_eq!(carrying(&desk, BY_PAYER, &payer), 1, "on the one that had it");
        let status = desk.ends(3, "status").await.text;
        assert!(status.contains(&format!("waits for the customer of {company} to give up an id")), "{status}");
        // And so it is while that rests.
        desk.ends(3, "sync").await;
        assert_eq!(carrying(&desk, BY_PAYER, &payer), 1);
        desk.sandbox.faults.clear();
        desk.run(&["retry", "--all"]).await;
        desk.ends(0, "sync").await;
        assert_eq!((carrying(&desk, BY_PAYER, &payer), desk.says(&company, BY_PAYER)), (1, json!(null)));
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_a_guard_keeps_on_one_customer_is_not_written_on_another() {
    let desk = Desk::with("[guard]\nmax_updates_percent = 1\nmin_population = 1\n").await;
    let company = desk.company("Beacon", "beacon.com");
    let payer = desk.payer("Beacon Billing", "pay@beacon.com");
    desk.ends(0, "sync").await;
    desk.ends(0, &format!("unlink {payer}")).await;
    for (code, line) in [(0, "plan"), (3, "sync"), (3, "status"), (3, "sync --full")] {
        let said = desk.ends(code, line).await.text;
        let words = format!("has to go off the customer of {company} first, and that is held");
        assert!(said.contains(&words), "{line}: {said}");
        assert_eq!((desk.customers(), carrying(&desk, BY_PAYER, &payer)), (1, 1), "{line}");
    }
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!(
        (desk.customers(), carrying(&desk, BY_PAYER, &payer), desk.says(&company, BY_PAYER)),
        (2, 1, json!(null))
    );
    desk.is_quiet().await;
}
