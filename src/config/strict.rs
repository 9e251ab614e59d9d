//! The strict look at one file: every syntax error, unknown key and wrong value of it, each with its line. The `config`
//! crate, which merges the layers afterwards, names no lines, stops at the first, and turns "60" into 60.

use std::collections::BTreeSet;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, TABLES, describe, is_table, nearest, shape};
use super::{ConfigErrors, Origins, Place};

/// Looks through a file's text. Adds what is wrong to `errors` and where each key stands to `origins`. Answers whether the
/// text is TOML at all.
pub(super) fn look_through(path: &Path, text: &str, errors: &mut ConfigErrors, origins: &mut Origins) -> bool {
    let (document, faults) = DeTable::parse_recoverable(text);
    let mut look = Look { path, text, errors, origins };
    let is_toml = faults.is_empty();
    for fault in faults {
        let at = fault.span().map_or(0, |span| span.start);
        look.errors.add(look.place(at), "", format!("is not TOML: {}", fault.message()), "");
    }
    // Beyond a syntax error the tree is a guess; what it seems to hold is not worth complaining about.
    if is_toml {
        look.table("", document.get_ref());
    }
    is_toml
}

struct Look<'a> {
    path: &'a Path,
    text: &'a str,
    errors: &'a mut ConfigErrors,
    origins: &'a mut Origins,
}

impl Look<'_> {
    fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(self.text);
        Place::File { path: self.path.to_owned(), line: Some(before.matches('\n').count() + 1) }
    }

    fn table(&mut self, name: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let key_name =
                if name.is_empty() { key.get_ref().to_string() } else { format!("{name}.{}", key.get_ref()) };
            self.entry(name, &key_name, self.place(key.span().start), value);
        }
    }

    fn entry(&mut self, table: &str, key: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        if is_table(key) {
            match value.get_ref().as_table() {
                Some(inner) => self.table(key, inner),
                None => {
                    let what = format!("is {}", describe(&plain(value.get_ref())));
                    self.errors.add(place, key, what, format!("a section, [{key}]"));
                }
            }
            return;
        }
        let fault = if let Some(shape) = shape(key) {
            shape.fault(&plain(value.get_ref())).map(|what| (what, shape.expected()))
        } else {
            let what = if table.is_empty() { "is no known section" } else { "is no known key" };
            Some((what.to_owned(), expected_instead(table, key)))
        };
        match fault {
            Some((what, expected)) => self.errors.add(place, key, what, expected),
            None => {
                self.origins.0.insert(key.to_owned(), place);
            }
        }
    }
}

/// What may stand in a table, the likeliest first.
fn expected_instead(table: &str, wrong: &str) -> String {
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    let mut known: Vec<&str> = KEYS
        .iter()
        .map(|(key, _)| *key)
        .chain(TABLES.iter().map(|(table, _)| *table))
        .filter_map(|key| key.strip_prefix(&prefix))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    let mut seen = BTreeSet::new();
    known.retain(|name| seen.insert(*name));
    let local = wrong.strip_prefix(&prefix).unwrap_or(wrong);
    match nearest(local, known.iter().copied()) {
        Some(name) => format!("{name}, perhaps"),
        None => format!("one of {}", known.join(", ")),
    }
}

/// The value without its place.
fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Float)
        }
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(date) => toml::Value::Datetime(*date),
        DeValue::Array(items) => toml::Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => toml::Value::Table(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect(),
        ),
    }
}
