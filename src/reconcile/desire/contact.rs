//! Persons become contacts of their account's customer.
//!
//! | case | outcome |
//! | --- | --- |
//! | the same person at two companies | a contact of the primary one's customer alone; of the lowest id when none is primary. When the primary changes, the contact moves: Pivotal has no way to move one, so it is deleted and created anew; held first, if this daemon did not create it |
//! | a shared mailbox: two persons, one address, one customer | the first becomes the contact; the second is held and names both, since one of them would have to give way |
//! | an address that changes | the same contact, with one update |
//! | `email_taken` by a contact of the same customer that nobody speaks of | adopted |
//! | `email_taken` by anybody else's contact | held, with what Pivotal said; nobody's contact is taken away from them |
//! | no address, or none that is one | not wanted, and the reason says so; an address that is none is told besides. A contact that is there keeps the address it has |
//! | no name | named by the part of the address before the `@`; a contact that is there keeps the name it has |

use crate::domain::{Facts, Record, Role, Stream};

use super::super::context::Scope;
use super::super::types::{Desired, Sibling, Subject, Wanted};
use super::super::{Reconciler, double, identity};
use super::Start;
use super::billing_contact::is_billing;
use super::ruleset::RuleSet;

fn speaks(stream: Stream) -> bool {
    stream.role() == Role::Person
}

impl Reconciler {
    /// The rules for a person's record, and their section's name; nothing when the section is switched off.
    pub(in super::super) fn contact_rules(&self, record: &Record) -> Option<(&'static str, &RuleSet)> {
        match is_billing(&record.key) {
            true => Some(("contacts.billing", self.billing.as_ref()?)),
            false => Some(("contacts", &self.contacts)),
        }
    }
}

/// What Pivotal should say about a person.
pub(super) fn desire(reconciler: &Reconciler, subject: &Subject) -> Desired {
    let start = Start::new(subject, speaks);
    if let Some(why) = double::doubled(subject, speaks) {
        return start.end(Wanted::Doubled(why), Vec::new());
    }
    if let Some(since) = start.gone(speaks) {
        return start.end(Wanted::Gone(since), Vec::new());
    }
    let Some(record) = start.view.role(Role::Person).first().copied() else {
        let why = start.unspoken(speaks);
        return start.end(why, Vec::new());
    };
    let (wanted, notes) = wanted(reconciler, subject, &start, record);
    start.end(wanted, notes)
}

fn wanted(reconciler: &Reconciler, subject: &Subject, start: &Start<'_>, record: &Record) -> (Wanted, Vec<String>) {
    let no = |why: String| (Wanted::NotSelected(why), Vec::new());
    let held = |why: String| (Wanted::Held(format!("{why} ({})", record.key)), Vec::new());
    if let Some(why) = outside(subject, record) {
        return no(why);
    }
    let Some((section, rules)) = reconciler.contact_rules(record) else {
        return no(format!("contacts.billing.enabled is false, so {} becomes no contact", record.key));
    };
    let scope = Scope::of_record(record);
    match rules.selects(&scope) {
        Err(why) => return held(why),
        Ok(false) => return no(format!("{section}.where does not hold for {}", record.key)),
        Ok(true) => {}
    }
    if is_billing(&record.key)
        && let Some(other) = reconciler.stands_instead(subject, record, start.exists())
    {
        let why = format!("{other} has the same address");
        let there = |sibling: &Sibling| sibling.settled && sibling.known.counts() && sibling.known.record.key == other;
        let is_there = start.exists() && subject.siblings.iter().any(there);
        return (if is_there { Wanted::Replaced(why) } else { Wanted::NotSelected(why) }, Vec::new());
    }
    if let Some(problem) = start.problem(speaks) {
        return (Wanted::Held(problem.to_owned()), Vec::new());
    }
    let (fields, notes) = match rules.write(&scope, reconciler.unit) {
        Err(why) => return held(why),
        Ok(written) => written,
    };
    if fields.get("email").is_some() || start.exists() {
        return (Wanted::Yes(fields), notes);
    }
    let unusable = notes.iter().find_map(|note| note.strip_suffix("; email is left as it is"));
    match unusable {
        Some(why) => {
            let why = format!("{why}, and Pivotal needs one; it becomes no contact");
            (Wanted::NotSelected(why.clone()), vec![why])
        }
        None => no(format!("{section}.fields.email yields nothing for {}, and Pivotal needs an address", record.key)),
    }
}

/// Why the person's account keeps it out.
fn outside(subject: &Subject, record: &Record) -> Option<String> {
    let links = match &record.facts {
        Facts::Person(person) => person.accounts.as_slice(),
        _ => &[],
    };
    match (identity::account_of(links), &subject.parent) {
        (_, Some(parent)) if parent.wanted => None,
        (Some(account), Some(_)) => Some(format!("its account {account} is no customer")),
        (None, Some(_)) => Some("its account is no customer".to_owned()),
        (Some(account), None) => Some(format!("its account {account} is not known")),
        (None, None) => Some(format!("{} belongs to no company", record.key)),
    }
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
