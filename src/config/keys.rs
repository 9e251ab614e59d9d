//! Every key and its shape: what a value must be, said once for files and environment. A test holds this list against
//! the settings of the rooms and against `config/default.toml`.

use std::net::SocketAddr;

use croner::parser::{CronParser, Seconds, Year};
use toml::Value;
use url::Url;

use crate::domain::Span;
use crate::http::is_loopback;

use super::Blackout;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text that is not empty.
    Text(&'static str),
    /// A path.
    File,
    /// minijinja text; the reconciler looks closer. Empty is refused.
    Condition,
    /// true or false.
    Switch,
    /// A whole number within bounds.
    Whole(i64, i64),
    /// `30s`, `24h`.
    Duration,
    /// The same, a day at most.
    WithinADay,
    /// An address of an API.
    Url,
    /// A cron pattern.
    Cron,
    /// An IANA zone.
    Timezone,
    /// Address and port.
    Listen,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of times of the week.
    Windows,
    /// minijinja text; the reconciler looks closer. Empty takes the field out.
    Rule,
    /// A table of texts.
    Words,
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// The keys with a fixed name, in the order of `config/default.toml`.
pub(super) const KEYS: &[(&str, Shape)] = &[
    ("store.path", Shape::File),
    ("store.retention", Shape::Duration),
    ("pivotal.base_url", Shape::Url),
    ("pivotal.workspace", Shape::Text("the slug or id of your Pivotal workspace")),
    ("pivotal.requests_per_minute", Shape::Whole(1, 1_000_000)),
    ("pivotal.reserve_percent", Shape::Whole(0, 90)),
    ("pivotal.concurrency", Shape::Whole(1, 64)),
    ("pivotal.mrr_unit", Shape::OneOf(&["dollars", "cents"])),
    ("pivotal.api_key_file", Shape::File),
    ("pivotal.webhook_secret_file", Shape::File),
    ("hubspot.enabled", Shape::Switch),
    ("hubspot.base_url", Shape::Url),
    ("hubspot.api_version", Shape::Text("a dated version like 2026-09")),
    ("hubspot.overlap", Shape::Duration),
    ("hubspot.lag", Shape::Duration),
    ("hubspot.link_sweep", Shape::Whole(0, 1_000_000)),
    ("hubspot.stripe_id_properties", Shape::Texts),
    ("hubspot.token_file", Shape::File),
    ("hubspot.client_id_file", Shape::File),
    ("hubspot.client_secret_file", Shape::File),
    ("hubspot.refresh_token_file", Shape::File),
    ("stripe.enabled", Shape::Switch),
    ("stripe.base_url", Shape::Url),
    ("stripe.api_version", Shape::Text("a dated version like 2026-10-28.endive")),
    ("stripe.requests_per_second", Shape::Whole(1, 10_000)),
    ("stripe.overlap", Shape::Duration),
    ("stripe.lag", Shape::Duration),
    ("stripe.company_id_metadata", Shape::Texts),
    ("stripe.api_key_file", Shape::File),
    ("stripe.webhook_secret_file", Shape::File),
    ("stripe.mrr.past_due", Shape::Switch),
    ("stripe.mrr.trials", Shape::Switch),
    ("stripe.mrr.paused_collection", Shape::Switch),
    ("stripe.mrr.canceling", Shape::Switch),
    ("stripe.mrr.discounts", Shape::OneOf(&["none", "forever", "repeating", "all"])),
    ("stripe.mrr.inclusive_tax", Shape::Switch),
    ("schedule.timezone", Shape::Timezone),
    ("schedule.sync", Shape::Cron),
    ("schedule.full", Shape::Cron),
    ("schedule.audit", Shape::Cron),
    ("schedule.catch_up", Shape::OneOf(&["once", "skip"])),
    ("schedule.blackout", Shape::Windows),
    ("schedule.jitter", Shape::WithinADay),
    ("daemon.socket", Shape::File),
    ("customers.where", Shape::Condition),
    ("customers.on_source_delete", Shape::OneOf(&["delete", "archive", "keep"])),
    ("customers.delete_grace", Shape::Duration),
    ("customers.on_leave", Shape::OneOf(&["keep", "archive", "delete"])),
    ("contacts.where", Shape::Condition),
    ("contacts.billing.enabled", Shape::Switch),
    ("contacts.billing.where", Shape::Condition),
    ("onboardings.enabled", Shape::Switch),
    ("onboardings.where", Shape::Condition),
    ("onboardings.won_within", Shape::Duration),
    ("identity.free_mail_domains", Shape::Texts),
    ("guard.max_deletes", Shape::Whole(0, i64::MAX)),
    ("guard.max_delete_percent", Shape::Whole(0, 100)),
    ("guard.max_updates_percent", Shape::Whole(0, 100)),
    ("guard.max_creates", Shape::Whole(0, i64::MAX)),
    ("guard.min_population", Shape::Whole(0, i64::MAX)),
    ("admin.listen", Shape::Listen),
    ("webhooks.enabled", Shape::Switch),
    ("webhooks.listen", Shape::Listen),
    ("webhooks.public_url", Shape::Url),
    ("alerts.heartbeat_url", Shape::Url),
    ("alerts.webhook_url", Shape::Url),
    ("alerts.webhook_url_file", Shape::File),
];

/// What may stand as a field's owner.
const OWNERS: Shape = Shape::OneOf(&["source", "pivotal", "report", "fill-if-empty"]);

/// The tables whose keys a person chooses, Pivotal's fields, and what stands behind each.
pub(super) const TABLES: &[(&str, Shape)] = &[
    ("customers.fields", Shape::Rule),
    ("customers.metadata", Shape::Rule),
    ("customers.owner", OWNERS),
    ("customers.values", Shape::Words),
    ("contacts.fields", Shape::Rule),
    ("contacts.owner", OWNERS),
    ("contacts.values", Shape::Words),
    ("contacts.billing.fields", Shape::Rule),
    ("onboardings.fields", Shape::Rule),
    ("onboardings.owner", OWNERS),
    ("onboardings.values", Shape::Words),
];

/// The shape of a key, or of whatever a person puts into one of [`TABLES`].
pub(super) fn shape(key: &str) -> Option<Shape> {
    let below = |table: &str| key.strip_prefix(table).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'));
    let fixed = KEYS.iter().find(|(name, _)| *name == key);
    fixed.or_else(|| TABLES.iter().find(|(table, _)| below(table))).map(|(_, shape)| *shape)
}

/// Whether some key lies below this name.
pub(super) fn is_table(name: &str) -> bool {
    let below = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    TABLES.iter().any(|(key, _)| *key == name || below(key)) || KEYS.iter().any(|(key, _)| below(key))
}

/// The known name nearest to a wrong one, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.84)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl Shape {
    /// What was expected, in words.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Text(what) => format!("text in quotes: {what}"),
            Self::File => "a path in quotes".to_owned(),
            Self::Condition => "a minijinja expression in quotes".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Whole(least, i64::MAX) => format!("a whole number, {least} or more"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Duration => "a length of time in quotes, like \"30s\", \"5m\", \"24h\" or \"90d\"".to_owned(),
            Self::WithinADay => "a length of time in quotes, a day at most, like \"10m\" or \"2h\"".to_owned(),
            Self::Url => "an https:// address in quotes (http:// only to this machine)".to_owned(),
            Self::Cron => "a cron pattern of five or six fields (seconds first), like \"0 0 3 * * *\"".to_owned(),
            Self::Timezone => "an IANA time zone, like \"America/New_York\"".to_owned(),
            Self::Listen => "an address and port in quotes, like \"127.0.0.1:8320\"".to_owned(),
            Self::OneOf(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Texts => "a list of texts, like [\"a\", \"b\"]".to_owned(),
            Self::Windows => "a list of times of the week that leaves some, like [\"Mon-Fri 09:00-17:00\"]".to_owned(),
            Self::Rule => "a minijinja expression in quotes, or \"\" to take the field out".to_owned(),
            Self::Words => "a table of texts, like { \"what the rule yields\" = \"what Pivotal calls it\" }".to_owned(),
        }
    }

    /// What is wrong with a value; nothing when it will do.
    pub(super) fn fault(self, value: &Value) -> Option<String> {
        let is_another = || Some(format!("is {}", describe(value)));
        match (self, value) {
            (Self::Switch, Value::Boolean(_)) => None,
            (Self::Whole(least, most), Value::Integer(number)) => {
                (!(least..=most).contains(number)).then(|| format!("is {number}"))
            }
            (Self::Texts, Value::Array(items)) => {
                let other = items.iter().find(|item| !item.is_str())?;
                Some(format!("holds {}", describe(other)))
            }
            (Self::Windows, Value::Array(items)) => windows_fault(items),
            (Self::Words, Value::Table(words)) => {
                let (word, other) = words.iter().find(|(_, value)| !value.is_str())?;
                Some(format!("holds {} for \"{word}\"", describe(other)))
            }
            (Self::Rule, Value::String(_)) => None,
            (Self::Switch | Self::Whole(..) | Self::Texts | Self::Windows | Self::Words, _) => is_another(),
            (_, Value::String(text)) => self.text_fault(text),
            _ => is_another(),
        }
    }

    fn text_fault(self, text: &str) -> Option<String> {
        if text.trim().is_empty() {
            return Some("is empty".to_owned());
        }
        let because = |why: String| Some(format!("\"{text}\" cannot be used: {why}"));
        match self {
            Self::Duration => text.parse::<Span>().err().map(|_| format!("\"{text}\" is no length of time")),
            Self::WithinADay => match text.parse::<Span>() {
                Err(_) => Some(format!("\"{text}\" is no length of time")),
                Ok(span) => (span.0 > DAY).then(|| format!("\"{text}\" is more than a day")),
            },
            Self::Url => match text.parse::<Url>() {
                Err(why) => because(why.to_string()),
                Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) => None,
                Ok(url) if url.scheme() == "http" => because("plain http would show the key to the network".to_owned()),
                Ok(url) => because(format!("{}:// is not spoken here", url.scheme())),
            },
            Self::Cron => cron_fault(text).and_then(because),
            Self::Timezone => {
                text.parse::<chrono_tz::Tz>().err().map(|_| format!("\"{text}\" names no known time zone"))
            }
            Self::Listen => text.parse::<SocketAddr>().err().map(|_| format!("\"{text}\" is no address with a port")),
            Self::OneOf(words) => (!words.contains(&text)).then(|| format!("is \"{text}\"")),
            _ => None,
        }
    }

    /// The value a variable's text stands for, typed by the key it sets. Text that does not fit stays text, and is then
    /// refused like any other.
    pub(super) fn typed(self, text: &str) -> Value {
        let text = text.trim();
        let as_text = || Value::String(text.to_owned());
        match self {
            Self::Switch => text.parse().map_or_else(|_| as_text(), Value::Boolean),
            Self::Whole(..) => text.parse().map_or_else(|_| as_text(), Value::Integer),
            Self::Texts | Self::Windows if text.starts_with('[') => text.parse().unwrap_or_else(|_| as_text()),
            Self::Texts | Self::Windows => {
                // A window may hold commas of its own.
                let between = if self == Self::Windows { ';' } else { ',' };
                let items = text.split(between).map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            _ => as_text(),
        }
    }
}

fn cron_fault(text: &str) -> Option<String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    match parser.parse(text) {
        Err(why) => Some(why.to_string().trim_end_matches('.').to_owned()),
        Ok(cron) => {
            let never = cron.find_next_occurrence(&chrono::Utc::now(), false).is_err();
            never.then(|| "that day never comes".to_owned())
        }
    }
}

fn windows_fault(items: &[Value]) -> Option<String> {
    let mut windows = Vec::new();
    for item in items {
        match item.as_str().map(str::parse::<Blackout>) {
            Some(Ok(window)) => windows.push(window),
            Some(Err(why)) => return Some(why),
            None => return Some(format!("holds {}", describe(item))),
        }
    }
    Blackout::cover_the_week(&windows).then(|| "covers the whole week, so nothing would ever run".to_owned())
}

/// A value as a person would call it. Long texts are not repeated.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("the text \"{text}\""),
        Value::String(_) => "a text".to_owned(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(flag) => format!("{flag}"),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}
