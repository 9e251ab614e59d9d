//! `metadata` on customers: proven once before it is relied on, and always sent whole.
//!
//! * No document says for sure that Pivotal has it (pivotal-api.md 10.1). So the first run that wants it writes one customer,
//!   reads that one back, and goes on accordingly, in the same run: kept, and the rest follows; not kept, or refused, and it is
//!   left off until its rules change or everything is re-read. The run says so.
//! * Whether a PATCH replaces or merges it is not known either. So the customer is read just before, and what others keep there
//!   is sent along: both come to the same.

use std::collections::VecDeque;

use chrono::Utc;
use futures::stream::{StreamExt, iter};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::domain::{Action, ApiError, EntityId, Fault, Fields, Kind, PivotalId, Timestamp};
use crate::ports::Heard;
use crate::store::Settled;

use super::armed::{Armed, Outcome, after, leave};
use super::halt::Shared;
use super::stages::Group;
use super::{Engine, EngineError, Run};

/// What the proof came to; absent before it was made.
const PROOF: &str = "metadata";
/// Customers written one by one, should the first be refused for another reason.
const TRIES: usize = 3;

/// Whether Pivotal keeps metadata.
#[derive(Debug, Serialize, Deserialize)]
struct Proof {
    kept: bool,
    at: Timestamp,
    /// The rules it was tried with.
    rules: String,
}

/// What is to be done about metadata in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metadata {
    /// Written like every field: nobody wants it, or Pivotal keeps it.
    Plain,
    /// Not proven yet.
    Unproven,
    /// Left off.
    Off,
}

impl Engine {
    /// How it stands. What was found wanting is tried again with other rules, or when everything is re-read.
    pub(super) async fn metadata(&self, again: bool, run: &mut Run) -> Result<Metadata, EngineError> {
        let rules = self.reconciler.metadata_rules();
        if rules.is_empty() {
            return Ok(Metadata::Plain);
        }
        let proof: Option<Proof> = self.store.fact(PROOF).await?.and_then(|text| serde_json::from_str(&text).ok());
        Ok(match proof {
            Some(proof) if proof.kept => Metadata::Plain,
            Some(proof) if proof.rules == rules && !again => {
                run.note(format!(
                    "Pivotal does not keep metadata, as was tried on {}: customers.metadata is left off until it changes; \
                     `pivotal-sync sync --full` tries again",
                    proof.at.format("%Y-%m-%d")
                ));
                Metadata::Off
            }
            Some(_) | None => Metadata::Unproven,
        })
    }

    /// Proves it on the first customer of the plan that would be written with it, before any other is.
    pub(super) async fn prove_metadata(
        &self,
        shared: &Shared<'_>,
        groups: &mut VecDeque<Group>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        if run.metadata != Metadata::Unproven {
            return Ok(());
        }
        for _ in 0..TRIES {
            let first = groups.iter().position(|group| group.operations.len() == 1 && wants(shared, group));
            let Some(group) = first.and_then(|at| groups.remove(at)) else { return Ok(()) };
            let Some(operation) = group.operations.front().map(|planned| &shared.plan[planned.at]) else {
                return Ok(());
            };
            self.apply_stage(shared, VecDeque::from([group]), run).await?;
            if let Some(kept) = self.kept(operation.entity, &operation.changes().after()).await? {
                if !kept {
                    self.forget_metadata(operation.entity).await?;
                }
                return self.proven(kept, shared, run).await;
            }
            if shared.stopping() {
                return Ok(());
            }
        }
        // Nothing was learnt: the next run tries again.
        shared.leave_metadata();
        Ok(())
    }

    /// Whether Pivotal kept what was sent; nothing when that cannot be told.
    async fn kept(&self, entity: EntityId, sent: &Fields) -> Result<Option<bool>, EngineError> {
        let row = self.store.subjects(&[entity]).await?.into_iter().next();
        let Some(row) = row else { return Ok(None) };
        if row.entity.quarantine.is_some_and(|refused| refused.reason.contains("metadata")) {
            return Ok(Some(false));
        }
        let sent = sent.metadata().without_nulls();
        let mirror = row.entity.mirror.filter(|mirror| mirror.written.metadata().without_nulls() == sent);
        let Some(mirror) = mirror else { return Ok(None) };
        match self.or_stop(self.target.get(Kind::Customer, &mirror.id)).await? {
            Ok(found) => Ok(Some(sent.0.iter().all(|(key, value)| found.fields.get(key) == Some(value)))),
            Err(error) if error.fault.is_passing() || error.fault == Fault::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The mirror is to hold what Pivotal holds.
    async fn forget_metadata(&self, entity: EntityId) -> Result<(), EngineError> {
        let row = self.store.subjects(&[entity]).await?.into_iter().next();
        if let Some(mirror) = row.and_then(|row| row.entity.mirror) {
            self.store.set_written(entity, &mirror.written.without_metadata()).await?;
        }
        Ok(())
    }

    async fn proven(&self, kept: bool, shared: &Shared<'_>, run: &mut Run) -> Result<(), EngineError> {
        let proof = Proof { kept, at: Utc::now(), rules: self.reconciler.metadata_rules() };
        self.store.set_fact(PROOF, &serde_json::json!(proof).to_string()).await?;
        run.metadata = if kept { Metadata::Plain } else { Metadata::Off };
        if kept {
            run.note("Pivotal keeps metadata: it was tried on one customer first, and read back".to_owned());
        } else {
            shared.leave_metadata();
            run.note(
                "Pivotal does not keep metadata: it was tried on one customer first. customers.metadata is left off until it \
                 changes"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Attempts that change metadata of what is there, made whole; those whose customer cannot be read are left owed.
    pub(super) async fn whole(
        &self,
        shared: &Shared<'_>,
        batch: Vec<Armed>,
        settle: &mpsc::UnboundedSender<Outcome>,
    ) -> Vec<Armed> {
        let read = iter(batch).map(|armed| async move {
            let Some(id) = touches(&armed) else { return (armed, Ok(None)) };
            let found = self.target.get(Kind::Customer, &id).await;
            (armed, found.map(Some))
        });
        let read: Vec<_> = read.buffered(self.concurrency.max(1)).collect().await;
        let mut whole = Vec::with_capacity(read.len());
        for (mut armed, found) in read {
            match found {
                Ok(None) => whole.push(armed),
                Ok(Some(found)) => {
                    armed.keep(shared.writer, &found.fields.metadata());
                    whole.push(armed);
                }
                // The PATCH will say so.
                Err(error) if error.fault == Fault::NotFound => whole.push(armed),
                Err(error) => {
                    let settled = Settled::Owed(unread(&error));
                    leave(shared.plan, std::mem::take(&mut armed.rest), &after(&settled), settle);
                    armed.settle(settle, Heard::from(&error), settled);
                }
            }
        }
        whole
    }
}

fn unread(error: &ApiError) -> String {
    format!("its metadata must be read before it is written, and could not be: {error}")
}

fn wants(shared: &Shared<'_>, group: &Group) -> bool {
    let operation = group.operations.front().map(|planned| &shared.plan[planned.at]);
    operation.is_some_and(|operation| !operation.changes().after().metadata().without_nulls().is_empty())
}

/// The customer whose metadata an attempt changes, where it is there already.
fn touches(armed: &Armed) -> Option<PivotalId> {
    match &armed.operation.action {
        Action::Update { id, changes } | Action::Adopt { id, changes, .. } => {
            (!changes.after().metadata().is_empty()).then(|| id.clone())
        }
        Action::Create { .. } | Action::Delete { .. } => None,
    }
}
