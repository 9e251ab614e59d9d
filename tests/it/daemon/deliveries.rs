//! What Stripe and Pivotal deliver to a running daemon. HubSpot's deliveries: see `events`.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use base64::Engine as _;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::host::Host;
use crate::desk::{BY_COMPANY, BY_PAYER, Desk};
use crate::rig::{KEYS, binary};

const STRIPE: &str = "whsec_stripe";
/// base64 of `pivotal`
const PIVOTAL: &str = "whsec_cGl2b3RhbA==";

fn mac(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

async fn post(to: SocketAddr, path: &str, headers: &[(&str, String)], body: String) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{to}{path}")).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.send().await.unwrap().status().as_u16()
}

/// As Stripe signs it (stripe-api.md 12).
async fn by_stripe(to: SocketAddr, event: Value) -> u16 {
    let (time, body) = (Utc::now().timestamp(), event.to_string());
    let signature = hex::encode(mac(STRIPE, &format!("{time}.{body}")));
    post(to, "/stripe", &[("stripe-signature", format!("t={time},v1={signature}"))], body).await
}

/// As Svix signs it for Pivotal (pivotal-api.md 11).
async fn by_pivotal(to: SocketAddr, event: Value) -> u16 {
    let (time, body) = (Utc::now().timestamp(), event.to_string());
    let signature = mac("pivotal", &format!("msg_1.{time}.{body}"));
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    let headers = [
        ("svix-id", "msg_1".to_owned()),
        ("svix-timestamp", time.to_string()),
        ("svix-signature", format!("v1,{signature}")),
    ];
    post(to, "/pivotal", &headers, body).await
}

/// The desk's daemon, after a first sync, and where it takes deliveries in.
fn daemon(desk: &Desk) -> (Host, SocketAddr) {
    let webhooks = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let more = format!(
        "{}[webhooks]\nenabled = true\nlisten = \"{webhooks}\"\npublic_url = \"https://sync.acme.com\"\n",
        desk.configuration()
    );
    std::fs::write(desk.folder.path().join("config.toml"), more).unwrap();
    let mut command = Command::new(binary());
    command.args(["--config", "config.toml", "run"]).current_dir(desk.folder.path()).env_clear().envs(KEYS);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let secrets = [("STRIPE_WEBHOOK_SECRET", STRIPE), ("PIVOTAL_WEBHOOK_SECRET", PIVOTAL)];
    let mut host = Host::start_as(command, desk.folder.path(), &secrets);
    host.hear("READY=1");
    host.signal("USR1");
    host.hear("STATUS=Last sync complete");
    (host, webhooks)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_renamed_at_stripe_is_renamed_in_pivotal_at_its_webhook() {
    let desk = Desk::with("").await;
    let payer = desk.payer("Payer Ltd", "billing@payer.com");
    let (mut host, webhooks) = daemon(&desk);
    assert!(desk.customer(BY_PAYER, &payer).is_some());
    let id = payer.rsplit(':').next().unwrap();
    desk.sandbox.stripe().update_customer(id, |customer| customer.name = Some("Renamed Ltd".to_owned())).unwrap();
    let event = json!({ "id": "evt_1", "type": "customer.updated", "created": Utc::now().timestamp(),
        "data": { "object": { "id": id, "object": "customer" } } });
    for _ in 0..2 {
        assert_eq!(by_stripe(webhooks, event.clone()).await, 204, "duplicates are harmless");
    }
    host.hear("STATUS=Running sync for webhook");
    let told = host.hear("STATUS=Last sync complete");
    assert!(told.contains(": 1 updated"), "{told}");
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().1["name"], "Renamed Ltd");
    let (status, log) = host.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains(STRIPE) && !log.contains("Renamed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_nothing_is_taken_in_and_nothing_is_written() {
    let desk = Desk::with("").await;
    let payer = desk.payer("Payer Ltd", "billing@payer.com");
    let (host, webhooks) = daemon(&desk);
    desk.lose_store();
    let id = payer.rsplit(':').next().unwrap();
    desk.sandbox.stripe().update_customer(id, |customer| customer.name = Some("Renamed Ltd".to_owned())).unwrap();
    let event = json!({ "id": "evt_1", "type": "customer.updated", "created": Utc::now().timestamp(),
        "data": { "object": { "id": id, "object": "customer" } } });
    assert_eq!(by_stripe(webhooks, event.clone()).await, 503, "Stripe delivers it again");
    desk.sandbox.log.clear();
    // Without its store a plan would begin anew.
    let said = desk.run_alone(&["sync"]).await;
    assert!(said.code == 1 && said.text.contains("was deleted or exchanged while it was in use"), "{}", said.text);
    assert_eq!((desk.writes(), desk.store().exists()), (0, false));
    let (_, log) = host.stop();
    assert!(log.contains("was deleted or exchanged while it was in use"), "{log}");

    // It finds what it made again, and makes nothing twice.
    let (host, webhooks) = daemon(&desk);
    assert_eq!(by_stripe(webhooks, event).await, 204);
    host.stop();
    assert_eq!(
        (desk.customers(), desk.customer(BY_PAYER, &payer).unwrap().1["name"].clone()),
        (1, json!("Renamed Ltd"))
    );
}

/// pivotal-api.md 11: events name no actor, so our own writes come back as well.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_pivotal_is_marked_for_the_next_audit_and_our_own_write_is_not() {
    let desk = Desk::with("[schedule]\naudit = \"0 0 0 29 2 *\"\n").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let (mut host, webhooks) = daemon(&desk);
    let event = |company: &str, name: &str| {
        let (_, row) = desk.customer(BY_COMPANY, company).unwrap();
        let object = json!({ "object": "customer", "id": row["id"], "name": name });
        json!({ "id": "evt_1", "type": "customer.updated", "created_at": Utc::now().to_rfc3339(),
            "data": { "object": object, "previous_attributes": { "name": "Before" } } })
    };
    assert_eq!(by_pivotal(webhooks, event(&beta, "Beta")).await, 204);
    assert_eq!(marks(&desk).await, json!([]), "an echo of what was written");
    desk.edit(&acme, "name", "By hand");
    assert_eq!(by_pivotal(webhooks, event(&acme, "By hand")).await, 204);
    let (_, row) = desk.customer(BY_COMPANY, &acme).unwrap();
    assert_eq!(marks(&desk).await[0]["pivotal_id"], row["id"]);
    // The audit, whenever it comes, looks there first, and then has nothing left to look at.
    let config = std::fs::read_to_string(desk.folder.path().join("config.toml")).unwrap();
    let often = config.replace("0 0 0 29 2 *", "* * * * * *");
    std::fs::write(desk.folder.path().join("config.toml"), often).unwrap();
    host.signal("HUP");
    host.hear("STATUS=Last audit");
    assert_eq!(marks(&desk).await, json!([]));
    let status = desk.run(&["status"]).await;
    assert!(status.text.contains("By hand"), "{}", status.text);
    assert_eq!(host.stop().0.code(), Some(0));
}

/// What Pivotal's events marked for the next audit.
async fn marks(desk: &Desk) -> Value {
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(desk.folder.path().join("state.db")).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let kept: Option<String> =
        sqlx::query_scalar("SELECT value FROM fact WHERE name = 'drift'").fetch_optional(&pool).await.unwrap();
    pool.close().await;
    kept.map_or(json!([]), |kept| serde_json::from_str(&kept).unwrap())
}
