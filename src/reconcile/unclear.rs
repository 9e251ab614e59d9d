//! What is told of a record that could belong to several: whom, and each command that settles it.

use crate::domain::SourceKey;

/// A record whose evidence names several accounts.
pub(super) fn any_of(key: &SourceKey, candidates: &[SourceKey], by: &str) -> String {
    format!(
        "{key} could belong to {}: {by} each of them. {}, give it a customer of its own with `pivotal-sync unlink {key}`, or \
         leave it out with `pivotal-sync ignore {key}`",
        spell(candidates),
        links(key, candidates)
    )
}

/// An account that records of several customers in Pivotal name.
pub(super) fn account_of(key: &SourceKey, candidates: &[SourceKey]) -> String {
    format!(
        "{key} could be the account of {}, and Pivotal has these as customers that do not fit together. {}, or leave it out \
         with `pivotal-sync ignore {key}`",
        spell(candidates),
        links(key, candidates)
    )
}

/// The commands that say which one it is.
fn links(key: &SourceKey, candidates: &[SourceKey]) -> String {
    let commands: Vec<String> =
        candidates.iter().map(|candidate| format!("`pivotal-sync link {key} {candidate}`")).collect();
    format!("Say which with {}", commands.join(" or "))
}

fn spell(keys: &[SourceKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
