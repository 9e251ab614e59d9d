//! Search filters (section 4.2): read once, then asked of every record.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::render::View;
use super::reply::Reply;
use super::schema::PropertyType;
use super::search::text;
use super::world::{ObjectType, World};
use crate::domain::Timestamp;

/// A filter as sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    property_name: String,
    operator: String,
    value: Option<Value>,
    high_value: Option<Value>,
    values: Option<Vec<Value>>,
}

/// A value in the order of its property's type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Number(Decimal),
    Instant(i64),
    Text(String),
}

/// What a filter looks at; the two that every sync asks for are read without making text of them.
enum Field {
    Id,
    Modified,
    Property(String, PropertyType),
    Linked(ObjectType),
    /// Matches nothing, and says nothing about it (trap 4).
    Nothing,
}

enum Test {
    Equal(Key),
    Other(Key),
    Between(Option<(Key, bool)>, Option<(Key, bool)>),
    In(Vec<Key>),
    NotIn(Vec<Key>),
    Known,
    Unknown,
    Token(String),
    NoToken(String),
}

/// A filter that was understood.
pub(super) struct Filter {
    field: Field,
    test: Test,
}

/// A property's text as a key; `None` if it does not read as its type says.
pub(super) fn key(kind: PropertyType, text: &str) -> Option<Key> {
    match kind {
        PropertyType::Number => text.parse().ok().map(Key::Number),
        PropertyType::Date | PropertyType::Datetime => milliseconds(text).map(Key::Instant),
        PropertyType::String => Some(Key::Text(text.to_lowercase())),
        PropertyType::Bool | PropertyType::Enumeration => Some(Key::Text(text.to_owned())),
    }
}

/// Epoch milliseconds as text, ISO 8601, or a calendar day.
fn milliseconds(text: &str) -> Option<i64> {
    let instant = || text.parse::<Timestamp>().ok().map(|at| at.timestamp_millis());
    let day = || Some(text.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis());
    text.parse().ok().or_else(instant).or_else(day)
}

impl Filter {
    /// Reads a filter, or says what is wrong with it.
    pub(super) fn read(world: &World, object: ObjectType, asked: &Asked) -> Result<Self, Reply> {
        let field = Field::read(world, object, &asked.property_name)?;
        let kind = match &field {
            Field::Id => PropertyType::Number,
            Field::Modified => PropertyType::Datetime,
            Field::Property(_, kind) => *kind,
            Field::Linked(_) => PropertyType::Enumeration,
            Field::Nothing => PropertyType::String,
        };
        let bad = || Reply::invalid(&format!("Invalid value for {} {}", asked.property_name, asked.operator));
        let read =
            |value: &Option<Value>| value.as_ref().and_then(text).and_then(|text| key(kind, &text)).ok_or_else(bad);
        let list = || {
            // Text is compared with lower-cased records but taken as sent: "ACME" finds nothing (section 4.2).
            let one = |value: &Value| match (kind, text(value)) {
                (PropertyType::String, Some(text)) => Ok(Key::Text(text)),
                (_, text) => text.and_then(|text| key(kind, &text)).ok_or_else(bad),
            };
            asked.values.as_ref().ok_or_else(bad)?.iter().map(one).collect::<Result<Vec<Key>, Reply>>()
        };
        let token = || asked.value.as_ref().and_then(text).map(|text| text.to_lowercase()).ok_or_else(bad);
        let test = match asked.operator.as_str() {
            "EQ" => Test::Equal(read(&asked.value)?),
            "NEQ" => Test::Other(read(&asked.value)?),
            "LT" => Test::Between(None, Some((read(&asked.value)?, false))),
            "LTE" => Test::Between(None, Some((read(&asked.value)?, true))),
            "GT" => Test::Between(Some((read(&asked.value)?, false)), None),
            "GTE" => Test::Between(Some((read(&asked.value)?, true)), None),
            "BETWEEN" => Test::Between(Some((read(&asked.value)?, true)), Some((read(&asked.high_value)?, true))),
            "IN" => Test::In(list()?),
            "NOT_IN" => Test::NotIn(list()?),
            "HAS_PROPERTY" => Test::Known,
            "NOT_HAS_PROPERTY" => Test::Unknown,
            "CONTAINS_TOKEN" => Test::Token(token()?),
            "NOT_CONTAINS_TOKEN" => Test::NoToken(token()?),
            other => return Err(Reply::invalid(&format!("{other} is not a valid operator"))),
        };
        Ok(Self { field, test })
    }

    /// Does the record, seen like this, pass?
    pub(super) fn passes(&self, world: &World, object: ObjectType, view: &View<'_>) -> bool {
        let held = match &self.field {
            Field::Nothing => return false,
            Field::Id => Some(Key::Number(view.record.id.into())),
            Field::Modified => Some(Key::Instant(view.modified.timestamp_millis())),
            Field::Property(name, kind) => {
                let value = view.value(world, object, name).filter(|value| !value.is_empty());
                value.and_then(|value| key(*kind, &value))
            }
            Field::Linked(to) => {
                let links = world.live_links(object, view.record.id, *to, 0);
                return links.map(|(id, _)| Key::Text(id.to_string())).any(|held| self.test.passes(Some(&held)));
            }
        };
        self.test.passes(held.as_ref())
    }

    /// The id above which everything that passes lies, if the filter says so: a keyset page starts there.
    pub(super) fn above(&self) -> Option<u64> {
        match (&self.field, &self.test) {
            (Field::Id, Test::Between(Some((Key::Number(low), _)), _)) => u64::try_from(low.trunc()).ok(),
            _ => None,
        }
    }
}

impl Field {
    fn read(world: &World, object: ObjectType, name: &str) -> Result<Self, Reply> {
        if name == "hs_object_id" {
            return Ok(Self::Id);
        }
        if name == object.modified_property() {
            return Ok(Self::Modified);
        }
        if let Some(to) = name.strip_prefix("associations.").and_then(ObjectType::from_path) {
            return Ok(Self::Linked(to));
        }
        match world.property(object, name) {
            Some(property) => Ok(Self::Property(name.to_owned(), property.kind)),
            None if name != "hs_lastmodifieddate" && world.switches.unknown_filter_fails => {
                Err(Reply::invalid(&format!("Property {name} does not exist")))
            }
            None => Ok(Self::Nothing),
        }
    }
}

impl Test {
    fn passes(&self, held: Option<&Key>) -> bool {
        let Some(held) = held else { return matches!(self, Self::Unknown | Self::NoToken(_)) };
        match self {
            Self::Equal(key) => held == key,
            Self::Other(key) => held != key,
            Self::Between(low, high) => {
                let above = low.as_ref().is_none_or(|(key, with)| held > key || (*with && held == key));
                above && high.as_ref().is_none_or(|(key, with)| held < key || (*with && held == key))
            }
            Self::In(keys) => keys.contains(held),
            Self::NotIn(keys) => !keys.contains(held),
            Self::Known => true,
            Self::Unknown => false,
            Self::Token(token) => has_token(held, token),
            Self::NoToken(token) => !has_token(held, token),
        }
    }
}

fn has_token(held: &Key, token: &str) -> bool {
    let Key::Text(held) = held else { return false };
    let (held, bare) = (held.to_lowercase(), token.trim_matches('*'));
    if bare.len() < token.len() {
        return held.contains(bare);
    }
    held.split(|sign: char| !sign.is_alphanumeric()).any(|word| word == bare) || held == bare
}
