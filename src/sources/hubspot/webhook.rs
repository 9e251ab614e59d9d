//! Which records a HubSpot delivery speaks of (hubspot-api.md 9.1). Pure: bytes to keys. What an event says of a record is not
//! believed: it is the name of something to be read.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::domain::{SourceKey, Stream};

/// What a person is told of a body that is no delivery. Never quotes it: it may hold anybody's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no JSON list of HubSpot events")]
pub struct NoDelivery;

/// The records touched, each once, in order. Events of other kinds of records touch nothing, nor does an event that cannot be
/// read: the others of its delivery still count.
///
/// # Errors
/// When the body is neither a list of events nor one event.
pub fn touched(body: &[u8]) -> Result<Vec<SourceKey>, NoDelivery> {
    let events = match serde_json::from_slice(body) {
        Ok(Json::Array(events)) => events,
        Ok(event @ Json::Object(_)) => vec![event],
        Ok(_) | Err(_) => return Err(NoDelivery),
    };
    let mut keys = BTreeSet::new();
    for event in events.iter().filter_map(Json::as_object) {
        keys.extend(named(event));
    }
    Ok(keys.into_iter().collect())
}

/// The records one event names.
fn named(event: &Map<String, Json>) -> Vec<SourceKey> {
    let Some((subject, what)) = event.get("subscriptionType").and_then(Json::as_str).and_then(|t| t.split_once('.'))
    else {
        return Vec::new();
    };
    let generic = |field: &str| event.get(field).and_then(Json::as_str).and_then(stream);
    let own = || if subject == "object" { generic("objectTypeId") } else { stream(subject) };
    let key = |stream: Option<Stream>, field: &str| Some(SourceKey::new(stream?, id(event.get(field)?)?));
    match what {
        "creation" | "propertyChange" | "deletion" | "restore" | "privacyDeletion" => {
            key(own(), "objectId").into_iter().collect()
        }
        // All that took part: whichever of them lives on is found by reading (trap 10).
        "merge" => {
            let own = own();
            let named = ["objectId", "primaryObjectId", "newObjectId"].into_iter().filter_map(|field| key(own, field));
            let merged = event.get("mergedObjectIds").and_then(Json::as_array).into_iter().flatten().filter_map(id);
            named.chain(merged.filter_map(|id| Some(SourceKey::new(own?, id)))).collect()
        }
        // Both ends: a link moves without moving the stamp of either (trap 12).
        "associationChange" => {
            let (from, to) = event
                .get("associationType")
                .and_then(Json::as_str)
                .and_then(|kind| kind.split_once("_TO_"))
                .map_or((None, None), |(from, to)| (stream(&from.to_lowercase()), stream(&to.to_lowercase())));
            let from = generic("fromObjectTypeId").or(from).or_else(own);
            let to = generic("toObjectTypeId").or(to);
            [key(from, "fromObjectId"), key(to, "toObjectId")].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// The stream of a kind of record, by its word or its type id (hubspot-api.md 1).
fn stream(kind: &str) -> Option<Stream> {
    match kind {
        "company" | "0-2" => Some(Stream::HubspotCompanies),
        "contact" | "0-1" => Some(Stream::HubspotContacts),
        "deal" | "0-3" => Some(Stream::HubspotDeals),
        _ => None,
    }
}

/// An id, which events give as a number and records as text.
fn id(json: &Json) -> Option<String> {
    match json {
        Json::Number(number) => number.as_u64().map(|id| id.to_string()),
        Json::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn keys(body: &Json) -> Vec<String> {
        touched(body.to_string().as_bytes()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn events_name_what_is_to_be_read_9_1() {
        for (event, expected) in [
            (
                json!({"subscriptionType": "company.propertyChange", "objectId": 123, "propertyName": "name",
                "propertyValue": "Acme", "isSensitive": false, "eventId": 1, "attemptNumber": 3}),
                vec!["hubspot:company:123"],
            ),
            (json!({"subscriptionType": "contact.creation", "objectId": "51"}), vec!["hubspot:contact:51"]),
            (json!({"subscriptionType": "contact.privacyDeletion", "objectId": 51}), vec!["hubspot:contact:51"]),
            (json!({"subscriptionType": "deal.deletion", "objectId": 7}), vec!["hubspot:deal:7"]),
            (json!({"subscriptionType": "company.restore", "objectId": 7}), vec!["hubspot:company:7"]),
            (
                json!({"subscriptionType": "object.propertyChange", "objectTypeId": "0-3", "objectId": 9}),
                vec!["hubspot:deal:9"],
            ),
            (json!({"subscriptionType": "object.creation", "objectTypeId": "2-4711", "objectId": 9}), vec![]),
            (json!({"subscriptionType": "ticket.creation", "objectId": 9}), vec![]),
            (json!({"subscriptionType": "company.invented", "objectId": 9}), vec![]),
            (json!({"subscriptionType": "company", "objectId": 9}), vec![]),
            (json!({"subscriptionType": "company.creation", "objectId": -9}), vec![]),
            (json!({"subscriptionType": "company.creation", "objectId": {"id": 9}}), vec![]),
            (json!({"subscriptionType": "company.creation"}), vec![]),
        ] {
            assert_eq!(keys(&json!([event])), expected, "{event}");
        }
    }

    #[test]
    fn a_merge_names_all_that_took_part_trap_10() {
        let event = json!({"subscriptionType": "company.merge", "objectId": 3, "primaryObjectId": 1,
            "mergedObjectIds": [1, 2, "x"], "newObjectId": 3, "numberOfPropertiesMoved": 4});
        assert_eq!(keys(&json!([event])), ["hubspot:company:1", "hubspot:company:2", "hubspot:company:3"]);
    }

    #[test]
    fn a_changed_link_names_both_ends_trap_12() {
        let classic = json!({"subscriptionType": "contact.associationChange", "associationType": "CONTACT_TO_COMPANY",
            "fromObjectId": 5, "toObjectId": 6, "associationRemoved": true, "isPrimaryAssociation": true});
        assert_eq!(keys(&json!([classic])), ["hubspot:company:6", "hubspot:contact:5"]);
        let generic = json!({"subscriptionType": "object.associationChange", "fromObjectTypeId": "0-3",
            "toObjectTypeId": "0-2", "fromObjectId": 5, "toObjectId": 6, "associationTypeId": 5});
        assert_eq!(keys(&json!([generic])), ["hubspot:company:6", "hubspot:deal:5"]);
        let other = json!({"subscriptionType": "deal.associationChange", "associationType": "DEAL_TO_LINE_ITEM",
            "fromObjectId": 5, "toObjectId": 6});
        assert_eq!(keys(&json!([other])), ["hubspot:deal:5"]);
    }

    #[test]
    fn a_bad_event_takes_none_of_its_delivery_with_it_and_a_record_is_named_once() {
        let event = json!({"subscriptionType": "deal.creation", "objectId": 7});
        assert_eq!(keys(&json!([3, null, {"subscriptionType": 5}, event, event])), ["hubspot:deal:7"]);
        assert_eq!(keys(&event), ["hubspot:deal:7"]);
        assert_eq!(keys(&json!([])), Vec::<String>::new());
        for body in ["", "{", "\"x\"", "7", "null", "\u{0}"] {
            assert_eq!(touched(body.as_bytes()), Err(NoDelivery), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = touched(&bytes);
        }
    }
}
