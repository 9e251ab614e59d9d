//! A plan against the sandbox's log: what was announced is what was called, no more and no less.

use pivotal_sync::sandbox::log::Entry;
use pivotal_sync::sandbox::pivotal::{Object, World};
use serde_json::{Map, Value, json};

/// A write: method, path below the API's root, body.
type Call = (String, String, String);

/// Fails unless the writes of a log are exactly those that a plan, as `plan --json` prints it, announced. The order is free:
/// several are in flight at once. `pivotal` is asked for the ids of customers that the plan was about to create.
pub fn assert_as_planned(plan: &Value, log: &[Entry], pivotal: &World) {
    let (announced, called) = sorted(plan, log, pivotal);
    assert_eq!(called, announced, "what was called is not what was planned");
}

/// Fails if a log has a write that a plan did not announce.
pub fn assert_none_but_planned(plan: &Value, log: &[Entry], pivotal: &World) {
    let (announced, called) = sorted(plan, log, pivotal);
    for call in &called {
        assert!(announced.contains(call), "{call:?} was not planned: {announced:?}");
    }
}

/// What was announced, and what was called.
fn sorted(plan: &Value, log: &[Entry], pivotal: &World) -> (Vec<Call>, Vec<Call>) {
    let operations = plan.as_array().map(Vec::as_slice).unwrap_or_default();
    let writes: Vec<&Entry> = log.iter().filter(|entry| entry.api == "pivotal" && entry.method != "GET").collect();
    let mut announced: Vec<Call> =
        operations.iter().filter_map(|o| announced(o, operations, &writes, pivotal)).collect();
    let news = writes.iter().filter(|entry| !goes_round(entry, &writes, pivotal));
    let mut called: Vec<Call> = news.map(|entry| called(entry, &announced)).collect();
    announced.sort();
    called.sort();
    (announced, called)
}

/// The call one operation announces; none when it is held back, or an adoption that agrees already.
fn announced(operation: &Value, all: &[Value], writes: &[&Entry], pivotal: &World) -> Option<Call> {
    if operation.get("standing").is_some() {
        return None;
    }
    let changes = operation["changes"].as_object().unwrap();
    let mut body = Map::new();
    for (field, change) in changes {
        match field.strip_prefix("metadata.") {
            Some(key) => {
                let metadata = body.entry("metadata").or_insert_with(|| json!({}));
                metadata[key] = change["to"].clone();
            }
            None => drop(body.insert(field.clone(), change["to"].clone())),
        }
    }
    let object = operation["object"].as_str().unwrap();
    let own = || format!("/{object}s/{}", operation["pivotal_id"].as_str().unwrap());
    match operation["op"].as_str().unwrap() {
        "adopt" if changes.is_empty() => None,
        "adopt" | "update" => Some(("PATCH".to_owned(), own(), text(body))),
        "delete" => Some(("DELETE".to_owned(), own(), String::new())),
        "create" => {
            let customer = match operation.get("customer") {
                // What goes under a customer that was refused waits for it.
                Some(name) => Some(customer_id(name.as_str().unwrap(), all, writes, pivotal)?),
                None => None,
            };
            let path = match (object, customer) {
                ("contact", Some(customer)) => format!("/customers/{customer}/contacts"),
                (_, Some(customer)) => {
                    body.insert("customer_id".to_owned(), customer.into());
                    format!("/{object}s")
                }
                (_, None) => format!("/{object}s"),
            };
            Some(("POST".to_owned(), path, text(body)))
        }
        other => panic!("no call is known for {other}"),
    }
}

/// Whether a call tries a customer's slug again with an ending, because one that is deleted keeps it (pivotal-api.md 10.1): no
/// plan can see that. Who is there with the slug is no excuse.
fn goes_round(entry: &Entry, writes: &[&Entry], pivotal: &World) -> bool {
    let parts = |entry: &Entry| {
        let Some(Value::Object(mut body)) = serde_json::from_str(entry.body.as_deref()?).ok() else { return None };
        let slug = body.remove("slug")?.as_str()?.to_owned();
        (entry.method == "POST" && entry.path == "/api/v1/customers").then_some((slug, body))
    };
    let Some((slug, body)) = parts(entry) else { return false };
    let mut refused = writes.iter().filter(|other| other.status == 409).filter_map(|other| parts(other));
    refused.any(|(first, same)| {
        let seen = pivotal.visible(Object::Customer).any(|row| row.text("slug") == Some(&first));
        same == body && !seen && slug.strip_prefix(&first).is_some_and(|ending| ending.starts_with('-'))
    })
}

/// A call as it was made. Metadata is sent whole, and a plan names those keys alone that it changes: of the rest, which is
/// others', a change says nothing.
fn called(entry: &Entry, announced: &[Call]) -> Call {
    let path = entry.path.replace("/api/v1", "");
    let Some(Value::Object(mut body)) = entry.body.as_deref().map(|body| serde_json::from_str(body).unwrap()) else {
        return (entry.method.clone(), path, entry.body.clone().unwrap_or_default());
    };
    let planned = announced.iter().find(|(method, own, _)| (method.as_str(), own) == ("PATCH", &path));
    let planned = planned.and_then(|(.., body)| serde_json::from_str::<Value>(body).ok());
    let keys = planned.as_ref().and_then(|planned| planned["metadata"].as_object());
    if let (Some(keys), Some(Value::Object(sent))) = (keys, body.get_mut("metadata")) {
        sent.retain(|key, _| keys.contains_key(key));
        keys.iter().filter(|(_, to)| to.is_null()).for_each(|(key, _)| {
            sent.entry(key).or_insert(Value::Null);
        });
    }
    (entry.method.clone(), path, text(body))
}

fn text(body: Map<String, Value>) -> String {
    Value::Object(body).to_string()
}

/// A customer's id, where the plan could only name the record it would be created from; none where Pivotal refused it.
fn customer_id(name: &str, all: &[Value], writes: &[&Entry], pivotal: &World) -> Option<String> {
    let made = all.iter().find(|o| o["object"] == "customer" && o["op"] == "create" && o["ref"] == name);
    let Some(made) = made else { return Some(name.to_owned()) };
    let ids = ["hubspot_company_id", "stripe_customer_id"].map(|field| (field, made["changes"][field]["to"].as_str()));
    let found = ids.iter().find_map(|(field, id)| pivotal.customer_with(field, (*id)?));
    let refused = || {
        let posts = writes.iter().filter(|entry| entry.method == "POST" && entry.path == "/api/v1/customers");
        let body = posts.filter(|entry| entry.status >= 400).filter_map(|entry| entry.body.as_deref());
        let mut bodies = body.map(|body| serde_json::from_str::<Value>(body).unwrap());
        bodies.any(|body| ids.iter().any(|(field, id)| id.is_some() && body[*field].as_str() == *id))
    };
    assert!(found.is_some() || refused(), "{name} was not created");
    Some(found?.id.clone())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use pivotal_sync::sandbox::pivotal::Clock;

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
