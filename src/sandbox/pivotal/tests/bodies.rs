use axum::body::Bytes;
use serde_json::json;

use super::{Call, call, world};
use crate::sandbox::pivotal::{Metadata, Object};

#[test]
fn a_customer_has_the_documented_fields_and_defaults() {
    let mut world = world();
    let made = world.post("/customers", &json!({ "name": "Aurora", "mrr": 125000.0, "colour": "blue" })).value();
    let expected = json!({
        "object": "customer", "id": made["id"], "display_id": 1, "name": "Aurora", "slug": "aurora", "domain": null,
        "status": "active", "plan": null, "mrr": 125000, "monthly_orders": null, "hubspot_company_id": null,
        "hubspot_deal_id": null, "stripe_customer_id": null, "intercom_company_id": null, "slack_channel_id": null,
        "metadata": null, "created_at": "2027-01-15T08:00:00.123Z", "updated_at": "2027-01-15T08:00:00.123Z",
    });
    assert_eq!(made, expected);
}

/// Sheet 5: Zod v3's codes, the first issue, its path in `field`.
#[test]
fn bad_values_are_refused_with_zods_codes() {
    let mut world = world();
    world.customer("Aurora");
    let cases = [
        ("/customers", json!({}), "invalid_type/name"),
        ("/customers", json!({ "name": 7 }), "invalid_type/name"),
        ("/customers", json!({ "name": null }), "invalid_type/name"),
        ("/customers", json!({ "name": "" }), "too_small/name"),
        ("/customers", json!({ "name": "x".repeat(256) }), "too_big/name"),
        ("/customers", json!({ "name": "X", "slug": "Not_A-Slug" }), "invalid_string/slug"),
        ("/customers", json!({ "name": "X", "slug": "a--b" }), "invalid_string/slug"),
        ("/customers", json!({ "name": "X", "status": "asleep" }), "invalid_enum_value/status"),
        ("/customers", json!({ "name": "X", "mrr": 12.5 }), "invalid_type/mrr"),
        ("/customers", json!({ "name": "X", "mrr": "12" }), "invalid_type/mrr"),
        ("/customers", json!({ "name": "X", "metadata": [] }), "invalid_type/metadata"),
        ("/customers", json!({ "slug": "", "mrr": "x" }), "invalid_type/name"),
        ("/customers/1/contacts", json!({ "name": "A" }), "invalid_type/email"),
        ("/customers/1/contacts", json!({ "name": "A", "email": "jörg@a.com" }), "invalid_string/email"),
        ("/customers/1/contacts", json!({ "name": "A", "email": "a.@b.com" }), "invalid_string/email"),
        ("/customers/1/contacts", json!({ "name": "A", "email": "a@localhost" }), "invalid_string/email"),
        (
            "/customers/1/contacts",
            json!({ "name": "A", "email": "a@b.co", "labels": ["x", 1] }),
            "invalid_type/labels.1",
        ),
        ("/customers/9/contacts", json!({ "name": "A" }), "invalid_type/email"),
        ("/onboardings", json!({ "customer_id": 1 }), "invalid_type/customer_id"),
        ("/onboardings", json!({ "customer_id": "1", "phase": "kickoff" }), "invalid_enum_value/phase"),
        (
            "/onboardings",
            json!({ "customer_id": "1", "target_launch_date": "soon" }),
            "invalid_string/target_launch_date",
        ),
        ("/customers", json!([1]), "invalid_type/-"),
    ];
    for (path, body, expected) in cases {
        let answer = world.post(path, &body);
        assert_eq!(answer.error(), (400, format!("invalid_request_error/{expected}")), "{path} {body}");
    }
    assert_eq!(world.customers().len() + world.contacts().len() + world.onboardings().len(), 1);
    let broken = Call { body: Bytes::from_static(b"{\"name\":"), ..call("POST", "/customers") };
    assert_eq!(world.answer(&broken).status, 400);
}

#[test]
fn the_other_spellings_of_a_validation_error() {
    let mut world = world();
    world.switches.missing_field = true;
    assert_eq!(world.post("/customers", &json!({})).error().1, "invalid_request_error/missing_field/name");
    world.switches.strict_keys = true;
    let refused = world.post("/customers", &json!({ "name": "A", "arr": 1 }));
    assert_eq!(refused.error().1, "invalid_request_error/unrecognized_keys/-");
    world.switches.statuses = ["active", "at_risk", "churned", "archived"].map(str::to_owned).to_vec();
    let refused = world.post("/customers", &json!({ "name": "A", "status": "onboarding" }));
    assert_eq!(refused.error().1, "invalid_request_error/invalid_enum_value/status");
}

#[test]
fn a_patch_changes_what_it_names_clears_with_null_and_rests_when_equal() {
    let mut world = world();
    world.post("/customers", &json!({ "name": "Aurora", "plan": "pro", "mrr": 5 }));
    let patched = world.after(10).send("PATCH", "/customers/1", &json!({ "plan": null, "mrr": 6 })).value();
    assert_eq!((&patched["plan"], &patched["mrr"], &patched["name"]), (&json!(null), &json!(6), &json!("Aurora")));
    assert_eq!(patched["updated_at"], json!("2027-01-15T08:00:00.133Z"));
    let idle = world.after(10).send("PATCH", "/customers/1", &json!({ "mrr": 6 })).value();
    assert_eq!(idle["updated_at"], patched["updated_at"]);
    assert_eq!((world.writes(Object::Customer).updated, world.writes(Object::Customer).idle), (1, 1));
    world.switches.idle_patch_bumps = true;
    let bumped = world.send("PATCH", "/customers/1", &json!({})).value();
    assert_eq!(bumped["updated_at"], json!("2027-01-15T08:00:00.143Z"));
    world.switches.null_clears = false;
    assert_eq!(world.send("PATCH", "/customers/1", &json!({ "mrr": null })).status, 400);
}

#[test]
fn metadata_is_replaced_merged_or_absent() {
    let mut world = world();
    world.post("/customers", &json!({ "name": "A", "metadata": { "a": 1, "b": { "c": [] } } }));
    let patch = |world: &mut super::World, key: &str| {
        world.send("PATCH", "/customers/1", &json!({ "metadata": { key: 2 } })).value()["metadata"].clone()
    };
    assert_eq!(patch(&mut world, "x"), json!({ "x": 2 }));
    world.switches.metadata = Metadata::Merged;
    assert_eq!(patch(&mut world, "y"), json!({ "x": 2, "y": 2 }));
    world.switches.metadata = Metadata::Absent;
    let shown = world.send("PATCH", "/customers/1", &json!({ "metadata": "ignored" }));
    assert_eq!((shown.status, shown.value().get("metadata")), (200, None));
}

#[test]
fn tomorrows_api_shows_more_and_warns() {
    let mut world = world();
    world.customer("A");
    world.switches.unknown_fields = true;
    world.switches.deprecation = Some("Sat, 01 Jan 2028 00:00:00 GMT".to_owned());
    assert!(world.edit_customer("1", "status", json!("renewal_risk")));
    let shown = world.get("/customers/1");
    assert_eq!(shown.value()["status"], json!("renewal_risk"));
    assert!(shown.value()["owner"].is_object());
    assert!(shown.header("deprecation").is_some());
}

#[test]
fn a_persons_edit_moves_updated_at_and_the_slug_index() {
    let mut world = world();
    world.customer("Aurora");
    assert!(world.after(5).edit_customer("1", "slug", json!("by-hand")));
    assert!(!world.edit_customer("2", "name", json!("X")) && !world.edit_customer("1", "owner", json!("X")));
    assert_eq!(world.post("/customers", &json!({ "name": "X", "slug": "by-hand" })).status, 409);
    world.customer("Aurora");
    assert_ne!(world.customers()[0].updated_at, world.customers()[0].created_at);
}
