//! The audit trail around each request, with grouped commits: one task writes; what waits when it is free shares one
//! transaction and one sync to disk, so that durability does not cost throughput.

use std::sync::Arc;

use serde::Serialize;
use sqlx::sqlite::Sqlite;
use sqlx::{SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::error::Trouble;
use super::place::Place;
use super::settle::settle_all;
use super::{AttemptId, Intent, OpenAttempt, OperationId, Settlement, Store, StoreError, json, rows, time};
use crate::domain::{IdempotencyKey, Timestamp};
use crate::ports::Prepared;

/// Parts that share one transaction at most.
const MOST: usize = 256;

/// Work for the writer, with where to answer.
#[derive(Debug)]
enum Part {
    Intend(Vec<Intent>, Timestamp, oneshot::Sender<Result<Vec<AttemptId>, Trouble>>),
    Settle(Vec<Settlement>, oneshot::Sender<Result<(), Trouble>>),
    End(oneshot::Sender<()>),
}

/// What a part came to, to be answered once it is durable.
enum Done {
    Intended(Vec<AttemptId>),
    Settled,
}

/// The writer's desk. A caller that goes away does not take its part back: once handed in, it is written.
#[derive(Debug)]
pub(super) struct Journal {
    parts: mpsc::UnboundedSender<Part>,
}

impl Journal {
    pub(super) fn start(pool: SqlitePool, place: Arc<Place>) -> Self {
        let (parts, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, MOST).await > 0 {
                // Those that the last batch just answered are about to hand in their next part: let them, or every other batch
                // would be a small one.
                tokio::task::yield_now().await;
                while batch.len() < MOST
                    && let Ok(part) = waiting.try_recv()
                {
                    batch.push(part);
                }
                let end = batch.iter().position(|part| matches!(part, Part::End(_)));
                let last = end.map(|at| batch.split_off(at));
                write_batch(&pool, &place, std::mem::take(&mut batch)).await;
                if let Some(Part::End(ended)) = last.and_then(|rest| rest.into_iter().next()) {
                    // Nobody may be waiting any more; either way this is the end.
                    let _ = ended.send(());
                    return;
                }
            }
        });
        Self { parts }
    }

    /// Returns when all that was handed in before is written.
    pub(super) async fn end(&self) {
        let (tell, ended) = oneshot::channel();
        if self.parts.send(Part::End(tell)).is_ok() {
            // An error means that the writer has ended before.
            let _ = ended.await;
        }
    }
}

impl Store {
    /// Stores attempts before their requests leave; durable when it returns.
    ///
    /// # Errors
    /// When the store cannot be written, or an operation or a run is not there. Then none of them may be sent.
    pub async fn intend(&self, intents: &[Intent], now: Timestamp) -> Result<Vec<AttemptId>, StoreError> {
        self.told(async {
            let (tell, told) = oneshot::channel();
            self.hand_in(Part::Intend(intents.to_vec(), now, tell))?;
            told.await.map_err(|_| Trouble::Closed)?
        })
        .await
    }

    /// Stores how operations ended, with their attempts, mirrors and mappings; durable when it returns.
    ///
    /// # Errors
    /// When the store cannot be written, or refuses a settlement. Of several, those that can be stored are.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        self.told(async {
            let (tell, told) = oneshot::channel();
            self.hand_in(Part::Settle(settlements, tell))?;
            told.await.map_err(|_| Trouble::Closed)?
        })
        .await
    }

    fn hand_in(&self, part: Part) -> Result<(), Trouble> {
        let journal = self.inner.journal.as_ref().ok_or(Trouble::OpenedForReading)?;
        journal.parts.send(part).map_err(|_| Trouble::Closed)
    }

    /// Attempts whose outcome is not known, oldest first: what a start settles before anything else.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT id, operation_id, method, path, body, idempotency_key, intent, planned_at FROM attempt
                   WHERE outcome IN ('pending', 'unknown') ORDER BY id"#
            )
            .fetch_all(self.read())
            .await?;
            let attempts = found.into_iter().map(|row| {
                Ok(OpenAttempt {
                    attempt: AttemptId(row.id),
                    operation: OperationId(row.operation_id),
                    action: rows::parse("attempt", &row.intent)?,
                    prepared: Prepared {
                        method: row.method,
                        path: row.path,
                        body: row.body,
                        key: row.idempotency_key.map(IdempotencyKey::new),
                    },
                    planned_at: time::instant("attempt", &row.planned_at)?,
                })
            });
            attempts.collect()
        })
        .await
    }
}

/// Attempts that one process can have made in a window, and then some.
const RECENT: u32 = 2_000;

impl Store {
    /// When the writes left that were sent after a time, as far as their answers or attempts tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sent_since(&self, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        self.told(async {
            let found = sqlx::query_scalar!(
                r#"SELECT COALESCE(answered_at, planned_at) AS "at!: String" FROM attempt ORDER BY id DESC LIMIT ?"#,
                RECENT
            )
            .fetch_all(self.read())
            .await?;
            let times = found.iter().map(|at| time::instant("attempt", at)).collect::<Result<Vec<_>, _>>()?;
            Ok(times.into_iter().filter(|at| *at > since).collect())
        })
        .await
    }
}

async fn write_batch(pool: &SqlitePool, place: &Place, batch: Vec<Part>) {
    if place.check().is_err() {
        batch.into_iter().for_each(|part| answer(part, Err(Trouble::Vanished)));
        return;
    }
    if batch.len() > 1
        && let Ok(done) = together(pool, &batch).await
    {
        batch.into_iter().zip(done).for_each(|(part, done)| answer(part, Ok(done)));
        return;
    }
    // Alone, so that one bad part does not take the others with it.
    for part in batch {
        let done = alone(pool, &part).await;
        answer(part, done);
    }
}

/// All parts in one transaction; their results count only when this returns `Ok`.
async fn together(pool: &SqlitePool, batch: &[Part]) -> Result<Vec<Done>, Trouble> {
    let mut tx = begin(pool).await?;
    let done = write(&mut tx, batch).await?;
    super::commit(tx).await?;
    Ok(done)
}

async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, Trouble> {
    Ok(pool.begin_with("BEGIN IMMEDIATE").await?)
}

/// One part; of several settlements in it, those that can be stored are, and the first trouble is told.
async fn alone(pool: &SqlitePool, part: &Part) -> Result<Done, Trouble> {
    let trouble = match together(pool, std::slice::from_ref(part)).await {
        Ok(done) => return done.into_iter().next().ok_or(Trouble::Closed),
        Err(trouble) => trouble,
    };
    let settlements = match part {
        Part::Settle(settlements, _) if settlements.len() > 1 => settlements,
        _ => return Err(trouble),
    };
    let mut first = None;
    for settlement in settlements {
        if let Err(trouble) = settle_one(pool, settlement).await {
            first.get_or_insert(trouble);
        }
    }
    first.map_or(Ok(Done::Settled), Err)
}

async fn settle_one(pool: &SqlitePool, settlement: &Settlement) -> Result<(), Trouble> {
    let mut tx = begin(pool).await?;
    settle_all(&mut tx, &[settlement]).await?;
    super::commit(tx).await
}

/// Answers a part. Its caller may have gone away; what is written is written.
fn answer(part: Part, done: Result<Done, Trouble>) {
    match part {
        Part::Intend(_, _, tell) => {
            let ids = done.and_then(|d| if let Done::Intended(ids) = d { Ok(ids) } else { Err(Trouble::Closed) });
            let _ = tell.send(ids);
        }
        Part::Settle(_, tell) => {
            let _ = tell.send(done.map(|_| ()));
        }
        Part::End(tell) => {
            let _ = tell.send(());
        }
    }
}

#[derive(Serialize)]
struct AttemptRow<'a> {
    id: i64,
    operation: i64,
    run: i64,
    entity: i64,
    method: &'a str,
    path: &'a str,
    body: Option<&'a str>,
    key: Option<&'a str>,
    intent: String,
    before: Option<String>,
    now: String,
}

impl<'a> AttemptRow<'a> {
    fn new(id: i64, intent: &'a Intent, now: Timestamp) -> Result<Self, Trouble> {
        Ok(Self {
            id,
            operation: intent.operation.0,
            run: intent.run.0,
            entity: intent.action.entity.0,
            method: &intent.prepared.method,
            path: &intent.prepared.path,
            body: intent.prepared.body.as_deref(),
            key: intent.prepared.key.as_ref().map(IdempotencyKey::as_str),
            intent: json(&intent.action)?,
            before: intent.before.as_ref().map(json).transpose()?,
            now: time::text(now),
        })
    }
}

async fn write(tx: &mut SqliteConnection, batch: &[Part]) -> Result<Vec<Done>, Trouble> {
    let mut rows = Vec::new();
    let mut settlements = Vec::new();
    let mut done = Vec::with_capacity(batch.len());
    // The newest attempt is never pruned, so the highest number grows only.
    let highest =
        sqlx::query_scalar!(r#"SELECT COALESCE(max(id), 0) AS "id!: i64" FROM attempt"#).fetch_one(&mut *tx).await?;
    let mut ids = highest + 1..;
    for part in batch {
        match part {
            Part::Intend(intents, now, _) => {
                let first = rows.len();
                for (intent, id) in intents.iter().zip(&mut ids) {
                    rows.push(AttemptRow::new(id, intent, *now)?);
                }
                done.push(Done::Intended(rows[first..].iter().map(|row| AttemptId(row.id)).collect()));
            }
            Part::Settle(some, _) => {
                settlements.extend(some);
                done.push(Done::Settled);
            }
            Part::End(_) => done.push(Done::Settled),
        }
    }
    insert(tx, &rows).await?;
    settle_all(tx, &settlements).await?;
    Ok(done)
}

async fn insert(tx: &mut SqliteConnection, rows: &[AttemptRow<'_>]) -> Result<(), Trouble> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = json(rows)?;
    sqlx::query!(
        "INSERT INTO attempt (id, operation_id, run_id, entity_id, method, path, body, idempotency_key, intent, before,
                              planned_at, outcome)
         SELECT value ->> '$.id', value ->> '$.operation', value ->> '$.run', value ->> '$.entity', value ->> '$.method',
                value ->> '$.path', value ->> '$.body', value ->> '$.key', value ->> '$.intent', value ->> '$.before',
                value ->> '$.now', 'pending'
         FROM json_each(?)",
        rows
    )
    .execute(tx)
    .await?;
    Ok(())
}
