//! Reading request bodies: Zod v3's codes and texts, the first issue only (sheet section 5).

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::schema::{Field, Need, Object, Shape};
use super::switches::{Metadata, Switches};

/// Longest slug, longest prose.
const LONGEST_SLUG: usize = 60;
const LONGEST_PROSE: usize = 10_000;

/// What a body is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// POST: required fields must be there.
    Create,
    /// PATCH: nothing must be there.
    Patch,
}

/// The values of a body, one per field of the object; `None` where the body is silent.
pub type Given = Vec<Option<Value>>;

/// Parses a body into an object.
///
/// # Errors
/// 400 where the bytes are no JSON (`invalid_json`, an invented code) or no object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => {
            Err(Refusal::invalid("invalid_type", format!("Expected object, received {}", kind_of(&other)), ""))
        }
        Err(_) => Err(Refusal::invalid("invalid_json", "The request body is not valid JSON.", "")),
    }
}

/// Checks a body against an object's fields.
///
/// # Errors
/// 400 with the first issue.
pub fn read(
    object: Object,
    body: &Map<String, Value>,
    purpose: Purpose,
    switches: &Switches,
) -> Result<Given, Refusal> {
    if object == Object::Onboarding && purpose == Purpose::Create {
        parent(body, switches)?;
    }
    let mut given = Given::with_capacity(object.fields().len());
    for field in object.fields() {
        given.push(match body.get(field.name) {
            _ if hidden(field, switches) => None,
            None if purpose == Purpose::Create && field.need == Need::Required => {
                return Err(missing(field.name, switches));
            }
            None => None,
            Some(Value::Null) if field.need == Need::Nullable && switches.null_clears => Some(Value::Null),
            Some(value) => Some(check(field, value, switches)?),
        });
    }
    if switches.strict_keys {
        let known = |key: &&String| {
            object.fields().iter().any(|field| field.name == *key && !hidden(field, switches))
                || (object == Object::Onboarding && *key == "customer_id")
        };
        if let Some(key) = body.keys().find(|key| !known(key)) {
            return Err(Refusal::invalid("unrecognized_keys", format!("Unrecognized key(s) in object: '{key}'"), ""));
        }
    }
    Ok(given)
}

/// The `customer_id` an onboarding is opened for: a cuid, or a display id as text.
///
/// # Errors
/// 400 where it is missing or no text.
pub fn parent<'a>(body: &'a Map<String, Value>, switches: &Switches) -> Result<&'a str, Refusal> {
    match body.get("customer_id") {
        None => Err(missing("customer_id", switches)),
        Some(Value::String(id)) => Ok(id),
        Some(other) => Err(wrong_type("customer_id", "string", other)),
    }
}

fn hidden(field: &Field, switches: &Switches) -> bool {
    field.shape == Shape::Json && switches.metadata == Metadata::Absent
}

fn missing(field: &str, switches: &Switches) -> Refusal {
    if switches.missing_field {
        Refusal::invalid("missing_field", format!("{field} is required"), field)
    } else {
        Refusal::invalid("invalid_type", "Required", field)
    }
}

fn wrong_type(field: &str, wanted: &str, value: &Value) -> Refusal {
    Refusal::invalid("invalid_type", format!("Expected {wanted}, received {}", kind_of(value)), field)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check(field: &Field, value: &Value, switches: &Switches) -> Result<Value, Refusal> {
    let name = field.name;
    match field.shape {
        Shape::Text(min) => text(name, value, min, switches.longest_text).map(Value::from),
        Shape::Prose => text(name, value, 0, LONGEST_PROSE).map(Value::from),
        Shape::Slug => {
            let slug = text(name, value, 1, LONGEST_SLUG)?;
            if is_slug(slug) { Ok(slug.into()) } else { Err(Refusal::invalid("invalid_string", "Invalid", name)) }
        }
        Shape::Email => {
            let email = text(name, value, 0, switches.longest_text)?;
            if is_email(email) {
                Ok(email.to_lowercase().into())
            } else {
                Err(Refusal::invalid("invalid_string", "Invalid email", name))
            }
        }
        Shape::Status => word(name, value, switches.statuses.iter().map(String::as_str)),
        Shape::Word(words) => word(name, value, words.iter().copied()),
        Shape::Integer => integer(name, value),
        Shape::Flag if value.is_boolean() => Ok(value.clone()),
        Shape::Flag => Err(wrong_type(name, "boolean", value)),
        Shape::Labels => labels(name, value),
        Shape::Moment => {
            let moment = text(name, value, 0, switches.longest_text)?;
            match super::paging::moment(moment) {
                Some(moment) => Ok(super::row::stamp(moment).into()),
                None => Err(Refusal::invalid("invalid_string", "Invalid datetime", name)),
            }
        }
        Shape::Json if value.is_object() => Ok(value.clone()),
        Shape::Json => Err(wrong_type(name, "object", value)),
    }
}

/// Zod measures text in UTF-16 units.
fn text<'a>(name: &str, value: &'a Value, min: usize, max: usize) -> Result<&'a str, Refusal> {
    let Value::String(text) = value else {
        return Err(wrong_type(name, "string", value));
    };
    let length = text.encode_utf16().count();
    if length < min {
        return Err(Refusal::invalid("too_small", format!("String must contain at least {min} character(s)"), name));
    }
    if length > max {
        return Err(Refusal::invalid("too_big", format!("String must contain at most {max} character(s)"), name));
    }
    Ok(text)
}

/// One of some words.
///
/// # Errors
/// 400 `invalid_enum_value`, or `invalid_type` where it is no text.
pub fn word<'a>(name: &str, value: &Value, words: impl Iterator<Item = &'a str> + Clone) -> Result<Value, Refusal> {
    let Value::String(given) = value else {
        let choices = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" | ");
        return Err(wrong_type(name, &choices, value));
    };
    if words.clone().any(|word| word == given) {
        return Ok(value.clone());
    }
    let choices = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" | ");
    let message = format!("Invalid enum value. Expected {choices}, received '{given}'");
    Err(Refusal::invalid("invalid_enum_value", message, name))
}

fn integer(name: &str, value: &Value) -> Result<Value, Refusal> {
    /// Beyond this JavaScript's numbers are not exact.
    const SAFE: f64 = 9_007_199_254_740_991.0;
    let Value::Number(number) = value else {
        return Err(wrong_type(name, "number", value));
    };
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Ok(whole.into()),
        // JavaScript has one kind of number: 12.0 and 1.2e1 are whole.
        (None, Some(float)) if float.fract() == 0.0 && float.abs() <= SAFE => Ok((float as i64).into()),
        _ => Err(Refusal::invalid("invalid_type", "Expected integer, received float", name)),
    }
}

fn labels(name: &str, value: &Value) -> Result<Value, Refusal> {
    let Value::Array(items) = value else {
        return Err(wrong_type(name, "array", value));
    };
    match items.iter().position(|item| !item.is_string()) {
        Some(at) => Err(wrong_type(&format!("{name}.{at}"), "string", &items[at])),
        None => Ok(value.clone()),
    }
}

/// `^[a-z0-9]+(-[a-z0-9]+)*$`
#[must_use]
pub fn is_slug(text: &str) -> bool {
    text.split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

/// Zod v3's idea of an e-mail address: ASCII only, no dot first or doubled, a top-level domain of two letters or more.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let local_ok = !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with(['.', '\''])
        && !text.contains("..")
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte));
    let mut parts = domain.split('.').rev();
    let top_ok = parts.next().is_some_and(|top| top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let rest: Vec<&str> = parts.collect();
    let part_ok = |part: &&str| {
        part.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    local_ok && top_ok && !rest.is_empty() && rest.iter().all(part_ok)
}

/// The slug a name gets when none is given: transliterated, lower case, hyphens between; may be empty.
#[must_use]
pub fn slugify(name: &str) -> String {
    let plain = deunicode::deunicode(name).to_lowercase();
    let words: Vec<&str> = plain.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    let mut slug = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    slug.truncate(LONGEST_SLUG);
    slug.trim_end_matches('-').to_owned()
}
