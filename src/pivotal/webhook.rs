//! What a Pivotal delivery says was changed (pivotal-api.md 11). Pure. It is a mark, not a truth: contacts tell only of their
//! creation and nothing tells of a deletion, so the walk stays what counts.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::domain::{Fields, Kind, PivotalId, Timestamp, Value};

use super::wire;

/// What a person is told of a body that is no event. Never quotes it: it may hold anybody's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no Pivotal event of a known shape")]
pub struct NoEvent;

/// One change of one object, as Pivotal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which kind of object.
    pub kind: Kind,
    /// The object.
    pub id: PivotalId,
    /// What it says now.
    pub fields: Fields,
    /// The fields that were changed, where the event says so.
    pub changed: Option<BTreeSet<String>>,
    /// When it happened; not when it was delivered.
    pub at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "timestamp")]
    created_at: Option<String>,
    #[serde(default)]
    data: Map<String, Json>,
}

/// What changed; `None` for events about nothing that is kept here, e.g. tasks and pings.
///
/// # Errors
/// When the body is no event.
pub fn told(body: &[u8]) -> Result<Option<Told>, NoEvent> {
    let event: Envelope = serde_json::from_slice(body).map_err(|_| NoEvent)?;
    let Some((kind, _)) = event.kind.split_once('.').and_then(|(noun, what)| Some((noun.parse().ok()?, what))) else {
        return Ok(None);
    };
    // The envelope's page wraps the record, product help says that `data` is the record; a record's own `object` is a word.
    let record = event.data.get("object").and_then(Json::as_object).unwrap_or(&event.data);
    let Ok(object) = wire::object(kind, None, record) else { return Ok(None) };
    let previous = event.data.get("previous_attributes").and_then(Json::as_object);
    let mut fields = object.fields;
    if record.get("object").is_none_or(|word| !word.is_string()) {
        fields.0.remove("previous_attributes");
    }
    if event.kind == "customer.archived" {
        // Said by the type, whatever the rendered record still says.
        fields.set("status", Value::text("archived"));
    }
    let mut changed: Option<BTreeSet<String>> = previous.map(|names| names.keys().cloned().collect());
    if let (Some(changed), "customer.archived") = (&mut changed, event.kind.as_str()) {
        changed.insert("status".to_owned());
    }
    Ok(Some(Told { kind, id: object.id, fields, changed, at: event.created_at.as_deref().and_then(wire::instant) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: &Json) -> Option<Told> {
        let body = json!({"id": "evt_1", "type": kind, "created_at": "2026-11-25T10:00:00Z", "org_id": "org_1",
            "livemode": true, "api_version": "v1", "data": data});
        told(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_event_names_its_object_and_what_changed_11() {
        let told = event(
            "customer.updated",
            &json!({"object": {"object": "customer", "id": "cus_1", "name": "Acme", "health_score": 80},
                "previous_attributes": {"name": "Acme Inc"}}),
        )
        .unwrap();
        assert_eq!((told.kind, told.id.as_str()), (Kind::Customer, "cus_1"));
        assert_eq!(told.fields.text("name"), Some("Acme"));
        assert_eq!(told.changed, Some(BTreeSet::from(["name".to_owned()])));
        assert_eq!(told.at.map(|at| at.timestamp()), Some(1_795_600_800));
    }

    #[test]
    fn the_record_may_be_the_data_itself_conflict_of_11() {
        let told = event("onboarding.phase_changed", &json!({"object": "onboarding", "id": "onb_1", "phase": "uat"}));
        let told = told.unwrap();
        assert_eq!((told.kind, told.id.as_str(), told.fields.text("phase")), (Kind::Onboarding, "onb_1", Some("uat")));
        assert_eq!(told.changed, None);
    }

    #[test]
    fn an_archived_customer_says_so_even_if_its_record_does_not() {
        let told =
            event("customer.archived", &json!({"object": {"id": "cus_1"}, "previous_attributes": null})).unwrap();
        assert_eq!((told.fields.text("status"), told.changed), (Some("archived"), None));
    }

    #[test]
    fn what_is_not_kept_here_is_nothing() {
        for kind in ["webhook.ping", "task.completed", "phase.changed", "customer", "invented"] {
            assert_eq!(event(kind, &json!({"object": {"id": "x_1"}})), None, "{kind}");
        }
        for data in [json!({}), json!({"object": {}}), json!({"object": {"id": 7}}), json!({"object": {"id": ""}})] {
            assert_eq!(event("customer.updated", &data), None, "{data}");
        }
        for body in ["", "[]", "{}", "7"] {
            assert_eq!(told(body.as_bytes()), Err(NoEvent), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = told(&bytes);
        }
    }
}
