//! Desire and decide, entity by entity, parents first; then the guards. No request here costs a write.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::Utc;
use tokio::time::Instant;

use crate::domain::{Approval, EntityId, Kind, Mirror, Operation, PivotalId, Timestamp};
use crate::reconcile::{
    Adoption, Clearing, Decision, Desired, Note, Subject, Wanted, fingerprint_of, order, wait_for_clearing, with_urgent,
};
use crate::store::{Look, OperationId};

use super::again::NEWS_KEEP;
use super::candidates::candidate;
use super::metadata::Metadata;
use super::parents::{Parents, subject};
use super::recover::wait_for_lost_answers;
use super::slugs::creates;
use super::strays::tell_strays;
use super::{Engine, EngineError, Event, Run, tell};

/// Entities looked at together: their records, candidates and looks cost a constant number of queries.
const BATCH: u32 = 500;

/// One operation of the plan, which stays whole in the run's report: its number in the store, its place in the plan, and the
/// mirror it starts from. A plan is the largest thing a run holds, so there is one of it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) id: OperationId,
    pub(super) at: usize,
    pub(super) mirror: Option<Mirror>,
    /// Whether it goes before all that is not.
    pub(super) urgent: bool,
}

/// What Pivotal is asked while a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// Its news before anything is created, and the children of customers to be adopted.
    Everything,
    /// Children only: it was walked in this run, so that its news are known.
    NoNews,
    /// Nothing: what is known must do.
    Nothing,
}

/// Which entities a plan looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// Those that are dirty, unsettled or due.
    Due,
    /// All.
    All,
    /// These.
    These(&'a [EntityId]),
}

impl Scope<'_> {
    pub(super) const fn full(full: bool) -> Self {
        if full { Self::All } else { Self::Due }
    }
}

/// One plan under way.
pub(super) struct Drafting {
    pub(super) now: Timestamp,
    pub(super) operations: Vec<Operation>,
    pub(super) mirrors: HashMap<EntityId, Mirror>,
    /// What a person let through.
    pub(super) approvals: HashMap<EntityId, Approval>,
    pub(super) parents: Parents,
    /// Objects this plan takes over: no second entity may.
    pub(super) taken: HashMap<PivotalId, EntityId>,
    /// Slugs this plan gives out.
    slugs: HashSet<String>,
    pub(super) asking: Asking,
    /// Whether Pivotal's newest onboardings were asked for.
    pub(super) knows_onboardings: bool,
    /// When this plan asked for them.
    pub(super) onboardings_at: Option<Instant>,
    /// Whether the store was put back from a backup, and not compared with Pivotal since.
    pub(super) put_back: bool,
    looked_at: u64,
}

impl Engine {
    /// Looks at the entities in scope, and writes down what is owed.
    pub(super) async fn make_plan(
        &self,
        scope: Scope<'_>,
        asking: Asking,
        run: &mut Run,
    ) -> Result<Vec<Planned>, EngineError> {
        self.notice_rules(run).await?;
        run.metadata = self.metadata(matches!(scope, Scope::All), run).await?;
        let mut draft = Drafting {
            now: Utc::now(),
            operations: Vec::new(),
            mirrors: HashMap::new(),
            approvals: HashMap::new(),
            parents: Parents::with(self.beside().await?),
            taken: HashMap::new(),
            slugs: HashSet::new(),
            asking,
            knows_onboardings: run.turns.onboardings_at.is_some_and(|at| at.elapsed() < NEWS_KEEP),
            onboardings_at: None,
            put_back: self.put_back().await?.is_some(),
            looked_at: 0,
        };
        for kind in Kind::ALL {
            self.look_at_all(kind, scope, &mut draft, run).await?;
            if kind == Kind::Customer {
                self.list_children_beside(&draft).await?;
            }
        }
        self.hold_lookalikes(scope, &mut draft, run).await?;
        self.hold_second(&mut draft).await?;
        let torn = self.torn(scope, &draft.operations).await?;
        let doubted = self.doubted(scope, &draft.operations).await?;
        draft.operations.extend(torn.into_iter().chain(doubted));
        wait_for_lost_answers(&mut draft.operations, &run.unknown);
        let Drafting { operations, mirrors, approvals, onboardings_at, .. } = draft;
        run.turns.onboardings_at = onboardings_at.or(run.turns.onboardings_at);
        self.write_down(operations, mirrors, &approvals, asking, run).await
    }

    /// Puts operations in order, has the guards look at them, and stores them as this run's plan.
    pub(super) async fn write_down(
        &self,
        mut operations: Vec<Operation>,
        mut mirrors: HashMap<EntityId, Mirror>,
        approvals: &HashMap<EntityId, Approval>,
        asking: Asking,
        run: &mut Run,
    ) -> Result<Vec<Planned>, EngineError> {
        let population = self.population_but(&operations, run).await?;
        let under = |entity: EntityId| mirrors.get(&entity)?.parent.as_ref();
        let urgent = with_urgent(&operations, &self.store.urgent().await?, &under);
        let address = |entity: EntityId| mirrors.get(&entity)?.written.text("email").map(str::to_owned);
        let clearing = Clearing::of(&operations, &address);
        order(&mut operations, &urgent, &clearing);
        let approved = |operation: &Operation| {
            let approval = approvals.get(&operation.entity);
            approval.is_some_and(|approval| approval.covers(&fingerprint_of(operation)))
        };
        let earlier = self.earlier(run).await?;
        let tripped = self.reconciler.guard(&mut operations, &population, &earlier, &approved);
        self.tell_tripped(&tripped, &operations, run).await?;
        wait_for_clearing(&mut operations);
        self.ask_first(&mut operations, &mut mirrors, asking, run).await?;
        self.tell_who_goes_along(&mut operations).await?;
        self.tell_where_they_move(&mut operations, &mirrors).await?;
        tell::planned(&operations);
        let mut planned: Vec<Planned> = Vec::with_capacity(operations.len());
        for chunk in operations.chunks(500) {
            let ids = self.store.record_operations(run.report.run, chunk, Utc::now()).await?;
            for (id, operation) in ids.into_iter().zip(chunk) {
                // Only what is sent starts from it.
                let mirror = if operation.is_ready() { mirrors.remove(&operation.entity) } else { None };
                planned.push(Planned { id, at: planned.len(), mirror, urgent: urgent.contains(&operation.entity) });
            }
        }
        run.report.plan = operations;
        Ok(planned)
    }

    /// Another rule than at the last look: everything is looked at again, and the rule is named.
    async fn notice_rules(&self, run: &mut Run) -> Result<(), EngineError> {
        let fingerprint = self.reconciler.fingerprint();
        let known = self.store.fact("rules").await?;
        if known.as_deref() == Some(&fingerprint) {
            return Ok(());
        }
        let now = self.reconciler.rules();
        // What cannot be read was written by another version: then nothing is named.
        let before: Option<BTreeMap<String, String>> =
            self.store.fact("rule_texts").await?.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(before) = before {
            run.note(changed_rules(&before, &now));
        }
        self.store.mark_all_dirty().await?;
        self.store.set_fact("rule_texts", &serde_json::json!(now).to_string()).await?;
        self.store.set_fact("rules", &fingerprint).await?;
        Ok(())
    }

    async fn look_at_all(
        &self,
        kind: Kind,
        scope: Scope<'_>,
        draft: &mut Drafting,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let mut after = None;
        let mut these = if let Scope::These(these) = scope { these.chunks(BATCH as usize) } else { [].chunks(1) };
        loop {
            self.check_stop()?;
            let rows = match scope {
                Scope::These(_) => {
                    let Some(chunk) = these.next() else { return Ok(()) };
                    let mut rows = self.store.subjects(chunk).await?;
                    rows.retain(|row| row.entity.kind == kind);
                    rows
                }
                _ => {
                    let full = matches!(scope, Scope::All);
                    let rows = self.store.to_look_at(kind, full, draft.now, after, BATCH).await?;
                    let Some(last) = rows.last() else { return Ok(()) };
                    after = Some(last.entity.id);
                    rows
                }
            };
            draft.looked_at += rows.len() as u64;
            let subjects: Vec<Subject> = rows.into_iter().map(|row| subject(row, &draft.parents)).collect();
            self.look_at(kind, subjects, draft, run).await?;
            self.watch.tell(Event::Compared { entities: draft.looked_at });
        }
    }

    async fn look_at(
        &self,
        kind: Kind,
        subjects: Vec<Subject>,
        draft: &mut Drafting,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let (metadata, now) = (run.metadata, draft.now);
        let mut desired: Vec<Desired> =
            subjects.iter().map(|subject| self.desire(subject, &draft.parents, metadata, now)).collect();
        tell_strays(&self.store, &self.reconciler, &subjects, &mut desired).await?;
        let there = self.there(kind, &subjects, &desired, draft).await?;
        let homes = self.homes_of_deals(&subjects, &desired, &there, draft).await?;
        let slugs = self.slugs_taken(kind, &subjects, &desired, draft).await?;
        let mut looks = Vec::with_capacity(subjects.len());
        let mut in_step = Vec::new();
        let mut lapsed = Vec::new();
        for ((subject, mut desired), mut there) in subjects.iter().zip(desired).zip(there) {
            let adoption = match &desired.wanted {
                Wanted::Yes(fields) => self.adoption(subject, fields, &mut there, draft).await?,
                _ => None,
            };
            let beside = draft.parents.beside(subject.entity.id);
            if let Some(settled) = homes.settle(subject, adoption.as_ref(), &beside) {
                desired.wanted = self.desire(&settled, &draft.parents, metadata, now).wanted;
            }
            let mut desired = there.without_ids_of_others(desired, adoption.as_ref());
            let is_created = creates(kind, subject, &desired, adoption.as_ref());
            if is_created && !matches!(adoption, Some(Adoption::Held(_))) {
                slugs.tell_namesakes(subject, &mut desired, &draft.taken);
            }
            let desired = &desired;
            if let Some(Adoption::Take(found)) = &adoption {
                draft.taken.insert(found.id.clone(), subject.entity.id);
            }
            let slug = is_created.then(|| {
                let is_taken = |slug: &str| slugs.taken.contains(slug) || draft.slugs.contains(slug);
                self.reconciler.slug(subject, &desired.name, &is_taken)
            });
            let decision = self.reconciler.decide(subject, desired, adoption.as_ref(), slug.as_deref(), draft.now);
            if decision.operations.iter().any(Operation::is_ready) {
                draft.slugs.extend(slug);
            }
            let Decision { operations, later, notes } = decision;
            let told = |note: &Note| format!("{}: {}", note.subject, note.message);
            notes.iter().chain(&desired.notes).for_each(|note| run.note(told(note)));
            looks.push(Look {
                entity: subject.entity.id,
                name: desired.name.clone(),
                unwanted: unwanted(&desired.wanted),
                settled: operations.is_empty(),
                later,
                again: desired.until,
                notes: desired.notes.iter().map(told).collect(),
            });
            if operations.is_empty() {
                in_step.push(subject.entity.id);
            }
            draft.parents.learn(subject, desired, &operations);
            if let (Some(mirror), false) = (&subject.entity.mirror, operations.is_empty()) {
                draft.mirrors.insert(subject.entity.id, mirror.clone());
            }
            if self.reconciler.lapses(subject, &operations) {
                lapsed.push(subject.entity.id);
            } else if !subject.entity.approval.0.is_empty() {
                draft.approvals.insert(subject.entity.id, subject.entity.approval.clone());
            }
            draft.operations.extend(operations);
        }
        self.list_children_of_adopted(kind, draft).await?;
        self.store.save_looks(&looks, draft.now).await?;
        self.store.clear_open_operations(&in_step).await?;
        self.store.lapse_approvals(&lapsed).await?;
        Ok(())
    }

    /// What Pivotal should say of an entity, without what customers kept beside it say.
    fn desire(&self, subject: &Subject, parents: &Parents, metadata: Metadata, now: Timestamp) -> Desired {
        let desired = match (metadata, self.reconciler.desire(subject, now)) {
            (Metadata::Off, desired) => desired.without_metadata(),
            (_, desired) => desired,
        };
        let beside = parents.rows_beside(subject.entity.id).iter().cloned();
        let beside = beside.map(|row| candidate(row, &HashMap::new()));
        beside.fold(desired, |desired, other| desired.without_ids_of(&other))
    }
}

/// Names what differs, in the configuration's words.
fn changed_rules(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> String {
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let changed: Vec<&str> =
        keys.into_iter().filter(|key| before.get(*key) != now.get(*key)).map(String::as_str).collect();
    match changed.as_slice() {
        [] => "this version reads the rules differently; everything was looked at again".to_owned(),
        names => format!("rules changed since the last look: {}", names.join(", ")),
    }
}

fn unwanted(wanted: &Wanted) -> Option<String> {
    match wanted {
        Wanted::Yes(_) => None,
        Wanted::NotSelected(why)
        | Wanted::Replaced(why)
        | Wanted::Held(why)
        | Wanted::Doubled(why)
        | Wanted::LeftBehind(why)
        | Wanted::Waiting { why, .. } => Some(why.clone()),
        Wanted::Gone(since) => Some(format!("gone at the source since {}", since.format("%Y-%m-%d %H:%M UTC"))),
    }
}
