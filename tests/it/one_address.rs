//! One address that two contacts of one customer come to have: foreseen by the plan, so that nothing is sent to be refused.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::{EmailScope, Object};
use reqwest::Method;
use serde_json::json;

use super::desk::{BY_COMPANY, Desk, Said};

const ON: &str = "[contacts.billing]\nenabled = true\n";

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

impl Desk {
    fn readdress(&self, person: &str, address: &str) {
        self.sandbox.hubspot().set_property(ObjectType::Contact, id(person), "email", address).unwrap();
    }

    fn addresses(&self) -> Vec<String> {
        let pivotal = self.sandbox.pivotal();
        let said = |row: &pivotal_sync::sandbox::pivotal::Row| {
            format!("{} {}", row.text("name").unwrap(), row.text("email").unwrap())
        };
        let mut all: Vec<String> = pivotal.visible(Object::Contact).map(said).collect();
        all.sort();
        all
    }

    /// Plans, then syncs: what was planned is what is sent, and nothing is refused. Answers with the plan.
    async fn goes_as_planned(&self, code: i32) -> Said {
        let plan = self.ends(0, "plan --json").await;
        let operations = plan.json["operations"].clone();
        let planned = |verb: &str| operations[verb].as_u64().unwrap();
        let writes = planned("create") + planned("update") + planned("delete");
        self.sandbox.log.clear();
        let said = self.ends(code, "sync --json").await;
        let sent = self.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET");
        let sent: Vec<_> = sent.map(|e| (e.method, e.path, e.body, e.status)).collect();
        assert_eq!(sent.len() as u64, writes, "{sent:?}\n{}", plan.text);
        assert_eq!(self.refused(), 0, "{}", said.text);
        assert_eq!(said.json["operations"]["held"], operations["held"], "{}\n{}", plan.text, said.text);
        plan
    }

    /// Writes that Pivotal refused since the log was cleared.
    fn refused(&self) -> usize {
        let writes = self.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET");
        writes.filter(|e| e.status == 409).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_new_ones_the_plan_creates_one_and_holds_the_other() {
    // pivotal-api.md 10.2: addresses are lower-cased, and taken once under a customer at least.
    for scope in [EmailScope::Customer, EmailScope::Workspace] {
        let desk = Desk::with("").await;
        desk.sandbox.pivotal().switches.email_scope = scope;
        let acme = desk.company("Acme", "acme.com");
        let (ann, bob) = (desk.person(&acme, "Ann", "Office@acme.com"), desk.person(&acme, "Bob", "office@ACME.com"));
        let plan = desk.goes_as_planned(3).await;
        assert_eq!(plan.json["operations"]["held"], 1, "{}", plan.text);
        assert_eq!(desk.addresses(), ["Ann Lee office@acme.com"]);
        // The same words before and after, and what they print can be typed.
        let status = desk.ends(3, "status").await.text;
        let (who, link) = (format!("{ann} 'Ann Lee' has the address office@acme.com"), format!("link {bob} {ann}"));
        for said in [desk.ends(0, "plan").await.text, desk.ends(0, &format!("why {bob}")).await.text, status] {
            assert!(said.contains(&who) && said.contains(&format!("`pivotal-sync {link}")), "{said}");
        }
        desk.sandbox.log.clear();
        desk.ends(3, "sync").await;
        assert_eq!(desk.writes(), 0, "what is held rests");
        desk.ends(0, &link).await;
        desk.ends(0, "sync").await;
        assert_eq!(desk.sandbox.pivotal().visible(Object::Contact).count(), 1);
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_address_of_a_billing_contact_that_stays_is_held_before_it_is_sent() {
    let desk = Desk::with(ON).await;
    let acme = desk.company("Acme", "acme.com");
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    // Somebody typed the billing contact in: it is taken over, and so never deleted.
    let (_, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    let path = format!("/customers/{}/contacts", row["id"].as_str().unwrap());
    desk.in_pivotal(Method::POST, &path, json!({ "name": "Acme", "email": "billing@acme.com" })).await;
    let payer = desk.payer("Acme", "pay@acme.com");
    let bills_go_to = |it: &mut pivotal_sync::sandbox::stripe::Customer| it.email = Some("billing@acme.com".to_owned());
    desk.sandbox.stripe().update_customer(id(&payer), bills_go_to).unwrap();
    // Alone: a contact typed in since is not seen by a plan, but by the refusal of the one that was to be created.
    assert_eq!(desk.run_alone(&["sync"]).await.code, 0);
    desk.readdress(&ann, "Billing@acme.com");
    let plan = desk.goes_as_planned(3).await;
    assert_eq!((&plan.json["operations"]["update"], &plan.json["operations"]["held"]), (&json!(0), &json!(1)));
    let said = desk.ends(3, "status").await.text;
    let billing = payer.replace("customer", "contact");
    assert!(said.contains(&format!("{billing} 'Acme' has the address billing@acme.com")), "{said}");
    assert!(said.contains(&format!("`pivotal-sync ignore {ann}")), "{said}");
    // Another address at the source settles it.
    desk.readdress(&ann, "ann@new.com");
    desk.ends(0, "sync").await;
    assert!(desk.addresses().contains(&"Ann Lee ann@new.com".to_owned()), "{:?}", desk.addresses());
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_contact_that_gives_way_goes_as_planned() {
    let desk = Desk::with(ON).await;
    let (acme, _) = (desk.company("Acme", "acme.com"), desk.payer("Acme", "billing@acme.com"));
    let ann = desk.person(&acme, "Ann", "ann@acme.com");
    desk.ends(0, "sync").await;
    desk.readdress(&ann, "billing@acme.com");
    desk.goes_as_planned(0).await;
    assert_eq!(desk.addresses(), ["Ann Lee billing@acme.com"]);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_change_to_one_address_one_is_written_and_the_other_let_through_once() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let people = ["Ann", "Bob"].map(|name| desk.person(&acme, name, &format!("{name}@acme.com").to_lowercase()));
    desk.ends(0, "sync").await;
    people.iter().for_each(|person| desk.readdress(person, "office@acme.com"));
    let plan = desk.goes_as_planned(3).await;
    assert_eq!((&plan.json["operations"]["update"], &plan.json["operations"]["held"]), (&json!(1), &json!(1)));
    assert_eq!(desk.addresses(), ["Ann Lee office@acme.com", "Bob Lee bob@acme.com"]);
    // A person may know better than we do, and Pivotal better than a person.
    let status = desk.ends(3, "status").await.text;
    let approve = format!("approve {}", people[1]);
    assert!(status.contains(&format!("`pivotal-sync {approve}")), "{status}");
    desk.ends(0, &approve).await;
    desk.sandbox.log.clear();
    for _ in 0..3 {
        desk.ends(3, "sync").await;
    }
    assert_eq!((desk.writes(), desk.refused()), (1, 1), "once for the approval");
    // What was refused is free again with the first of two runs.
    desk.readdress(&people[0], "ann@acme.com");
    desk.ends(3, "sync").await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.addresses(), ["Ann Lee ann@acme.com", "Bob Lee office@acme.com"]);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_within_a_customer_is_foreseen() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    let (ann, bob) = (desk.person(&acme, "Ann", "a@acme.com"), desk.person(&acme, "Bob", "b@acme.com"));
    desk.ends(0, "sync").await;
    desk.readdress(&ann, "b@acme.com");
    desk.readdress(&bob, "a@acme.com");
    let plan = desk.goes_as_planned(3).await;
    assert_eq!((&plan.json["operations"]["update"], &plan.json["operations"]["held"]), (&json!(0), &json!(2)));
    let said = desk.ends(0, "plan").await.text;
    assert!(said.contains("'Bob Lee' has the address b@acme.com, and wants this one's"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_set_apart_from_a_contact_is_asked_about_and_not_tried_again() {
    // pivotal-api.md 10.2.
    for scope in [EmailScope::Customer, EmailScope::Workspace] {
        let desk = Desk::with("").await;
        desk.sandbox.pivotal().switches.email_scope = scope;
        let acme = desk.company("Acme", "acme.com");
        let ann = desk.person(&acme, "Ann", "ann@acme.com");
        desk.ends(0, "sync").await;
        desk.ends(0, &format!("unlink {ann}")).await;
        desk.sandbox.log.clear();
        for line in ["sync", "sync --full", "sync"] {
            desk.ends(3, line).await;
        }
        assert_eq!((desk.writes(), desk.refused()), (0, 0), "{scope:?}");
        let status = desk.ends(3, "status").await.text;
        let there = desk.sandbox.pivotal().visible(Object::Contact).next().unwrap().id.clone();
        let link = format!("link {ann} pivotal:contact:{there}");
        assert!(status.contains(&format!("`pivotal-sync {link}")), "{status}");
        desk.readdress(&ann, "ann@new.com");
        desk.ends(0, "sync").await;
        assert_eq!(desk.addresses(), ["Ann Lee ann@acme.com", "Ann Lee ann@new.com"]);
        desk.is_quiet().await;
        // Back again, by what was printed: what was made meanwhile stays, and that is said.
        let said = desk.ends(0, &link).await.text;
        assert!(said.contains("'Ann Lee' stays in Pivotal as it is, and nothing stands for it any more"), "{said}");
    }
}
