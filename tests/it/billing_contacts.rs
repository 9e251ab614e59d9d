//! Billing contacts, from the switch to Pivotal: the real binary against the whole sandbox.

use chrono::{TimeDelta, Utc};
use pivotal_sync::sandbox::hubspot::{ContactSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::{EmailScope, Object};
use serde_json::json;

use super::desk::Desk;
use super::rig::text;

/// Fields that read all the billing rules read.
const READS: &str =
    "[customers.fields]\nintercom_company_id = \"stripe.email\"\nslack_channel_id = \"stripe.individual_name\"\n";
const ON: &str = "[contacts.billing]\nenabled = true\n";

/// Name, address and title of every contact in Pivotal, by address.
fn contacts(desk: &Desk) -> Vec<[String; 3]> {
    let pivotal = desk.sandbox.pivotal();
    let said = |row: &pivotal_sync::sandbox::pivotal::Row, field: &str| row.text(field).unwrap_or("-").to_owned();
    let rows = pivotal.visible(Object::Contact);
    let mut all: Vec<_> = rows.map(|row| ["email", "name", "title"].map(|field| said(row, field))).collect();
    all.sort();
    all
}

fn one(email: &str, name: &str, title: &str) -> [String; 3] {
    [email, name, title].map(str::to_owned)
}

fn person(desk: &Desk, company: &str, first: &str, email: &str) -> String {
    let id = desk.sandbox.hubspot().add_contact(ContactSeed {
        properties: text([("firstname", first), ("lastname", "Lee"), ("email", email), ("jobtitle", "CFO")]),
        created: Utc::now() - TimeDelta::days(1),
        company: Some((id(company).to_owned(), true)),
    });
    format!("hubspot:contact:{id}")
}

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

fn billing(payer: &str) -> String {
    payer.replace("customer", "contact")
}

fn writes(desk: &Desk) -> Vec<String> {
    let entries = desk.sandbox.log.entries().into_iter();
    entries.filter(|e| e.api == "pivotal" && e.method != "GET").map(|e| e.method.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_it_costs_nothing_and_on_it_takes_no_request_beyond_the_contacts_themselves() {
    let desk = Desk::with(READS).await;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme GmbH", "Billing@acme.com"));
    person(&desk, &acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    desk.is_quiet().await;
    assert_eq!(contacts(&desk), [one("ann@acme.com", "Ann Lee", "CFO")]);
    let said = desk.ends(1, &format!("why {}", billing(&payer))).await;
    assert!(said.text.contains("contacts.billing.enabled is false"), "{}", said.text);

    // All it reads is kept already, so that even a plan without any request shows it.
    std::fs::write(desk.folder.path().join("config.toml"), format!("{}{ON}", desk.configuration())).unwrap();
    desk.sandbox.log.clear();
    let plan = desk.ends(0, "plan --offline --json").await;
    assert_eq!(plan.json["plan"][0]["ref"], json!(billing(&payer)), "{}", plan.text);
    assert_eq!((plan.json["plan"].as_array().unwrap().len(), desk.sandbox.log.entries().len()), (1, 0));
    let said = desk.ends(0, "sync --json").await;
    assert_eq!(said.json["operations"]["create"], json!(1), "{}", said.text);
    let entries = desk.sandbox.log.entries().into_iter().filter(|e| e.api == "stripe");
    let asked: Vec<String> = entries.map(|e| e.path).filter(|path| !path.contains("/events")).collect();
    assert!(asked.is_empty(), "as on any quiet night: {asked:?}");
    let both = [one("ann@acme.com", "Ann Lee", "CFO"), one("billing@acme.com", "Acme GmbH", "Billing")];
    assert_eq!(contacts(&desk), both);
    let why = desk.ends(0, &format!("why {}", billing(&payer))).await.text;
    for part in ["its bills go there", "Billing  from 'Billing'", "contacts.billing.where holds"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    desk.is_quiet().await;
    desk.ends(0, "sync --full").await;
    desk.is_quiet().await;

    // Off again: it stays as it is.
    std::fs::write(desk.folder.path().join("config.toml"), desk.configuration()).unwrap();
    desk.sandbox.stripe().update_customer(id(&payer), |it| it.email = Some("new@acme.com".to_owned())).unwrap();
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), both);
    let why = desk.ends(0, &format!("why {}", billing(&payer))).await.text;
    assert!(why.contains("contacts.billing.enabled is false"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_or_goes_follows_the_rules_of_contacts() {
    let desk = Desk::with(ON).await;
    let payer = desk.payer("Acme", "billing@acme.com");
    desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let (object, change) = (contacts(&desk), |email: Option<&str>| {
        let email = email.map(str::to_owned);
        desk.sandbox.stripe().update_customer(id(&payer), |it| it.email = email).unwrap();
    });
    assert_eq!(object, [one("billing@acme.com", "Acme", "Billing")]);
    change(Some("ap@acme.com"));
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    assert_eq!(
        (contacts(&desk), writes(&desk)),
        (vec![one("ap@acme.com", "Acme", "Billing")], vec!["PATCH".to_owned()])
    );
    // A contact that is there keeps the address it has.
    change(None);
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), [one("ap@acme.com", "Acme", "Billing")]);
    change(Some("ap@acme.com"));
    desk.is_quiet().await;
    // The company is still a customer; whom its bills went to is not.
    desk.sandbox.stripe().delete_customer(id(&payer)).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!((contacts(&desk), desk.customers()), (vec![], 1));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hubspot_contact_with_the_same_address_stands_and_nothing_is_held() {
    let desk = Desk::with(ON).await;
    desk.sandbox.pivotal().switches.email_scope = EmailScope::Workspace;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "Office@acme.com"));
    let ann = person(&desk, &acme, "Ann", "office@ACME.com");
    let said = desk.ends(0, "sync --json").await;
    assert_eq!(said.json["operations"]["create"], json!(2), "{}", said.text);
    assert_eq!(contacts(&desk), [one("office@acme.com", "Ann Lee", "CFO")]);
    let why = desk.ends(0, &format!("why {}", billing(&payer))).await.text;
    assert!(why.contains(&format!("{ann} has the same address")), "{why}");
    desk.is_quiet().await;

    // She changes hers: both are contacts. She takes it back: it is hers, since nobody is deleted for it.
    let write = |email| desk.sandbox.hubspot().set_property(ObjectType::Contact, id(&ann), "email", email).unwrap();
    write("ann@acme.com");
    // Both go out at once: where her old address is asked for before she gave it up, the next run asks again.
    desk.run(&["sync"]).await;
    desk.ends(0, "sync").await;
    let both = [one("ann@acme.com", "Ann Lee", "CFO"), one("office@acme.com", "Acme", "Billing")];
    assert_eq!(contacts(&desk), both);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hubspot_contact_that_comes_later_takes_its_place_and_gives_it_back_when_it_goes() {
    let desk = Desk::with(ON).await;
    desk.sandbox.pivotal().switches.email_scope = EmailScope::Workspace;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "office@acme.com"));
    desk.ends(0, "sync").await;
    let object = || desk.sandbox.pivotal().visible(Object::Contact).map(|row| row.id.clone()).collect::<Vec<_>>();
    let before = object();
    let ann = person(&desk, &acme, "Ann", "office@acme.com");
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), [one("office@acme.com", "Ann Lee", "CFO")]);
    assert_eq!((object(), writes(&desk)), (before, vec!["PATCH".to_owned()]), "the same object, renamed");
    assert!(desk.ends(0, &format!("why {}", billing(&payer))).await.text.contains("has the same address"));
    desk.is_quiet().await;
    desk.ends(0, "sync --full").await;
    desk.is_quiet().await;

    desk.sandbox.hubspot().archive(ObjectType::Contact, id(&ann)).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), Vec::<[String; 3]>::new(), "hers goes first");
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), [one("office@acme.com", "Acme", "Billing")]);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_contact_that_takes_the_billing_address_stands_alone() {
    for scope in [EmailScope::Workspace, EmailScope::Customer] {
        let desk = Desk::with(ON).await;
        desk.sandbox.pivotal().switches.email_scope = scope;
        let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "office@acme.com"));
        let ann = person(&desk, &acme, "Ann", "ann@acme.com");
        desk.ends(0, "sync").await;
        let both = [one("ann@acme.com", "Ann Lee", "CFO"), one("office@acme.com", "Acme", "Billing")];
        assert_eq!(contacts(&desk), both);
        let write = |email| desk.sandbox.hubspot().set_property(ObjectType::Contact, id(&ann), "email", email).unwrap();
        write("office@acme.com");
        // Pivotal may want the address free before she can have it.
        let said = desk.run(&["sync", "--json"]).await;
        assert_eq!(said.json["operations"]["held"], json!(0), "{}", said.text);
        desk.ends(0, "sync").await;
        assert_eq!(contacts(&desk), [one("office@acme.com", "Ann Lee", "CFO")]);
        let why = desk.ends(0, &format!("why {}", billing(&payer))).await.text;
        assert!(why.contains(&format!("{ann} has the same address")), "{why}");
        desk.is_quiet().await;
        write("ann@acme.com");
        let said = desk.run(&["sync", "--json"]).await;
        assert_eq!(said.json["operations"]["held"], json!(0), "{}", said.text);
        desk.ends(0, "sync").await;
        assert_eq!(contacts(&desk), both);
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_lets_a_person_in_lets_her_take_the_place_too() {
    let desk = Desk::with(ON).await;
    let acme = desk.company("Acme", "acme.com");
    desk.payer("Acme", "office@acme.com");
    person(&desk, &acme, "Ann", "office@acme.com");
    let only_buyers = "[contacts]\nwhere = \"contact.jobtitle == 'Buyer'\"\n";
    std::fs::write(desk.folder.path().join("config.toml"), format!("{}{only_buyers}", desk.configuration())).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), [one("office@acme.com", "Acme", "Billing")], "she is no contact");
    std::fs::write(desk.folder.path().join("config.toml"), desk.configuration()).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk), [one("office@acme.com", "Ann Lee", "CFO")]);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_paying_customers_of_one_account_with_one_address_make_one_contact() {
    let desk = Desk::with(ON).await;
    desk.company("Acme", "acme.com");
    let mut payers: Vec<String> = (0..3).map(|n| desk.payer(&format!("Acme {n}"), "office@acme.com")).collect();
    payers.sort();
    desk.ends(0, "sync").await;
    assert_eq!((contacts(&desk).len(), desk.customers()), (1, 1));
    let why = desk.ends(0, &format!("why {}", billing(&payers[2]))).await.text;
    assert!(why.contains(&format!("{} has the same address", billing(&payers[0]))), "{why}");
    desk.is_quiet().await;
    // Whoever has it keeps it; when that one goes, the next one has it.
    desk.sandbox.stripe().delete_customer(id(&payers[0])).unwrap();
    desk.ends(0, "sync").await;
    desk.ends(0, "sync").await;
    assert_eq!(contacts(&desk).len(), 1);
    let why = desk.ends(0, &format!("why {}", billing(&payers[2]))).await.text;
    assert!(why.contains(&format!("{} has the same address", billing(&payers[1]))), "{why}");
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_finds_them_again() {
    let desk = Desk::with(ON).await;
    let acme = desk.company("Acme", "acme.com");
    desk.payer("Acme", "office@acme.com");
    person(&desk, &acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    let before = contacts(&desk);
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(desk.folder.path().join(file));
    }
    desk.sandbox.log.clear();
    desk.ends(0, "backfill").await;
    assert_eq!((contacts(&desk), writes(&desk)), (before, Vec::<String>::new()));
    desk.is_quiet().await;
}
