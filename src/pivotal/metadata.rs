//! `metadata` on the wire is one object; here each of its keys is a field of its own, `metadata.<key>`, so that there is one
//! diff, and what others keep there is nobody's business (pivotal-api.md 10.1).

use std::collections::BTreeMap;

use crate::domain::{Fields, Value};

const OBJECT: &str = "metadata";

/// Fields as Pivotal takes them.
pub(super) fn folded(fields: &Fields) -> Fields {
    let mut folded = Fields::new();
    let mut metadata = BTreeMap::new();
    for (name, value) in &fields.0 {
        match name.strip_prefix(Fields::METADATA) {
            Some(key) => drop(metadata.insert(key.to_owned(), value.clone())),
            None => folded.set(name.clone(), value.clone()),
        }
    }
    if !metadata.is_empty() {
        folded.set(OBJECT, Value::Map(metadata));
    }
    folded
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
    use super::*;

    #[test]
    fn what_is_folded_unfolds_the_same() {
        let nested = Value::Map([("a".to_owned(), Value::List(vec![true.into(), Value::Null]))].into());
        let fields = Fields::from([
            ("name", "Acme".into()),
            ("metadata.tier", "gold".into()),
            ("metadata.a.b", true.into()),
            ("metadata.", "nameless".into()),
            ("metadata.theirs", nested),
        ]);
        let sent = folded(&fields);
        assert_eq!(sent.0.keys().collect::<Vec<_>>(), ["metadata", "name"]);
        assert_eq!(unfolded(sent), fields);
        for odd in [Value::Null, "text".into(), Value::List(vec![])] {
            let fields = Fields::from([("metadata", odd)]);
            assert_eq!(unfolded(fields.clone()), fields);
        }
    }
}
