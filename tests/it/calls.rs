//! A plan against the sandbox's log: what was announced is what was called, no more and no less.

use std::collections::BTreeMap;

use pivotal_sync::sandbox::log::Entry;
use pivotal_sync::sandbox::pivotal::World;
use serde_json::{Map, Value};

/// A write: method, path below the API's root, body.
type Call = (String, String, String);

/// Fails unless the writes of a log are exactly those that a plan, as `plan --json` prints it, announced. The order is free:
/// several are in flight at once. `pivotal` is asked for the ids of customers that the plan was about to create.
pub fn assert_as_planned(plan: &Value, log: &[Entry], pivotal: &World) {
    let operations = plan.as_array().unwrap();
    let mut announced: Vec<Call> = operations.iter().filter_map(|o| announced(o, operations, pivotal)).collect();
    let writes = log.iter().filter(|entry| entry.api == "pivotal" && entry.method != "GET");
    let mut called: Vec<Call> = writes
        .map(|entry| (entry.method.clone(), entry.path.replace("/api/v1", ""), entry.body.clone().unwrap_or_default()))
        .collect();
    announced.sort();
    called.sort();
    assert_eq!(called, announced, "what was called is not what was planned");
}

/// The call one operation announces; none when it is held back, or an adoption that agrees already.
fn announced(operation: &Value, all: &[Value], pivotal: &World) -> Option<Call> {
    if operation.get("standing").is_some() {
        return None;
    }
    let changes = operation["changes"].as_object().unwrap();
    let mut body: BTreeMap<&str, Value> =
        changes.iter().map(|(k, change)| (k.as_str(), change["to"].clone())).collect();
    let object = operation["object"].as_str().unwrap();
    let own = || format!("/{object}s/{}", operation["pivotal_id"].as_str().unwrap());
    match operation["op"].as_str().unwrap() {
        "adopt" if changes.is_empty() => None,
        "adopt" | "update" => Some(("PATCH".to_owned(), own(), text(&body))),
        "delete" => Some(("DELETE".to_owned(), own(), String::new())),
        "create" => {
            let customer = operation.get("customer").map(|name| customer_id(name.as_str().unwrap(), all, pivotal));
            let path = match (object, customer) {
                ("contact", Some(customer)) => format!("/customers/{customer}/contacts"),
                (_, Some(customer)) => {
                    body.insert("customer_id", customer.into());
                    format!("/{object}s")
                }
                (_, None) => format!("/{object}s"),
            };
            Some(("POST".to_owned(), path, text(&body)))
        }
        other => panic!("no call is known for {other}"),
    }
}

fn text(body: &BTreeMap<&str, Value>) -> String {
    let body: Map<String, Value> = body.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Value::Object(body).to_string()
}

/// A customer's id, where the plan could only name the record it would be created from.
fn customer_id(name: &str, all: &[Value], pivotal: &World) -> String {
    let made = all.iter().find(|o| o["object"] == "customer" && o["op"] == "create" && o["ref"] == name);
    let Some(made) = made else { return name.to_owned() };
    let found = ["hubspot_company_id", "stripe_customer_id"]
        .iter()
        .find_map(|field| pivotal.customer_with(field, made["changes"][*field]["to"].as_str()?));
    found.unwrap_or_else(|| panic!("{name} was not created")).id.clone()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use pivotal_sync::sandbox::pivotal::Clock;
    use serde_json::json;

    use super::*;

    fn sent(body: &str) -> Entry {
        Entry {
            at: Utc::now(),
            api: "pivotal",
            method: "PATCH".into(),
            path: "/api/v1/customers/c1".into(),
            body: Some(body.into()),
            idempotency_key: None,
            status: 200,
        }
    }

    #[test]
    fn one_call_too_many_too_few_or_different_is_seen() {
        let world = World::new("acme", Clock::running(Utc::now()), 1);
        let change = json!({ "name": { "from": "A", "to": "B" } });
        let plan = json!([{ "op": "update", "object": "customer", "pivotal_id": "c1", "changes": change }]);
        let good = sent(r#"{"name":"B"}"#);
        assert_as_planned(&plan, std::slice::from_ref(&good), &world);
        for log in [vec![], vec![good.clone(), good], vec![sent(r#"{"name":"C"}"#)]] {
            let seen =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| assert_as_planned(&plan, &log, &world)));
            assert!(seen.is_err(), "{log:?}");
        }
    }
}
