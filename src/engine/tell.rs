//! What a run tells the log: one line where something is decided, under the run's number. Ids and counts only: no names, no
//! addresses, and no words of others, which quote both. Those are in the report and in the store. What matters is a field for
//! machines and in the message, too: the journal shows a person the message alone.

use crate::domain::{ApiError, Operation, Report, RunKind, Standing, Stream, StreamCounts};
use crate::store::Settled;

use super::armed::Outcome;
use super::{Ask, EngineError};

/// What the failure of a run is logged under.
pub const RUN_FAILED: &str = "pivotal_sync::run_failed";

/// Held and refused operations of one plan that are named in the log; the store names all.
const NAMED: usize = 50;

/// What everything a run logs stands under.
pub(super) fn span(report: &Report) -> tracing::Span {
    tracing::error_span!("run", run = report.run.0, kind = report.kind.as_str())
}

pub(super) fn began(ask: &Ask) {
    tracing::info!(
        asked_by = ask.asked_by,
        full = ask.full,
        only = ask.only.map(|source| source.as_str()),
        "run began, asked for by {}",
        ask.asked_by
    );
}

pub(super) fn ended(report: &Report, result: &Result<(), EngineError>) {
    let Report { status, operations: did, requests, started_at, finished_at, .. } = report;
    let took_ms = finished_at.map(|end| (end - started_at).num_milliseconds());
    let (status, in_words) = (status.as_str(), did.in_words());
    // What a plan counts would be done, and was not.
    let is_plan = report.kind == RunKind::Plan;
    let planned = is_plan.then_some(did.create + did.update + did.delete + did.adopt);
    let wrote = |count: u64| (!is_plan).then_some(count);
    let in_words = match planned {
        Some(planned) => format!(", {planned} planned, nothing written"),
        None if in_words.is_empty() => in_words,
        None => format!(", {in_words}"),
    };
    tracing::info!(
        status,
        took_ms,
        planned,
        created = wrote(did.create),
        updated = wrote(did.update),
        deleted = wrote(did.delete),
        adopted = wrote(did.adopt),
        held = did.held,
        quarantined = did.quarantined,
        owed = wrote(did.owed),
        hubspot_requests = requests.hubspot,
        stripe_requests = requests.stripe,
        pivotal_requests = requests.pivotal,
        throttled = requests.throttled,
        "run ended: {status}{in_words}"
    );
    match result {
        Ok(()) | Err(EngineError::Interrupted) => {}
        Err(error) => {
            // A target of its own: a command tells its failure itself.
            let (error, hint) = (error.bare(), error.hint());
            tracing::error!(target: RUN_FAILED, error, hint, "the run failed: {error} (hint: {hint})");
        }
    }
    metrics::counter!("pivotal_sync_runs_total", "kind" => report.kind.as_str(), "status" => status).increment(1);
}

pub(super) fn pulled(stream: Stream, counts: &StreamCounts) {
    let StreamCounts { read, changed, deleted, malformed, requests, .. } = counts;
    tracing::info!(
        stream = stream.as_str(),
        read,
        changed,
        deleted,
        malformed,
        requests,
        "stream pulled: {stream}, {changed} of {read} changed, {deleted} gone"
    );
}

pub(super) fn stopped(stream: Stream, error: &ApiError) {
    let error = error.bare();
    tracing::warn!(stream = stream.as_str(), error, "source stopped: {stream}: {error}");
}

pub(super) fn expired(stream: Stream, error: &ApiError) {
    let error = error.bare();
    tracing::warn!(stream = stream.as_str(), error, "the cursor of {stream} is too old: listing everything ({error})");
}

/// The plan in numbers, and by id what in it waits for a person.
pub(super) fn planned(operations: &[Operation]) {
    let (mut ready, mut held, mut quarantined, mut waiting) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut named = 0;
    for operation in operations {
        let (count, what) = match operation.standing {
            Standing::Ready => (&mut ready, None),
            Standing::Held(_) => (&mut held, Some("held")),
            Standing::Quarantined(_) => (&mut quarantined, Some("quarantined")),
            Standing::Waiting(_) => (&mut waiting, None),
        };
        *count += 1;
        if let Some(what) = what.filter(|_| named < NAMED) {
            named += 1;
            let (verb, object) = (operation.verb().as_str(), operation.kind.as_str());
            let pivotal_id = operation.pivotal_id().map(|id| id.as_str());
            tracing::info!(entity = operation.entity.0, r#ref = %operation.subject, verb, object, pivotal_id, "{what}: {verb} {object} {}", operation.subject);
        }
    }
    tracing::info!(
        ready,
        held,
        quarantined,
        waiting,
        "planned: {ready} to write, {held} held, {quarantined} quarantined, {waiting} waiting"
    );
}

/// How one operation ended: news are told, what went as it should only to those who ask for more.
pub(super) fn settled(outcome: &Outcome) {
    let Outcome { settlement, operation } = outcome;
    let (entity, verb, object) = (operation.entity.0, operation.verb().as_str(), operation.kind.as_str());
    let (status, request) = (settlement.heard.status, settlement.heard.request_id.as_deref());
    let subject = &operation.subject;
    let id = operation.pivotal_id().map(|id| id.as_str());
    match &settlement.outcome {
        Settled::Written { mirror, .. } => {
            let id = mirror.id.as_str();
            tracing::debug!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "done");
        }
        Settled::Deleted => {
            tracing::debug!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "done");
        }
        Settled::Owed(_) | Settled::Waits(_) | Settled::Unsent(_) => {
            tracing::debug!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "owed");
        }
        Settled::Held(_) => {
            tracing::info!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "held: {verb} {object} {subject}");
        }
        Settled::Contested(_) => {
            tracing::info!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "held: another object has the place of {subject}");
        }
        Settled::Lost(_) => {
            tracing::info!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "lost: {subject} is no longer in Pivotal, and held");
        }
        Settled::Refused(_) => {
            tracing::info!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "quarantined: {verb} {object} {subject} was refused by Pivotal");
        }
        Settled::Unknown(_) => {
            tracing::info!(entity, r#ref = %subject, verb, object, pivotal_id = id, status, request, "unknown: the answer for {subject} is settled at the next start");
        }
    }
}
