//! What was ever sent for a thing, and who asked for it.

use super::error::Trouble;
use super::{Reference, Store, StoreError, json, rows, time};
use crate::domain::{Changes, Fields, Kind, PivotalId, RunId, RunKind, Timestamp, Verb};

/// One page of a thing's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Whether anything here bears the name at all.
    pub known: bool,
    /// Newest first.
    pub rows: Vec<HistoryRow>,
    /// Whether older ones follow.
    pub more: bool,
}

/// One request, or one object that was taken over without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// The run that made it.
    pub run: RunId,
    /// Why that run was made.
    pub run_kind: RunKind,
    /// Who asked for it: `command`, `schedule`, `webhook`, `signal`.
    pub asked_by: String,
    /// What was to be done.
    pub verb: Verb,
    /// To which kind of object.
    pub object: Kind,
    /// The record that names it, e.g. `hubspot:company:123`.
    pub subject: String,
    /// What people called it then.
    pub name: String,
    /// Why it was owed.
    pub reason: String,
    /// Before and after, field by field.
    pub changes: Changes,
    /// What a deletion took away, as last written.
    pub before: Option<Fields>,
    /// When it was stored, just before it was sent; of what needed no request, when it was settled.
    pub at: Timestamp,
    /// What was sent; `None` for what needed no request.
    pub sent: Option<Sent>,
    /// The object it made or changed.
    pub pivotal_id: Option<PivotalId>,
}

/// A request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `POST`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path below the base URL.
    pub path: String,
    /// The exact body.
    pub body: Option<String>,
    /// The idempotency key of a POST.
    pub idempotency_key: Option<String>,
    /// When its answer was stored.
    pub answered_at: Option<Timestamp>,
    /// `pending`, `done`, `refused`, `failed`, `unknown` or `unsent`.
    pub outcome: String,
    /// HTTP status.
    pub status: Option<i64>,
    /// Pivotal's own name for the answer, where it gave one.
    pub request_id: Option<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
}

impl Store {
    /// What was sent for what a reference names, newest first: at most `most`, after the first `skip`.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn history(&self, reference: &Reference, most: u32, skip: u32) -> Result<History, StoreError> {
        let named = self.named(reference).await?;
        self.told(async {
            let known = !named.entities.is_empty() || !named.records.is_empty();
            let mut rows = self.sent_for(&json(&named.entities)?, most, skip).await?;
            let more = rows.len() > most as usize;
            rows.truncate(most as usize);
            Ok(History { known, rows, more })
        })
        .await
    }

    /// One more than `most`, to tell whether there are more.
    async fn sent_for(&self, entities: &str, most: u32, skip: u32) -> Result<Vec<HistoryRow>, Trouble> {
        let most = i64::from(most) + 1;
        let found = sqlx::query!(
            r#"SELECT o.run_id AS "run_id!", r.kind AS "run_kind!", r.asked_by AS "asked_by!", o.verb AS "verb!",
                      o.object AS "object!", o.ref AS "subject!", o.name AS "name!", o.reason AS "reason!",
                      o.changes AS "changes!", o.pivotal_id AS planned_id, o.settled_at,
                      a.intent AS "intent?", a.before, a.planned_at AS "planned_at?", a.method AS "method?",
                      a.path AS "path?", a.body, a.idempotency_key, a.answered_at, a.outcome AS "outcome?", a.status,
                      a.request_id, a.error, a.pivotal_id
               FROM json_each(?) j
               CROSS JOIN operation o ON o.entity_id = j.value
               JOIN run r ON r.id = o.run_id
               LEFT JOIN attempt a ON a.operation_id = o.id
               WHERE a.id IS NOT NULL OR o.state = 'done'
               ORDER BY o.id DESC, a.id DESC LIMIT ? OFFSET ?"#,
            entities,
            most,
            skip
        )
        .fetch_all(self.read())
        .await?;
        let told = found.into_iter().map(|row| {
            let (verb, changes) = rows::sent(row.intent.as_deref(), &row.verb, &row.changes)?;
            let at = row.planned_at.as_deref().or(row.settled_at.as_deref());
            let request = match (row.method, row.path, row.outcome) {
                (Some(method), Some(path), Some(outcome)) => Some(Sent {
                    method,
                    path,
                    body: row.body,
                    idempotency_key: row.idempotency_key,
                    answered_at: time::maybe("attempt", row.answered_at.as_deref())?,
                    outcome,
                    status: row.status,
                    request_id: row.request_id,
                    error: row.error,
                }),
                _ => None,
            };
            Ok(HistoryRow {
                run: RunId(row.run_id),
                run_kind: rows::word("run", &row.run_kind)?,
                asked_by: row.asked_by,
                verb,
                object: rows::kind("operation", &row.object)?,
                subject: row.subject,
                name: row.name,
                reason: row.reason,
                changes,
                before: row.before.as_deref().map(|text| rows::parse("attempt", text)).transpose()?,
                at: time::instant("operation", at.unwrap_or_default())?,
                sent: request,
                pivotal_id: row.pivotal_id.or(row.planned_id).map(PivotalId::new),
            })
        });
        told.collect()
    }
}
