//! In which stages a plan is applied: what must be done before what.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::{Action, EntityId, Mirror, Operation};
use crate::reconcile::{Clearing, says_something};

use super::plan::Planned;
use super::{Engine, Run};

/// Attempts committed ahead of the senders when nothing limits the pace.
const AHEAD_MOST: usize = 128;

/// All operations of one entity, in order.
pub(super) struct Group {
    pub(super) stage: u16,
    pub(super) operations: VecDeque<Planned>,
}

/// Groups by entity, in the plan's order, and sets aside what may not go ahead.
pub(super) fn group(plan: &[Operation], planned: Vec<Planned>, clearing: &Clearing, run: &mut Run) -> VecDeque<Group> {
    let mut index: HashMap<EntityId, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut blocked: HashSet<EntityId> = HashSet::new();
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
        let first = clearing.level(entity).map(|level| level.min(FIRST - 1));
        let stage = first.unwrap_or_else(|| stage(operation, planned.urgent));
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

/// What passes from one object to another is given up in steps before this.
const FIRST: u16 = 1000;

/// The urgent first; then parents before children, deletes last and children first among them. A move takes the stage of its
/// create.
fn stage(operation: &Operation, urgent: bool) -> u16 {
    let rank = 1 + operation.kind as u16;
    let within = if matches!(operation.action, Action::Delete { .. }) { 10 + (9 - rank) } else { rank };
    FIRST + if urgent { within } else { 20 + within }
}

/// Whether a stage is one of the urgent.
pub(super) const fn is_urgent(stage: u16) -> bool {
    stage >= FIRST && stage < FIRST + 20
}

/// What of a plan is given up before it is taken on.
pub(super) fn clearing(plan: &[Operation], planned: &[Planned]) -> Clearing {
    let mirrors = planned.iter().filter_map(|planned| Some((plan[planned.at].entity, planned.mirror.as_ref()?)));
    let mirrors: HashMap<EntityId, &Mirror> = mirrors.collect();
    Clearing::of(plan, &|entity| mirrors.get(&entity)?.written.text("email").map(str::to_owned))
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
