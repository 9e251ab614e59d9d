//! `why` on a large store, timed. Figures, no verdict: run it with
//! `cargo test --release --test it why_speed -- --ignored --nocapture`.

use std::time::Instant;

use sqlx::{Connection, SqliteConnection};

use super::desk::Desk;

/// 100,000 customers and as many contacts, each with an object, evidence and a write of its own.
const FILL: &str = r#"
WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 100999)
INSERT INTO entity (id, object, name, dirty, settled, wanted, pivotal_id, display_id, origin, state, written)
SELECT i, 'customer', 'Company ' || i, 0, 1, 'yes', 'cl-customer-' || i, i, 'created', 'live',
       json_object('name', 'Company ' || i, 'domain', 'company' || i || '.com', 'slug', 'company-' || i) FROM n;
WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 100999)
INSERT INTO entity (id, object, parent_id, name, dirty, settled, wanted, pivotal_id, display_id, pivotal_parent, origin, state, written)
SELECT i + 1000000, 'contact', i, 'Ann ' || i, 0, 1, 'yes', 'cl-contact-' || i, i, 'cl-customer-' || i, 'created', 'live',
       json_object('name', 'Ann', 'email', 'ann@company' || i || '.com') FROM n;
INSERT INTO record (stream, external_id, entity_id, state, facts, properties, seen_at, touched)
SELECT 'hubspot.companies', id, id, 'live',
       json_object('is', 'account', 'name', name, 'domains', json_array('company' || id || '.com'), 'created_at', NULL),
       json_object('name', name, 'lifecyclestage', 'customer', 'domain', 'company' || id || '.com'), '2026-01-01T00:00:00.000Z', 0
FROM entity WHERE object = 'customer' AND id >= 1000;
INSERT INTO record (stream, external_id, entity_id, state, facts, properties, seen_at, touched)
SELECT 'hubspot.contacts', parent_id, id, 'live',
       json_object('is', 'person', 'name', name, 'email', 'ann@company' || parent_id || '.com', 'accounts',
                   json_array(json_object('account', 'hubspot:company:' || parent_id, 'primary', json('true')))),
       json_object('email', 'ann@company' || parent_id || '.com', 'firstname', 'Ann'), '2026-01-01T00:00:00.000Z', 0
FROM entity WHERE object = 'contact' AND id >= 1000000;
INSERT INTO evidence (token, stream, external_id)
SELECT 'is:hubspot:company:' || external_id, stream, external_id FROM record WHERE stream = 'hubspot.companies'
UNION ALL SELECT 'domain:company' || external_id || '.com', stream, external_id FROM record WHERE stream = 'hubspot.companies'
UNION ALL SELECT 'email:ann@company' || external_id || '.com', stream, external_id FROM record WHERE stream = 'hubspot.contacts'
UNION ALL SELECT 'of:hubspot:company:' || external_id, stream, external_id FROM record WHERE stream = 'hubspot.contacts'
ON CONFLICT DO NOTHING;
INSERT OR IGNORE INTO mapping (stream, external_id, object, entity_id, pivotal_id, display_id, origin, state)
SELECT r.stream, r.external_id, e.object, e.id, e.pivotal_id, e.display_id, e.origin, 'live'
FROM record r JOIN entity e ON e.id = r.entity_id WHERE e.id >= 1000;
INSERT INTO operation (run_id, entity_id, object, verb, ref, name, changes, reason, state)
SELECT 1, id, object, 'create', 'x', name, '{}', 'new', 'done' FROM entity WHERE id >= 1000;
INSERT INTO attempt (operation_id, run_id, entity_id, method, path, intent, planned_at, outcome)
SELECT id, 1, entity_id, 'POST', '/customers', '{}', '2026-01-01T00:00:00.000Z', 'done' FROM operation WHERE entity_id >= 1000;
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people, not a verdict"]
async fn why_on_a_hundred_thousand_records() {
    let desk = Desk::with("").await;
    desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    let mut store = SqliteConnection::connect(&format!("sqlite://{}", desk.store().display())).await.unwrap();
    sqlx::raw_sql(FILL).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    for reference in [
        "hubspot:company:50000",
        "hubspot:contact:50000",
        "company50000.com",
        "ann@company50000.com",
        "pivotal:customer:50000",
        "pivotal:contact:50000",
        "cl-contact-50000",
        "acme.com",
    ] {
        let begun = Instant::now();
        let said = desk.ends(0, &format!("why {reference}")).await;
        assert!(said.text.contains("in Pivotal as"), "{}", said.text);
        println!("why {reference}: {:?}", begun.elapsed());
    }
    for reference in ["hubspot:company:1", "nobody.example", "nobody@nowhere.com", "pivotal:customer:7", "cl-nobody"] {
        let begun = Instant::now();
        desk.ends(1, &format!("why {reference}")).await;
        println!("why {reference} (not here): {:?}", begun.elapsed());
    }
}
