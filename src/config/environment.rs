//! The environment layer: `PIVOTAL_SYNC__SECTION__KEY`. Walked here name by name, because the `config` crate overlooks a
//! misspelt variable.

use super::keys::{KEYS, Shape, TABLES, nearest, shape};
use super::{ConfigErrors, Origins, Place};

const PREFIX: &str = "PIVOTAL_SYNC_";

/// Reads the variables that are ours, typed by the keys they set. Adds what is wrong to `errors`.
pub(super) fn read(
    env: impl Iterator<Item = (String, String)>,
    errors: &mut ConfigErrors,
    origins: &mut Origins,
) -> Vec<(String, toml::Value)> {
    let mut set = Vec::new();
    for (name, text) in env.filter(|(name, _)| name.starts_with(PREFIX)) {
        let Some((key, value)) = meaning(&name, &text) else {
            errors.add(Place::Env(name.clone()), "", "sets no known key", suggestion(&name));
            continue;
        };
        if let Some(shape) = shape(&key)
            && let Some(what) = shape.fault(&value)
        {
            errors.add(Place::Env(name), key, what, shape.expected());
            continue;
        }
        origins.0.insert(key.clone(), Place::Env(name));
        set.push((key, value));
    }
    set
}

/// The variable that sets a key.
fn variable(key: &str) -> String {
    format!("{PREFIX}_{}", key.to_uppercase().replace('.', "__"))
}

fn meaning(name: &str, text: &str) -> Option<(String, toml::Value)> {
    if let Some((key, shape)) = KEYS.iter().find(|(key, _)| variable(key) == name) {
        return Some(((*key).to_owned(), shape.typed(text)));
    }
    TABLES.iter().filter(|(_, shape)| *shape != Shape::Words).find_map(|(table, shape)| {
        let field = name.strip_prefix(&variable(table))?.strip_prefix("__")?;
        let is_plain = !field.is_empty() && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_plain.then(|| (format!("{table}.{}", field.to_lowercase()), shape.typed(text)))
    })
}

fn suggestion(name: &str) -> String {
    let tables = TABLES.iter().filter(|(_, shape)| *shape == Shape::Words);
    if let Some((table, _)) = tables.into_iter().find(|(table, _)| name.starts_with(&variable(table))) {
        return format!("{table} in the configuration file: a table does not fit into a variable");
    }
    let known: Vec<String> = KEYS.iter().map(|(key, _)| variable(key)).collect();
    let bare = |text: &str| text.replace('_', "").to_uppercase();
    if let Some(meant) = known.iter().find(|known| bare(known) == bare(name)) {
        return format!("{meant}: capitals, and two underscores after PIVOTAL_SYNC and between section and key");
    }
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("{meant}, perhaps"),
        None => format!("{PREFIX}_SECTION__KEY with a section and key of the configuration file"),
    }
}
