//! What one Pivotal object says, and the one diff.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;

/// Field name to value, as Pivotal names them. Sorted, so equal fields have equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub BTreeMap<String, Value>);

impl Fields {
    /// What the names of metadata begin with: each key of it is a field of its own.
    pub const METADATA: &str = "metadata.";

    /// The metadata alone.
    pub fn metadata(&self) -> Self {
        let own = self.0.iter().filter(|(name, _)| name.starts_with(Self::METADATA));
        Self(own.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Everything but the metadata.
    pub fn without_metadata(&self) -> Self {
        let rest = self.0.iter().filter(|(name, _)| !name.starts_with(Self::METADATA));
        Self(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of a field; `None` when the field is not named at all.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The text of a field, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    /// Whether no field is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields that hold something: what a create sends.
    pub fn without_nulls(&self) -> Self {
        Self(self.0.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// What must change for an object that says `self` (our mirror of Pivotal) to say `desired`.
    ///
    /// A field that `desired` does not name is left alone. A null is owed only where the mirror holds something
    /// (design section 6: a null is sent only to clear a field this daemon itself had set).
    pub fn changes_to(&self, desired: &Self) -> Changes {
        let mut changes = BTreeMap::new();
        for (name, to) in &desired.0 {
            let from = self.0.get(name);
            let differs = match from {
                None | Some(Value::Null) => !to.is_null(),
                Some(from) => from != to,
            };
            if differs {
                changes.insert(name.clone(), Change { from: from.cloned().unwrap_or_default(), to: to.clone() });
            }
        }
        Changes(changes)
    }

    /// The mirror after `changes` were accepted.
    pub fn with(&self, changes: &Changes) -> Self {
        let mut fields = self.clone();
        for (name, change) in &changes.0 {
            fields.0.insert(name.clone(), change.to.clone());
        }
        fields
    }

    /// The JSON object an API is sent.
    pub fn to_api_json(&self) -> serde_json::Value {
        serde_json::Value::Object(self.0.iter().map(|(k, v)| (k.clone(), v.to_api_json())).collect())
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Fields {
    fn from(pairs: [(&str, Value); N]) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}

/// What Pivotal's answer to a write made of its fields: the value it keeps instead of the one that was written, or beside
/// what was written; `None` where it keeps what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept(pub BTreeMap<String, Option<Value>>);

/// One field's before and after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Change {
    /// What the mirror holds; null when it holds nothing.
    pub from: Value,
    /// What it should hold; null clears.
    pub to: Value,
}

/// Field name to before and after; empty when nothing differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Changes(pub BTreeMap<String, Change>);

impl Changes {
    /// All but those of metadata.
    pub fn without_metadata(&self) -> Self {
        let rest = self.0.iter().filter(|(name, _)| !name.starts_with(Fields::METADATA));
        Self(rest.map(|(name, change)| (name.clone(), change.clone())).collect())
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields as they should become: the body of a PATCH.
    pub fn after(&self) -> Fields {
        Fields(self.0.iter().map(|(k, c)| (k.clone(), c.to.clone())).collect())
    }

    /// The changes a create makes: everything from nothing.
    pub fn creating(fields: &Fields) -> Self {
        Self(fields.0.iter().map(|(k, v)| (k.clone(), Change { from: Value::Null, to: v.clone() })).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, Value)]) -> Fields {
        Fields(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    #[test]
    fn only_what_differs_is_owed() {
        let mirror = fields(&[("name", "Acme".into()), ("plan", "gold".into()), ("domain", Value::Null)]);
        let desired =
            fields(&[("name", "Acme".into()), ("plan", Value::Null), ("domain", Value::Null), ("mrr", Value::Null)]);
        let changes = mirror.changes_to(&desired);
        assert_eq!(changes.0.keys().collect::<Vec<_>>(), ["plan"]);
        assert!(mirror.with(&changes).changes_to(&desired).is_empty());
    }

    #[test]
    fn a_field_nobody_names_is_left_alone() {
        let mirror = fields(&[("status", "active".into())]);
        assert!(mirror.changes_to(&Fields::new()).is_empty());
    }
}
