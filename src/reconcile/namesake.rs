//! A customer in Pivotal that has the name of an account and nothing else that says whose it is. A name is no evidence: neither
//! does it join the two nor hold anything (design: settled points). A person is told, who may know better.

use super::identity::carried;
use super::types::{Candidate, Desired, Note};

impl Desired {
    /// Whether a customer in Pivotal has this account's name, and neither a domain nor the id of a record.
    pub fn is_namesake(&self, other: &Candidate) -> bool {
        let name = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let is_alike = other.fields.text("name").is_some_and(|its| name(its) == name(&self.name));
        is_alike && other.fields.text("domain").is_none_or(str::is_empty) && carried(&other.fields).is_empty()
    }

    /// Says that it is created beside a customer of the same name.
    pub fn tell_namesake(&mut self, other: &Candidate) {
        let name = other.display_id.map_or_else(|| other.id.to_string(), |number| format!("pivotal:customer:{number}"));
        let message = format!(
            "{name} has the same name, and neither a domain nor an id that says whose it is: this one is created beside it, unless \
             `pivotal-sync link {} {name}` comes first",
            self.subject
        );
        self.notes.push(Note { subject: self.subject.clone(), message });
    }
}
