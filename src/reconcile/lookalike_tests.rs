use super::*;
use crate::domain::{EntityId, SourceKey, Stream, Value};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    Fields(pairs.iter().map(|(name, text)| ((*name).to_owned(), Value::text(*text))).collect())
}

fn create(customer: &str, pairs: &[(&str, &str)]) -> Operation {
    Operation {
        entity: EntityId(7),
        kind: Kind::Contact,
        subject: SourceKey::new(Stream::HubspotContacts, "5"),
        name: "Jane Doe".to_owned(),
        action: Action::Create { parent: Some(Parent::Known(PivotalId::new(customer))), fields: fields(pairs) },
        standing: Standing::Ready,
        reason: "new contact".to_owned(),
        hold: None,
    }
}

fn stranger(id: &str, customer: &str, pairs: &[(&str, &str)]) -> Candidate {
    let fields = fields(pairs);
    let parent = Some(PivotalId::new(customer));
    Candidate {
        id: PivotalId::new(id),
        display_id: None,
        parent,
        kept: fields.clone(),
        fields,
        owner: None,
        called: None,
    }
}

const JANE: &[(&str, &str)] = &[("name", "Jane Doe"), ("email", "jane@acme.com")];

fn found(operation: &Operation, there: &[Candidate]) -> String {
    lookalike(operation, there).map_or_else(|| "nobody".to_owned(), |it| it.id.to_string())
}

#[test]
fn the_same_address_anywhere_and_the_same_full_name_under_the_same_customer() {
    // pivotal-api.md 10.2: contacts have no external id.
    let jane = create("home", JANE);
    let elsewhere = stranger("a", "away", &[("name", "J. D."), ("email", "Jane@ACME.com")]);
    let renamed = stranger("b", "home", &[("name", " jane  DOE "), ("email", "jane@old.com")]);
    let silent = stranger("c", "home", &[("name", "Jane Doe")]);
    assert_eq!(found(&jane, &[renamed.clone(), elsewhere]), "a", "an address says more than a name");
    assert_eq!(found(&jane, &[silent.clone(), renamed]), "b", "the first of several");
    assert_eq!(found(&jane, &[silent]), "c");
    let namesake = stranger("d", "away", &[("name", "Jane Doe"), ("email", "jane@old.com")]);
    assert_eq!(found(&jane, &[namesake]), "nobody", "a name under another customer is another person's");
}

#[test]
fn a_single_word_or_no_name_is_nobodys() {
    let mailbox = stranger("a", "home", &[("name", "info"), ("email", "info@old.com")]);
    assert_eq!(found(&create("home", &[("name", "info"), ("email", "info@acme.com")]), &[mailbox]), "nobody");
    let unnamed = stranger("a", "home", &[("email", "x@old.com")]);
    assert_eq!(found(&create("home", &[("email", "y@acme.com")]), &[unnamed]), "nobody");
}

#[test]
fn only_contacts_that_would_be_created_are_asked_about() {
    let there = [stranger("a", "away", JANE)];
    let mut waiting = create("home", JANE);
    waiting.standing = Standing::Waiting("later".to_owned());
    let mut customer = create("home", JANE);
    customer.kind = Kind::Customer;
    let mut half = create("home", JANE);
    "belongs to another customer now".clone_into(&mut half.reason);
    let deletes = Operation { action: Action::Delete { id: PivotalId::new("x") }, ..create("home", JANE) };
    for operation in [waiting, customer, half, deletes] {
        assert_eq!(found(&operation, &there), "nobody", "{operation:?}");
    }
}

#[test]
fn the_hold_says_who_where_and_both_ways_out() {
    let told = |other: Candidate| {
        let mut operation = create("home", JANE);
        hold_for(&mut operation, &other, "pivotal:customer:3", None);
        assert_eq!(operation.hold, Some(Hold::Choice));
        assert_eq!(found(&operation, &[other]), "nobody", "once");
        match operation.standing {
            Standing::Held(why) => why,
            other => panic!("{other:?}"),
        }
    };
    insta::assert_snapshot!(told(stranger("cuid", "away", JANE)), @"hubspot:contact:5 'Jane Doe' is to be created, but cuid 'Jane Doe' has the address jane@acme.com already, under pivotal:customer:3, and nothing here stands for it. Is it the same person? Yes: `pivotal-sync link hubspot:contact:5 cuid`, and it stays there; or delete it in Pivotal, and `pivotal-sync sync --full` creates it where it belongs. No: `pivotal-sync unlink hubspot:contact:5` has its own created");
    insta::assert_snapshot!(told(stranger("cuid", "home", &[("name", "Jane Doe"), ("email", "jane@old.com")])), @"hubspot:contact:5 'Jane Doe' is to be created, but cuid 'Jane Doe' has the same name under pivotal:customer:3, and the address jane@old.com, and nothing here stands for it. Is it the same person? Yes: `pivotal-sync link hubspot:contact:5 cuid`, and it is given this one's address. No: `pivotal-sync unlink hubspot:contact:5` has its own created");
    insta::assert_snapshot!(told(stranger("cuid", "home", &[("name", "Jane Doe")])), @"hubspot:contact:5 'Jane Doe' is to be created, but cuid 'Jane Doe' has the same name under pivotal:customer:3, and no address, and nothing here stands for it. Is it the same person? Yes: `pivotal-sync link hubspot:contact:5 cuid`, and it is given this one's address. No: `pivotal-sync unlink hubspot:contact:5` has its own created");
}

#[test]
fn two_who_exchanged_their_addresses_are_told_apart_by_their_names() {
    let jane = create("home", JANE);
    let has_it = stranger("a", "away", &[("name", "Joe Roe"), ("email", "jane@acme.com")]);
    let own = stranger("b", "home", &[("name", "Jane Doe"), ("email", "joe@away.com")]);
    let there = [has_it.clone(), own.clone(), stranger("c", "away", JANE)];
    assert_eq!(found(&jane, &there), "a");
    assert_eq!(namesake(&jane, &has_it, &there), Some(&own));
    assert_eq!(namesake(&jane, &own, &there[1..]), None, "no other");
    let mut held = jane;
    hold_for(&mut held, &has_it, "pivotal:customer:3", Some(&own));
    let Standing::Held(why) = held.standing else { panic!("{:?}", held.standing) };
    assert!(why.contains("a 'Joe Roe' has the address jane@acme.com already"), "{why}");
    assert!(why.contains("Or is it b, who has its name and the address joe@away.com under its own customer?"), "{why}");
    assert!(
        why.contains("`pivotal-sync link hubspot:contact:5 a`") && why.contains("link hubspot:contact:5 b`"),
        "{why}"
    );
}
