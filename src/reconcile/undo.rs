//! Taking back what a run wrote: the inverse of each write, as far as there is one, and what follows for later plans.
//!
//! * Only what still says what the run wrote is put back: neither a later run's writes nor a person's are touched.
//! * What the run created is deleted only while nobody, no later run and no other object depends on it.
//! * There is no undelete (pivotal-api.md 10.1).
//! * The next plan would do it all again, since the sources still say so. It is held instead, until they say something else or
//!   a person decides.

use std::collections::BTreeMap;

use crate::domain::{
    Action, Change, Changes, Entity, Fields, Kind, MirrorState, Operation, PivotalId, RunId, SourceKey, Standing,
    Undone, Value, Verb,
};

use super::fingerprint::{as_wanted, fingerprint, fingerprint_of};
use super::limits;
use super::plan::{Case, differs, held};
use super::types::Wanted;

/// One thing a run did to an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What.
    pub verb: Verb,
    /// Before and after.
    pub changes: Changes,
}

/// Everything that decides how an entity's part of a run is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The run that is undone.
    pub run: RunId,
    /// The entity as it stands now.
    pub entity: Entity,
    /// The record that names it.
    pub subject: SourceKey,
    /// What people call it.
    pub name: String,
    /// What the run did to it, in order.
    pub done: Vec<Done>,
    /// The newest later run that wrote to it.
    pub later: Option<RunId>,
    /// What Pivotal says of it now; `None` when Pivotal no longer has it.
    pub now: Option<Fields>,
    /// Contacts and onboardings under it that stay.
    pub children: u64,
    /// What the sources want of it now.
    pub wanted: Option<Fields>,
    /// What Pivotal itself made of it, when it answered what was written.
    pub kept: Fields,
}

/// How an entity's part of a run is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inverse {
    /// What is sent, if anything.
    pub operation: Option<Operation>,
    /// Whether it is let go of: the object stays in Pivotal and is nobody's.
    pub release: bool,
    /// What later plans must know.
    pub undone: Option<Undone>,
    /// What cannot be taken back, in words.
    pub cannot: Vec<String>,
}

impl Inverse {
    fn no(why: impl Into<String>) -> Self {
        Self { cannot: vec![why.into()], ..Self::default() }
    }
}

/// The inverse of what a run did to one entity.
pub(super) fn inverse(past: &Past) -> Inverse {
    let live = past.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
    let begun = past.entity.undone.as_ref().is_some_and(|undone| undone.run == past.run);
    if live.is_none() && begun {
        // Taken back before; an undo that was cut off goes on with the rest.
        return Inverse::default();
    }
    let did = |verb| past.done.iter().any(|done| done.verb == verb);
    if did(Verb::Delete) {
        return Inverse::no("it was deleted, and Pivotal has no undelete");
    }
    if let (Some(mirror), None, true) = (live, &past.now, begun && did(Verb::Create)) {
        // The answer to its deletion was lost; repeating that is harmless (pivotal-api.md 8, DELETE twice).
        let again = operation(past, Action::Delete { id: mirror.id.clone() });
        return Inverse { operation: Some(again), undone: past.entity.undone.clone(), ..Inverse::default() };
    }
    let (Some(mirror), Some(now)) = (live, &past.now) else {
        return Inverse::no("it is no longer in Pivotal");
    };
    if did(Verb::Create) {
        return delete(past, &mirror.id, &mirror.written, now);
    }
    let (back, mut cannot) = back(past, &mirror.written, now);
    let adopted = did(Verb::Adopt);
    let release = adopted && past.later.is_none() && past.children == 0;
    if adopted && !release {
        cannot.push(depends(past));
    }
    let operation = (!back.is_empty()).then(|| {
        let action = Action::Update { id: mirror.id.clone(), changes: back.clone() };
        operation(past, action)
    });
    let wanted = past.wanted.as_ref().filter(|_| release).map(|fields| as_wanted(past.entity.kind, fields));
    let undone = (operation.is_some() || release).then(|| undone(past, wanted, back));
    Inverse { operation, release, undone, cannot }
}

fn delete(past: &Past, id: &PivotalId, written: &Fields, now: &Fields) -> Inverse {
    if past.later.is_some() || past.children > 0 {
        return Inverse::no(depends(past));
    }
    let kind = past.entity.kind;
    let kept = |name: &str, now: &Value| past.kept.get(name).is_some_and(|kept| same(kind, name, kept, now));
    let (mut edited, mut filled) = (Vec::new(), Vec::new());
    for (name, now) in &now.0 {
        match (written.get(name), past.kept.get(name)) {
            _ if kept(name, now) => {}
            (Some(written), _) if !same(kind, name, written, now) => edited.push(name.as_str()),
            (None, Some(_)) if is_typed(kind, name) => edited.push(name.as_str()),
            (None, None) if is_typed(kind, name) && !now.says_nothing() => filled.push(name.as_str()),
            _ => {}
        }
    }
    let told = [("changed", edited), ("filled in", filled)].into_iter().filter(|(_, names)| !names.is_empty());
    let cannot: Vec<String> =
        told.map(|(did, names)| format!("somebody {did} its {} in Pivotal since", names.join(", "))).collect();
    if !cannot.is_empty() {
        return Inverse { cannot, ..Inverse::default() };
    }
    let wanted = past.wanted.as_ref().map(|fields| as_wanted(kind, fields));
    Inverse {
        operation: Some(operation(past, Action::Delete { id: id.clone() })),
        undone: Some(undone(past, wanted, Changes::default())),
        ..Inverse::default()
    }
}

/// Whether a field is one that people type, and not one that Pivotal works out.
fn is_typed(kind: Kind, name: &str) -> bool {
    name.starts_with(Fields::METADATA) || limits::fields(kind).iter().any(|field| field.name == name)
}

/// What goes back to what it was before the run, and why the rest does not.
fn back(past: &Past, written: &Fields, now: &Fields) -> (Changes, Vec<String>) {
    let kind = past.entity.kind;
    let mut whole: BTreeMap<&String, Change> = BTreeMap::new();
    for (field, change) in past.done.iter().flat_map(|done| &done.changes.0) {
        whole.entry(field).and_modify(|whole| whole.to = change.to.clone()).or_insert_with(|| change.clone());
    }
    let kept = |name: &str, now: &Value| past.kept.get(name).is_some_and(|kept| same(kind, name, kept, now));
    let (mut back, mut cannot) = (BTreeMap::new(), Vec::new());
    for (field, Change { from, to }) in whole {
        if !same(kind, field, written.get(field).unwrap_or(&Value::Null), &to) {
            // Taken back before, or written by a later run.
            if !same(kind, field, written.get(field).unwrap_or(&Value::Null), &from) {
                let by = past.later.map_or_else(String::new, |later| format!(" by run {later}; undo that first"));
                cannot.push(format!("{field} was written again since{by}"));
            }
        } else if now.get(field).is_some_and(|now| !same(kind, field, now, &to) && !kept(field, now)) {
            cannot.push(format!("somebody changed {field} in Pivotal since"));
        } else if from.is_null() && !limits::clears(kind, field) {
            cannot.push(format!("{field} held nothing before, and cannot be emptied"));
        } else {
            back.insert(field.clone(), Change { from: to, to: from });
        }
    }
    (Changes(back), cannot)
}

fn depends(past: &Past) -> String {
    match past.later {
        Some(later) => format!("run {later} wrote to it since; undo that first"),
        None if past.children == 1 => {
            "1 contact or onboarding under it would go with it, and is not taken back".to_owned()
        }
        None => format!("{} contacts or onboardings under it would go with it, and are not taken back", past.children),
    }
}

fn same(kind: Kind, field: &str, a: &Value, b: &Value) -> bool {
    limits::as_found(kind, field, a) == limits::as_found(kind, field, b)
}

fn operation(past: &Past, action: Action) -> Operation {
    Operation {
        entity: past.entity.id,
        kind: past.entity.kind,
        subject: past.subject.clone(),
        name: past.name.clone(),
        action,
        standing: Standing::Ready,
        reason: format!("run {} is taken back", past.run),
        hold: None,
    }
}

/// What was taken back before stays so.
fn undone(past: &Past, wanted: Option<String>, back: Changes) -> Undone {
    let before = past.entity.undone.clone();
    let mut changes = before.as_ref().map(|undone| undone.changes.clone()).unwrap_or_default();
    changes.0.extend(back.0);
    Undone { run: past.run, wanted: wanted.or_else(|| before.and_then(|undone| undone.wanted)), changes }
}

impl Case<'_> {
    /// Whether a person let it be made anew. To take over what is there is less than that; and whether something is there shows
    /// only once its customer is.
    fn lets_come_again(&self, fields: &Fields) -> bool {
        let create = self.create(fields, String::new());
        self.subject.entity.approval.covers(&fingerprint_of(&create))
    }

    /// What a person had taken back is not done again unasked, until the source says something else.
    pub(super) fn rest_undone(&self, operations: &mut Vec<Operation>) {
        let Some(undone) = &self.subject.entity.undone else { return };
        let subject = &self.desired.subject;
        let why = format!(
            "undone by a person (run {}). `pivotal-sync approve {subject}` does it again, `pivotal-sync ignore {subject}` lets it \
             rest, and so does waiting, until its source changes",
            undone.run
        );
        let [operation] = operations.as_mut_slice() else { return };
        if !operation.is_ready() {
            return;
        }
        match (&mut operation.action, &self.desired.wanted) {
            (Action::Create { .. } | Action::Adopt { .. }, Wanted::Yes(fields))
                if undone.wanted.as_deref() == Some(&as_wanted(self.kind(), fields))
                    && !self.lets_come_again(fields) =>
            {
                operation.standing = Standing::Held(why);
            }
            (Action::Update { id, changes }, _) => {
                let (again, news): (BTreeMap<_, _>, BTreeMap<_, _>) =
                    changes.0.clone().into_iter().partition(|(field, change)| undone.covers(field, change));
                let again = Changes(again);
                let seen = fingerprint(operation.kind, Verb::Update, Some(id), &again);
                if again.is_empty() || self.subject.entity.approval.covers(&seen) {
                    return;
                }
                let id = id.clone();
                // What else has changed since goes ahead.
                changes.0 = news;
                let reason = differs(&again);
                let rests = held(self.operation(Action::Update { id, changes: again }, reason), &why);
                if operation.changes().is_empty() {
                    *operation = rests;
                } else {
                    operation.reason = differs(&operation.changes());
                    operations.push(rests);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
