use serde_json::json;

use super::world;
use crate::sandbox::pivotal::World;

/// Walks a list to its end by the documented pattern.
fn walk(world: &mut World, path: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}?limit=2{cursor}"));
        seen.extend(page.ids());
        let page = page.value();
        if page["has_more"] == json!(false) {
            assert_eq!(page["next_cursor"], json!(null));
            return seen;
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().expect("a cursor"));
    }
}

#[test]
fn the_newest_come_first_and_a_walk_sees_all_when_nothing_ties() {
    let mut world = world();
    let mut made: Vec<String> = (0..6).map(|n| world.after(1).customer(&format!("Customer {n}"))).collect();
    made.reverse();
    assert_eq!(walk(&mut world, "/customers"), made);
}

/// Sheet 6: strictly older than the cursor, no tie-break, so rows that share the boundary millisecond are skipped for ever.
#[test]
fn rows_tied_with_the_end_of_a_page_are_lost_to_the_plain_cursor_and_found_one_millisecond_later() {
    let mut world = world();
    let mut made = vec![world.customer("Oldest")];
    made.extend((0..3).map(|n| world.after(if n == 0 { 5 } else { 0 }).customer(&format!("Tied {n}"))));
    assert_eq!(walk(&mut world, "/customers").len(), 3, "one of the three tied rows is missed");
    let page = world.get("/customers?limit=2").value();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let later = cursor.replace("128Z", "129Z");
    assert_ne!(later, cursor);
    let again = world.get(&format!("/customers?limit=100&cursor={later}")).ids();
    assert!(made.iter().all(|id| again.contains(id)));
}

#[test]
fn ties_can_be_made_on_purpose() {
    let mut world = world();
    world.switches.created_grid_ms = 1000;
    world.customer("A");
    world.after(700).customer("B");
    assert_eq!(world.customers()[0].created_at, world.customers()[1].created_at);
    assert_eq!(world.get("/customers").value()["data"][0]["created_at"], json!("2027-01-15T08:00:00.000Z"));
}

#[test]
fn limits_and_cursors_are_checked() {
    let mut world = world();
    for n in 0..30 {
        world.after(1).customer(&format!("Customer {n}"));
    }
    let mut refused = |query: &str| world.get(&format!("/customers?{query}")).error();
    assert_eq!(refused("limit=0"), (400, "invalid_request_error/too_small/limit".to_owned()));
    assert_eq!(refused("limit=101"), (400, "invalid_request_error/too_big/limit".to_owned()));
    assert_eq!(refused("limit=ten").1, "invalid_request_error/invalid_type/limit");
    assert_eq!(refused("cursor=yesterday"), (400, "invalid_request_error/invalid_string/cursor".to_owned()));
    assert_eq!(refused("cursor=2026-05-26T17:21:09.412%2B00:00").0, 400, "Zod wants a Z");
    assert_eq!(world.get("/customers").ids().len(), 20);
    world.switches.clamp_limit = true;
    assert_eq!(world.get("/customers?limit=1000").ids().len(), 30);
}

#[test]
fn a_full_page_can_be_the_last_and_may_carry_a_cursor() {
    let mut world = world();
    world.customer("A");
    world.after(1).customer("B");
    let page = world.get("/customers?limit=2").value();
    assert_eq!((&page["has_more"], &page["next_cursor"]), (&json!(false), &json!(null)));
    world.switches.always_next_cursor = true;
    assert!(world.get("/customers?limit=2").value()["next_cursor"].is_string());
    let empty = world.get("/customers?cursor=2020-01-01T00:00:00Z").value();
    assert_eq!(empty, json!({ "object": "list", "data": [], "has_more": false, "next_cursor": null }));
}

#[test]
fn filters_by_status_and_slug_and_ignores_what_it_does_not_know() {
    let mut world = world();
    world.customer("A");
    world.after(1).customer("B");
    world.send("PATCH", "/customers/1", &json!({ "status": "archived" }));
    assert_eq!(world.get("/customers?status=archived").value()["data"][0]["display_id"], json!(1));
    assert_eq!(world.get("/customers?status=asleep").error().1, "invalid_request_error/invalid_enum_value/status");
    assert_eq!(world.get("/customers?slug=b").value()["data"][0]["display_id"], json!(2));
    assert_eq!(world.get("/customers?slug=c").ids().len(), 0);
    assert_eq!(world.get("/customers?domain=a.com").ids().len(), 2);
    world.switches.slug_filter = false;
    assert_eq!(world.get("/customers?slug=c").ids().len(), 2, "data[0] is anybody");
}

#[test]
fn onboardings_list_by_customer_phase_and_derived_waiting() {
    let mut world = world();
    world.customer("A");
    world.customer("B");
    for (customer, waiting) in [("1", false), ("2", true), ("2", false)] {
        let body = json!({ "customer_id": customer, "waiting_on_customer": waiting });
        assert_eq!(world.after(1).post("/onboardings", &body).status, 201);
    }
    assert_eq!(world.get("/onboardings").ids().len(), 3);
    assert_eq!(world.get("/onboardings?customer_id=2").ids().len(), 2);
    assert_eq!(world.get("/customers/2/onboardings").ids().len(), 2);
    assert_eq!(world.get("/onboardings?state=waiting").value()["data"][0]["display_id"], json!(2));
    assert_eq!(world.get("/onboardings?phase=launch").ids().len(), 0);
    assert_eq!(world.get("/onboardings?phase=kickoff").status, 400);
}
