//! People against the sandbox: whose contact somebody is, and what becomes of an address.

use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{Kind, Report, RunStatus, Standing};
use pivotal_sync::sandbox::hubspot::{ContactSeed, ObjectType, World};
use pivotal_sync::sandbox::pivotal::{self, Clock, EmailScope, Object};
use serde_json::json;

use super::desk::Desk;
use super::rig::{Rig, portal, text};

fn join(world: &mut World, company: &str, name: &str, email: &str) -> String {
    world.add_contact(ContactSeed {
        properties: text([("firstname", name), ("lastname", "Lee"), ("email", email)]),
        created: Utc::now() - TimeDelta::days(1),
        company: Some((company.to_owned(), true)),
    })
}

/// Emails of the contacts in Pivotal, each with the company of its customer, sorted.
fn contacts(rig: &Rig) -> Vec<(String, String)> {
    let pivotal = rig.pivotal();
    let company = |id: &str| {
        let customer = pivotal.visible(Object::Customer).find(|row| row.id == id).unwrap();
        customer.text("name").unwrap().to_owned()
    };
    let rows = pivotal.visible(Object::Contact);
    let mut all: Vec<_> =
        rows.map(|row| (row.text("email").unwrap().to_owned(), company(row.customer_id.as_ref().unwrap()))).collect();
    all.sort();
    all
}

fn one(email: &str, company: &str) -> (String, String) {
    (email.to_owned(), company.to_owned())
}

/// Why the only contact that is held is held.
fn held(report: &Report) -> Vec<String> {
    assert_eq!((report.operations.held, report.status), (1, RunStatus::Partial), "{:#?}", report.plan);
    let standing = report.plan.iter().filter(|operation| operation.kind == Kind::Contact);
    standing
        .filter_map(|operation| match &operation.standing {
            Standing::Held(why) => Some(why.clone()),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_at_two_companies_is_the_contact_of_the_primary_one() {
    let mut world = portal(2, 0);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    let ann = join(&mut world, &companies[1], "Ann", "ann@acme.com");
    world.associate(ObjectType::Contact, &ann, &companies[0], false).unwrap();
    let rig = Rig::with(world).await;
    rig.backfill().await;
    assert_eq!(contacts(&rig), [one("ann@acme.com", "Company 1")]);
    rig.hubspot().associate(ObjectType::Contact, &ann, &companies[0], true).unwrap();
    rig.hubspot().set_property(ObjectType::Contact, &ann, "jobtitle", "Buyer").unwrap();
    rig.sync().await;
    assert_eq!(contacts(&rig), [one("ann@acme.com", "Company 0")]);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_mailbox_the_second_is_held() {
    let mut world = portal(1, 0);
    let company = world.ids(ObjectType::Company).next().unwrap();
    join(&mut world, &company, "Ann", "office@acme.com");
    join(&mut world, &company, "Bob", "Office@Acme.com");
    let rig = Rig::with(world).await;
    let first = rig.backfill().await;
    assert_eq!((first.operations.create, first.operations.held, first.status), (2, 1, RunStatus::Partial));
    assert_eq!(contacts(&rig), [one("office@acme.com", "Company 0")]);
    rig.writes();
    // Said once, alike at every run, and by the record that has it.
    let told = rig.command(&["why", "office@acme.com"]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let why = held(&rig.sync().await).remove(0);
    assert!(why.contains("has the address office@acme.com but is another person's"), "{why}");
    assert!(why.starts_with("hubspot:contact:"), "{why}");
    let again = rig.command(&["why", "office@acme.com"]).output().unwrap();
    let again = String::from_utf8(again.stdout).unwrap();
    for told in [told, again] {
        assert!(told.contains(why.split(". Is it").next().unwrap()) && !told.contains("sends it again"), "{told}");
    }
    assert!(rig.writes().is_empty(), "it is not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_sent_at_the_same_time_with_the_same_mailbox_nobody_becomes_another() {
    let mut world = portal(30, 0);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    for (at, company) in companies.iter().enumerate() {
        for name in ["Ann", "Bob"] {
            join(&mut world, company, &format!("{name}{at}"), &format!("office{at}@acme.com"));
        }
    }
    let rig = Rig::with(world).await;
    let report = rig.backfill().await;
    assert_eq!((report.operations.held, report.status), (30, RunStatus::Partial), "{:#?}", report.notes);
    assert_eq!(contacts(&rig).len(), 30);
    let of_people = |path: &str| path.contains("/contacts/");
    let renamed =
        rig.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method == "PATCH" && of_people(&e.path));
    assert_eq!(renamed.count(), 0, "nobody is made into somebody else");
    rig.writes();
    rig.sync().await;
    assert!(rig.writes().is_empty(), "what is held rests");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_costs_one_update() {
    let rig = Rig::with(portal(1, 1)).await;
    rig.backfill().await;
    rig.writes();
    let ann = rig.hubspot().ids(ObjectType::Contact).next().unwrap();
    rig.hubspot().set_property(ObjectType::Contact, &ann, "email", "Ann.New@company0.com").unwrap();
    rig.sync().await;
    let sent: Vec<_> = rig.writes().into_iter().map(|w| (w.method, w.body.unwrap_or_default())).collect();
    assert_eq!(sent, [("PATCH".to_owned(), r#"{"email":"ann.new@company0.com"}"#.to_owned())]);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_somebody_elses_contact_has_is_held_and_nothing_is_taken_away() {
    // pivotal-api.md 10.2: an address may be unique in the whole workspace.
    let now = Utc::now();
    let mut target = pivotal::World::new("acme", Clock::running(now), 1);
    target.switches.email_scope = EmailScope::Workspace;
    let stranger = target.add_customer(json!({"name": "Stranger"}), now - TimeDelta::days(9)).unwrap();
    let theirs = json!({"name": "Ann at home", "email": "ann@acme.com"});
    target.add_contact(&stranger, theirs, now - TimeDelta::days(9)).unwrap();
    let mut world = portal(1, 0);
    let company = world.ids(ObjectType::Company).next().unwrap();
    let ann = join(&mut world, &company, "Ann", "ann@acme.com");
    join(&mut world, &company, "Bob", "bob@acme.com");
    let rig = Rig::with_both(world, target).await;
    let report = rig.backfill().await;
    assert_eq!((report.operations.create, report.operations.held), (2, 1), "{:#?}", report.plan);
    assert_eq!(contacts(&rig), [one("ann@acme.com", "Stranger"), one("bob@acme.com", "Company 0")]);
    // Another address settles it.
    rig.hubspot().set_property(ObjectType::Contact, &ann, "email", "ann@elsewhere.com").unwrap();
    assert_eq!(rig.sync().await.status, RunStatus::Complete);
    assert_eq!(contacts(&rig).len(), 3);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_address_stays_out_and_a_bad_one_is_told_without_holding_anybody() {
    let mut world = portal(1, 1);
    let company = world.ids(ObjectType::Company).next().unwrap();
    join(&mut world, &company, "Mute", "");
    join(&mut world, &company, "Odd", "odd at acme");
    let rig = Rig::with(world).await;
    let report = rig.backfill().await;
    assert_eq!(report.status, RunStatus::Complete, "{:#?}", report.plan);
    assert_eq!(contacts(&rig), [one("ann0@company0.com", "Company 0")]);
    let told: Vec<_> = report.notes.iter().filter(|note| note.contains("no mail address")).collect();
    assert_eq!(told.len(), 1, "{:?}", report.notes);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_exchange_their_addresses_are_told_what_lets_them() {
    let desk = Desk::with("").await;
    desk.sandbox.pivotal().switches.email_scope = EmailScope::Workspace;
    let acme = desk.company("Acme", "acme.com");
    let (ann, bob) = (desk.person(&acme, "Ann", "a@acme.com"), desk.person(&acme, "Bob", "b@acme.com"));
    desk.ends(0, "sync").await;
    for (person, address) in [(&ann, "b@acme.com"), (&bob, "a@acme.com")] {
        let id = person.rsplit(':').next().unwrap();
        desk.sandbox.hubspot().set_property(ObjectType::Contact, id, "email", address).unwrap();
    }
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains("and wants this one's. Give either another address in Pivotal for the moment"), "{said}");
    assert!(said.contains(&format!("pivotal-sync approve {ann} {bob}")), "{said}");
    let of = |name: &str| {
        let pivotal = desk.sandbox.pivotal();
        let contact = pivotal.visible(Object::Contact).find(|row| row.text("name") == Some(name)).unwrap();
        (contact.id.clone(), contact.text("email").unwrap().to_owned())
    };
    let path = format!("/contacts/{}", of("Ann Lee").0);
    desk.in_pivotal(reqwest::Method::PATCH, &path, json!({ "email": "for@the-moment.com" })).await;
    desk.ends(0, &format!("approve {ann} {bob}")).await;
    // Whoever asks too early is asked for again in the same run, and two that are still torn are not. Alone: a plan names that
    // call once.
    assert_eq!(desk.run_alone(&["sync"]).await.code, 0);
    assert_eq!((of("Ann Lee").1, of("Bob Lee").1), ("b@acme.com".to_owned(), "a@acme.com".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_that_pass_their_addresses_in_a_ring_are_told_what_lets_them() {
    let desk = Desk::with("").await;
    desk.sandbox.pivotal().switches.email_scope = EmailScope::Workspace;
    let acme = desk.company("Acme", "acme.com");
    let people =
        ["Ann", "Bob", "Carl"].map(|name| desk.person(&acme, name, &format!("{name}@acme.com").to_lowercase()));
    desk.ends(0, "sync").await;
    for (person, address) in people.iter().zip(["bob@acme.com", "carl@acme.com", "ann@acme.com"]) {
        let id = person.rsplit(':').next().unwrap();
        desk.sandbox.hubspot().set_property(ObjectType::Contact, id, "email", address).unwrap();
    }
    for _ in 0..2 {
        let said = desk.ends(3, "sync --json").await;
        assert_eq!(said.json["operations"]["held"], 3, "{}", said.text);
    }
    let [ann, bob, carl] = &people;
    let command = format!("approve {ann} {bob} {carl}");
    assert!(desk.ends(3, "status").await.text.contains(&format!("`pivotal-sync {command}")));
    let of = |name: &str| {
        let pivotal = desk.sandbox.pivotal();
        let contact = pivotal.visible(Object::Contact).find(|row| row.text("name") == Some(name)).unwrap();
        (contact.id.clone(), contact.text("email").unwrap().to_owned())
    };
    let path = format!("/contacts/{}", of("Bob Lee").0);
    desk.in_pivotal(reqwest::Method::PATCH, &path, json!({ "email": "for@the-moment.com" })).await;
    desk.ends(0, &command).await;
    desk.ends(0, "sync").await;
    let all = ["Ann Lee", "Bob Lee", "Carl Lee"].map(|name| of(name).1);
    assert_eq!(all, ["bob@acme.com", "carl@acme.com", "ann@acme.com"]);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_passes_from_one_to_another_takes_one_run_whoever_comes_first() {
    // pivotal-api.md 10.2: an address may be unique, under a customer or in the workspace.
    for scope in [EmailScope::Customer, EmailScope::Workspace] {
        let desk = Desk::with("").await;
        desk.sandbox.pivotal().switches.email_scope = scope;
        let acme = desk.company("Acme", "acme.com");
        let names = ["Ann", "Bob", "Carl", "Dora"];
        let people: Vec<String> =
            names.iter().map(|name| desk.person(&acme, name, &format!("{}@acme.com", name.to_lowercase()))).collect();
        desk.ends(0, "sync").await;
        let set = |who: &str, address: &str| {
            let id = who.rsplit(':').next().unwrap();
            desk.sandbox.hubspot().set_property(ObjectType::Contact, id, "email", address).unwrap();
        };
        // Each gets the next one's, the last one leaves; then the same the other way round.
        desk.sandbox.hubspot().archive(ObjectType::Contact, people[3].rsplit(':').next().unwrap()).unwrap();
        for (who, address) in people.iter().zip(["bob@acme.com", "carl@acme.com", "dora@acme.com"]) {
            set(who, address);
        }
        let said = desk.ends(0, "sync --json").await;
        assert_eq!(said.json["operations"]["update"], 3, "{scope:?}: {}", said.text);
        for (who, address) in people.iter().zip(["ann@acme.com", "bob@acme.com", "carl@acme.com"]).rev() {
            set(who, address);
        }
        let said = desk.ends(0, "sync --json").await;
        assert_eq!(said.json["operations"]["update"], 3, "{scope:?}: {}", said.text);
        let eve = desk.person(&acme, "Eve", "ann@acme.com");
        set(&people[0], "new@acme.com");
        desk.sandbox
            .hubspot()
            .set_property(ObjectType::Contact, eve.rsplit(':').next().unwrap(), "jobtitle", "X")
            .unwrap();
        desk.ends(0, "sync").await;
        let pivotal = desk.sandbox.pivotal();
        let mut all: Vec<_> = pivotal
            .visible(Object::Contact)
            .map(|row| format!("{} {}", row.text("name").unwrap(), row.text("email").unwrap()))
            .collect();
        all.sort();
        let expected =
            ["Ann Lee new@acme.com", "Bob Lee bob@acme.com", "Carl Lee carl@acme.com", "Eve Lee ann@acme.com"];
        assert_eq!(all, expected, "{scope:?}");
    }
}
