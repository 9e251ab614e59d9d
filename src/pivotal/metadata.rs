//! `metadata` on the wire is one object; here each of its keys is a field of its own, `metadata.<key>`, so that there is one
//! diff, and what others keep there is nobody's business (pivotal-api.md 10.1).

use serde_json::{Map, Number, Value as Json};

use crate::domain::{Fields, Value};

const OBJECT: &str = "metadata";

/// The JSON object that Pivotal takes.
pub(super) fn folded(fields: &Fields) -> Json {
    let mut object = Map::new();
    let mut metadata = Map::new();
    for (name, value) in &fields.0 {
        match name.strip_prefix(Fields::METADATA) {
            Some(key) => drop(metadata.insert(key.to_owned(), untouched(value))),
            None => drop(object.insert(name.clone(), value.to_api_json())),
        }
    }
    if !metadata.is_empty() {
        object.insert(OBJECT.to_owned(), Json::Object(metadata));
    }
    Json::Object(object)
}

/// A value as it was read: what others keep there goes back as it came, a fraction as a number too.
fn untouched(value: &Value) -> Json {
    match value {
        Value::Number(number) => {
            let number = serde_json::from_str::<Number>(&number.normalize().to_string()).ok().map(Json::Number);
            let exact = number.filter(|json| Value::from_api_json(json) == *value);
            exact.unwrap_or_else(|| value.to_api_json())
        }
        Value::List(items) => items.iter().map(untouched).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.clone(), untouched(value))).collect()),
        Value::Null | Value::Bool(_) | Value::Text(_) => value.to_api_json(),
    }
}

/// Fields as Pivotal answers them, key by key.
pub(super) fn unfolded(mut fields: Fields) -> Fields {
    match fields.0.remove(OBJECT) {
        Some(Value::Map(metadata)) => {
            let keys = metadata.into_iter().map(|(key, value)| (format!("{}{key}", Fields::METADATA), value));
            fields.0.extend(keys);
        }
        // What is no object says nothing by key.
        Some(other) => fields.set(OBJECT, other),
        None => {}
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Json) -> Fields {
        let Value::Map(fields) = Value::from_api_json(json) else { panic!("an object: {json}") };
        unfolded(Fields(fields))
    }

    #[test]
    fn what_others_keep_there_goes_back_as_it_came() {
        let object = json!({
            "name": "Acme",
            "metadata": {
                "": "nameless", "a.b": true, "tier": "gold", "score": 1.5, "small": 1e-7, "large": 18_446_744_073_709_551_615_u64,
                "nested": { "list": [null, -0.25, { "x": [] }] },
            },
        });
        let fields = read(&object);
        assert_eq!(fields.metadata().0.len(), 7);
        assert_eq!(fields.text("metadata.tier"), Some("gold"));
        assert_eq!(folded(&fields), object);
    }

    #[test]
    fn what_is_no_object_says_nothing_by_key() {
        for odd in [Json::Null, json!("text"), json!([]), json!({})] {
            assert!(read(&json!({ "metadata": odd })).metadata().is_empty(), "{odd}");
        }
        assert_eq!(folded(&Fields::from([("name", "Acme".into())])), json!({ "name": "Acme" }));
    }

    #[test]
    fn digits_that_json_would_round_are_sent_as_text() {
        let precise = "0.12345678901234567890123";
        let fields = Fields::from([("metadata.x", Value::Number(precise.parse().unwrap()))]);
        assert_eq!(folded(&fields), json!({ "metadata": { "x": precise } }));
    }
}
