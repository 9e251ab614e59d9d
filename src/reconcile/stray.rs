//! Names that an account uses and that stand for nothing: an explicit id of a record that is not there.

use crate::domain::{Facts, SourceKey};

use super::types::{Desired, Note, Subject};
use super::{Reconciler, limits};

impl Reconciler {
    /// The records that an account's records name as one with them and that are not among them, each with who names it.
    pub fn named_elsewhere(&self, subject: &Subject) -> Vec<(SourceKey, SourceKey)> {
        let is_own = |key: &SourceKey| subject.records.iter().any(|known| known.record.key == *key);
        let counting = subject.records.iter().filter(|known| known.counts());
        let named = counting.filter_map(|known| match &known.record.facts {
            Facts::Account(account) => Some((&known.record.key, &account.links)),
            _ => None,
        });
        named
            .flat_map(|(key, links)| links.iter().filter(|link| !is_own(link)).map(|link| (key.clone(), link.clone())))
            .collect()
    }
}

impl Desired {
    /// Says where a record should name another one, and shows what cannot be its id.
    pub(super) fn tell_misnamed(&mut self, subject: &Subject) {
        for known in subject.records.iter().filter(|known| known.counts()) {
            let Facts::Account(account) = &known.record.facts else { continue };
            let notes = account.misnamed.iter().map(|(place, text)| Note {
                subject: known.record.key.clone(),
                message: format!(
                    "has '{}' as {place}, which is no company id, so that says nothing; an id is a number alone, as in 123",
                    limits::brief(text)
                ),
            });
            self.notes.extend(notes);
        }
    }

    /// Says that a record names another one that is not there.
    pub fn tell_stray(&mut self, namer: &SourceKey, named: &SourceKey) {
        let message = format!(
            "names {named}, and no such record is there: it was deleted, is hidden from this key, or is mistyped. So that \
             says nothing; correct it at its source"
        );
        self.notes.push(Note { subject: namer.clone(), message });
    }
}
