//! Who is in Pivotal already, though nothing here stands for it: typed in by somebody, or left from before a store was lost.
//! Nobody is made twice, and no id is on two customers, without a person being asked.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use reqwest::Method;
use serde_json::json;

use super::desk::{BY_COMPANY, BY_PAYER, Desk};

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

impl Desk {
    fn people(&self, name: &str) -> Vec<String> {
        let pivotal = self.sandbox.pivotal();
        pivotal
            .visible(Object::Contact)
            .filter(|row| row.text("name") == Some(name))
            .map(|row| row.id.clone())
            .collect()
    }

    pub fn no_id_is_doubled(&self) {
        for field in [BY_COMPANY, BY_PAYER] {
            let pivotal = self.sandbox.pivotal();
            let mut ids: Vec<String> =
                pivotal.visible(Object::Customer).filter_map(|row| row.text(field).map(str::to_owned)).collect();
            ids.sort();
            let all = ids.len();
            ids.dedup();
            assert_eq!(ids.len(), all, "{field}");
        }
    }

    /// A person makes a customer in Pivotal's own screen; how it is named.
    async fn typed_in(&self, customer: serde_json::Value) -> String {
        let name = customer["name"].as_str().unwrap().to_owned();
        self.in_pivotal(Method::POST, "/customers", customer).await;
        let pivotal = self.sandbox.pivotal();
        let row = pivotal
            .visible(Object::Customer)
            .filter(|row| row.text("name") == Some(&name))
            .max_by_key(|row| row.display_id);
        format!("pivotal:customer:{}", row.unwrap().display_id)
    }

    fn moves(&self, person: &str, company: &str) {
        self.sandbox.hubspot().move_contact(id(person), id(company)).unwrap();
    }
}

/// pivotal-api.md 10.2: contacts have no external id.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_moved_or_changed_address_before_a_store_was_lost_is_asked_about() {
    for (changed, yes) in [("company", true), ("company", false), ("address", true), ("address", false)] {
        let desk = Desk::with("").await;
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        let ann = desk.person(&one, "Ann", "ann@one.com");
        desk.ends(0, "sync").await;
        let there = desk.people("Ann Lee");
        match changed {
            "company" => desk.moves(&ann, &two),
            _ => {
                let mut hubspot = desk.sandbox.hubspot();
                hubspot.set_property(ObjectType::Contact, id(&ann), "email", "lee@one.com").unwrap();
            }
        }
        desk.lose_store();
        for line in ["backfill", "sync", "sync --full"] {
            desk.ends(3, line).await;
            assert_eq!(desk.people("Ann Lee"), there, "{changed}: {line}");
        }
        let said = desk.ends(3, "status").await.text;
        let ways = [format!("link {ann} {}", there[0]), format!("unlink {ann}")];
        assert!(ways.iter().all(|way| said.contains(way)), "{said}");
        desk.ends(0, &ways[usize::from(!yes)]).await;
        for line in ["sync", "sync --full"] {
            desk.ends(0, line).await;
            assert_eq!(desk.people("Ann Lee").len(), if yes { 1 } else { 2 }, "{changed}: {line}");
        }
        let known = desk.ends(0, &format!("why {ann} --json")).await;
        let stands = known.json["found"][0]["pivotal"]["pivotal_id"].as_str().map(str::to_owned);
        assert_eq!(stands.as_deref() == Some(there[0].as_str()), yes, "{}", known.text);
        desk.is_quiet().await;
    }
}

/// The ways out that the question names besides: to let it through as it stands, and to delete who is there.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_about_is_created_once_it_is_let_through_or_the_other_is_gone() {
    for approves in [true, false] {
        let desk = Desk::with("").await;
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        let ann = desk.person(&one, "Ann", "ann@one.com");
        desk.ends(0, "sync").await;
        let there = desk.people("Ann Lee").remove(0);
        desk.moves(&ann, &two);
        desk.lose_store();
        desk.ends(3, "backfill").await;
        match approves {
            true => drop(desk.ends(0, &format!("approve {ann}")).await),
            false => drop(desk.in_pivotal(Method::DELETE, &format!("/contacts/{there}"), json!({})).await),
        }
        desk.ends(0, if approves { "sync" } else { "sync --full" }).await;
        assert_eq!(desk.people("Ann Lee").len(), 1 + usize::from(approves));
        assert_eq!(desk.people("Ann Lee").contains(&there), approves);
        desk.is_quiet().await;
    }
}

/// Only what this daemon created is deleted unasked (design section 6).
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_there_before_and_moves_is_asked_about_once() {
    for (way, people) in [("approve", 1), ("link", 1), ("unlink", 2)] {
        let desk = Desk::with("").await;
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        let ann = desk.person(&one, "Ann", "ann@one.com");
        desk.ends(0, "sync").await;
        desk.lose_store();
        desk.ends(0, "backfill").await;
        let there = desk.people("Ann Lee");
        desk.moves(&ann, &two);
        for line in ["sync", "sync --full"] {
            desk.ends(3, line).await;
            assert_eq!(desk.people("Ann Lee"), there, "{way}: {line}");
        }
        let command = match way {
            "link" => format!("link {ann} {}", there[0]),
            way => format!("{way} {ann}"),
        };
        assert!(desk.ends(3, "status").await.text.contains(&command), "{command}");
        desk.ends(0, &command).await;
        for line in ["sync", "sync --full"] {
            let said = desk.run(&line.split(' ').collect::<Vec<_>>()).await;
            assert_eq!((said.code, desk.people("Ann Lee").len()), (0, people), "{way}: {line}: {}", said.text);
        }
        assert_eq!(desk.people("Ann Lee").contains(&there[0]), way != "approve", "{way}");
        desk.is_quiet().await;
    }
}

/// What Pivotal showed at the first load may be gone by the time it would be taken over.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_taken_for_somebody_who_is_gone_from_pivotal_since() {
    let desk = Desk::with("").await;
    let one = desk.company("One", "one.com");
    let customer = desk.typed_in(json!({ "name": "One", "slug": "one", "domain": "one.com" })).await;
    let cuid = desk.sandbox.pivotal().visible(Object::Customer).next().unwrap().id.clone();
    let bob = json!({ "name": "Bob Lee", "email": "bob@one.com" });
    desk.in_pivotal(Method::POST, &format!("/customers/{cuid}/contacts"), bob).await;
    let by_hand = desk.people("Bob Lee").remove(0);
    desk.ends(0, "backfill").await;
    assert_eq!(desk.customer(BY_COMPANY, &one).unwrap().0, customer, "taken over");
    desk.in_pivotal(Method::DELETE, &format!("/contacts/{by_hand}"), json!({})).await;
    assert!(desk.people("Bob Lee").is_empty());
    desk.person(&one, "Bob", "bob@one.com");
    desk.ends(0, "sync").await;
    assert_eq!(desk.people("Bob Lee").len(), 1);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_somebody_typed_in_with_an_id_is_that_record_wherever_else_it_would_fit() {
    // With the id of a company that fits a payer's customer.
    let desk = Desk::with("").await;
    let payer = desk.payer("Kestrel Billing", "pay@kestrel.com");
    desk.ends(0, "sync").await;
    let company = desk.company("Kestrel", "kestrel.com");
    let typed = desk.typed_in(json!({ "name": "Kestrel", "slug": "k", "hubspot_company_id": id(&company) })).await;
    desk.ends(3, "sync --full").await;
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains(&format!("link {payer} {company}")), "{said}");
    desk.no_id_is_doubled();
    assert_eq!(desk.customer(BY_COMPANY, &company).unwrap().0, typed);
    // With the id of a payer that fits a company's customer.
    let desk = Desk::with("").await;
    let company = desk.company("Kestrel", "kestrel.com");
    desk.ends(0, "sync").await;
    let payer = desk.payer("Kestrel Billing", "pay@kestrel.com");
    let typed = desk.typed_in(json!({ "name": "Kestrel", "slug": "k", "stripe_customer_id": id(&payer) })).await;
    desk.ends(3, "sync --full").await;
    let said = desk.ends(3, "status").await.text;
    assert!(said.contains(&format!("link {payer} {company}")), "{said}");
    desk.no_id_is_doubled();
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, typed);
    // With the ids of both, before either is known: then they are one.
    let desk = Desk::with("").await;
    desk.ends(0, "sync").await;
    let (company, payer) = (desk.company("Kestrel", "kestrel.com"), desk.payer("Other", "pay@other.com"));
    let both =
        json!({ "name": "K", "slug": "k", "hubspot_company_id": id(&company), "stripe_customer_id": id(&payer) });
    let typed = desk.typed_in(both).await;
    desk.ends(0, "sync --full").await;
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer).unwrap().0), (1, typed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_with_the_id_of_another_account_as_well_is_not_taken_over_unasked() {
    let desk = Desk::with("").await;
    let payer = desk.payer("Kestrel Billing", "pay@kestrel.com");
    desk.ends(0, "sync").await;
    let theirs = desk.customer(BY_PAYER, &payer).unwrap().0;
    let company = desk.company("Both", "both.com");
    let both =
        json!({ "name": "B", "slug": "b", "hubspot_company_id": id(&company), "stripe_customer_id": id(&payer) });
    let typed = desk.typed_in(both).await;
    desk.ends(3, "sync --full").await;
    let said = desk.ends(3, "status").await.text;
    let words = [format!("{payer} stands for {theirs}"), format!("link {company} {typed}")];
    assert!(words.iter().all(|part| said.contains(part)), "{said}");
    assert_eq!(desk.customers(), 2);
    desk.ends(0, &format!("link {company} {typed}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_COMPANY, &company).unwrap().0), (2, typed));
    desk.is_quiet().await;
}

/// What was unlinked and not carried out yet when the store was lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_stayed_on_the_customer_it_was_unlinked_from_is_not_written_on_another() {
    for which in ["payer", "company"] {
        let desk = Desk::with("").await;
        let company = desk.company("Beacon", "beacon.com");
        let payer = desk.payer("Beacon Billing", "pay@beacon.com");
        desk.person(&company, "Ann", "ann@beacon.com");
        desk.ends(0, "sync").await;
        let (customer, _) = desk.customer(BY_COMPANY, &company).unwrap();
        let (unlinked, field) = if which == "payer" { (&payer, BY_PAYER) } else { (&company, BY_COMPANY) };
        desk.ends(0, &format!("unlink {unlinked}")).await;
        desk.ends(0, "export decisions --format jsonl --out d.jsonl").await;
        desk.lose_store();
        desk.ends(0, "import d.jsonl").await;
        for line in ["backfill", "sync", "sync --full"] {
            desk.ends(3, line).await;
            desk.no_id_is_doubled();
            assert_eq!((desk.customers(), desk.people("Ann Lee").len()), (1, 1), "{which}: {line}");
        }
        let said = desk.ends(3, "status").await.text;
        let words = [format!("{customer} still carries {field} {}", id(unlinked)), format!("unlink --undo {unlinked}")];
        assert!(words.iter().all(|part| said.contains(part)), "{said}");
        // Taken off there by hand, as it was told.
        let cuid = desk.customer(field, unlinked).unwrap().1["id"].as_str().unwrap().to_owned();
        assert!(desk.sandbox.pivotal().edit_customer(&cuid, field, serde_json::Value::Null));
        for line in ["audit", "sync"] {
            desk.run(&[line]).await;
        }
        desk.no_id_is_doubled();
        assert_eq!(desk.customers(), 2, "{which}");
        assert_ne!(desk.customer(field, unlinked).unwrap().0, customer);
        assert_eq!(desk.people("Ann Lee").len(), 1, "who lives there is asked about, not made again");
    }
}

/// Whoever a payer was linked to, the other one's people are known again.
#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_a_customer_whose_payer_was_linked_elsewhere_are_not_made_again() {
    for carried_out in [true, false] {
        let desk = Desk::with("").await;
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        let payer = desk.payer("Two Billing", "billing@two.com");
        desk.person(&two, "Bob", "bob@two.com");
        desk.ends(0, "sync").await;
        let (first, _) = desk.customer(BY_COMPANY, &one).unwrap();
        desk.sandbox.hubspot().merge(ObjectType::Company, id(&one), id(&two)).unwrap();
        desk.ends(3, "sync").await;
        desk.ends(0, &format!("link {payer} {first}")).await;
        if carried_out {
            desk.run(&["sync"]).await;
        }
        desk.ends(0, "export decisions --format jsonl --out d.jsonl").await;
        let before = (desk.customers(), desk.people("Bob Lee"));
        desk.lose_store();
        desk.ends(0, "import d.jsonl").await;
        for line in ["backfill", "sync", "sync --full"] {
            desk.run(&line.split(' ').collect::<Vec<_>>()).await;
            desk.no_id_is_doubled();
            assert_eq!((desk.customers(), desk.people("Bob Lee")), before, "{carried_out}: {line}");
        }
    }
}

/// However little else is owed to a customer: what stands for another one by now gives its id up first.
#[tokio::test(flavor = "multi_thread")]
async fn a_payer_that_was_linked_away_takes_its_id_along_from_who_is_archived_or_left_out() {
    for policy in ["keep", "archive", "ignore"] {
        let desk = Desk::with("").await;
        let policies = format!("delete_grace = \"0s\"\non_source_delete = \"{}\"", policy.replace("ignore", "keep"));
        let config = desk.configuration().replace("delete_grace = \"0s\"", &policies);
        std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
        let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        let payer = desk.payer("One Billing", "pay@one.com");
        desk.ends(0, "sync").await;
        let (home, _) = desk.customer(BY_COMPANY, &two).unwrap();
        match policy {
            "ignore" => drop(desk.ends(0, &format!("ignore {one}")).await),
            _ => desk.sandbox.hubspot().archive(ObjectType::Company, id(&one)).unwrap(),
        }
        desk.ends(0, &format!("link {payer} {home}")).await;
        for line in ["sync", "sync", "sync --full"] {
            desk.run(&line.split(' ').collect::<Vec<_>>()).await;
            desk.no_id_is_doubled();
        }
        assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, home, "{policy}");
        desk.is_quiet().await;
    }
}

/// Those who lived under a customer that nothing here stands for after the loss, and belong elsewhere by now.
#[tokio::test(flavor = "multi_thread")]
async fn who_moved_away_from_a_customer_that_nobody_selects_is_asked_about_after_a_loss() {
    let desk = Desk::with("").await;
    let config = desk.configuration().replace("[onboardings]\nenabled = false", "[onboardings]\nenabled = true");
    let config = config.replace("company.name or stripe.name", "company.lifecyclestage == 'customer'");
    std::fs::write(desk.folder.path().join("config.toml"), config).unwrap();
    let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
    [&one, &two].into_iter().for_each(|company| desk.set(company, "lifecyclestage", "customer"));
    let ann = desk.person(&one, "Ann", "ann@one.com");
    let deal = desk.win(Some(&one), 0);
    desk.ends(0, "sync").await;
    desk.set(&one, "lifecyclestage", "lead");
    desk.ends(0, "sync").await;
    desk.moves(&ann, &two);
    desk.sandbox.hubspot().move_deal(&deal, id(&two)).unwrap();
    desk.lose_store();
    for line in ["backfill", "sync", "sync --full"] {
        desk.ends(3, line).await;
        let pivotal = desk.sandbox.pivotal();
        let counts = [Object::Contact, Object::Onboarding].map(|object| pivotal.visible(object).count());
        assert_eq!(counts, [1, 1], "{line}");
    }
    assert!(desk.ends(3, "status").await.text.contains(&format!("link {ann} ")));
}

/// After a loss each of two who exchanged their addresses looks like the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_exchanged_their_addresses_before_a_store_was_lost_are_asked_about_by_their_names() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
    let people = [desk.person(&one, "Ann", "ann@one.com"), desk.person(&two, "Bob", "bob@two.com")];
    desk.ends(0, "sync").await;
    let there = ["Ann Lee", "Bob Lee"].map(|name| desk.people(name).remove(0));
    for (person, address) in people.iter().zip(["bob@two.com", "ann@one.com"]) {
        desk.sandbox.hubspot().set_property(ObjectType::Contact, id(person), "email", address).unwrap();
    }
    desk.lose_store();
    desk.ends(3, "backfill").await;
    let said = desk.ends(3, "status").await.text;
    for part in ["'Ann Lee' is to be created, but", "'Bob Lee' has the address bob@two.com already", "who has its name"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (person, own) in people.iter().zip(&there) {
        let link = format!("link {person} {own}");
        assert!(said.contains(&format!("`pivotal-sync {link}")), "{said}");
        desk.ends(0, &link).await;
    }
    desk.ends(0, "sync").await;
    let pivotal = desk.sandbox.pivotal();
    let rows = pivotal.visible(Object::Contact).map(|row| (row.id.clone(), row.text("email").unwrap().to_owned()));
    let found: Vec<_> = rows.collect();
    let expected = there.into_iter().zip(["bob@two.com", "ann@one.com"].map(str::to_owned)).collect::<Vec<_>>();
    assert!(expected.iter().all(|row| found.contains(row)) && found.len() == 2, "{found:?}");
}
