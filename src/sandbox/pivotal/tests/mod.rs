//! The Pivotal sandbox against its reference sheet; each test names the section it holds it to.

mod bodies;
mod conflicts;
mod deletes;
mod keys;
mod pages;
mod rates;

use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::{Answer, Call, Clock, TEST_KEY, World};

/// An empty workspace whose clock stands still.
pub(super) fn world() -> World {
    let at = chrono::DateTime::from_timestamp_millis(1_800_000_000_123).expect("a time");
    World::new("acme", Clock::standing(at), 7)
}

pub(super) fn call(method: &str, path: &str) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Call {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        authorization: Some(format!("Bearer {TEST_KEY}")),
        ..Call::default()
    }
}

pub(super) fn keyed(path: &str, key: &str, body: &str) -> Call {
    Call { idempotency_key: Some(key.as_bytes().to_vec()), body: Bytes::from(body.to_owned()), ..call("POST", path) }
}

impl World {
    fn get(&mut self, path: &str) -> Answer {
        self.answer(&call("GET", path))
    }

    fn send(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        self.answer(&Call { body: Bytes::from(body.to_string()), ..call(method, path) })
    }

    fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body)
    }

    /// A customer's cuid.
    fn customer(&mut self, name: &str) -> String {
        let answer = self.post("/customers", &json!({ "name": name }));
        assert_eq!(answer.status, 201, "{}", answer.value());
        answer.value()["id"].as_str().expect("an id").to_owned()
    }

    fn contact(&mut self, customer: &str, email: &str) -> Answer {
        self.post(&format!("/customers/{customer}/contacts"), &json!({ "name": "Ann", "email": email }))
    }

    fn after(&mut self, millis: u64) -> &mut Self {
        self.advance(Duration::from_millis(millis));
        self
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// `type/code/field` of an error, with its status.
    fn error(&self) -> (u16, String) {
        let error = self.value()["error"].clone();
        let part = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        (self.status, format!("{}/{}/{}", part("type"), part("code"), part("field")))
    }

    fn ids(&self) -> Vec<String> {
        let rows = self.value()["data"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[test]
fn auth_is_a_bearer_word_without_a_colon_and_revocation_is_immediate() {
    let mut world = world();
    let mut with = |header: Option<&str>| {
        world.answer(&Call { authorization: header.map(str::to_owned), ..call("GET", "/me") }).error()
    };
    assert_eq!(with(None).0, 401);
    assert_eq!(with(Some("pivotal_test_sandbox")).0, 401);
    assert_eq!(with(Some("Bearer: pivotal_test_sandbox")).0, 401);
    assert_eq!(with(Some("Bearer pivotal_other")).0, 401);
    assert_eq!(with(Some("bearer pivotal_test_sandbox")).0, 200);
    world.revoke_key(TEST_KEY);
    assert_eq!(world.get("/me").error(), (401, "authentication_error/api_key_revoked/-".to_owned()));
    assert_eq!(world.get("/health").status, 200);
}

#[test]
fn me_has_openapis_shape_or_the_test_guides() {
    let mut world = world();
    let me = world.get("/me").value();
    assert_eq!((&me["object"], &me["organization"]["slug"]), (&json!("me"), &json!("acme")));
    assert!(me["api_key"]["scopes"].is_array());
    world.switches.me_test_guide = true;
    assert_eq!(world.get("/me").value()["object"], json!("api_key_identity"));
}

#[test]
fn ids_are_cuids_and_all_digits_mean_a_display_id_but_a_slug_means_nothing() {
    let mut world = world();
    let id = world.customer("Aurora");
    assert_eq!((id.len(), id.is_ascii(), &id[..2]), (25, true, "cl"));
    assert_eq!(world.get("/customers/1").value()["id"], json!(id));
    assert_eq!(world.get(&format!("/customers/{id}")).value()["display_id"], json!(1));
    assert_eq!(world.get("/customers/aurora").error(), (404, "not_found/customer_not_found/-".to_owned()));
    let contact = world.contact("1", "a@aurora.com").value();
    assert_eq!((&contact["display_id"], &contact["customer_id"]), (&json!(1), &json!(id)));
}

#[test]
fn put_and_unknown_paths_are_no_endpoints() {
    let mut world = world();
    world.customer("Aurora");
    assert_eq!(world.send("PUT", "/customers/1", &json!({})).status, 405);
    assert_eq!(world.get("/contacts").error().0, 404);
    assert_eq!(world.get("/tasks").error(), (404, "not_found/not_found/-".to_owned()));
}
