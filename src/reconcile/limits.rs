//! What Pivotal's fields take (pivotal-api.md 10). Lengths are UNKNOWN there; these are ours, generous for a field's screen.

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::domain::{Kind, MrrUnit, Timestamp, Value};

use super::types::Unit;
use super::{identity, zod};

/// RFC 5321: longer addresses reach nobody.
const LONGEST_EMAIL: usize = 254;

/// RFC 1035: longer names are nobody's.
const LONGEST_DOMAIN: usize = 253;

/// The form of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One line of text, at most so many UTF-16 units.
    Line(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text with line breaks, at most so many UTF-16 units.
    Prose(usize),
    /// A host name, lower case.
    Domain,
    /// A mail address, lower case.
    Email,
    /// An amount in major units, written whole in the configured unit.
    Money,
    /// A whole number.
    Whole,
    /// True or false.
    Flag,
    /// An instant, written in UTC with milliseconds. A calendar day is its first moment in UTC.
    Moment,
    /// Short texts.
    Labels(usize),
}

/// A field that a rule may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name at Pivotal.
    pub(super) name: &'static str,
    /// Its form.
    pub(super) form: Form,
    /// Whether it can be emptied. One that cannot is left alone when its rule yields nothing.
    pub(super) clears: bool,
}

const fn field(name: &'static str, form: Form) -> Field {
    Field { name, form, clears: true }
}

const fn fixed(name: &'static str, form: Form) -> Field {
    Field { name, form, clears: false }
}

/// Every status that some page of Pivotal's names; it refuses others, customer by customer (pivotal-api.md 10.1).
const STATUSES: [&str; 5] = ["active", "onboarding", "at_risk", "churned", "archived"];

/// Every state of an onboarding that some page of Pivotal's names (pivotal-api.md 10.3).
const STATES: [&str; 7] = ["active", "paused", "at_risk", "waiting", "blocked", "completed", "done"];

const CUSTOMER: [Field; 8] = [
    fixed("name", Form::Line(255)),
    field("domain", Form::Domain),
    fixed("status", Form::Word(&STATUSES)),
    field("plan", Form::Line(255)),
    field("mrr", Form::Money),
    field("monthly_orders", Form::Whole),
    field("intercom_company_id", Form::Line(255)),
    field("slack_channel_id", Form::Line(255)),
];

const CONTACT: [Field; 5] = [
    fixed("name", Form::Line(255)),
    fixed("email", Form::Email),
    field("title", Form::Line(255)),
    fixed("is_primary", Form::Flag),
    field("labels", Form::Labels(64)),
];

const ONBOARDING: [Field; 11] = [
    fixed("name", Form::Line(255)),
    field("notes", Form::Prose(10_000)),
    fixed("template_id", Form::Line(255)),
    // A workspace may name its own (pivotal-api.md 10.3, CONFLICT): only Pivotal knows them.
    fixed("phase", Form::Line(64)),
    fixed("state", Form::Word(&STATES)),
    field("target_launch_date", Form::Moment),
    field("csm_id", Form::Line(255)),
    field("se_id", Form::Line(255)),
    field("designer_id", Form::Line(255)),
    field("product_ops_id", Form::Line(255)),
    fixed("waiting_on_customer", Form::Flag),
];

/// The fields of a kind that rules may set.
pub(super) fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Customer => &CUSTOMER,
        Kind::Contact => &CONTACT,
        Kind::Onboarding => &ONBOARDING,
    }
}

/// The field of that name, or why no rule may set it.
pub(super) fn field_of(kind: Kind, name: &str) -> Result<Field, String> {
    if let Some(field) = fields(kind).iter().find(|field| field.name == name) {
        return Ok(*field);
    }
    let known: Vec<&str> = fields(kind).iter().map(|field| field.name).collect();
    Err(match (kind, name) {
        (Kind::Customer, "slug") => {
            "a slug is made from the name when the customer is created; no setting changes it".to_owned()
        }
        (Kind::Customer, "hubspot_company_id" | "stripe_customer_id" | "hubspot_deal_id") => {
            format!("'{name}' is always sent; no setting changes it")
        }
        _ => format!("Pivotal's {kind} has no field '{name}' to write; it has {}", known.join(", ")),
    })
}

/// A value in a field's form, and what a person should know if it had to be bent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitted {
    pub(super) value: Value,
    pub(super) note: Option<String>,
}

/// Brings a rule's outcome into a field's form. The error says in words why it cannot be.
pub(super) fn fit(form: Form, value: &Value, unit: Unit) -> Result<Fitted, String> {
    let exactly = |value: Value| Ok(Fitted { value, note: None });
    if value.is_null() {
        return exactly(Value::Null);
    }
    match form {
        Form::Line(longest) => text_of(value).map(|text| cut(&one_line(&text), longest)),
        Form::Word(words) => {
            let text = text_of(value)?;
            let word = words.iter().find(|word| text.trim().eq_ignore_ascii_case(word));
            let unknown = || format!("yields '{}', and Pivotal takes {}", brief(&text), words.join(", "));
            word.map_or_else(|| Err(unknown()), |word| exactly(Value::from(*word)))
        }
        Form::Prose(longest) => text_of(value).map(|text| cut(&prose(&text), longest)),
        Form::Domain => {
            let text = text_of(value)?;
            let host = identity::host(&text).ok_or_else(|| not_a(&text, "domain"))?;
            if zod::length(&host) > LONGEST_DOMAIN {
                return Err(format!("yields '{}…', which is longer than a domain can be", brief(&host)));
            }
            exactly(Value::Text(host))
        }
        Form::Email => {
            let text = text_of(value)?;
            let email = identity::email(&text).filter(|email| email.len() <= LONGEST_EMAIL);
            let email = email.ok_or_else(|| not_a(&text, "mail address"))?;
            match zod::is_email(&email) {
                true => exactly(Value::Text(email)),
                false => Err(format!("yields '{}', which Pivotal does not take for a mail address", brief(&text))),
            }
        }
        Form::Moment => {
            let at = instant(value).ok_or_else(|| not_a(&value.to_string(), "date"))?;
            exactly(Value::Text(at.to_rfc3339_opts(SecondsFormat::Millis, true)))
        }
        Form::Money => {
            let scale = if unit == Some(MrrUnit::Cents) { Decimal::ONE_HUNDRED } else { Decimal::ONE };
            let amount = number(value)?.checked_mul(scale).ok_or("yields an amount that is too large")?;
            whole(amount).and_then(exactly)
        }
        Form::Whole => whole(number(value)?).and_then(exactly),
        Form::Flag => match value {
            Value::Bool(flag) => exactly(Value::Bool(*flag)),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => exactly(Value::Bool(true)),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => exactly(Value::Bool(false)),
            other => Err(format!("yields '{}', neither true nor false", brief(&other.to_string()))),
        },
        Form::Labels(longest) => labels(value, longest),
    }
}

/// The longest text kept in metadata; what Pivotal takes is UNKNOWN (pivotal-api.md 10.1).
const LONGEST_METADATA: usize = 1_000;

/// A rule's outcome as one value of metadata: text, a number, true or false.
pub(super) fn fit_metadata(value: &Value) -> Result<Fitted, String> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Fitted { value: value.clone(), note: None }),
        Value::Text(text) => Ok(cut(&prose(text), LONGEST_METADATA)),
        Value::List(_) | Value::Map(_) => {
            Err("yields several values, and metadata takes one text, number, true or false for each key".to_owned())
        }
    }
}

fn labels(value: &Value, longest: usize) -> Result<Fitted, String> {
    let items = match value {
        Value::List(items) => items.clone(),
        // hubspot-api.md 5: a multi-select is one text joined by semicolons.
        Value::Text(text) => text.split(';').map(Value::text).collect(),
        other => vec![other.clone()],
    };
    let mut labels = Vec::new();
    let mut note = None;
    for item in items.iter().filter(|item| !item.is_null()) {
        let fitted = cut(&one_line(&text_of(item)?), longest);
        note = note.or(fitted.note);
        labels.push(fitted.value);
    }
    // hubspot-api.md trap 22: the order of a multi-select is not stable, so it must not count.
    labels.retain(|label| !label.is_null());
    labels.sort();
    labels.dedup();
    Ok(Fitted { value: if labels.is_empty() { Value::Null } else { Value::List(labels) }, note })
}

fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::Map(_) => Err("yields named values where text is expected".to_owned()),
        Value::List(items) if items.iter().any(|item| matches!(item, Value::Map(_) | Value::List(_))) => {
            Err("yields a list of lists or named values where text is expected".to_owned())
        }
        other => Ok(other.to_string()),
    }
}

fn number(value: &Value) -> Result<Decimal, String> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Text(text) => {
            let is_number = |text: &str| text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
            text.trim().parse().map_err(|_| match is_number(text.trim()) {
                true => format!("yields '{}', which is more than a number can be", brief(text)),
                false => not_a(text, "number"),
            })
        }
        other => Err(not_a(&other.to_string(), "number")),
    }
}

/// Rounded half to even; at most 15 digits, which every JSON reader keeps exact.
fn whole(number: Decimal) -> Result<Value, String> {
    let rounded = number.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
    if rounded.abs() >= Decimal::from(1_000_000_000_000_000_i64) {
        return Err(format!("yields {rounded}, which is too large"));
    }
    Ok(Value::Number(if rounded.is_zero() { Decimal::ZERO } else { rounded.normalize() }))
}

/// Runs of blanks, line breaks and control characters as one blank.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn prose(text: &str) -> String {
    let kept: String =
        text.replace("\r\n", "\n").chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    kept.trim().to_owned()
}

/// Cut to so many UTF-16 units.
fn cut(text: &str, longest: usize) -> Fitted {
    if text.is_empty() {
        return Fitted { value: Value::Null, note: None };
    }
    let start = zod::start(text, longest);
    if start.len() == text.len() {
        return Fitted { value: Value::text(text), note: None };
    }
    let (before, after) = (text.chars().count(), start.chars().count());
    let counted = match before == zod::length(text) {
        true => "",
        false => ", as Pivotal counts an emoji and its like as two",
    };
    let note = Some(format!("was cut from {before} to {after} characters{counted}"));
    Fitted { value: Value::text(start.trim_end()), note }
}

/// A day (`2026-06-01`), an instant (`2026-06-01T09:30:00Z`), or milliseconds since 1970, as older HubSpot exports write both
/// (hubspot-api.md 5). What could as well be seconds is nothing.
fn instant(value: &Value) -> Option<Timestamp> {
    let millis = |number: i64| {
        (100_000_000_000..100_000_000_000_000).contains(&number).then(|| DateTime::from_timestamp_millis(number))?
    };
    match value {
        Value::Number(number) if number.fract().is_zero() => millis(number.to_i64()?),
        Value::Text(text) => {
            let text = text.trim();
            let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|at| at.and_utc());
            let plain_day = text.len() == "2026-06-01".len();
            let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
            let at = at.or_else(|| day().filter(|_| plain_day)).or_else(|| text.parse().ok().and_then(millis));
            at.filter(|at| (0..=9999).contains(&at.year()))
        }
        _ => None,
    }
}

/// Whether a field can be emptied. What no rule may set is the tie of a customer to its sources, which can.
pub(super) fn clears(kind: Kind, name: &str) -> bool {
    fields(kind).iter().find(|field| field.name == name).is_none_or(|field| field.clears)
}

/// A value found in Pivotal in the form it would be written in, where one form has several spellings: what differs in
/// spelling alone is not worth a request.
pub(super) fn as_found(kind: Kind, name: &str, value: &Value) -> Value {
    let form = fields(kind).iter().find(|field| field.name == name).map(|field| field.form);
    match form {
        Some(form @ (Form::Moment | Form::Labels(_))) => {
            fit(form, value, None).map_or_else(|_| value.clone(), |fitted| fitted.value)
        }
        _ => value.clone(),
    }
}

fn not_a(text: &str, what: &str) -> String {
    format!("yields '{}', which is no {what}", brief(text))
}

/// The start of a text, for messages.
pub(super) fn brief(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
