//! What is owed to one entity: desired against mirror.
//!
//! * Held shows as an operation that would be done were it not held: a create where nothing exists, else an update. When
//!   what it would say is not known, its fields or changes are empty, and it can never be sent as it is.
//! * A null is owed only where this daemon wrote something: adoption never takes over what it does not say.
//! * What is held goes ahead once a person let exactly that through; not before it says something to let through.
//! * A move of a contact is two operations, delete then create, in that order; only under a customer that exists.

use crate::domain::{
    Action, Change, Changes, Choice, Fields, Hold, Kind, Mirror, MirrorState, Operation, Origin, Parent, PivotalId,
    Role, Standing, Stream, Timestamp, Value, Verb,
};

use super::adopt::{Adoption, linked_object};
use super::fingerprint::{anew, fingerprint_of, says_something};
use super::owner;
use super::settings::Settings;
use super::types::{Candidate, Decision, Desired, Home, Known, Subject, Wanted};
use super::view::View;

pub(super) const STATUS: &str = "status";
pub(super) const ARCHIVED: &str = "archived";
const ACTIVE: &str = "active";

/// Everything one decision looks at.
pub(super) struct Case<'a> {
    pub(super) settings: &'a Settings,
    pub(super) subject: &'a Subject,
    pub(super) desired: &'a Desired,
    pub(super) adoption: Option<&'a Adoption>,
    pub(super) slug: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    /// What is owed.
    pub(super) fn decide(&self) -> Decision {
        let mut decision = match (&self.desired.wanted, self.mirror()) {
            (Wanted::Yes(fields), None) => self.appear(fields),
            (Wanted::Yes(fields), Some(mirror)) if mirror.state == MirrorState::Lost => self.lost(fields, mirror),
            (Wanted::Yes(fields), Some(mirror)) => self.differ(fields, mirror),
            (Wanted::Waiting { fields, why }, None) => self.wait(fields, why),
            (Wanted::Held(why), mirror) => self.held(why, mirror),
            (Wanted::Doubled(why), Some(mirror)) => self.doubled(why, mirror),
            (Wanted::Replaced(why), Some(mirror)) if mirror.state == MirrorState::Live => self.replaced(why, mirror),
            (Wanted::LeftBehind(why), Some(mirror)) => self.left_behind(why, mirror),
            (Wanted::Gone(since), Some(mirror)) if mirror.state == MirrorState::Live => self.gone(*since, mirror),
            (Wanted::NotSelected(why), Some(mirror)) if mirror.state == MirrorState::Live => self.left(why, mirror),
            (
                Wanted::Gone(_)
                | Wanted::NotSelected(_)
                | Wanted::Replaced(_)
                | Wanted::Doubled(_)
                | Wanted::LeftBehind(_)
                | Wanted::Waiting { .. },
                _,
            ) => Decision::default(),
        };
        self.clear_first(&mut decision.operations);
        self.rest_undone(&mut decision.operations);
        for operation in &mut decision.operations {
            self.stand(operation);
            self.let_through(operation);
        }
        let with = |verb| decision.operations.iter().any(|operation| operation.verb() == verb);
        let moves = with(Verb::Delete) && !with(Verb::Update);
        if moves && decision.operations.iter().any(|operation| !operation.is_ready()) {
            // Half a move would lose the person.
            for operation in decision.operations.iter_mut().filter(|operation| operation.is_ready()) {
                operation.standing = Standing::Waiting("the other half of its move cannot go ahead".to_owned());
            }
        }
        decision.notes.splice(0..0, self.desired.notes.iter().cloned());
        decision
    }

    /// The mirror, unless what it mirrored was deleted by this daemon: Pivotal has no undelete, so it begins anew.
    fn mirror(&self) -> Option<&Mirror> {
        self.subject.entity.mirror.as_ref().filter(|mirror| mirror.state != MirrorState::Deleted)
    }

    pub(super) fn kind(&self) -> Kind {
        self.subject.entity.kind
    }

    pub(super) fn operation(&self, action: Action, reason: String) -> Operation {
        Operation {
            entity: self.subject.entity.id,
            kind: self.kind(),
            subject: self.desired.subject.clone(),
            name: self.desired.name.clone(),
            action,
            standing: Standing::Ready,
            reason,
            hold: None,
        }
    }

    /// Nothing is there yet: take over what is, else create.
    fn appear(&self, fields: &Fields) -> Decision {
        match self.adoption {
            Some(Adoption::Take(candidate)) => one(self.take(fields, candidate)),
            Some(Adoption::Held(why)) => one(torn(self.create(fields, "it may be in Pivotal already".to_owned()), why)),
            Some(Adoption::Nothing) | None => one(self.create(fields, self.newly())),
        }
    }

    fn newly(&self) -> String {
        match self.subject.entity.vanished {
            Some(_) => "it vanished from Pivotal with its customer".to_owned(),
            None => format!("new {} {}", self.desired.subject.stream.noun(), self.desired.subject),
        }
    }

    fn wait(&self, fields: &Fields, why: &str) -> Decision {
        let mut operation = self.create(fields, self.newly());
        operation.standing = Standing::Waiting(why.to_owned());
        one(operation)
    }

    pub(super) fn create(&self, fields: &Fields, reason: String) -> Operation {
        let mut fields = fields.without_nulls();
        match (self.kind(), self.slug, fields.text("email")) {
            (Kind::Customer, Some(slug), _) => fields.set("slug", slug),
            // Pivotal needs a name (pivotal-api.md 10.2). A contact that is there keeps the one it has.
            (Kind::Contact, _, Some(email)) if fields.get("name").is_none() => {
                let name = email.split('@').next().unwrap_or(email).to_owned();
                fields.set("name", Value::Text(name));
            }
            _ => {}
        }
        self.operation(Action::Create { parent: self.parent(), fields }, reason)
    }

    fn parent(&self) -> Option<Parent> {
        let parent = self.subject.parent.as_ref().filter(|_| self.kind() != Kind::Customer)?;
        Some(parent.pivotal_id.clone().map_or(Parent::Planned(parent.entity), Parent::Known))
    }

    fn take(&self, fields: &Fields, candidate: &Candidate) -> Operation {
        let fields = &with_ids_of(self.subject, fields, &candidate.fields);
        let (found, changes) = owner::take_over(self.settings, self.kind(), fields, &candidate.fields);
        let reason = match changes.is_empty() {
            true => "already in Pivotal, and agrees".to_owned(),
            false => format!("already in Pivotal; {}", differs(&changes)),
        };
        let action = Action::Adopt {
            id: candidate.id.clone(),
            display_id: candidate.display_id,
            parent: candidate.parent.clone(),
            origin: self.origin(&candidate.id),
            found,
            changes,
        };
        self.operation(action, reason)
    }

    /// Linked when a person said so, else adopted.
    fn origin(&self, taken: &PivotalId) -> Origin {
        let said = |known: &Known| match known.chosen.as_ref().map(|chosen| &chosen.choice) {
            Some(Choice::Link { pivotal_id }) => pivotal_id == taken,
            _ => false,
        };
        if self.subject.records.iter().any(said) { Origin::Linked } else { Origin::Adopted }
    }

    fn lost(&self, fields: &Fields, mirror: &Mirror) -> Decision {
        let why = format!(
            "Pivotal no longer has {} {}; someone may have deleted it on purpose. `pivotal-sync approve {}` creates it \
             anew, `pivotal-sync ignore {}` lets it rest",
            self.kind(),
            shown(mirror),
            self.desired.subject,
            self.desired.subject
        );
        let mut create = held(self.create(fields, "lost in Pivotal".to_owned()), &why);
        if self.subject.entity.approval.covers(&anew(&mirror.id)) {
            create.standing = Standing::Ready;
        }
        one(create)
    }

    fn differ(&self, fields: &Fields, mirror: &Mirror) -> Decision {
        if let Some(decision) = self.moved(fields, mirror) {
            return decision;
        }
        let mut changes = owner::allowed(self.settings, self.kind(), mirror.changes_to(fields));
        let mut reason = differs(&changes);
        // Archiving is this daemon's doing whoever owns the field, and so is taking it back.
        let archived_here = mirror.written.text(STATUS) == Some(ARCHIVED)
            && !mirror.is_found(STATUS)
            && fields.text(STATUS) != Some(ARCHIVED);
        if self.kind() == Kind::Customer && archived_here && !changes.0.contains_key(STATUS) {
            let before = self.subject.entity.shelved.as_deref().filter(|status| *status != ARCHIVED);
            let to = before.or(fields.text(STATUS)).unwrap_or(ACTIVE);
            changes.0.insert(STATUS.to_owned(), Change { from: ARCHIVED.into(), to: to.into() });
            reason = "wanted again, so no longer archived".to_owned();
        }
        if changes.is_empty() {
            return Decision::default();
        }
        one(self.operation(Action::Update { id: mirror.id.clone(), changes }, reason))
    }

    /// A contact whose account is another customer now. The address may be unique in the workspace (pivotal-api.md 10.2), so
    /// the old one goes first; and not before the new customer is there, lest the person be lost between the two.
    fn moved(&self, fields: &Fields, mirror: &Mirror) -> Option<Decision> {
        // Where a person put it, it stays.
        let put_there = mirror.origin == Origin::Linked || linked_object(self.subject).as_ref() == Some(&mirror.id);
        if self.kind() != Kind::Contact || put_there || self.subject.home == Home::LeftOut {
            return None;
        }
        let parent = self.subject.parent.as_ref()?;
        let old = mirror.parent.as_ref()?;
        if parent.pivotal_id.as_ref() == Some(old) {
            return None;
        }
        let create = match self.adoption {
            Some(Adoption::Take(found)) if found.id != mirror.id => self.take(fields, found),
            Some(Adoption::Held(why)) => return Some(one(torn(self.create(fields, MOVES.to_owned()), why))),
            _ => self.create(fields, MOVES.to_owned()),
        };
        let mut operations = Vec::new();
        let delete = self.operation(Action::Delete { id: mirror.id.clone() }, MOVES.to_owned());
        match mirror.origin {
            Origin::Created => operations.push(delete),
            // To leave it there unasked would have the person twice.
            Origin::Adopted | Origin::Linked => operations.push(held(delete, &self.asks_to_move(mirror))),
        }
        operations.push(create);
        if self.subject.home == Home::Torn {
            let why = "its customer turned out to be one with another, and a person must say which of the two stays";
            for operation in &mut operations {
                operation.standing = Standing::Waiting(why.to_owned());
            }
        }
        Some(Decision { operations, ..Decision::default() })
    }

    /// Only what this daemon created is deleted unasked (design section 6).
    fn asks_to_move(&self, mirror: &Mirror) -> String {
        let (key, id) = (&self.desired.subject, &mirror.id);
        format!(
            "{key} belongs to another customer now, and its contact {id} was in Pivotal before pivotal-sync, which deletes \
             nothing unasked. `pivotal-sync approve {key}` deletes it there and creates it under the new one, `pivotal-sync \
             link {key} {id}` leaves the person where it is, `pivotal-sync unlink {key}` leaves it there and creates it \
             under the new one as well"
        )
    }

    fn held(&self, why: &str, mirror: Option<&Mirror>) -> Decision {
        let operation = match mirror {
            Some(mirror) if mirror.state == MirrorState::Live => {
                let action = Action::Update { id: mirror.id.clone(), changes: Changes::default() };
                self.operation(action, "cannot be worked out".to_owned())
            }
            _ => self.operation(
                Action::Create { parent: self.parent(), fields: Fields::new() },
                "cannot be worked out".to_owned(),
            ),
        };
        one(held(operation, why))
    }

    /// Held as the deletion that approving it would be, where this daemon may delete at all; else as an update that says
    /// nothing. An onboarding is never deleted, and a contact vanishes with its customer.
    fn doubled(&self, why: &str, mirror: &Mirror) -> Decision {
        let with_parent = self.subject.parent.as_ref().is_some_and(|parent| !parent.wanted);
        if self.kind() == Kind::Onboarding || (self.kind() == Kind::Contact && with_parent) {
            return Decision::default();
        }
        // A deal is looked at with its customer and does not make one.
        let makes = |known: &Known| known.counts() && known.record.key.stream.role() != Role::Deal;
        let waits = if mirror.origin != Origin::Created || self.subject.records.iter().any(makes) {
            self.held(why, Some(mirror)).operations
        } else {
            let reason = "merged into another at the source".to_owned();
            vec![held(self.operation(Action::Delete { id: mirror.id.clone() }, reason), why)]
        };
        let is_let_through = waits.iter().any(|it| self.subject.entity.approval.covers(&fingerprint_of(it)));
        let disowned = self.disown(mirror).filter(|_| !is_let_through);
        Decision { operations: disowned.into_iter().chain(waits).collect(), ..Decision::default() }
    }

    /// A person saw what is held, and said yes.
    fn let_through(&self, operation: &mut Operation) {
        let approved = || self.subject.entity.approval.covers(&fingerprint_of(operation));
        if matches!(operation.standing, Standing::Held(_)) && says_something(operation) && approved() {
            operation.standing = Standing::Ready;
        }
    }

    /// What keeps an operation back: a customer that cannot be written to, or an earlier refusal of the same.
    fn stand(&self, operation: &mut Operation) {
        if !operation.is_ready() {
            return;
        }
        let blocked = self.subject.parent.as_ref().filter(|_| self.kind() != Kind::Customer);
        if let Some(why) = blocked.and_then(|parent| parent.blocked.as_ref()) {
            operation.standing = Standing::Waiting(format!("its customer: {why}"));
            return;
        }
        if let Some(quarantine) = &self.subject.entity.quarantine
            && quarantine.fingerprint == fingerprint_of(operation)
            && !quarantine.is_due(self.now)
        {
            let reason = quarantine.reason.clone();
            operation.standing = if quarantine.held { Standing::Held(reason) } else { Standing::Quarantined(reason) };
        }
    }
}

fn one(operation: Operation) -> Decision {
    Decision { operations: vec![operation], ..Decision::default() }
}

pub(super) fn held(mut operation: Operation, why: &str) -> Operation {
    operation.standing = Standing::Held(why.to_owned());
    operation
}

/// Held because it may be there already.
fn torn(operation: Operation, why: &str) -> Operation {
    Operation { hold: Some(Hold::Choice), ..held(operation, why) }
}

/// An id that a customer carries stays on it when it is taken over, while it is the id of one of its records.
pub(super) fn with_ids_of(subject: &Subject, fields: &Fields, there: &Fields) -> Fields {
    let mut fields = fields.clone();
    if subject.entity.kind == Kind::Customer {
        let view = View::of_subject(subject);
        for (stream, field) in Stream::ALL.into_iter().filter_map(|stream| Some((stream, stream.customer_field()?))) {
            // What is not to be said at all is on a customer beside it.
            if fields.0.contains_key(field)
                && let Some(record) = view.on_customer(stream, Some(there))
            {
                fields.set(field, record.key.id.as_str());
            }
        }
    }
    fields
}

const MOVES: &str = "belongs to another customer now";

/// Whether an operation is one half of a move.
pub fn moves(operation: &Operation) -> bool {
    operation.reason == MOVES
}

pub(super) fn shown(mirror: &Mirror) -> String {
    mirror.display_id.map_or_else(|| mirror.id.to_string(), |number| number.to_string())
}

/// `name differs`, `name and plan differ`, `domain, name and plan differ`.
pub(super) fn differs(changes: &Changes) -> String {
    let names: Vec<&str> = changes.0.keys().map(String::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("{one} differs"),
        [rest @ .., last] => format!("{} and {last} differ", rest.join(", ")),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_properties_tests.rs"]
mod properties;
