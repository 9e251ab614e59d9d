//! Reading for people: counts and open operations.

use serde::Serialize;

use super::error::Trouble;
use super::{OperationId, Store, StoreError, StreamState, rows, time};
use crate::domain::{Changes, EntityId, Kind, PivotalId, RunId, Stream, Timestamp, Verb};

/// The state in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCounts {
    /// Live Pivotal objects that are ours, by kind.
    pub mapped: [(Kind, u64); 3],
    /// Operations not yet done that need nobody: planned or owed.
    pub owed: u64,
    /// Operations that wait for a person.
    pub held: u64,
    /// Operations that Pivotal refused for good.
    pub quarantined: u64,
    /// Live objects that are no longer wanted and wait out their grace.
    pub waiting_deletions: u64,
    /// The streams pulled so far, in pull order.
    pub streams: Vec<StreamCount>,
}

/// How a stream stands: name, pull, live records.
pub type StreamCount = (Stream, StreamState, u64);

/// One operation as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationRow {
    /// Its number.
    #[serde(skip)]
    pub id: OperationId,
    /// The run that planned it.
    pub run: RunId,
    /// The entity.
    #[serde(skip)]
    pub entity: EntityId,
    /// Which kind of Pivotal object.
    pub object: Kind,
    /// What is to be done.
    pub verb: Verb,
    /// The record that names it, e.g. `hubspot:company:123`.
    #[serde(rename = "ref")]
    pub subject: String,
    /// What people call it.
    pub name: String,
    /// The Pivotal object, where one existed when it was planned.
    pub pivotal_id: Option<PivotalId>,
    /// Before and after.
    pub changes: Changes,
    /// Why it is owed.
    pub reason: String,
    /// `planned`, `held`, `quarantined`, `owed`, `done` or `superseded`.
    pub state: String,
    /// Why it is held, quarantined or still owed.
    pub why: Option<String>,
}

/// The columns of `operation` that make an [`OperationRow`].
pub(super) struct RawOperation {
    pub id: i64,
    pub run_id: i64,
    pub entity_id: i64,
    pub object: String,
    pub verb: String,
    pub subject: String,
    pub name: String,
    pub pivotal_id: Option<String>,
    pub changes: String,
    pub reason: String,
    pub state: String,
    pub why: Option<String>,
}

impl RawOperation {
    pub(super) fn row(self) -> Result<OperationRow, Trouble> {
        Ok(OperationRow {
            id: OperationId(self.id),
            run: RunId(self.run_id),
            entity: EntityId(self.entity_id),
            object: rows::kind("operation", &self.object)?,
            verb: rows::word("operation", &self.verb)?,
            subject: self.subject,
            name: self.name,
            pivotal_id: self.pivotal_id.map(PivotalId::new),
            changes: rows::parse("operation", &self.changes)?,
            reason: self.reason,
            state: self.state,
            why: self.why,
        })
    }
}

impl Store {
    /// The state in numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn counts(&self) -> Result<StoreCounts, StoreError> {
        let mut streams = Vec::new();
        for stream in Stream::ALL {
            if let Some(state) = self.stream_state(stream).await? {
                streams.push((stream, state, self.live_count(stream).await?));
            }
        }
        self.told(async {
            let open = sqlx::query!(
                r#"SELECT state, count(*) AS "number!: i64" FROM operation
                   WHERE state IN ('planned', 'held', 'quarantined', 'owed') GROUP BY state"#
            )
            .fetch_all(self.read())
            .await?;
            let of = |state: &str| open.iter().find(|row| row.state == state).map_or(0, |row| rows::count(row.number));
            let (waiting_deletions, _) = self.waiting().await?;
            Ok(StoreCounts {
                mapped: self.mapped().await?,
                owed: of("planned") + of("owed"),
                held: of("held"),
                quarantined: of("quarantined"),
                waiting_deletions,
                streams,
            })
        })
        .await
    }

    /// How many live objects are no longer wanted and wait out their grace, and when the next one's is over.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting_deletions(&self) -> Result<(u64, Option<Timestamp>), StoreError> {
        self.told(self.waiting()).await
    }

    async fn waiting(&self) -> Result<(u64, Option<Timestamp>), Trouble> {
        let found = sqlx::query!(
            r#"SELECT count(*) AS "number!: i64", min(look_at) AS "next: String" FROM entity
               WHERE look_at IS NOT NULL AND state = 'live' AND wanted IS NOT NULL AND wanted <> 'yes'"#
        )
        .fetch_one(self.read())
        .await?;
        Ok((rows::count(found.number), time::maybe("entity", found.next.as_deref())?))
    }

    /// Open operations, oldest first: of one state (`planned`, `held`, `quarantined`, `owed`), or all of them. Where there are
    /// more than `most`, a few of each reason come first, so that none is hidden behind another's many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_operations(&self, state: Option<&str>, most: u32) -> Result<Vec<OperationRow>, StoreError> {
        self.told(async {
            let found = sqlx::query_as!(
                RawOperation,
                r#"SELECT id, run_id, entity_id, object, verb, ref AS subject, name, pivotal_id, changes, reason, state, why
                   FROM operation
                   WHERE state IN ('planned', 'held', 'quarantined', 'owed') AND (?1 IS NULL OR state = ?1)
                   ORDER BY row_number() OVER (PARTITION BY why ORDER BY id) > 5, id LIMIT ?2"#,
                state,
                most
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(RawOperation::row).collect()
        })
        .await
    }
}
