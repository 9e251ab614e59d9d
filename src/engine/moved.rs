//! Two plans held against each other: the one a person read, and what would be done now. In words, for a refusal.

use std::collections::HashMap;

use crate::domain::{EntityId, Kind, Operation, Standing, Value, Verb};

/// Operations named in a refusal; the rest is counted.
const NAMED: usize = 5;
/// Fields told of one operation.
const FIELDS: usize = 3;

/// How what would be done now differs from what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// How much, in words.
    pub summary: String,
    /// The first of it, one operation each.
    pub details: Vec<String>,
    /// Whether nothing else moved than that there is nothing to do any more.
    pub done: bool,
}

/// What moved; `None` when the same would be done. Reasons are words and may have aged: what is sent, and whether it may go
/// ahead, must be the same.
pub(super) fn moved(then: &[Operation], now: &[Operation]) -> Option<Moved> {
    let mut left = Index::of(now);
    let mut other: Vec<&Operation> = Vec::new();
    let mut different = Vec::new();
    for operation in then {
        match left.take(operation.kind, operation.entity, Some(operation.verb())) {
            Some(found) if same(operation, found) => {}
            Some(found) => different.push(difference(operation, found)),
            None => other.push(operation),
        }
    }
    let mut gone = Vec::new();
    for operation in other {
        match left.take(operation.kind, operation.entity, None) {
            Some(found) => different.push(difference(operation, found)),
            None => gone.push(format!("no longer: {}", told(operation))),
        }
    }
    let new: Vec<String> = now.iter().filter(|o| left.holds(o)).map(|o| format!("new: {}", told(o))).collect();
    let counts = [(different.len(), "different"), (new.len(), "new"), (gone.len(), "gone")];
    let parts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() {
        return None;
    }
    let plural = if then.len() == 1 { "" } else { "s" };
    let summary = format!("of {} operation{plural} then, {} now: {}", then.len(), now.len(), parts.join(", "));
    let done = different.is_empty() && new.is_empty() && !now.iter().any(Operation::is_ready);
    let mut details: Vec<String> = different.into_iter().chain(new).chain(gone).collect();
    let rest = details.len().saturating_sub(NAMED);
    details.truncate(NAMED);
    if rest > 0 {
        details.push(format!("… and {rest} more"));
    }
    Some(Moved { summary, details, done })
}

/// The operations of a plan not yet met in the other. A plan has one operation of a verb for each object.
struct Index<'a>(HashMap<(Kind, EntityId), Vec<&'a Operation>>);

impl<'a> Index<'a> {
    fn of(operations: &'a [Operation]) -> Self {
        let mut index: HashMap<_, Vec<&Operation>> = HashMap::new();
        for operation in operations {
            index.entry((operation.kind, operation.entity)).or_default().push(operation);
        }
        Self(index)
    }

    fn take(&mut self, kind: Kind, entity: EntityId, verb: Option<Verb>) -> Option<&'a Operation> {
        let own = self.0.get_mut(&(kind, entity))?;
        let at = own.iter().position(|o| verb.is_none_or(|verb| o.verb() == verb))?;
        Some(own.remove(at))
    }

    fn holds(&self, operation: &Operation) -> bool {
        let own = self.0.get(&(operation.kind, operation.entity));
        own.is_some_and(|own| own.iter().any(|o| o.verb() == operation.verb()))
    }
}

fn same(then: &Operation, now: &Operation) -> bool {
    then.action == now.action && standing(then) == standing(now)
}

fn difference(then: &Operation, now: &Operation) -> String {
    let mut parts = Vec::new();
    if then.verb() != now.verb() {
        parts.push(format!("was to be {}, is to be {} now", done(then.verb()), done(now.verb())));
    } else {
        parts.extend(fields(then, now));
    }
    if standing(then) != standing(now) {
        parts.push(format!("{} then, {} now", standing(then), standing(now)));
    }
    if parts.is_empty() {
        parts.push("goes to another object in Pivotal now".to_owned());
    }
    format!("{}: {}", named(now), parts.join("; "))
}

fn fields(then: &Operation, now: &Operation) -> Vec<String> {
    let (before, after) = (then.changes().0, now.changes().0);
    let mut parts = Vec::new();
    for (field, old) in &before {
        match after.get(field) {
            Some(new) if new.to != old.to => {
                parts.push(format!("{field} was {}, is {} now", shown(&old.to), shown(&new.to)));
            }
            Some(new) if new.from != old.from => {
                parts.push(format!("{field} in Pivotal was {}, is {} now", shown(&old.from), shown(&new.from)));
            }
            Some(_) => {}
            None => parts.push(format!("{field} is no longer to become {}", shown(&old.to))),
        }
    }
    for (field, new) in after.iter().filter(|(field, _)| !before.contains_key(*field)) {
        parts.push(format!("{field} is to become {} too", shown(&new.to)));
    }
    cut(parts)
}

/// `update customer Acme (hubspot:company:5): name 'Acme' → 'Acme Inc'`
fn told(operation: &Operation) -> String {
    let what = format!("{} {}", operation.verb(), named(operation));
    if operation.verb() != Verb::Update {
        return what;
    }
    let changes = operation.changes().0;
    let parts = changes.iter().map(|(field, c)| format!("{field} {} → {}", shown(&c.from), shown(&c.to))).collect();
    format!("{what}: {}", cut(parts).join(", "))
}

fn named(operation: &Operation) -> String {
    format!("{} {} ({})", operation.kind, operation.name, operation.subject)
}

fn cut(mut parts: Vec<String>) -> Vec<String> {
    let rest = parts.len().saturating_sub(FIELDS);
    parts.truncate(FIELDS);
    if rest > 0 {
        parts.push(format!("{rest} more"));
    }
    parts
}

fn shown(value: &Value) -> String {
    if value.is_null() { "empty".to_owned() } else { format!("'{value}'") }
}

const fn done(verb: Verb) -> &'static str {
    match verb {
        Verb::Adopt => "adopted",
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Delete => "deleted",
    }
}

const fn standing(operation: &Operation) -> &'static str {
    match operation.standing {
        Standing::Ready => "free to go",
        Standing::Held(_) => "held",
        Standing::Quarantined(_) => "quarantined",
        Standing::Waiting(_) => "waiting",
    }
}

#[cfg(test)]
#[path = "moved_tests.rs"]
mod tests;
