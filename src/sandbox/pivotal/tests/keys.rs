use serde_json::json;

use super::{keyed, world};
use crate::sandbox::pivotal::{BodyHash, Object, Opened};

const DAY: u64 = 24 * 3600 * 1000;

/// Sheet 8: byte for byte, same ids, and nothing is made twice.
#[test]
fn a_repeat_gets_the_first_answer_and_makes_nothing() {
    let mut world = world();
    let create = keyed("/customers", "k1", r#"{"name":"Aurora"}"#);
    let first = world.answer(&create);
    world.edit_customer("1", "name", json!("Renamed"));
    let second = world.after(DAY - 1).answer(&create);
    assert_eq!((second.status, &second.body), (201, &first.body));
    assert_eq!((world.customers().len(), world.writes(Object::Customer).created), (1, 1));
    world.switches.replay_status = 200;
    assert_eq!(world.answer(&create).status, 200);
}

#[test]
fn after_a_day_the_key_is_fresh_and_makes_a_second_one() {
    let mut world = world();
    let create = keyed("/customers/1/contacts", "k1", r#"{"name":"Ann","email":"a@b.com"}"#);
    world.customer("Aurora");
    assert_eq!(world.answer(&create).status, 201);
    assert_eq!(world.after(DAY).answer(&create).error(), (409, "conflict/email_taken/email".to_owned()));
}

#[test]
fn another_body_clashes_byte_by_byte_unless_hashed_canonically() {
    let mut world = world();
    world.answer(&keyed("/customers", "k1", r#"{"name":"Aurora","plan":"pro"}"#));
    let spaced = keyed("/customers", "k1", r#"{"plan": "pro", "name": "Aurora"}"#);
    assert_eq!(world.answer(&spaced).error(), (409, "conflict/idempotency_key_mismatch/-".to_owned()));
    world.switches.body_hash = BodyHash::Canonical;
    world.answer(&keyed("/customers", "k2", r#"{"name":"Borealis","plan":"pro"}"#));
    assert_eq!(world.answer(&keyed("/customers", "k2", r#"{"plan":"pro","name":"Borealis"}"#)).status, 201);
    assert_eq!(world.customers().len(), 2);
}

#[test]
fn a_key_is_in_flight_until_its_first_request_is_answered() {
    let mut world = world();
    let create = keyed("/customers", "k1", r#"{"name":"Aurora"}"#);
    let Opened::Admitted(ticket) = world.open(&create) else { panic!("admitted") };
    assert_eq!(world.answer(&create).error(), (409, "conflict/idempotency_key_in_use/-".to_owned()));
    let first = world.carry_out(&create, ticket);
    assert_eq!(world.answer(&create).body, first.body);
}

#[test]
fn failures_are_not_remembered() {
    let mut world = world();
    assert_eq!(world.answer(&keyed("/customers", "k1", r#"{"nam":"Aurora"}"#)).status, 400);
    assert_eq!(world.answer(&keyed("/customers", "k1", r#"{"name":"Aurora"}"#)).status, 201);
}

#[test]
fn the_scope_is_the_endpoint_with_its_ids_and_only_posts_have_keys() {
    let mut world = world();
    world.customer("Aurora");
    world.customer("Borealis");
    let body = r#"{"name":"Ann","email":"a@b.com"}"#;
    let first = world.answer(&keyed("/customers/1/contacts", "k", body)).value();
    let second = world.answer(&keyed("/customers/2/contacts", "k", body)).value();
    assert_ne!(first["id"], second["id"]);
    let mut patch = keyed("/contacts/1", "k", r#"{"title":"CTO"}"#);
    patch.method = "PATCH".to_owned();
    assert_eq!(world.answer(&patch).value()["title"], json!("CTO"));
    let long = keyed("/customers", &"k".repeat(256), r#"{"name":"C"}"#);
    assert_eq!(world.answer(&long).status, 400);
}

/// Sheet 8: without a key a repeat is a conflict, not a replay.
#[test]
fn without_a_key_a_repeat_is_slug_taken() {
    let mut world = world();
    world.customer("Aurora");
    let again = world.post("/customers", &json!({ "name": "Aurora" }));
    assert_eq!(again.error(), (409, "conflict/slug_taken/slug".to_owned()));
}
