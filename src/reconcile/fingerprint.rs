//! What stands for an operation: what a person let through, what Pivotal refused and what was undone is known by it.

use sha2::{Digest, Sha256};

use crate::domain::{Action, Changes, Fields, Kind, Operation, PivotalId, Verb};

/// Whether there is anything to approve: an operation that is held because nobody knows what it should say has nothing.
pub fn says_something(operation: &Operation) -> bool {
    matches!(operation.action, Action::Delete { .. } | Action::Adopt { .. }) || !operation.changes().is_empty()
}

/// SHA-256 in hex of what an operation would send: kind, verb, object and body. What is refused for good rests, and what is
/// let through goes ahead, while this stays the same. The parent is left out, because before it exists it has another name;
/// and the slug of a create, because it follows from the name and from who has it already.
pub fn fingerprint_of(operation: &Operation) -> String {
    fingerprint(operation.kind, operation.verb(), operation.pivotal_id(), &operation.changes())
}

/// [`fingerprint_of`] an operation known by what it changes.
pub fn fingerprint(kind: Kind, verb: Verb, id: Option<&PivotalId>, changes: &Changes) -> String {
    let mut body = changes.after();
    if verb == Verb::Create {
        body.0.remove("slug");
    }
    let id = id.map_or("", PivotalId::as_str);
    let text = format!("{kind}\n{verb}\n{id}\n{}", body.to_api_json());
    hex::encode(Sha256::digest(text))
}

/// SHA-256 in hex of what is wanted of an entity: what was undone is not done again while this stays the same.
pub fn as_wanted(kind: Kind, fields: &Fields) -> String {
    fingerprint(kind, Verb::Create, None, &Changes::creating(&fields.without_nulls()))
}

/// What stands for letting an object that Pivotal lost be created anew.
pub fn anew(lost: &PivotalId) -> String {
    format!("anew {lost}")
}
