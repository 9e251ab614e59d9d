//! A record that is with one customer while its evidence names another: what a person is told of it.
//!
//! A stored mapping stands above all evidence, so nothing moves by itself; and nothing is forgotten while it is so.

use crate::domain::SourceKey;

use super::types::Bindable;

/// A record that stays with its customer though it looks like one account with another company by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rift {
    /// The record.
    pub key: SourceKey,
    /// The company that its evidence names.
    pub rival: SourceKey,
    /// Both, and every way out, in words.
    pub why: String,
}

impl Rift {
    /// Of a record that has an object, with the company it is with, where there is one.
    pub(super) fn new(record: &Bindable, rival: &Bindable, mate: Option<&Bindable>, by: &str) -> Self {
        let (key, company) = (&record.key, &rival.key);
        let own = record.object.as_ref().map_or_else(|| "its own".to_owned(), |id| format!("pivotal:customer:{id}"));
        let (stays, home) = match mate {
            Some(mate) => (format!("stays with {}", mate.key), mate.key.to_string()),
            None => ("stays a customer of its own".to_owned(), own),
        };
        let apart = mate.map_or_else(String::new, |_| format!(", `pivotal-sync unlink {key}` sets it apart"));
        let why = format!(
            "{key} {stays}, but now looks like one account with {company}: {by} it. `pivotal-sync link {key} {company}` \
             moves it there, `pivotal-sync link {key} {home}` keeps it where it is{apart}"
        );
        Self { key: key.clone(), rival: company.clone(), why }
    }
}
