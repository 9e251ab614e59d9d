//! How much one run may do unasked. A tripped guard holds every operation of that kind and verb, not only the excess; what a
//! person approved counts, and goes ahead.

use std::collections::BTreeSet;

use crate::domain::{Action, EntityId, Guarded, Hold, Kind, Operation, Parent, RunId, Standing, Timestamp, Verb};

use super::settings::Guard;
use super::types::{Earlier, Population, Tripped};

/// However small the share, one deletion a run is never too many.
pub const FREE_DELETES: u64 = 1;

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brake {
    /// Deletions, and the archiving that stands for one.
    Removals,
    Updates,
    Creates,
}

/// Why nothing of a kind may be done unasked, whatever the settings say.
enum Blind {
    /// The store was put back from a backup of that time.
    PutBack(Timestamp),
    /// Pivotal holds customers that no walk shows.
    Unseen,
}

impl Blind {
    const fn limit(&self) -> &'static str {
        match self {
            Self::PutBack(_) => "0 until an audit compared this store, put back from a backup, with Pivotal",
            Self::Unseen => "0 while Pivotal holds customers that it shows to nobody",
        }
    }

    /// Why, and what to do.
    fn words(&self) -> String {
        let through = "`pivotal-sync approve --all` lets through what guards hold, these among it";
        match self {
            Self::PutBack(backup) => format!(
                "this store was put back from a backup of {} and does not know what was written since; `pivotal-sync audit` \
                 compares it with Pivotal and ends that, or {through}",
                backup.format("%Y-%m-%d %H:%M UTC")
            ),
            Self::Unseen => format!(
                "Pivotal holds more customers of one and the same millisecond than it shows on a page, so these may be there \
                 already: compare them with Pivotal and `link` those that are, then {through}"
            ),
        }
    }
}

/// A setting that is exceeded, and the value that would allow as much.
struct Excess {
    key: &'static str,
    set: u64,
    needed: u64,
}

/// Turns the operations of every tripped kind and verb into held ones, but for the approved. Says what tripped.
///
/// What was held `earlier` stays held until it is approved or its reason goes away: it is measured with all that it was held
/// with, done or not, and never alone. So is what comes since: piece by piece nothing gets past a guard that has tripped.
pub(super) fn guard(
    settings: &Guard,
    operations: &mut [Operation],
    population: &Population,
    earlier: &Earlier,
    approved: &dyn Fn(&Operation) -> bool,
) -> Vec<Tripped> {
    let both = operations.iter().chain(&population.done);
    let moving: BTreeSet<EntityId> = both.filter(|o| deletes(o)).map(|o| o.entity).collect();
    let mut tripped = Vec::new();
    // Customers come first: what waits for a held one is no create of its own.
    for kind in Kind::ALL {
        // Whose customer goes goes with it, moved out before or not.
        let goes = |o: &&Operation| o.kind == Kind::Customer && o.is_ready() && deletes(o);
        let going: BTreeSet<EntityId> =
            operations.iter().filter(goes).chain(&population.done).filter(goes).map(|o| o.entity).collect();
        for brake in [Brake::Removals, Brake::Updates, Brake::Creates] {
            let along =
                |o: &Operation| deletes(o) && population.along.get(&o.entity).is_some_and(|c| going.contains(c));
            let ours = |o: &Operation| o.kind == kind && o.is_ready() && brake.is_on(o, &moving) && !along(o);
            let past = Past::of(kind, brake, operations, earlier);
            // What waits for something else meanwhile is no less held.
            let waits = |o: &&mut Operation| o.kind == kind && !o.is_ready() && brake.is_on(o, &moving);
            for operation in operations.iter_mut().filter(waits).filter(|o| past.held.contains(&o.entity)) {
                operation.hold = operation.hold.or(Some(Hold::Guard(past.since)));
            }
            let at: Vec<usize> = (0..operations.len()).filter(|at| ours(&operations[*at])).collect();
            let (free, mut bound): (Vec<usize>, Vec<usize>) = at.iter().partition(|at| approved(&operations[**at]));
            let done = population.done.iter().filter(|o| ours(o)).count() as u64;
            let all = done + past.done + past.elsewhere + at.len() as u64;
            let live = population.of(kind) + past.deleted;
            let excesses = brake.excesses(settings, all, live, population.loaded);
            let blind = brake.blind(kind, population);
            if matches!(blind, Some(Blind::Unseen)) && population.loaded && excesses.is_empty() {
                // What came since the first load came after the walk.
                bound.retain(|at| past.held.contains(&operations[*at].entity));
            }
            let limit = match (&blind, excesses.first()) {
                (Some(blind), _) => blind.limit().to_owned(),
                (None, Some(first)) => format!("guard.{} = {}", first.key, first.set),
                (None, None) => continue,
            };
            if bound.is_empty() {
                continue;
            }
            let held = bound.len() as u64;
            let verb = brake.verb(at.iter().map(|at| &operations[*at]));
            let what = brake.measured(kind, verb, all, live);
            let shares = brake.shares(all, live, past.done + free.len() as u64);
            let why = match &blind {
                Some(blind) => format!("{what}{shares}, and {}", blind.words()),
                None => format!("{what}{shares}, more than {limit} allows; {}", let_go(&excesses)),
            };
            hold(operations, &bound, &why);
            for at in bound.iter().chain(&free) {
                operations[*at].hold = Some(Hold::Guard(past.since));
            }
            let allow = if blind.is_some() { Vec::new() } else { variables(&excesses) };
            tripped.push(Tripped { kind, verb, count: all, held, limit, allow, why });
        }
    }
    tripped
}

/// What one guard held in earlier runs.
struct Past {
    /// The first of those runs; this one, when nothing was held.
    since: RunId,
    /// Whose operations are not done yet.
    held: BTreeSet<EntityId>,
    /// How many of them this plan does not look at.
    elsewhere: u64,
    /// What a person let through since, and was done.
    done: u64,
    /// How many of those no longer count as live.
    deleted: u64,
}

impl Past {
    fn of(kind: Kind, brake: Brake, operations: &[Operation], earlier: &Earlier) -> Self {
        let ours = || earlier.guarded.iter().filter(|one| one.kind == kind && brake.was_on(one));
        let held: BTreeSet<EntityId> = ours().filter(|one| !one.done).map(|one| one.entity).collect();
        let since = ours().filter(|one| !one.done).map(|one| one.since).min();
        let looked_at: BTreeSet<EntityId> = operations.iter().filter(|o| o.kind == kind).map(|o| o.entity).collect();
        let done = || ours().filter(|one| one.done && Some(one.since) == since);
        Self {
            since: since.unwrap_or(earlier.run),
            elsewhere: held.difference(&looked_at).count() as u64,
            held,
            done: done().count() as u64,
            deleted: done().filter(|one| one.verb == Verb::Delete).count() as u64,
        }
    }
}

/// Holds these, and has what cannot go ahead without them wait.
fn hold(operations: &mut [Operation], to_hold: &[usize], why: &str) {
    let mut held: BTreeSet<EntityId> = BTreeSet::new();
    for at in to_hold {
        operations[*at].standing = Standing::Held(why.to_owned());
        held.insert(operations[*at].entity);
    }
    for operation in operations.iter_mut().filter(|o| o.is_ready()) {
        let parent = match &operation.action {
            Action::Create { parent: Some(Parent::Planned(parent)), .. } => Some(*parent),
            _ => None,
        };
        if appears(operation) && held.contains(&operation.entity) {
            operation.standing = Standing::Waiting("the deletion before it is held".to_owned());
        } else if parent.is_some_and(|parent| held.contains(&parent)) {
            operation.standing = Standing::Waiting("its customer is held by a guard".to_owned());
        }
    }
}

impl Brake {
    fn was_on(self, one: &Guarded) -> bool {
        match (one.verb, one.archives) {
            (Verb::Delete, _) | (Verb::Update, true) => self == Self::Removals,
            (Verb::Update, false) => self == Self::Updates,
            (Verb::Create, _) => self == Self::Creates,
            (Verb::Adopt, _) => false,
        }
    }

    /// Why none of these may be done unasked.
    fn blind(self, kind: Kind, population: &Population) -> Option<Blind> {
        match self {
            Self::Removals => population.put_back.map(Blind::PutBack),
            Self::Creates if kind == Kind::Customer && population.unseen => Some(Blind::Unseen),
            Self::Creates | Self::Updates => None,
        }
    }

    /// `moving` are the entities that are deleted in the same plan: to appear again elsewhere is no create.
    fn is_on(self, operation: &Operation, moving: &BTreeSet<EntityId>) -> bool {
        match self {
            Self::Removals => deletes(operation) || operation.archives(),
            Self::Updates => matches!(operation.action, Action::Update { .. }) && !operation.archives(),
            Self::Creates => matches!(operation.action, Action::Create { .. }) && !moving.contains(&operation.entity),
        }
    }

    /// The settings that so many go beyond.
    fn excesses(self, settings: &Guard, count: u64, live: u64, loaded: bool) -> Vec<Excess> {
        let by_number = |key, most: u64| (count > most).then_some(Excess { key, set: most, needed: count });
        let by_share = |key, percent: u8, free: u64| {
            let allowed = u128::from(live) * u128::from(percent) / 100;
            let over = live >= settings.min_population && u128::from(count) > allowed.max(u128::from(free));
            over.then(|| Excess { key, set: u64::from(percent), needed: whole_percent(count, live) })
        };
        match self {
            Self::Removals => [
                by_number("max_deletes", settings.max_deletes),
                by_share("max_delete_percent", settings.max_delete_percent, FREE_DELETES),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Self::Updates => by_share("max_updates_percent", settings.max_updates_percent, 0).into_iter().collect(),
            // A first load creates everything there is.
            Self::Creates => by_number("max_creates", settings.max_creates).filter(|_| loaded).into_iter().collect(),
        }
    }

    /// What would be done, as in "would be …".
    fn verb<'a>(self, mut operations: impl Iterator<Item = &'a Operation>) -> &'static str {
        match self {
            Self::Updates => "updated",
            Self::Creates => "created",
            Self::Removals => {
                let (mut deleted, mut archived) = (false, false);
                operations.by_ref().for_each(|o| if deletes(o) { deleted = true } else { archived = true });
                match (deleted, archived) {
                    (true, true) => "deleted or archived",
                    (false, true) => "archived",
                    _ => "deleted",
                }
            }
        }
    }

    fn measured(self, kind: Kind, verb: &str, count: u64, live: u64) -> String {
        match self {
            Self::Creates => {
                let plural = if count == 1 { "" } else { "s" };
                format!("{count} {kind}{plural} would be {verb} at once")
            }
            _ => format!("{count} of {live} {kind}s would be {verb} at once"),
        }
    }

    /// In brackets: the share of what is live, and how many of them a person has approved.
    fn shares(self, count: u64, live: u64, approved: u64) -> String {
        let share = (self != Self::Creates).then(|| percent(count, live));
        let approved = (approved > 0).then(|| format!("{approved} of them approved"));
        let parts: Vec<String> = share.into_iter().chain(approved).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
    }
}

fn deletes(operation: &Operation) -> bool {
    matches!(operation.action, Action::Delete { .. })
}

fn appears(operation: &Operation) -> bool {
    matches!(operation.action, Action::Create { .. } | Action::Adopt { .. })
}

/// What to do: look; then let what is held through, or as many as these for one run, which a daemon does not hear of.
fn let_go(excesses: &[Excess]) -> String {
    let variables = variables(excesses);
    format!(
        "look at `pivotal-sync plan`, then `pivotal-sync approve --all` lets through what guards hold, these among it; where no \
         daemon runs, `{} pivotal-sync sync` does as many once",
        variables.join(" ")
    )
}

fn variables(excesses: &[Excess]) -> Vec<String> {
    let spell = |Excess { key, needed, .. }: &Excess| format!("PIVOTAL_SYNC__GUARD__{}={needed}", key.to_uppercase());
    excesses.iter().map(spell).collect()
}

/// The smallest whole percentage that allows so many.
fn whole_percent(count: u64, live: u64) -> u64 {
    count.saturating_mul(100).div_ceil(live.max(1)).min(100)
}

fn percent(count: u64, live: u64) -> String {
    let tenths = (u128::from(count) * 1000).checked_div(u128::from(live)).unwrap_or(1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
