//! Three voices on one object: what was last written, what Pivotal says, what the sources say now.
//!
//! | owner | somebody changed the field | somebody emptied it |
//! | --- | --- | --- |
//! | `report` | left, shown | left, shown |
//! | `source` | put back | put back |
//! | `pivotal` | taken as it is | taken as it is |
//! | `fill-if-empty` | taken as it is | filled again |
//!
//! The mirror of what is left stays what was *written*: so the next plan sees no difference, until the source changes its mind.
//! What the sources have come to say too is taken, whoever owns it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Fields, Kind, Stream, Value};

use super::settings::{Owner, Settings};
use super::{limits, owner};

/// Of so many customers with the same field changed, no person did it by hand ...
const MANY: u64 = 5;
/// ... if they are this share of all, in percent.
const MANY_PERCENT: u64 = 10;
/// So many customers that appear with the ids of records of ours are no accident.
const MANY_STRANGERS: u64 = 3;

/// One field on which Pivotal says something else than was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The field.
    pub field: String,
    /// What was written; null for nothing.
    pub written: Value,
    /// What Pivotal says.
    pub found: Value,
    /// What the sources say; `None` when they say nothing of it.
    pub wanted: Option<Value>,
    /// What follows.
    pub verdict: DriftVerdict,
    /// Whether Pivotal itself said so when it was written: then nobody changed it.
    pub kept: bool,
}

/// What follows from a field that somebody changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftVerdict {
    /// Left as it is, and shown.
    Left,
    /// The source's value goes back.
    PutBack,
    /// Pivotal's value is the mirror from now on.
    Taken,
    /// It carries the id of another source record, or of none: a person must look.
    Ids,
}

/// Compares one object. `desired` is what the sources say, where they want the object at all.
pub(super) fn compare(
    settings: &Settings,
    kind: Kind,
    written: &Fields,
    found: &Fields,
    desired: Option<&Fields>,
) -> Vec<Drift> {
    let names: BTreeSet<&String> = written.0.keys().chain(desired.iter().flat_map(|fields| fields.0.keys())).collect();
    let of = |fields: &Fields, name: &str| fields.get(name).cloned().unwrap_or_default();
    let tells_metadata = !found.metadata().is_empty();
    let mut drifts = Vec::new();
    for name in names {
        // What the answer does not name is not known to be empty; but of metadata it names all there is.
        let removed = || Some(&Value::Null).filter(|_| tells_metadata && name.starts_with(Fields::METADATA));
        let Some(found) = found.get(name).or_else(removed).map(|value| limits::as_found(kind, name, value)) else {
            continue;
        };
        let written = limits::as_found(kind, name, &of(written, name));
        let wanted = desired.and_then(|fields| fields.get(name)).cloned();
        if same(&found, &written) {
            continue;
        }
        if let Some(verdict) = verdict(settings, kind, name, [&written, &found], wanted.as_ref()) {
            drifts.push(Drift { field: name.clone(), written, found, wanted, verdict, kept: false });
        }
    }
    drifts
}

/// Marks what Pivotal itself said when it was written. Writing it again would change nothing, every time.
pub(super) fn mark_kept(kind: Kind, drifts: &mut [Drift], kept: &Fields) {
    for drift in drifts {
        let said = kept.get(&drift.field).map(|said| limits::as_found(kind, &drift.field, said));
        drift.kept = said.is_some_and(|said| same(&said, &drift.found));
        if drift.kept && drift.verdict == DriftVerdict::PutBack {
            drift.verdict = DriftVerdict::Left;
        }
    }
}

/// Nothing when the difference is no news: what was never written is nobody's edit of ours.
fn verdict(
    settings: &Settings,
    kind: Kind,
    name: &str,
    [written, found]: [&Value; 2],
    wanted: Option<&Value>,
) -> Option<DriftVerdict> {
    let owner = match (kind, name) {
        // Sent when the customer is created, and never again.
        (Kind::Customer, "slug") => Owner::Pivotal,
        _ => owner::owner_of(settings, kind, name),
    };
    // Taking "archived" for our own doing would have the next plan undo it.
    let archived = kind == Kind::Customer && name == "status" && found.as_text() == Some("archived");
    if wanted.is_some_and(|wanted| same(wanted, found)) {
        return Some(DriftVerdict::Taken);
    }
    if written.is_null() {
        let filled = matches!(owner, Owner::FillIfEmpty | Owner::Pivotal) && wanted.is_some_and(|w| !w.is_null());
        return (filled && !archived).then_some(DriftVerdict::Taken);
    }
    if Stream::ALL.iter().any(|stream| kind == Kind::Customer && stream.customer_field() == Some(name)) {
        return Some(DriftVerdict::Ids);
    }
    Some(match owner {
        Owner::Report => DriftVerdict::Left,
        Owner::Source | Owner::FillIfEmpty if wanted.is_none() => DriftVerdict::Left,
        Owner::Source => DriftVerdict::PutBack,
        Owner::FillIfEmpty if found.is_null() => DriftVerdict::PutBack,
        Owner::FillIfEmpty | Owner::Pivotal if archived => DriftVerdict::Left,
        Owner::FillIfEmpty | Owner::Pivotal => DriftVerdict::Taken,
    })
}

/// An id may come as a number or as text.
fn same(a: &Value, b: &Value) -> bool {
    let plain = |value: &Value| matches!(value, Value::Text(_) | Value::Number(_));
    a == b || (plain(a) && plain(b) && a.to_string() == b.to_string())
}

/// Whether somebody else seems to keep the same customers: why, in words.
pub(super) fn two_writers(compared: u64, edited: &BTreeMap<String, u64>, strangers: u64) -> Option<String> {
    let many = |number: u64| number >= MANY && number.saturating_mul(100) >= compared.saturating_mul(MANY_PERCENT);
    let fields: Vec<String> = edited
        .iter()
        .filter(|(_, number)| many(**number))
        .map(|(field, number)| format!("{field} was changed on {number} of {compared} customers since it was written"))
        .collect();
    let made = (strangers >= MANY_STRANGERS)
        .then(|| format!("{strangers} customers were made elsewhere with the ids of records that are kept here"));
    let signs: Vec<String> = fields.into_iter().chain(made).collect();
    (!signs.is_empty()).then(|| {
        format!(
            "{}: another tool seems to write to the same customers, perhaps Pivotal's own HubSpot or Stripe connector. Two \
             writers on one field fight every night: turn one of them off (Pivotal: Settings, Integrations), or leave it the \
             field with owner = \"pivotal\"",
            signs.join("; ")
        )
    })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
