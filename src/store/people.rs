//! Reading for people: counts and open operations.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::error::Trouble;
use super::{OperationId, Store, StoreError, StreamState, json, rows, time};
use crate::domain::{
    Changes, EntityId, Hold, Kind, Later, Leaving, PivotalId, Removal, RunId, SourceKey, Stream, Timestamp, Verb,
};

/// The state in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCounts {
    /// Live Pivotal objects that are ours, by kind.
    pub mapped: [(Kind, u64); 3],
    /// Operations not yet done that need nobody: planned or owed.
    pub owed: u64,
    /// Of those, what waits for something else, so that no run can send it yet.
    pub waiting: u64,
    /// Operations that wait for a person.
    pub held: u64,
    /// Of what waited for a person, what was let through: the next run does it.
    pub approved: u64,
    /// Operations that Pivotal refused for good.
    pub quarantined: u64,
    /// Live objects that are no longer wanted and wait out the grace before they are deleted.
    pub waiting_deletions: u64,
    /// Those that wait it out before they are archived.
    pub waiting_archivals: u64,
    /// The streams pulled so far, in pull order.
    pub streams: Vec<StreamCount>,
}

/// How a stream stands: name, pull, live records.
pub type StreamCount = (Stream, StreamState, u64);

/// One operation as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRow {
    /// Its number.
    #[serde(skip)]
    pub id: OperationId,
    /// The run that planned it.
    pub run: RunId,
    /// The entity.
    #[serde(skip, default = "nobody")]
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
    /// Whether it waits for something else, so that no run can send it yet.
    pub waits: bool,
    /// What kind of hold it is under, where that matters.
    #[serde(skip)]
    pub hold: Option<Hold>,
}

/// A contact of ours that has an address in Pivotal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidentRow {
    /// Its entity.
    pub entity: EntityId,
    /// The object.
    pub object: PivotalId,
    /// The customer it lives under.
    pub parent: Option<PivotalId>,
    /// The address, in lower case.
    pub address: String,
    /// What names it to people and commands: the first of its records, else the object itself.
    pub called: String,
    /// What people call it.
    pub name: String,
}

/// The entity of an operation that was read from JSON, where its number means nothing.
const fn nobody() -> EntityId {
    EntityId(0)
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
    pub guarded: Option<i64>,
    pub choice: i64,
    pub waits: i64,
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
            waits: self.waits != 0,
            hold: self.guarded.map(|run| Hold::Guard(RunId(run))).or((self.choice != 0).then_some(Hold::Choice)),
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
                r#"SELECT iif(approved, 'approved', state) AS "state!: String", count(*) AS "number!: i64",
                          sum(waits) AS "waits!: i64" FROM operation
                   WHERE state IN ('planned', 'held', 'quarantined', 'owed') GROUP BY 1"#
            )
            .fetch_all(self.read())
            .await?;
            let of = |state: &str| open.iter().find(|row| row.state == state).map_or(0, |row| rows::count(row.number));
            let leaving = self.leaving_counted().await?;
            Ok(StoreCounts {
                mapped: self.mapped().await?,
                owed: of("planned") + of("owed"),
                waiting: open.iter().map(|row| rows::count(row.waits)).sum(),
                held: of("held"),
                approved: of("approved"),
                quarantined: of("quarantined"),
                waiting_deletions: leaving(Removal::Delete),
                waiting_archivals: leaving(Removal::Archive),
                streams,
            })
        })
        .await
    }

    async fn leaving_counted(&self) -> Result<impl Fn(Removal) -> u64, Trouble> {
        let found = sqlx::query!(
            r#"SELECT leaving AS "leaving!", count(*) AS "number!: i64" FROM entity
               WHERE look_at IS NOT NULL AND leaving IS NOT NULL AND state = 'live' GROUP BY leaving"#
        )
        .fetch_all(self.read())
        .await?;
        let counts: HashMap<String, u64> =
            found.into_iter().map(|row| (row.leaving, rows::count(row.number))).collect();
        Ok(move |removal: Removal| counts.get(removal.as_str()).copied().unwrap_or_default())
    }

    /// Live objects that are no longer wanted and wait out their grace, the next first, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn leaving(&self, most: u32) -> Result<Vec<Leaving>, StoreError> {
        self.told(async {
            let found = sqlx::query!(
                r#"SELECT e.object, e.name, e.pivotal_id AS "pivotal_id!", e.look_at AS "look_at!", e.leaving AS "leaving!",
                          r.stream AS "stream?", r.external_id AS "external_id?"
                   FROM entity e LEFT JOIN record r ON (r.stream, r.external_id) =
                       (SELECT o.stream, o.external_id FROM record o WHERE o.entity_id = e.id
                        ORDER BY o.stream, o.external_id LIMIT 1)
                   WHERE e.look_at IS NOT NULL AND e.leaving IS NOT NULL AND e.state = 'live' AND e.pivotal_id IS NOT NULL
                   ORDER BY e.look_at, e.id LIMIT ?"#,
                most
            )
            .fetch_all(self.read())
            .await?;
            let leaving = found.into_iter().map(|row| {
                let object = rows::kind("entity", &row.object)?;
                let subject = named(&row.object, &row.pivotal_id, row.stream.zip(row.external_id))?;
                Ok(Leaving {
                    later: Later {
                        removal: rows::word("entity", &row.leaving)?,
                        at: time::instant("entity", &row.look_at)?,
                    },
                    object,
                    subject,
                    name: row.name,
                    pivotal_id: PivotalId::new(row.pivotal_id),
                })
            });
            leaving.collect()
        })
        .await
    }

    /// The live objects under these customers, which vanish with them in Pivotal (pivotal-api.md 10.1, DELETE): which one, of
    /// which kind, and whose. A source that drops a company drops its links too, so what counts is where they live.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn living_under(&self, customers: &[EntityId]) -> Result<Vec<(EntityId, Kind, EntityId)>, StoreError> {
        self.told(async {
            let ids = json(&customers.iter().map(|e| e.0).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT n.id AS "id!", n.object, c.id AS "customer!" FROM json_each(?) j
                   CROSS JOIN entity c ON c.id = j.value CROSS JOIN entity n ON n.pivotal_parent = c.pivotal_id
                   WHERE n.state = 'live'"#,
                ids
            )
            .fetch_all(self.read())
            .await?;
            let living = found.into_iter();
            living.map(|r| Ok((EntityId(r.id), rows::kind("entity", &r.object)?, EntityId(r.customer)))).collect()
        })
        .await
    }

    /// The contacts of ours that have one of these addresses in Pivotal, each with what names it to people and what they call it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn residents(&self, addresses: &[&str]) -> Result<Vec<ResidentRow>, StoreError> {
        self.told(async {
            let addresses = json(&addresses.iter().map(|address| address.to_lowercase()).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                r#"SELECT e.id AS "id!", e.object, e.pivotal_id AS "pivotal_id!", e.pivotal_parent, e.name, e.email AS "email!",
                          r.stream AS "stream?", r.external_id AS "external_id?"
                   FROM json_each(?) j CROSS JOIN entity e ON e.email = j.value
                   LEFT JOIN record r ON (r.stream, r.external_id) =
                       (SELECT o.stream, o.external_id FROM record o WHERE o.entity_id = e.id
                        ORDER BY o.stream, o.external_id LIMIT 1)
                   WHERE e.object = 'contact' AND e.state = 'live' AND e.pivotal_id IS NOT NULL ORDER BY e.id"#,
                addresses
            )
            .fetch_all(self.read())
            .await?;
            let residents = found.into_iter().map(|row| {
                Ok(ResidentRow {
                    entity: EntityId(row.id),
                    called: named(&row.object, &row.pivotal_id, row.stream.zip(row.external_id))?,
                    object: PivotalId::new(row.pivotal_id),
                    parent: row.pivotal_parent.map(PivotalId::new),
                    address: row.email,
                    name: row.name,
                })
            });
            residents.collect()
        })
        .await
    }

    /// The first of those that have an address, besides the one that asks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn holder_of(&self, address: &str, asks: EntityId) -> Result<Option<ResidentRow>, StoreError> {
        Ok(self.residents(&[address]).await?.into_iter().find(|resident| resident.entity != asks))
    }

    /// When this daemon deleted a customer, if it did. `account` is the entity that it is thought to have stood for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deleted_at(
        &self,
        customer: &PivotalId,
        account: Option<EntityId>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (customer, account) = (customer.as_str(), account.map(|entity| entity.0));
        self.told(async {
            let found = sqlx::query_scalar!(
                "SELECT settled_at FROM operation
                 WHERE entity_id IN (SELECT ?1 UNION SELECT entity_id FROM mapping WHERE pivotal_id = ?2)
                   AND verb = 'delete' AND state = 'done' AND pivotal_id = ?2 LIMIT 1",
                account,
                customer
            )
            .fetch_optional(self.read())
            .await?;
            time::maybe("operation", found.flatten().as_deref())
        })
        .await
    }

    /// Open operations, oldest first: of one state (`held`, `approved` once a person let that through, `quarantined`, `owed`, which the planned are too), or all of them. Where there are
    /// more than `most`, a few of each reason come first, so that none is hidden behind another's many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_operations(&self, state: Option<&str>, most: u32) -> Result<Vec<OperationRow>, StoreError> {
        self.told(async {
            let found = sqlx::query_as!(
                RawOperation,
                r#"SELECT id, run_id, entity_id, object, verb, ref AS subject, name, pivotal_id, changes, reason, state, why,
                          guarded, choice, waits
                   FROM operation
                   WHERE state IN ('planned', 'held', 'quarantined', 'owed') AND (?1 IS NULL OR iif(approved, 'approved', state) = ?1 OR (?1 = 'owed' AND state = 'planned'))
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

/// What names an object to people: the first of its records, else the object itself.
fn named(object: &str, id: &str, record: Option<(String, String)>) -> Result<String, Trouble> {
    Ok(match record {
        Some((stream, id)) => SourceKey::new(rows::stream("record", &stream)?, id).to_string(),
        None => format!("pivotal:{object}:{id}"),
    })
}
