//! `undo RUN`: what a run wrote is taken back, by the same way it came.
//!
//! Pivotal is asked first what it says now (`now`). What follows is decided in `reconcile`. The marks that keep the next plan from
//! doing it all again are stored before anything leaves.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use crate::domain::{
    Approval, EntityId, Kind, Mirror, Operation, PivotalId, Report, RunId, RunKind, RunStatus, SourceKey, SourceName,
    Standing, Timestamp, Undone, Verb,
};
use crate::ports::{Spent, Writer};
use crate::reconcile::{Clearing, Done, Guard, Past, Population, Wanted, fingerprint_of};
use crate::store::DoneRow;

use super::parents::{Parents, subject};
use super::plan::Asking;
use super::{Ask, Engine, EngineError, Event, tell};

/// How a run would be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoPlan {
    /// The run.
    pub run: RunId,
    /// What would be sent, in order.
    pub operations: Vec<Operation>,
    /// What would be let go of.
    pub released: Vec<Released>,
    /// What cannot be taken back.
    pub cannot: Vec<CannotUndo>,
    /// The guards that hold it: each in words, and what would let it through for once, as the environment spells it.
    pub held: Vec<(String, Vec<String>)>,
    marks: Vec<(EntityId, Option<Undone>)>,
    mirrors: HashMap<EntityId, Mirror>,
    /// Requests before it was made: what asking cost belongs to the undo.
    #[serde(skip)]
    spent: Vec<(Option<SourceName>, Spent)>,
}

/// An object that was taken over, and would be nobody's again. It stays in Pivotal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The entity.
    pub entity: EntityId,
    /// What it is.
    pub kind: Kind,
    /// The object.
    pub id: PivotalId,
    /// The record that names it.
    pub subject: SourceKey,
    /// What people call it.
    pub name: String,
}

/// Something that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CannotUndo {
    /// What it is about.
    pub kind: Kind,
    /// The record that names it.
    pub subject: SourceKey,
    /// What people call it.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

impl UndoPlan {
    /// Nothing but whose plan it is.
    #[must_use]
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            operations: Vec::new(),
            released: Vec::new(),
            cannot: Vec::new(),
            held: Vec::new(),
            marks: Vec::new(),
            mirrors: HashMap::new(),
            spent: Vec::new(),
        }
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.released.is_empty()
    }

    /// What working it out says of itself: a plan's report. That is no run of its own, and the store does not know of it: it
    /// bears the number of the run it is about.
    pub fn report(&self, began: Timestamp) -> Report {
        let mut report = Report {
            status: RunStatus::Complete,
            finished_at: Some(Utc::now()),
            plan: self.operations.clone(),
            ..Report::begun(self.run, RunKind::Plan, began)
        };
        for operation in &self.operations {
            if operation.is_ready() {
                report.operations.count(operation.verb());
            } else {
                report.operations.held += 1;
            }
        }
        report
    }

    /// Refuses to be another plan than the one somebody was shown. What asking cost is not looked at.
    fn check_is(&self, shown: &Self) -> Result<(), EngineError> {
        let shown = Self { spent: self.spent.clone(), ..shown.clone() };
        if *self == shown {
            return Ok(());
        }
        let why = "what Pivotal says changed since the plan was shown".to_owned();
        let hint = "run the same command again, and read the new plan".to_owned();
        Err(EngineError::Undo { run: self.run, why, hint })
    }

    /// What lets all of it through for once, where guards hold it.
    fn lets_through(&self) -> Option<String> {
        // Two guards may ask for the same variable, each as much as it needs.
        let mut allow: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, needed) in self.held.iter().flat_map(|(_, allow)| allow).filter_map(|set| set.split_once('=')) {
            let most = allow.entry(name).or_default();
            *most = needed.parse().map_or(*most, |needed: u64| needed.max(*most));
        }
        let allow: Vec<String> = allow.iter().map(|(name, needed)| format!("{name}={needed}")).collect();
        (!allow.is_empty())
            .then(|| format!("`{} pivotal-sync undo {}` lets as many through for once", allow.join(" "), self.run))
    }

    /// What a guard says of a plan's operations is not how an undo goes on: nothing of it is there to be approved.
    fn tell_held(&mut self) {
        let Some(hint) = self.lets_through() else { return };
        let why: Vec<&str> = self.held.iter().map(|(why, _)| why.as_str()).collect();
        let why = format!("{}. {hint}", why.join(", and "));
        for operation in self.operations.iter_mut().filter(|operation| !operation.is_ready()) {
            operation.standing = Standing::Held(why.clone());
        }
    }
}

impl Engine {
    /// Works out how a run would be taken back, within the limits of whoever asks. Writes nothing.
    ///
    /// # Errors
    /// [`EngineError::Undo`] when it cannot be, or not yet; else as a plan.
    pub async fn plan_undo(&self, run: RunId, guard: &Guard) -> Result<UndoPlan, EngineError> {
        let planned = self.plan_to_undo(run, guard).await;
        self.watch.tell(Event::Ended);
        planned.map_err(|error| if matches!(error, EngineError::Interrupted) { EngineError::NothingYet } else { error })
    }

    async fn plan_to_undo(&self, run: RunId, guard: &Guard) -> Result<UndoPlan, EngineError> {
        let refuse = |why: String, hint: &str| EngineError::Undo { run, why, hint: hint.to_owned() };
        let Some((kind, forgotten)) = self.store.run_named(run).await? else {
            let why = "it is not here, or was removed after store.retention".to_owned();
            return Err(refuse(why, "`pivotal-sync runs` lists them"));
        };
        if forgotten {
            let why = "what it did was removed after store.retention, as a whole or in part".to_owned();
            return Err(refuse(why, "put right at its source, or in Pivotal, what should not be there"));
        }
        let open = self.store.open_attempts().await?.len();
        if open > 0 {
            let why = format!("the outcome of {open} earlier writes is not known yet");
            return Err(refuse(why, "run `pivotal-sync sync` first: it settles them"));
        }
        let done = self.store.done_by(run).await?;
        let mut by_entity: BTreeMap<EntityId, Vec<DoneRow>> = BTreeMap::new();
        for row in done {
            by_entity.entry(row.entity).or_default().push(row);
        }
        let pasts = self.pasts(run, &by_entity).await?;
        let spent = self.spent();
        let mut plan = UndoPlan { spent, ..self.inverses(run, pasts).await? };
        if kind == RunKind::Undo {
            // To undo an undo is to do it again: then nothing keeps the next plan from it.
            plan.marks = by_entity.keys().map(|entity| (*entity, None)).collect();
        }
        // Whoever asks for it sees what is deleted, also on the word of a store that was put back.
        let population = Population { put_back: None, unseen: false, ..self.measured().await? };
        for tripped in self.reconciler.guard_alone(guard, &mut plan.operations, &population, run) {
            let limit = format!(
                "{} {}s would be {} at once, more than {} allows",
                tripped.count, tripped.kind, tripped.verb, tripped.limit
            );
            plan.held.push((limit, tripped.allow));
        }
        plan.tell_held();
        Ok(plan)
    }

    /// Takes a run back as planned. All of it or nothing: what a guard holds, holds the whole.
    ///
    /// # Errors
    /// [`EngineError::Undo`] when a guard holds it; else as a sync.
    pub async fn undo(&self, writer: &dyn Writer, plan: UndoPlan, asked_by: &str) -> Result<Report, EngineError> {
        if let Some(hint) = plan.lets_through() {
            let why: Vec<&str> = plan.held.iter().map(|(why, _)| why.as_str()).collect();
            return Err(EngineError::Undo { run: plan.run, why: why.join(", and "), hint });
        }
        let ask = Ask { kind: RunKind::Undo, asked_by: asked_by.to_owned(), full: false, only: None };
        let mut run = self.begin(&ask).await?;
        run.before.clone_from(&plan.spent);
        let span = tell::span(&run.report);
        let result = async {
            tell::began(&ask);
            let UndoPlan { run: undone, operations, released, cannot, marks, mirrors, .. } = plan;
            run.note(format!("takes back run {undone}"));
            for CannotUndo { subject, name, why, .. } in &cannot {
                run.note(format!("not taken back: {name} ({subject}): {why}"));
            }
            self.store.mark_undone(&marks).await?;
            // The guards have looked at all of it, within the limits of whoever asked; to hold a part now would tear it.
            let agreed = |operation: &Operation| (operation.entity, Approval([fingerprint_of(operation)].into()));
            let agreed: HashMap<EntityId, Approval> = operations.iter().map(agreed).collect();
            let planned = self.write_down(operations, mirrors, &agreed, Asking::Nothing, &mut run).await?;
            self.apply(writer, planned, false, &mut run).await?;
            let ids: Vec<EntityId> = released.iter().map(|released| released.entity).collect();
            let number = self.store.release(run.report.run, &ids).await?;
            if number > 0 {
                run.note(format!("{number} objects that had been taken over are let go; they stay in Pivotal"));
            }
            Ok(())
        }
        .instrument(span.clone())
        .await;
        self.finish(run, result).instrument(span).await
    }

    /// Takes a run back as somebody was shown it, perhaps a while ago.
    ///
    /// # Errors
    /// [`EngineError::Undo`] when it would be taken back in another way by now; else as [`Self::undo`].
    pub async fn undo_as_shown(
        &self,
        writer: &dyn Writer,
        shown: &UndoPlan,
        guard: &Guard,
        asked_by: &str,
    ) -> Result<Report, EngineError> {
        let plan = self.plan_undo(shown.run, guard).await?;
        plan.check_is(shown)?;
        self.undo(writer, plan, asked_by).await
    }

    /// Everything that decides how each entity's part is taken back, but for its children; children before customers.
    async fn pasts(&self, run: RunId, by_entity: &BTreeMap<EntityId, Vec<DoneRow>>) -> Result<Vec<Past>, EngineError> {
        let entities: Vec<EntityId> = by_entity.keys().copied().collect();
        let later = self.store.done_after(run, &entities).await?;
        let mut kept = self.store.kept(&entities).await?;
        let rows = self.store.subjects(&entities).await?;
        let mut pasts = Vec::new();
        for row in rows {
            let subject = subject(row, &Parents::default());
            let Some(done) = by_entity.get(&subject.entity.id) else { continue };
            let desired = self.reconciler.desire(&subject, Utc::now());
            let wanted = match desired.wanted {
                Wanted::Yes(fields) | Wanted::Waiting { fields, .. } => Some(fields),
                _ => None,
            };
            let told = done.last();
            pasts.push(Past {
                run,
                subject: told.and_then(|row| row.subject.parse().ok()).unwrap_or(desired.subject),
                name: told.map_or(desired.name, |row| row.name.clone()),
                done: done.iter().map(|row| Done { verb: row.verb, changes: row.changes.clone() }).collect(),
                later: later.get(&subject.entity.id).copied(),
                now: None,
                children: 0,
                wanted,
                kept: kept.remove(&subject.entity.id).unwrap_or_default(),
                entity: subject.entity,
            });
        }
        pasts.sort_by_key(|past| std::cmp::Reverse(past.entity.kind));
        Ok(pasts)
    }

    async fn inverses(&self, run: RunId, pasts: Vec<Past>) -> Result<UndoPlan, EngineError> {
        let seen = self.now(&pasts).await?;
        let customers: Vec<EntityId> =
            pasts.iter().filter(|past| past.entity.kind == Kind::Customer).map(|past| past.entity.id).collect();
        let children = self.store.live_children(&customers).await?;
        let mut plan = UndoPlan::of(run);
        // Objects that go, or are nobody's afterwards: they keep no customer.
        let mut leaving: HashSet<PivotalId> = HashSet::new();
        for mut past in pasts {
            let mirror = past.entity.mirror.clone();
            let id = mirror.as_ref().map(|mirror| mirror.id.clone());
            past.now = id.as_ref().and_then(|id| seen.objects.get(id)).cloned();
            if let Some(id) = id.as_ref().filter(|_| past.entity.kind == Kind::Customer) {
                let ours = children.iter().filter(|child| child.2 == past.entity.id).map(|child| &child.3);
                let theirs = seen.children.get(id).into_iter().flatten();
                let staying: HashSet<&PivotalId> = ours.chain(theirs).filter(|id| !leaving.contains(*id)).collect();
                past.children = staying.len() as u64;
            }
            let inverse = self.reconciler.inverse(&past);
            let Past { entity, subject, name, .. } = past;
            let kind = entity.kind;
            plan.cannot.extend(inverse.cannot.into_iter().map(|why| CannotUndo {
                kind,
                subject: subject.clone(),
                name: name.clone(),
                why,
            }));
            plan.marks.extend(inverse.undone.map(|undone| (entity.id, Some(undone))));
            let deletes = inverse.operation.as_ref().is_some_and(|operation| operation.verb() == Verb::Delete);
            if let Some(id) = id {
                if deletes || inverse.release {
                    leaving.insert(id.clone());
                }
                if inverse.release {
                    plan.released.push(Released { entity: entity.id, kind, id, subject, name });
                }
            }
            if let (Some(operation), Some(mirror)) = (inverse.operation, mirror) {
                plan.mirrors.insert(entity.id, mirror);
                plan.operations.push(operation);
            }
        }
        let clearing = Clearing::of(&plan.operations, &|_| None);
        crate::reconcile::order(&mut plan.operations, &BTreeSet::new(), &clearing);
        Ok(plan)
    }
}
