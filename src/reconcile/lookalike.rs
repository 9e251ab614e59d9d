//! Somebody in Pivotal whom nothing here stands for, and who may be the person that is about to be created. A person who moved
//! to another company, or has another address by now, looks like this once a store was lost; so does one whom somebody typed in.
//!
//! Held, never guessed: the same address under another customer, or the same full name under the same one.

use crate::domain::{Action, Fields, Hold, Kind, Operation, Parent, PivotalId, Standing};

use super::adopt::named;
use super::identity;
use super::types::Candidate;

/// What the lookalikes of a person are looked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// The address, in lower case.
    pub email: Option<String>,
    /// The customer the contact is to live under, where it exists already.
    pub customer: Option<PivotalId>,
}

/// Of an operation that would create a contact, unless it is one half of a move.
pub fn features(operation: &Operation) -> Option<Features> {
    let Action::Create { parent, fields } = &operation.action else { return None };
    if operation.kind != Kind::Contact || !operation.is_ready() || super::plan::moves(operation) {
        return None;
    }
    let customer = match parent {
        Some(Parent::Known(customer)) => Some(customer.clone()),
        Some(Parent::Planned(_)) | None => None,
    };
    Some(Features { email: email_of(fields), customer })
}

/// The one that may be the person of an operation that would create a contact: by its address, else by its name. `there` are those
/// whom nothing here stands for.
pub fn lookalike<'a>(operation: &Operation, there: &'a [Candidate]) -> Option<&'a Candidate> {
    let (features, Action::Create { fields, .. }) = (features(operation)?, &operation.action) else { return None };
    let by_email = |it: &&Candidate| features.email.is_some() && email_of(&it.fields) == features.email;
    let under_own = |it: &&Candidate| features.customer.is_some() && it.parent == features.customer;
    let first = |a: &&Candidate, b: &&Candidate| a.id.cmp(&b.id);
    let by_name = || there.iter().filter(under_own).filter(|it| same_name(fields, &it.fields)).min_by(first);
    there.iter().filter(by_email).min_by(first).or_else(by_name)
}

/// Who under the customer has the name, where it is somebody else who has the address: that one may be the person as well.
pub fn namesake<'a>(operation: &Operation, other: &Candidate, there: &'a [Candidate]) -> Option<&'a Candidate> {
    let (features, Action::Create { fields, .. }) = (features(operation)?, &operation.action) else { return None };
    let own = there.iter().filter(|it| features.customer.is_some() && it.parent == features.customer);
    own.filter(|it| it.id != other.id && same_name(fields, &it.fields)).min_by(|a, b| a.id.cmp(&b.id))
}

/// Holds it for that one, who lives under the customer that `roof` names, or for its namesake under its own customer.
pub fn hold_for(operation: &mut Operation, other: &Candidate, roof: &str, namesake: Option<&Candidate>) {
    let mine = features(operation).and_then(|features| features.email);
    let (what, then) = match email_of(&other.fields) {
        Some(email) if Some(&email) == mine.as_ref() => (
            format!("has the address {email} already, under {roof}"),
            "it stays there; or delete it in Pivotal, and `pivotal-sync sync --full` creates it where it belongs",
        ),
        Some(email) => {
            (format!("has the same name under {roof}, and the address {email}"), "it is given this one's address")
        }
        None => (format!("has the same name under {roof}, and no address"), "it is given this one's address"),
    };
    let (key, id) = (&operation.subject, &other.id);
    let who = named(id.as_str(), other.fields.text("name").unwrap_or_default());
    let asked = named(&key.to_string(), &operation.name);
    let or = namesake.map_or_else(String::new, |own| {
        let its = email_of(&own.fields).map_or_else(|| "no address".to_owned(), |email| format!("the address {email}"));
        let id = &own.id;
        format!(" Or is it {id}, who has its name and {its} under its own customer? `pivotal-sync link {key} {id}`.")
    });
    let why = format!(
        "{asked} is to be created, but {who} {what}, and nothing here stands for it. Is it the same person? Yes: `pivotal-sync \
         link {key} {id}`, and {then}.{or} No: `pivotal-sync unlink {key}` has its own created"
    );
    operation.standing = Standing::Held(why);
    operation.hold = Some(Hold::Choice);
    "it may be in Pivotal already".clone_into(&mut operation.reason);
}

fn email_of(fields: &Fields) -> Option<String> {
    fields.text("email").and_then(identity::email)
}

/// Whether both have the same full name: a single word is a mailbox or a first name, and says nothing.
pub(super) fn same_name(a: &Fields, b: &Fields) -> bool {
    let name = |fields: &Fields| -> Vec<String> {
        fields.text("name").unwrap_or_default().split_whitespace().map(str::to_lowercase).collect()
    };
    let mine = name(a);
    mine.len() > 1 && mine == name(b)
}

#[cfg(test)]
#[path = "lookalike_tests.rs"]
mod tests;
