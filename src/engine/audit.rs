//! Walks Pivotal and compares what it says with what was last written there and with what the sources say now.
//!
//! Customers cost one request per 100 and one per customer that was not among them. Children are asked for only when that is
//! wanted: one request per customer that has contacts of ours, one per 100 onboardings. What is decided about a difference is
//! decided in `reconcile`; without a [`Writer`] nothing leaves. An audit is nobody's hurry: what is asked for meanwhile goes
//! first, between two of its requests.

use std::collections::{BTreeSet, HashMap, HashSet};

use tracing::Instrument as _;

use crate::domain::{
    Doing, EntityId, Fault, Fields, Finding, FindingKind, Kind, Mirror, MirrorState, PivotalId, Report, RunKind,
    RunStatus, SourceKey,
};
use crate::ports::{RemoteObject, Writer};
use crate::reconcile::Wanted;
use crate::store::{COPIED_AT, RemoteQuery};

use super::compared::{About, Auditing, put_back};
use super::look::Look;
use super::parents::{Parents, subject};
use super::plan::{Asking, Scope};
use super::{Ask, Engine, EngineError, Event, Run, tell};

/// Objects a page of Pivotal holds at most.
const PAGE: u64 = 100;
/// Objects of ours looked up at once.
const BATCH: u32 = 500;

impl Engine {
    /// Compares, and does what the owner of each field says, as an ordinary plan under the ordinary guards. Without a writer
    /// it only tells.
    ///
    /// # Errors
    /// [`EngineError::NothingToAudit`] for a store that was never filled; else as a sync.
    pub async fn audit(&self, writer: Option<&dyn Writer>, look: &Look, asked_by: &str) -> Result<Report, EngineError> {
        if self.store.fact("filled_at").await?.is_none() {
            return Err(EngineError::NothingToAudit);
        }
        let ask = Ask { kind: RunKind::Audit, asked_by: asked_by.to_owned(), full: false, only: None };
        let mut run = self.begin(&ask).await?;
        let span = tell::span(&run.report);
        let result = async {
            tell::began(&ask);
            self.audit_all(Auditing::new(writer, &ask, *look == Look::Deep), look, &mut run).await
        }
        .instrument(span.clone())
        .await;
        self.finish(run, result).instrument(span).await
    }

    async fn audit_all(&self, mut audit: Auditing<'_>, look: &Look, run: &mut Run) -> Result<(), EngineError> {
        self.identify().await?;
        match audit.writer {
            Some(writer) => self.recover(writer, run).await?,
            None => self.note_unsettled(run).await?,
        }
        self.tell_progress(Doing::Reading, true, run).await?;
        self.pull(audit.ask, run).await?;
        self.bind(Asking::Everything).await?;
        self.tell_progress(Doing::Comparing, true, run).await?;
        match look {
            Look::At(objects) => self.audit_these(objects, &mut audit, run).await?,
            Look::Customers | Look::Deep => {
                self.audit_customers(&mut audit, run).await?;
                self.audit_children(*look == Look::Deep, &mut audit, run).await?;
            }
        }
        audit.counts.two_writers = self.two_writers(look, &audit).await?;
        self.store.correct_mirrors(&audit.corrected).await?;
        let ids: Vec<PivotalId> = look.objects().iter().map(|(_, id)| id.clone()).collect();
        audit.counts.new =
            self.store.save_findings(run.report.run, look.kinds(), &ids, &audit.findings, audit.now).await?;
        if !matches!(look, Look::At(_)) {
            self.store.forget_fact(COPIED_AT).await?;
        }
        let meant: Vec<Finding> =
            audit.findings.into_iter().filter(|finding| finding.kind == FindingKind::PutBack).collect();
        run.report.audit = Some(audit.counts);
        let concerned: Vec<EntityId> = audit.concerned.into_iter().collect();
        // Who let others by looks at all that is due, as they did: so what is left of it is told. Who comes after an audit that
        // did not get to its end finds nothing to put back any more where that one had looked, and it is due all the same.
        let all_due = audit.let_by || self.last_audit_was_cut_off(run).await?;
        let (scope, asking) =
            if all_due { (Scope::Due, Asking::NoNews) } else { (Scope::These(&concerned), Asking::Nothing) };
        run.forget_undone();
        let planned = self.make_plan(scope, asking, run).await?;
        match audit.writer {
            Some(writer) => {
                let applied = self.apply_in_turns(writer, planned, audit.ask, run).await;
                let told = self.tell_put_back(meant, run).await;
                applied.and(told)
            }
            None => {
                self.store.close_planned(run.report.run, "found by an audit, not yet applied").await?;
                run.count_planned();
                Ok(())
            }
        }
    }

    async fn last_audit_was_cut_off(&self, run: &Run) -> Result<bool, EngineError> {
        let mut before = self.store.runs_of(Some(RunKind::Audit), 2).await?.into_iter();
        let last = before.find(|row| row.id != run.report.run);
        Ok(last.is_some_and(|row| matches!(row.status, RunStatus::Interrupted | RunStatus::Failed)))
    }

    /// What was meant to be put back and is no longer found otherwise was put back.
    async fn tell_put_back(&self, meant: Vec<Finding>, run: &mut Run) -> Result<(), EngineError> {
        if meant.is_empty() {
            return Ok(());
        }
        let standing = self.store.findings(None, u32::MAX).await?;
        let standing: HashSet<(&PivotalId, &str)> = standing
            .iter()
            .filter(|row| row.finding.kind == FindingKind::PutBack)
            .map(|row| (&row.finding.pivotal_id, row.finding.field.as_str()))
            .collect();
        if let Some(counts) = &mut run.report.audit {
            let done = meant.into_iter().filter(|f| !standing.contains(&(&f.pivotal_id, f.field.as_str())));
            counts.written_back = done.map(put_back).collect();
        }
        Ok(())
    }

    /// Of a few objects nothing follows for all: then what the last audit of all made of them stands.
    async fn two_writers(&self, look: &Look, audit: &Auditing<'_>) -> Result<Option<String>, EngineError> {
        if matches!(look, Look::At(_)) {
            let before = self.store.runs_of(Some(RunKind::Audit), 10).await?.into_iter();
            let mut before = before.filter_map(|run| run.report?.audit);
            return Ok(before.next().and_then(|counts| counts.two_writers));
        }
        Ok(self.reconciler.two_writers(audit.counts.customers, &audit.edited, audit.made_elsewhere))
    }

    /// What is asked for meanwhile goes first.
    async fn let_others_by(&self, audit: &mut Auditing<'_>, run: &mut Run) -> Result<(), EngineError> {
        let Some(writer) = audit.writer else { return Ok(()) };
        let Some(turn) = self.waiting_turn(run.turns).await? else { return Ok(()) };
        // What was learnt before must not stand over what is written now.
        self.store.correct_mirrors(&std::mem::take(&mut audit.corrected)).await?;
        let planned = self.take_turn(turn, writer, audit.ask, run).await?;
        self.apply_in_turns(writer, planned, audit.ask, run).await?;
        audit.let_by(&run.begin_again());
        Ok(())
    }

    async fn audit_these(
        &self,
        objects: &[(Kind, PivotalId)],
        audit: &mut Auditing<'_>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        for (kind, id) in objects {
            match self.or_stop(self.target.get(*kind, id)).await? {
                Ok(found) => self.audit_page(*kind, &[found], audit).await?,
                Err(error) if error.fault == Fault::NotFound => {
                    let entity = self.store.entity_with(id).await?;
                    self.lost(entity.into_iter().collect(), audit).await?;
                }
                Err(error) => return Err(error.into()),
            }
            self.let_others_by(audit, run).await?;
        }
        Ok(())
    }

    async fn audit_customers(&self, audit: &mut Auditing<'_>, run: &mut Run) -> Result<(), EngineError> {
        self.audit_list(Kind::Customer, None, audit, run).await?;
        self.audit_unseen(Kind::Customer, audit, run).await
    }

    /// Children, or what comparing them would cost.
    async fn audit_children(&self, deep: bool, audit: &mut Auditing<'_>, run: &mut Run) -> Result<(), EngineError> {
        let mut customers: BTreeSet<PivotalId> = BTreeSet::new();
        let mut after = None;
        loop {
            let some = self.store.live_objects(Kind::Contact, after, BATCH).await?;
            let Some(last) = some.last() else { break };
            after = Some(last.entity);
            // Those of a customer that is gone went with it (pivotal-api.md 10.1, DELETE).
            customers.extend(some.into_iter().filter_map(|object| object.parent).filter(|id| audit.seen.contains(id)));
        }
        let onboardings = self.store.population().await?.into_iter().find(|(kind, _)| *kind == Kind::Onboarding);
        let onboardings = onboardings.map_or(0, |(_, live)| live);
        audit.counts.deep_requests = customers.len() as u64 + onboardings.div_ceil(PAGE);
        if !deep {
            return Ok(());
        }
        for customer in &customers {
            self.audit_list(Kind::Contact, Some(customer), audit, run).await?;
        }
        self.audit_unseen(Kind::Contact, audit, run).await?;
        if onboardings > 0 {
            self.audit_list(Kind::Onboarding, None, audit, run).await?;
            self.audit_unseen(Kind::Onboarding, audit, run).await?;
        }
        Ok(())
    }

    async fn audit_list(
        &self,
        kind: Kind,
        parent: Option<&PivotalId>,
        audit: &mut Auditing<'_>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let mut cursor = None;
        loop {
            let page = match self.or_stop(self.target.list(kind, parent, cursor.as_ref())).await? {
                // Its customer went meanwhile, and they with it.
                Err(error) if error.fault == Fault::NotFound && parent.is_some() => return Ok(()),
                page => page?,
            };
            self.audit_page(kind, &page.objects, audit).await?;
            self.watch.tell(Event::Walked { kind, seen: audit.counts.of(kind) });
            self.let_others_by(audit, run).await?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn audit_page(
        &self,
        kind: Kind,
        objects: &[RemoteObject],
        audit: &mut Auditing<'_>,
    ) -> Result<(), EngineError> {
        // A page may repeat what the one before showed (pivotal-api.md 6).
        let objects: Vec<&RemoteObject> = objects.iter().filter(|o| audit.seen.insert(o.id.clone())).collect();
        if objects.is_empty() {
            return Ok(());
        }
        let kept: Vec<RemoteObject> = objects.iter().map(|o| (*o).clone()).collect();
        self.store.save_remote(&kept, audit.now).await?;
        let ids = RemoteQuery::Ids(kind, objects.iter().map(|o| o.id.clone()).collect());
        let rows = self.store.remote(&[ids]).await?.into_iter().flatten();
        let owners: HashMap<PivotalId, EntityId> =
            rows.filter_map(|row| row.owner.map(|owner| (row.id, owner))).collect();
        audit.count(kind, objects.len() as u64);
        self.audit_ours(kind, &objects, &owners, audit).await?;
        if kind == Kind::Customer {
            self.audit_strangers(&objects, &owners, audit).await?;
        }
        Ok(())
    }

    async fn audit_ours(
        &self,
        kind: Kind,
        objects: &[&RemoteObject],
        owners: &HashMap<PivotalId, EntityId>,
        audit: &mut Auditing<'_>,
    ) -> Result<(), EngineError> {
        let entities: Vec<EntityId> = owners.values().copied().collect();
        let by_id: HashMap<&PivotalId, &RemoteObject> = objects.iter().map(|object| (&object.id, *object)).collect();
        let kept = self.store.kept(&entities).await?;
        let nothing = Fields::new();
        for row in self.store.subjects(&entities).await? {
            let subject = subject(row, &Parents::default());
            let live = subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
            let Some(mirror) = live.cloned() else { continue };
            let Some(object) = by_id.get(&mirror.id) else { continue };
            let desired = self.reconciler.desire(&subject, audit.now);
            let fields = match &desired.wanted {
                Wanted::Yes(fields) => Some(fields),
                _ => None,
            };
            let entity = subject.entity.id;
            let kept = kept.get(&entity).unwrap_or(&nothing);
            let drifts = self.reconciler.audit(kind, &mirror.written, kept, &object.fields, fields);
            let about = About { entity, subject: desired.subject.clone(), name: desired.name.clone() };
            audit.take_in(&about, &mirror, object, drifts);
        }
        Ok(())
    }

    /// Customers that carry the id of a source record which does not stand for them here: nothing does, or another record alone.
    async fn audit_strangers(
        &self,
        objects: &[&RemoteObject],
        owners: &HashMap<PivotalId, EntityId>,
        audit: &mut Auditing<'_>,
    ) -> Result<(), EngineError> {
        let carried: Vec<(&RemoteObject, SourceKey)> = objects
            .iter()
            .flat_map(|object| self.reconciler.carried(&object.fields).into_iter().map(move |key| (*object, key)))
            .collect();
        let keys: Vec<SourceKey> = carried.iter().map(|(_, key)| key.clone()).collect();
        let entities = self.store.entities_of(&keys).await?;
        let mut ids: Vec<EntityId> = entities.values().chain(owners.values()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mirrors = self.store.mirrors(&ids).await?;
        for (object, key) in carried {
            let (owner, entity) = (owners.get(&object.id).copied(), entities.get(&key).copied());
            let mirror = entity.and_then(|entity| mirrors.get(&entity));
            let shown = object.display_id.map_or_else(|| object.id.to_string(), |id| format!("pivotal:customer:{id}"));
            let twice = |mirror: &Mirror| {
                let number = mirror.display_id.map_or_else(|| mirror.id.to_string(), |number| number.to_string());
                format!(
                    "carries the id of {key}, which is customer {number} here: the same company twice in Pivotal. Take that id \
                     off one of the two there, or `pivotal-sync link {key} {shown}` has {key} be this one"
                )
            };
            let said = match (owner, entity, mirror) {
                (Some(owner), Some(entity), Some(mirror)) if owner != entity => {
                    // What was set here goes off it by itself.
                    let stays = mirrors.get(&owner).is_some_and(|own| self.reconciler.is_found(own, &key));
                    match stays && mirror.state == MirrorState::Live {
                        true => twice(mirror),
                        false => continue,
                    }
                }
                (Some(_), ..) => continue,
                (None, Some(_), Some(mirror)) => twice(mirror),
                (None, Some(_), None) => format!(
                    "carries the id of {key}, and was not made here; the next sync takes it over if the rules want {key}"
                ),
                (None, None, _) => format!("carries the id of {key}, which is not known here"),
            };
            audit.made_elsewhere += u64::from(owner.is_none() && entity.is_some());
            audit.stranger(object, key, said);
        }
        Ok(())
    }

    /// Objects of ours that no list showed. Each is asked for by its id: a list may hide rows of one millisecond.
    async fn audit_unseen(&self, kind: Kind, audit: &mut Auditing<'_>, run: &mut Run) -> Result<(), EngineError> {
        let mut after = None;
        loop {
            let some = self.store.live_objects(kind, after, BATCH).await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(last.entity);
            let mut lost = Vec::new();
            for object in some {
                // What a customer that is gone took along is told by that customer.
                if audit.seen.contains(&object.id)
                    || object.parent.as_ref().is_some_and(|parent| !audit.seen.contains(parent))
                {
                    continue;
                }
                match self.or_stop(self.target.get(kind, &object.id)).await? {
                    Ok(found) => self.audit_page(kind, &[found], audit).await?,
                    Err(error) if error.fault == Fault::NotFound => lost.push(object.entity),
                    Err(error) => return Err(error.into()),
                }
            }
            self.lost(lost, audit).await?;
            // Between two lots: what was read of the store is read anew afterwards.
            self.let_others_by(audit, run).await?;
        }
    }

    async fn lost(&self, lost: Vec<EntityId>, audit: &mut Auditing<'_>) -> Result<(), EngineError> {
        self.store.mark_lost(&lost).await?;
        audit.counts.missing += lost.len() as u64;
        audit.concerned.extend(lost);
        Ok(())
    }
}
