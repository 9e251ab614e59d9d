//! The whole sandbox over real sockets.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::faults::{Effect, Fault};
use crate::sandbox::pivotal::Object;

fn client() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

async fn ask(method: Method, url: String, key: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = client().request(method, url).bearer_auth(key);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn get(url: String, key: &str) -> Value {
    let (status, body) = ask(Method::GET, url, key, None).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn tell(sandbox: &Sandbox, method: Method, path: &str, body: Option<Value>) -> Value {
    let (status, body) = ask(method, format!("{}{path}", sandbox.control_url()), "", body).await;
    assert!((200..300).contains(&status), "{path}: {status} {body}");
    body
}

async fn sandbox() -> Sandbox {
    Sandbox::start(Options { pivotal_limit: Some(600), ..Options::default() }).await.expect("a sandbox")
}

#[tokio::test]
async fn three_servers_answer_with_their_keys_and_nothing_else_does() {
    let sandbox = sandbox().await;
    let me = get(format!("{}/me", sandbox.pivotal_url()), PIVOTAL_KEY).await;
    assert_eq!(me["organization"]["slug"], json!(WORKSPACE));
    let companies =
        get(format!("{}/crm/objects/2026-09/companies?limit=100", sandbox.hubspot_url()), HUBSPOT_TOKEN).await;
    assert_eq!(companies["results"].as_array().map(Vec::len), Some(40));
    let customers = get(format!("{}/v1/customers?limit=100", sandbox.stripe_url()), STRIPE_KEY).await;
    assert!(customers["data"].as_array().map_or(0, Vec::len) >= 25);
    for url in [sandbox.pivotal_url() + "/me", sandbox.stripe_url() + "/v1/customers"] {
        assert_eq!(ask(Method::GET, url, "wrong", None).await.0, 401);
    }
    let apis: Vec<&str> = sandbox.log.entries().iter().map(|entry| entry.api).collect();
    assert_eq!(apis, ["pivotal", "hubspot", "stripe", "pivotal", "stripe"]);
    assert_eq!(sandbox.log.count("GET", "/v1/customers"), 2);
}

#[tokio::test]
async fn the_desk_shows_and_clears_the_log_and_hides_itself() {
    let sandbox = sandbox().await;
    let body = json!({ "name": "Aurora" });
    ask(Method::POST, format!("{}/customers?x=1", sandbox.pivotal_url()), PIVOTAL_KEY, Some(body.clone())).await;
    get(format!("{}/v1/customers", sandbox.stripe_url()), STRIPE_KEY).await;
    let log = tell(&sandbox, Method::GET, "/log?api=pivotal", None).await;
    assert_eq!(log.as_array().map(Vec::len), Some(1));
    assert_eq!((&log[0]["path"], &log[0]["status"]), (&json!("/api/v1/customers?x=1"), &json!(201)));
    assert_eq!(log[0]["body"], json!(body.to_string()));
    tell(&sandbox, Method::DELETE, "/log", None).await;
    assert_eq!(tell(&sandbox, Method::GET, "/log", None).await, json!([]));
}

#[tokio::test]
async fn the_desk_injects_faults_into_any_api_and_takes_them_back() {
    let sandbox = sandbox().await;
    let fault = json!([{ "api": "stripe", "effect": "drop_after" }, { "api": "hubspot", "effect": { "status": 500 } }]);
    tell(&sandbox, Method::POST, "/faults", Some(fault)).await;
    let stripe = client().get(format!("{}/v1/customers", sandbox.stripe_url())).bearer_auth(STRIPE_KEY);
    assert!(stripe.send().await.expect_err("a reset").is_request());
    let companies = format!("{}/crm/objects/2026-09/companies", sandbox.hubspot_url());
    let (status, body) = ask(Method::GET, companies.clone(), HUBSPOT_TOKEN, None).await;
    assert_eq!((status, &body["status"]), (500, &json!("error")));
    tell(&sandbox, Method::POST, "/faults", Some(json!({ "api": "hubspot", "effect": "truncate" }))).await;
    tell(&sandbox, Method::DELETE, "/faults", None).await;
    get(companies, HUBSPOT_TOKEN).await;
}

#[tokio::test]
async fn the_desk_revokes_the_key_and_shows_what_is_in_pivotal() {
    let sandbox = sandbox().await;
    let customers = tell(&sandbox, Method::GET, "/pivotal/customers", None).await;
    assert_eq!(customers.as_array().map(Vec::len), Some(2));
    assert!(customers[0]["hubspot_company_id"].is_string() && customers[1]["hubspot_company_id"].is_null());
    assert_eq!((&customers[0]["deleted"], &customers[0]["by_api"]), (&json!(false), &json!(false)));
    assert_eq!(tell(&sandbox, Method::GET, "/pivotal/contacts", None).await.as_array().map(Vec::len), Some(2));
    assert_eq!(tell(&sandbox, Method::GET, "/pivotal/onboardings", None).await, json!([]));
    tell(&sandbox, Method::POST, "/pivotal/revoke-key", None).await;
    let me = format!("{}/me", sandbox.pivotal_url());
    assert_eq!(ask(Method::GET, me.clone(), PIVOTAL_KEY, None).await.0, 401);
    tell(&sandbox, Method::POST, "/pivotal/restore-key", None).await;
    get(me, PIVOTAL_KEY).await;
}

#[tokio::test]
async fn the_desk_turns_switches_and_the_limit() {
    let sandbox = sandbox().await;
    let url = format!("{}/customers", sandbox.pivotal_url());
    tell(&sandbox, Method::PUT, "/pivotal/switches", Some(json!({ "list_limit": 1, "rate_window": 1000 }))).await;
    assert_eq!(get(url.clone(), PIVOTAL_KEY).await["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(sandbox.pivotal().switches.rate_window.as_millis(), 1000);
    tell(&sandbox, Method::POST, "/pivotal/limit", Some(json!({ "per_minute": 1 }))).await;
    assert_eq!(ask(Method::GET, url, PIVOTAL_KEY, None).await.0, 429);
}

#[tokio::test]
async fn the_desk_changes_what_people_change() {
    let sandbox = sandbox().await;
    let change = async |body: Value| tell(&sandbox, Method::POST, "/change", Some(body)).await;
    let company = sandbox.hubspot().ids(hubspot::ObjectType::Company).next().expect("a company");
    let url = |id: &str| format!("{}/crm/objects/2026-09/companies/{id}?properties=name,domain", sandbox.hubspot_url());
    change(json!({ "change": "rename-company", "id": company, "name": "Renamed" })).await;
    assert_eq!(get(url(&company), HUBSPOT_TOKEN).await["properties"]["name"], json!("Renamed"));
    let made = change(json!({
        "change": "new-company", "name": "Fresh", "domain": "fresh.io",
        "contacts": [{ "firstname": "Ann", "lastname": "Lee", "email": "ann@fresh.io" }],
    }))
    .await;
    let fresh = made["id"].as_str().expect("an id");
    assert_eq!(get(url(fresh), HUBSPOT_TOKEN).await["properties"]["domain"], json!("fresh.io"));
    change(json!({ "change": "move-contact", "id": made["contacts"][0], "company": company })).await;
    change(json!({ "change": "edit-contact", "id": made["contacts"][0], "property": "jobtitle", "value": "CTO" }))
        .await;
    let won = change(json!({ "change": "win-deal", "company": company, "name": "Big one" })).await;
    change(json!({ "change": "move-deal", "id": won["id"], "company": fresh })).await;
    // Ids are taken as numbers, too.
    change(json!({ "change": "archive-company", "id": fresh.parse::<u64>().expect("a number") })).await;
    assert_eq!(ask(Method::GET, url(fresh), HUBSPOT_TOKEN, None).await.0, 404);
    let customer = sandbox.stripe().customer_ids().next().expect("a customer");
    change(json!({ "change": "delete-stripe-customer", "id": customer })).await;
    let gone = get(format!("{}/v1/customers/{customer}", sandbox.stripe_url()), STRIPE_KEY).await;
    assert_eq!(gone["deleted"], json!(true));
    change(json!({ "change": "edit-customer", "id": 1, "field": "plan", "value": "by hand" })).await;
    assert_eq!(sandbox.pivotal().customers()[0].text("plan"), Some("by hand"));
    let nobody = json!({ "change": "rename-company", "id": "1", "name": "X" });
    assert_eq!(ask(Method::POST, format!("{}/change", sandbox.control_url()), "", Some(nobody)).await.0, 404);
}

#[tokio::test]
async fn it_takes_fixed_ports_and_gives_them_back() {
    let first = sandbox().await;
    let address = first.addresses[2];
    let ports = Ports { pivotal: address.port(), ..Ports::default() };
    let options = Options { size: 0, ports, ..Options::default() };
    assert!(matches!(Sandbox::start(options.clone()).await, Err(SandboxError::Bind { .. })));
    first.stop().await;
    let second = Sandbox::start(options).await.expect("the port is free again");
    assert_eq!(second.pivotal_url(), format!("http://{address}/api/v1"));
    assert_eq!(second.pivotal().visible(Object::Customer).count(), 0);
}

#[tokio::test]
async fn a_write_dropped_after_its_commit_is_there_when_asked_again() {
    let sandbox = sandbox().await;
    sandbox.faults.inject(Fault::next("pivotal", Effect::DropAfter).on("POST", "/api/v1/customers"));
    let url = format!("{}/customers", sandbox.pivotal_url());
    let send = client().post(&url).bearer_auth(PIVOTAL_KEY).body(r#"{"name":"Aurora"}"#).send();
    assert!(send.await.expect_err("a reset").is_request());
    assert!(sandbox.pivotal().customer_with("name", "Aurora").is_some());
    assert_eq!(sandbox.pivotal().create_counts(), [1, 0, 0]);
}
