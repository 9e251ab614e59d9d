//! A record that is with one customer while its sources name another: what a person is told of it.
//!
//! A stored mapping stands above all evidence, so nothing moves by itself; and nothing is forgotten while it is so.

use crate::domain::SourceKey;

use super::types::Bindable;
use super::unclear;

/// A record that stays with its customer though its sources name another company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rift {
    /// The record.
    pub key: SourceKey,
    /// The companies that its sources name and that it is not with.
    pub rivals: Vec<SourceKey>,
    /// All of them, and every way out, in words.
    pub why: String,
}

impl Rift {
    /// Of a record, with the company it is with, where there is one. `shared` when the sources name that one as well.
    pub(super) fn new(
        record: &Bindable,
        rivals: &[&Bindable],
        mate: Option<&Bindable>,
        by: &str,
        shared: bool,
    ) -> Self {
        let key = &record.key;
        let names = unclear::spell(rivals);
        let rivals: Vec<SourceKey> = rivals.iter().map(|rival| rival.key.clone()).collect();
        // Before it has a customer there is nothing that could be named.
        let own = record.object.as_ref().map(|id| format!("pivotal:customer:{id}"));
        let (stays, home) = match mate {
            Some(mate) => (format!("stays with {}", unclear::called(mate)), Some(mate.key.to_string())),
            None => ("stays a customer of its own".to_owned(), own),
        };
        let doubt = match (shared, rivals.len()) {
            (true, _) => format!("but could be one account with {names} as well: {by} each of them"),
            (false, 1) => format!("but now looks like one account with {names}: {by} it"),
            (false, _) => format!("but now looks like one account with {names}: {by} each of them"),
        };
        let moves: Vec<String> =
            rivals.iter().map(|rival| format!("`pivotal-sync link {key} {rival}` moves it there")).collect();
        let apart = mate.map_or_else(String::new, |_| format!(", `pivotal-sync unlink {key}` sets it apart"));
        let keeps =
            home.map_or_else(String::new, |home| format!(", `pivotal-sync link {key} {home}` keeps it where it is"));
        let why = format!("{} {stays}, {doubt}. {}{keeps}{apart}", unclear::called(record), moves.join(", "));
        Self { key: key.clone(), rivals, why }
    }
}
