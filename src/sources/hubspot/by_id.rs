//! Who answers for the ids asked (hubspot-api.md 4.3, 6): a record itself, the survivor of a merge, or nobody. Pure.
//!
//! Counting answers against questions mis-assigns data (trap 10), so every answer is matched by id, and what matching leaves
//! open is asked again alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Gone, Pulled, SourceKey};

use super::facts::{Shape, merged};
use super::wire::{Batch, Row, Unreadable};

/// Why a record rests whose id, asked alone, was answered by nothing.
const SILENCE: &str = "the portal answered neither the record nor that it is not there";

/// One batch answer, matched.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Rows that were answered, asked for or not.
    pub rows: Vec<Row>,
    /// Asked id, and the id that lives on in its place.
    pub merged: Vec<(String, String)>,
    /// Asked, and surely not among the records of this kind (live or archived, as was asked).
    pub missing: Vec<String>,
    /// Asked id, and why its row cannot be read.
    pub unreadable: Vec<(String, String)>,
    /// Asked, and the answer does not tell: to be asked again alone.
    pub open: Vec<String>,
}

/// Matches a batch answer with what was asked.
pub(super) fn matched(shape: &Shape, asked: &[String], batch: Batch) -> Answers {
    let mut answers = Answers::default();
    let mut nameless: Option<String> = None;
    let mut left: BTreeSet<String> = asked.iter().cloned().collect();
    for json in batch.results.unwrap_or_default() {
        match Row::read(json) {
            Ok(row) => answers.rows.push(row),
            Err(Unreadable { id: Some(id), reason }) if left.contains(&id) => {
                left.remove(&id);
                answers.unreadable.push((id, reason));
            }
            Err(Unreadable { id, reason }) => {
                nameless = Some(id.map_or(reason.clone(), |id| format!("record {id}: {reason}")));
            }
        }
    }
    for row in &answers.rows {
        left.remove(&row.id);
    }
    let mut survivors: BTreeSet<&str> =
        answers.rows.iter().map(|r| r.id.as_str()).filter(|id| !asked.iter().any(|a| a == id)).collect();
    for row in &answers.rows {
        for old in merged(shape, row) {
            if left.remove(old.id.as_str()) {
                survivors.remove(row.id.as_str());
                answers.merged.push((old.id.as_str().to_owned(), row.id.clone()));
            }
        }
    }
    let named: BTreeSet<String> = batch.errors.iter().flat_map(|e| e.ids()).collect();
    let all_absent = !batch.errors.is_empty() && named.is_empty() && survivors.is_empty() && nameless.is_none();
    for id in left {
        if named.contains(&id) || all_absent {
            answers.missing.push(id);
        } else if asked.len() > 1 {
            answers.open.push(id);
        } else if let Some(survivor) = survivors.first() {
            answers.merged.push((id, (*survivor).to_owned()));
        } else if let Some(reason) = nameless.take() {
            answers.unreadable.push((id, reason));
        } else {
            // Absence is told by an error or by the status: an answer that is merely empty proves nothing.
            answers.unreadable.push((id, SILENCE.to_owned()));
        }
    }
    answers
}

/// Each record once. A record that answered under its own id lives, whoever claims to have taken it over: that shows itself
/// when the survivor is read the next time.
pub(super) fn each_once(all: Vec<Pulled>) -> Vec<Pulled> {
    let weight = |pulled: &Pulled| match pulled {
        Pulled::Live(_) | Pulled::Partial(..) => 3,
        Pulled::Gone(_, Gone::Merged { .. }) => 2,
        Pulled::Gone(_, Gone::Archived | Gone::Deleted) => 1,
        Pulled::Malformed(..) => 0,
    };
    let mut kept: BTreeMap<SourceKey, Pulled> = BTreeMap::new();
    for pulled in all {
        match kept.get(pulled.key()) {
            Some(old) if weight(old) >= weight(&pulled) => {}
            _ => {
                kept.insert(pulled.key().clone(), pulled);
            }
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
#[path = "by_id_tests.rs"]
mod tests;
