//! In which stages a plan is applied: what must be done before what.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::{Action, EntityId, Operation};
use crate::reconcile::{says_something, that_give_up};

use super::plan::Planned;
use super::{Engine, Run};

/// Attempts committed ahead of the senders when nothing limits the pace.
const AHEAD_MOST: usize = 128;

/// All operations of one entity, in order.
pub(super) struct Group {
    pub(super) stage: u8,
    pub(super) operations: VecDeque<Planned>,
}

/// Groups by entity, in the plan's order, and sets aside what may not go ahead.
pub(super) fn group(plan: &[Operation], planned: Vec<Planned>, run: &mut Run) -> VecDeque<Group> {
    let mut index: HashMap<EntityId, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut blocked: HashSet<EntityId> = HashSet::new();
    let first = that_give_up(plan);
    for planned in planned {
        let operation = &plan[planned.at];
        let entity = operation.entity;
        if !operation.is_ready() || blocked.contains(&entity) {
            run.count_undone(&operation.standing);
            // What says nothing is no step that others follow.
            if says_something(operation) {
                blocked.insert(entity);
            }
            continue;
        }
        let stage = if first.contains(&entity) { FIRST } else { stage(operation, planned.urgent) };
        match index.get(&entity) {
            Some(&at) => {
                groups[at].stage = groups[at].stage.min(stage);
                groups[at].operations.push_back(planned);
            }
            None => {
                index.insert(entity, groups.len());
                groups.push(Group { stage, operations: VecDeque::from([planned]) });
            }
        }
    }
    groups.sort_by_key(|group| group.stage);
    groups.into()
}

/// An id is off the customer that carries it before another takes it on.
const FIRST: u8 = 0;

/// The urgent first; then parents before children, deletes last and children first among them. A move takes the stage of its
/// create.
fn stage(operation: &Operation, urgent: bool) -> u8 {
    let rank = FIRST + 1 + operation.kind as u8;
    let within = if matches!(operation.action, Action::Delete { .. }) { 10 + (9 - rank) } else { rank };
    if urgent { within } else { 20 + within }
}

impl Engine {
    /// Under a limit only about a second's worth is committed ahead: what is committed but not sent has to be settled at the
    /// next start if the process dies.
    pub(super) fn ahead(&self) -> usize {
        match self.target.rate_per_minute() {
            Some(rate) => (rate as usize / 60).clamp(self.concurrency.max(1), AHEAD_MOST),
            None => AHEAD_MOST,
        }
    }
}
