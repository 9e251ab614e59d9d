use serde_json::json;

use super::{call, world};
use crate::sandbox::pivotal::Object;

#[test]
fn deleting_is_soft_and_says_the_same_twice() {
    let mut world = world();
    let id = world.customer("Aurora");
    let first = world.answer(&call("DELETE", "/customers/1"));
    assert_eq!(first.value(), json!({ "object": "deleted", "id": id, "display_id": 1, "deleted": true }));
    assert_eq!(world.answer(&call("DELETE", &format!("/customers/{id}"))).body, first.body);
    assert_eq!(world.writes(Object::Customer).deleted, 1);
    assert_eq!(world.get("/customers/1").status, 404);
    assert_eq!(world.send("PATCH", "/customers/1", &json!({})).status, 404);
    assert!(world.get("/customers").ids().is_empty());
    assert!(world.customers()[0].deleted, "kept for audit");
    assert_eq!(world.answer(&call("DELETE", "/customers/2")).status, 404);
    world.switches.repeat_delete_404 = true;
    assert_eq!(world.answer(&call("DELETE", "/customers/1")).status, 404);
}

/// Sheet 10.1: children are not deleted, but vanish with their customer.
#[test]
fn children_vanish_with_their_customer_but_are_not_deleted() {
    let mut world = world();
    world.customer("Aurora");
    world.contact("1", "a@a.com");
    world.post("/onboardings", &json!({ "customer_id": "1" }));
    world.answer(&call("DELETE", "/customers/1"));
    assert_eq!(world.get("/customers/1/contacts").error(), (404, "not_found/customer_not_found/-".to_owned()));
    assert!(world.get("/onboardings").ids().is_empty());
    assert_eq!(world.get("/contacts/1").error(), (404, "not_found/contact_not_found/-".to_owned()));
    assert_eq!(world.get("/onboardings/1").error().0, 404);
    assert_eq!(world.contact("1", "b@a.com").status, 404);
    assert_eq!(world.post("/onboardings", &json!({ "customer_id": "1" })).status, 404);
    assert_eq!(world.get("/onboardings?customer_id=1").ids().len(), 0);
    assert!(!world.contacts()[0].deleted && !world.onboardings()[0].deleted);
    assert_eq!(world.visible(Object::Contact).count(), 0);
    world.switches.orphans_readable = true;
    assert_eq!(world.get("/contacts/1").status, 200);
    assert!(world.get("/onboardings").ids().is_empty());
}

#[test]
fn a_deleted_onboarding_cannot_be_patched() {
    let mut world = world();
    world.customer("Aurora");
    world.post("/onboardings", &json!({ "customer_id": "1" }));
    world.answer(&call("DELETE", "/onboardings/1"));
    let patched = world.send("PATCH", "/onboardings/1", &json!({ "phase": "launch" }));
    assert_eq!(patched.error(), (404, "not_found/onboarding_not_found/-".to_owned()));
}

/// Sheet 10.1, status side effects.
#[test]
fn churning_a_customer_pauses_its_onboardings_and_coming_back_leaves_them() {
    let mut world = world();
    world.customer("Aurora");
    world.post("/onboardings", &json!({ "customer_id": "1" }));
    world.send("PATCH", "/customers/1", &json!({ "status": "churned" }));
    assert_eq!(world.onboardings()[0].text("state"), Some("paused"));
    world.send("PATCH", "/customers/1", &json!({ "status": "active" }));
    assert_eq!(world.onboardings()[0].text("state"), Some("paused"));
}
