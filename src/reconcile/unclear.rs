//! What is told of a record that could belong to several: whom, and each command that settles it.

use crate::domain::SourceKey;

use super::adopt::named;
use super::types::Bindable;

/// A record whose evidence names several accounts.
pub(super) fn any_of(record: &Bindable, candidates: &[&Bindable], by: &str) -> String {
    let key = &record.key;
    format!(
        "{} could belong to {}: {by} each of them. {}, give it a customer of its own with `pivotal-sync unlink {key}`, or \
         leave it out with `pivotal-sync ignore {key}`",
        called(record),
        spell(candidates),
        links(key, candidates)
    )
}

/// An account that records of several customers in Pivotal name.
pub(super) fn account_of(record: &Bindable, candidates: &[&Bindable]) -> String {
    let key = &record.key;
    format!(
        "{} could be the account of {}, and Pivotal has these as customers that do not fit together. {}, or leave it out \
         with `pivotal-sync ignore {key}`",
        called(record),
        spell(candidates),
        links(key, candidates)
    )
}

/// The commands that say which one it is.
fn links(key: &SourceKey, candidates: &[&Bindable]) -> String {
    let commands: Vec<String> =
        candidates.iter().map(|candidate| format!("`pivotal-sync link {key} {}`", candidate.key)).collect();
    format!("Say which with {}", commands.join(" or "))
}

/// Records as people know them.
pub(super) fn spell(records: &[&Bindable]) -> String {
    records.iter().map(|record| called(record)).collect::<Vec<_>>().join(" or ")
}

/// A record as people know it.
pub(super) fn called(record: &Bindable) -> String {
    named(&record.key.to_string(), &record.name)
}
