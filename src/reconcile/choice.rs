//! What a person's decision makes of one record, before any evidence is looked at.
//!
//! * A record that is *linked* stands for the named object: it goes to the entity that has the object; while none has, it makes
//!   an entity of its own, with the records linked to the same object, which then takes the object over.
//! * A record that is *unlinked* stands alone; and never again for the object it was taken from.
//! * A record that is *ignored* stays where it is and counts for nothing.
//!
//! None of them follows evidence. Others may still follow a linked or unlinked company.

use crate::domain::{Choice, EntityId, PivotalId};

use super::types::Bindable;

/// A record's place by what was decided about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footing {
    /// The entity it may keep.
    pub(super) entity: Option<EntityId>,
    /// Whether it must stay there.
    pub(super) settled: bool,
    /// Whether evidence may move it.
    pub(super) follows: bool,
    /// Whether others may follow it.
    pub(super) leads: bool,
}

/// Where a record stands.
pub(super) fn footing(record: &Bindable) -> Footing {
    let stays = Footing { entity: record.entity, settled: record.object.is_some(), follows: false, leads: true };
    match &record.choice {
        None => Footing { follows: true, ..stays },
        Some(Choice::Ignore) => Footing { leads: false, ..stays },
        Some(choice) => match place(record.entity, record.object.as_ref(), choice, record.linked) {
            Some(entity) => {
                Footing { settled: stays.settled || record.linked.is_some(), entity: Some(entity), ..stays }
            }
            None => Footing { entity: None, settled: false, ..stays },
        },
    }
}

/// The entity a record belongs to by decision; nothing when that is a new one. `object` is what its entity has, `linked` the
/// entity that has the object the decision links it to.
pub(super) fn place(
    own: Option<EntityId>,
    object: Option<&PivotalId>,
    choice: &Choice,
    linked: Option<EntityId>,
) -> Option<EntityId> {
    match choice {
        Choice::Ignore => own,
        Choice::Link { pivotal_id } => linked.or_else(|| own.filter(|_| object.is_none_or(|has| has == pivotal_id))),
        Choice::Unlink { pivotal_id } => own.filter(|_| object.is_none_or(|has| Some(has) != pivotal_id.as_ref())),
    }
}
