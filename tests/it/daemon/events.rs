//! Webhooks, the status page and the metrics of a running daemon.

use std::net::{SocketAddr, TcpListener};

use base64::Engine as _;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::{DealSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::Object;

use super::host::Host;
use crate::rig::{Rig, portal, text};

const SECRET: &str = "the-apps-secret";

/// An address nobody listens on just now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The rig's configuration with onboardings, and webhooks received there.
fn configure(rig: &Rig, listen: SocketAddr) {
    rig.configure("");
    let config = std::fs::read_to_string(rig.config()).unwrap();
    let config = config.replace("[onboardings]\nenabled = false", "[onboardings]");
    let webhooks =
        format!("[webhooks]\nenabled = true\nlisten = \"{listen}\"\npublic_url = \"https://sync.acme.com/hooks\"\n");
    std::fs::write(rig.config(), config + &webhooks).unwrap();
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Delivers events as HubSpot signs them (hubspot-api.md 9.1); answers with the status.
async fn deliver(to: SocketAddr, secret: &str, body: &str) -> u16 {
    let time = Utc::now().timestamp_millis().to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("POSThttps://sync.acme.com/hooks/hubspot{body}{time}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let post = client().post(format!("http://{to}/hubspot")).body(body.to_owned());
    let post = post.header("x-hubspot-request-timestamp", time).header("x-hubspot-signature-v3", signature);
    post.send().await.unwrap().status().as_u16()
}

fn changed(subject: &str, id: &str) -> String {
    format!(r#"[{{"eventId":1,"subscriptionType":"{subject}.propertyChange","objectId":{id},"propertyName":"x"}}]"#)
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = client().get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_won_deal_opens_its_onboarding_at_its_webhook() {
    let rig = Rig::with(portal(3, 0)).await;
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    let deal = rig.hubspot().add_deal(DealSeed {
        properties: text([("dealname", "Big one"), ("pipeline", "default"), ("dealstage", "contractsent")]),
        company: Some(company),
        created: Utc::now(),
    });
    let (webhooks, admin) = (free(), free());
    configure(&rig, webhooks);
    let (webhooks_admin, secret) = (admin.to_string(), ("HUBSPOT_CLIENT_SECRET", SECRET));
    let mut host = Host::start(&rig, &[("PIVOTAL_SYNC__ADMIN__LISTEN", &webhooks_admin), secret]);
    host.hear("READY=1");
    host.signal("USR1");
    host.hear("STATUS=Last sync complete");
    assert_eq!(rig.pivotal().visible(Object::Onboarding).count(), 0);

    let now = Utc::now().to_rfc3339();
    rig.hubspot().set_property(ObjectType::Deal, &deal, "dealstage", "closedwon").unwrap();
    rig.hubspot().set_property(ObjectType::Deal, &deal, "closedate", &now).unwrap();
    assert_eq!(deliver(webhooks, "somebody-elses-secret", &changed("deal", &deal)).await, 401);
    for _ in 0..3 {
        assert_eq!(deliver(webhooks, SECRET, &changed("deal", &deal)).await, 204, "duplicates are harmless");
    }
    host.hear("STATUS=Running sync for webhook");
    let told = host.hear("STATUS=Last sync complete");
    assert!(told.contains(": 1 created"), "{told}");
    assert_eq!(rig.pivotal().onboardings().len(), 1);

    assert_eq!(get(admin, "/healthz").await.0, 200);
    assert_eq!(get(admin, "/readyz").await.0, 200);
    let (status, metrics) = get(admin, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"pivotal_sync_webhook_deliveries_total{from="hubspot",outcome="taken"} 3"#,
        "pivotal_sync_ready 1",
        r#"pivotal_sync_objects{object="onboarding"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("pivotal_sync_requests_total"), "{metrics}");
    let (status, log) = host.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("Big one"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_in_the_middle_of_a_long_load_has_its_turn_at_once() {
    let rig = Rig::with(portal(120, 0)).await;
    let webhooks = free();
    configure(&rig, webhooks);
    let mut host = Host::start(&rig, &[("HUBSPOT_CLIENT_SECRET", SECRET)]);
    host.hear("READY=1");
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(400)).on("POST", "/").times(10_000));
    host.signal("USR1");
    host.hear("STATUS=Running sync for signal: written ");
    let last = rig.hubspot().ids(ObjectType::Company).last().unwrap();
    rig.hubspot().set_property(ObjectType::Company, &last, "name", "Urgent Inc").unwrap();
    assert_eq!(deliver(webhooks, SECRET, &changed("company", &last)).await, 204);
    while rig.pivotal().customer_with("name", "Urgent Inc").is_none() {
        assert!(rig.pivotal().customers().len() < 120, "it came last");
        tokio::task::yield_now().await;
    }
    rig.faults.clear();
    let told = host.hear("STATUS=Last sync complete");
    assert!(told.contains("120 created"), "{told}");
    assert_eq!(rig.pivotal().create_counts()[0], 120, "each once");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_exchanges_what_listens_and_keeps_the_old_where_the_new_cannot_be_had() {
    let rig = Rig::with(portal(1, 0)).await;
    let (first, second) = (free(), free());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&rig, first);
    let mut host = Host::start(&rig, &[("HUBSPOT_CLIENT_SECRET", SECRET)]);
    host.hear("READY=1");
    configure(&rig, taken.local_addr().unwrap());
    host.signal("HUP");
    let status = host.hear("STATUS=Idle; the configuration was refused");
    assert!(status.contains("webhooks.listen"), "{status}");
    assert_eq!(deliver(first, SECRET, &changed("company", "1")).await, 204);
    host.hear("STATUS=Last sync complete");
    configure(&rig, second);
    host.signal("HUP");
    host.hear("RELOADING=1");
    host.hear("READY=1");
    assert_eq!(deliver(second, SECRET, &changed("company", "1")).await, 204);
    assert!(client().get(format!("http://{first}/")).send().await.is_err(), "closed");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_touched_before_a_kill_is_read_at_the_next_start() {
    let rig = Rig::with(portal(2, 0)).await;
    let webhooks = free();
    configure(&rig, webhooks);
    let secret = [("HUBSPOT_CLIENT_SECRET", SECRET)];
    let mut host = Host::start(&rig, &secret);
    host.hear("READY=1");
    host.signal("USR1");
    host.hear("STATUS=Last sync complete");
    let id = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    assert_eq!(deliver(webhooks, SECRET, &changed("company", &id)).await, 204);
    // Events are gathered for two seconds before a run is asked for.
    host.signal("KILL");
    host.child.wait().unwrap();
    rig.hubspot().set_property(ObjectType::Company, &id, "name", "Renamed").unwrap();
    let mut host = Host::start(&rig, &secret);
    host.hear("STATUS=Running sync for webhook");
    let told = host.hear("STATUS=Last sync complete");
    assert!(told.contains("1 updated"), "{told}");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_right_after_an_event_loses_nothing() {
    read_across_a_reload(free()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reload_right_after_an_event_loses_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    read_across_a_reload(taken.local_addr().unwrap()).await;
}

/// An event, and at once a reload that has webhooks received elsewhere: what the event named is read.
async fn read_across_a_reload(then: SocketAddr) {
    let rig = Rig::with(portal(2, 0)).await;
    let webhooks = free();
    configure(&rig, webhooks);
    let mut host = Host::start(&rig, &[("HUBSPOT_CLIENT_SECRET", SECRET)]);
    host.hear("READY=1");
    host.signal("USR1");
    host.hear("STATUS=Last sync complete");
    configure(&rig, then);
    let id = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    rig.hubspot().set_property(ObjectType::Company, &id, "name", "Renamed").unwrap();
    // Events are gathered for two seconds before a run is asked for.
    assert_eq!(deliver(webhooks, SECRET, &changed("company", &id)).await, 204);
    host.signal("HUP");
    host.hear("STATUS=Running sync for webhook");
    let told = host.hear("STATUS=Last sync complete");
    assert!(told.contains("1 updated"), "{told}");
    assert_eq!(host.stop().0.code(), Some(0));
}
