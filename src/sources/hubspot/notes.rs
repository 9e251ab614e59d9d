//! What a person should know of a pull, collected until the run's report takes it. Each is also logged, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::Stream;

/// Ids named in one note; the others are counted.
const NAMED: usize = 5;

/// Something that was looked for and not found. One note each, with the records that have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    /// A property that was asked for and not answered, not even with null (trap 18).
    Property(Stream, String),
    /// An owner's id that neither list of owners shows (trap 27).
    Owner(Stream, String),
}

/// The notes of one adapter.
#[derive(Default)]
pub(super) struct Notes {
    found: Mutex<BTreeMap<Lack, BTreeSet<String>>>,
    /// What was logged before: a long-lived process says it once.
    logged: Mutex<BTreeSet<String>>,
}

impl Notes {
    /// A record was answered without a property.
    pub fn unanswered(&self, stream: Stream, property: &str, id: &str) {
        self.add(Lack::Property(stream, property.to_owned()), id);
    }

    /// A record has an owner that nobody knows.
    pub fn stranger(&self, stream: Stream, owner: &str, id: &str) {
        self.add(Lack::Owner(stream, owner.to_owned()), id);
    }

    fn add(&self, lack: Lack, id: &str) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(lack).or_default().insert(id.to_owned());
    }

    /// Everything since the last call, in words.
    pub fn take(&self) -> Vec<String> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let notes: Vec<String> = found.iter().map(|(lack, ids)| lack.words(ids)).collect();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        for note in &notes {
            if logged.insert(note.clone()) {
                tracing::warn!("{note}");
            }
        }
        notes
    }
}

impl Lack {
    fn words(&self, ids: &BTreeSet<String>) -> String {
        let (count, named) = (ids.len(), ids.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "));
        let more = if count > NAMED { ", …" } else { "" };
        match self {
            Self::Property(stream, name) => format!(
                "{stream}: HubSpot did not answer the property '{name}' of {count} ({named}{more}), though it was asked for, so \
                 what was known of it before stays; see whether the key's user may still view that property"
            ),
            Self::Owner(stream, owner) => format!(
                "{stream}: owner {owner} of {count} ({named}{more}) is among neither the active nor the deactivated owners of \
                 the portal, so rules see its id and nothing else; give those records an owner in HubSpot"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_note_for_each_lack_names_a_few_records_and_is_told_once() {
        let notes = Notes::default();
        assert!(notes.take().is_empty());
        for id in 951..958 {
            notes.unanswered(Stream::HubspotCompanies, "phone", &id.to_string());
        }
        notes.unanswered(Stream::HubspotCompanies, "phone", "951");
        notes.stranger(Stream::HubspotDeals, "77", "12");
        let taken = notes.take();
        assert_eq!(taken.len(), 2, "{taken:?}");
        assert!(taken[0].contains("'phone' of 7 (951, 952, 953, 954, 955, …)"), "{taken:?}");
        assert!(taken[1].starts_with("hubspot.deals: owner 77 of 1 (12)"), "{taken:?}");
        assert!(notes.take().is_empty());
    }
}
