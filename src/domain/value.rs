//! One small closed type for what a property or a field may hold.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of a source property or a Pivotal field. Numbers are exact; instants and days stay text as the source wrote
/// them. A missing key and [`Value::Null`] are different things to every caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Value {
    /// Nothing: on the way to Pivotal, "clear this field".
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An exact decimal.
    Number(Decimal),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// Named values, e.g. Stripe metadata.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Whether this is [`Value::Null`].
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it holds nothing that somebody can have meant: nothing, an empty text or list, or a flag that is not set.
    pub fn says_nothing(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Bool(true) | Self::Number(_) => false,
        }
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The JSON form an API is sent: numbers as JSON numbers. Only whole numbers that fit 64 bits are exact in JSON here,
    /// so anything else is sent as text rather than rounded.
    pub fn to_api_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Number(n) => match whole(n) {
                Some(i) => i.into(),
                None => n.normalize().to_string().into(),
            },
            Self::Text(t) => t.clone().into(),
            Self::List(items) => items.iter().map(Self::to_api_json).collect(),
            Self::Map(map) => {
                serde_json::Value::Object(map.iter().map(|(k, v)| (k.clone(), v.to_api_json())).collect())
            }
        }
    }

    /// Reads a JSON value an API answered. A fractional number keeps the digits JSON printed.
    pub fn from_api_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => {
                let text = n.to_string();
                text.parse().or_else(|_| Decimal::from_scientific(&text)).map_or(Self::Text(text), Self::Number)
            }
            serde_json::Value::String(s) => Self::Text(s.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_api_json).collect()),
            serde_json::Value::Object(map) => {
                Self::Map(map.iter().map(|(k, v)| (k.clone(), Self::from_api_json(v))).collect())
            }
        }
    }
}

fn whole(number: &Decimal) -> Option<i64> {
    if number.fract().is_zero() {
        i64::try_from(number.trunc().mantissa() / 10_i128.pow(number.trunc().scale())).ok()
    } else {
        None
    }
}

/// The form people read: no quotes, lists joined by commas, nothing for null.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(b) => b.fmt(f),
            Self::Number(n) => n.normalize().fmt(f),
            Self::Text(t) => f.write_str(t),
            Self::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
            Self::Map(map) => {
                for (i, (key, value)) in map.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}={value}")?;
                }
                Ok(())
            }
        }
    }
}

/// The stored form. Whole numbers are JSON numbers; a fraction is `{"decimal":"0.5"}`, because a JSON number would pass
/// through a float on its way back.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Number(n) => match whole(n) {
                Some(i) => serializer.serialize_i64(i),
                None => BTreeMap::from([("decimal", n.normalize().to_string())]).serialize(serializer),
            },
            Self::Text(t) => serializer.serialize_str(t),
            Self::List(items) => items.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn read(json: &serde_json::Value) -> Value {
            match json {
                serde_json::Value::Object(map) => match (map.len(), map.get("decimal")) {
                    (1, Some(serde_json::Value::String(text))) => match text.parse() {
                        Ok(number) => Value::Number(number),
                        Err(_) => Value::Map(BTreeMap::from([("decimal".to_owned(), Value::text(text.clone()))])),
                    },
                    _ => Value::Map(map.iter().map(|(k, v)| (k.clone(), read(v))).collect()),
                },
                serde_json::Value::Array(items) => Value::List(items.iter().map(read).collect()),
                other => Value::from_api_json(other),
            }
        }
        Ok(read(&serde_json::Value::deserialize(deserializer)?))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_keeps_every_digit() {
        for text in ["0", "1500", "1500.25", "-0.000000000001", "79228162514264337593543950335", "9007199254740993"] {
            let value = Value::Number(text.parse().unwrap());
            let stored = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), value, "{stored}");
        }
    }

    #[test]
    fn whole_numbers_reach_an_api_as_numbers() {
        assert_eq!(Value::Number("125.00".parse().unwrap()).to_api_json(), serde_json::json!(125));
        assert_eq!(Value::Number("0.5".parse().unwrap()).to_api_json(), serde_json::json!("0.5"));
    }

    #[test]
    fn object_keys_print_sorted() {
        // crates.md 1.1: any dependency that turns on serde_json/preserve_order would silently change every stored hash.
        let json: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(json.to_string(), r#"{"a":2,"b":1}"#);
    }
}
