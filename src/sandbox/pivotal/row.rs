//! One stored object and how it is shown.

use chrono::{SecondsFormat, SubsecRound};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::schema::{Object, Shape};
use super::switches::{Metadata, Switches};
use crate::domain::Timestamp;

/// One customer, contact or onboarding, deleted ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub object: Object,
    /// The cuid.
    pub id: String,
    /// The number unique within its kind.
    pub display_id: u64,
    /// The customer it hangs on, by place in the table.
    pub(super) parent: Option<usize>,
    /// That customer's cuid.
    pub customer_id: Option<String>,
    /// One value per field of [`Object::fields`].
    pub(super) values: Vec<Value>,
    /// When it was made, in whole milliseconds.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Soft-deleted.
    pub deleted: bool,
    /// Made by a POST, not by the seed or a person.
    pub by_api: bool,
}

impl Row {
    /// A field's value; null where the object has no such field.
    #[must_use]
    pub fn value(&self, field: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.object.position(field).map_or(&NULL, |at| &self.values[at])
    }

    /// A field's text, if it holds one.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.value(field).as_str()
    }

    /// A field's truth; false where it holds none.
    #[must_use]
    pub fn flag(&self, field: &str) -> bool {
        self.value(field).as_bool().unwrap_or(false)
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        if let Some(at) = self.object.position(field) {
            self.values[at] = value;
        }
    }

    /// What the list indexes sort by.
    pub(super) fn key(&self, at: usize) -> (i64, usize) {
        (self.created_at.timestamp_millis(), at)
    }
}

/// A row as the API shows it under these switches.
pub(super) struct Shown<'a>(pub(super) &'a Row, pub(super) &'a Switches);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row, switches) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("object", row.object.word())?;
        map.serialize_entry("id", &row.id)?;
        map.serialize_entry("display_id", &row.display_id)?;
        if let Some(customer_id) = &row.customer_id {
            map.serialize_entry("customer_id", customer_id)?;
        }
        for (field, value) in row.object.fields().iter().zip(&row.values) {
            if field.shape != Shape::Json || switches.metadata != Metadata::Absent {
                map.serialize_entry(field.name, value)?;
            }
        }
        if switches.unknown_fields {
            map.serialize_entry("health_score", &87)?;
            map.serialize_entry("owner", &serde_json::json!({ "id": "usr_1", "teams": [null, 1.5] }))?;
        }
        map.serialize_entry("created_at", &stamp(row.created_at))?;
        map.serialize_entry("updated_at", &stamp(row.updated_at))?;
        map.end()
    }
}

/// ISO 8601, UTC, milliseconds.
#[must_use]
pub fn stamp(at: Timestamp) -> String {
    at.trunc_subsecs(3).to_rfc3339_opts(SecondsFormat::Millis, true)
}
