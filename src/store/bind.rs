//! Which record speaks of which entity.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::Trouble;
use super::pull::mark_dirty;
use super::rows::{RawPlaced, stream};
use super::{Bound, KnownRow, Place, Placed, Store, StoreError, json, operations, torn};
use crate::domain::{EntityId, ExternalId, Role, SourceKey, Stream, Timestamp};

/// A record's name as JSON rows carry it.
#[derive(Serialize)]
struct Named<'a> {
    stream: &'a str,
    id: &'a str,
}

impl<'a> From<&'a SourceKey> for Named<'a> {
    fn from(key: &'a SourceKey) -> Self {
        Self { stream: key.stream.as_str(), id: key.id.as_str() }
    }
}

#[derive(Serialize)]
struct Moved<'a> {
    stream: &'a str,
    id: &'a str,
    entity: Option<i64>,
    problem: Option<&'a str>,
    rift: Option<&'a str>,
    rivals: Option<Vec<(&'a str, &'a str)>>,
}

/// What a call of `bind` comes to.
#[derive(Default)]
struct Moves<'a> {
    rows: Vec<Moved<'a>>,
    /// Entities that gained, lost or doubt a record.
    dirty: BTreeSet<i64>,
    /// Entities that lost a record.
    left: BTreeSet<i64>,
    /// What each of those lost, of what stands for an object: figures follow it.
    leavers: Vec<(i64, Named<'a>)>,
    /// Records that changed their entity.
    moved: Vec<Named<'a>>,
    /// Tokens of those who belong to an account that moved.
    dependents: Vec<String>,
    /// Entity and account, of contacts and onboardings.
    parents: Vec<(i64, Option<i64>)>,
}

pub(super) fn streams_of(role: Role) -> Result<String, Trouble> {
    json(&Stream::ALL.into_iter().filter(|s| s.role() == role).map(Stream::as_str).collect::<Vec<_>>())
}

impl Store {
    /// Records of a role that binding has not looked at since they changed, in key order, with their tokens.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn touched(&self, role: Role, most: u32) -> Result<Vec<Placed<KnownRow>>, StoreError> {
        self.told(async {
            let streams = streams_of(role)?;
            let found = sqlx::query_as!(
                RawPlaced,
                r#"SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                          r.unreadable, r.changed_at, r.gone_at,
                          (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                           FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String",
                          (SELECT n.pivotal_id FROM entity n WHERE n.id = r.entity_id) AS "object: String",
                          (SELECT json_group_array(e.token) FROM evidence e
                           WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
                   FROM record r INDEXED BY record_touched
                   WHERE r.touched = 1 AND r.stream IN (SELECT value FROM json_each(?)) AND r.state <> 'malformed'
                   ORDER BY r.stream, r.external_id LIMIT ?"#,
                streams,
                most
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(RawPlaced::placed).collect()
        })
        .await
    }

    /// Account records, live or gone, that have any of these tokens, in key order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sharing(&self, tokens: &[String]) -> Result<Vec<Placed<KnownRow>>, StoreError> {
        self.told(async {
            let (tokens, streams) = (json(tokens)?, streams_of(Role::Account)?);
            let found = sqlx::query_as!(
                RawPlaced,
                r#"SELECT r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                          r.unreadable, r.changed_at, r.gone_at,
                          (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                           FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String",
                          (SELECT n.pivotal_id FROM entity n WHERE n.id = r.entity_id) AS "object: String",
                          (SELECT json_group_array(e.token) FROM evidence e
                           WHERE e.stream = r.stream AND e.external_id = r.external_id) AS "tokens!: String"
                   FROM (SELECT DISTINCT e.stream, e.external_id FROM json_each(?1) j
                         CROSS JOIN evidence e ON e.token = j.value
                         WHERE e.stream IN (SELECT value FROM json_each(?2))) k
                   CROSS JOIN record r ON r.stream = k.stream AND r.external_id = k.external_id
                   WHERE r.state <> 'malformed' ORDER BY r.stream, r.external_id"#,
                tokens,
                streams
            )
            .fetch_all(self.read())
            .await?;
            found.into_iter().map(RawPlaced::placed).collect()
        })
        .await
    }

    /// The entities of those of these records that have one. A record that was merged away stands for its survivor, whose
    /// entity may be another one by now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entities_of(&self, keys: &[SourceKey]) -> Result<HashMap<SourceKey, EntityId>, StoreError> {
        self.told(async {
            let keys = json(&keys.iter().map(Named::from).collect::<Vec<_>>())?;
            // Nearest first, so that of each chain of merges the last record that is known counts.
            let found = sqlx::query!(
                r#"WITH RECURSIVE chain (stream, asked, at, hops) AS (
                       SELECT value ->> '$.stream', value ->> '$.id', value ->> '$.id', 0 FROM json_each(?)
                       UNION ALL
                       SELECT c.stream, c.asked, r.merged_into, c.hops + 1 FROM chain c
                       CROSS JOIN record r ON r.stream = c.stream AND r.external_id = c.at
                       WHERE r.state = 'merged' AND r.merged_into IS NOT NULL AND c.hops < 9)
                   SELECT c.stream AS "stream!: String", c.asked AS "asked!: String", r.entity_id AS "entity_id!: i64"
                   FROM chain c CROSS JOIN record r ON r.stream = c.stream AND r.external_id = c.at
                   WHERE r.entity_id IS NOT NULL ORDER BY c.hops"#,
                keys
            )
            .fetch_all(self.read())
            .await?;
            let pairs = found.into_iter().map(|row| {
                let key = SourceKey { stream: stream("record", &row.stream)?, id: ExternalId::new(row.asked) };
                Ok((key, EntityId(row.entity_id)))
            });
            pairs.collect()
        })
        .await
    }

    /// The entities of those of these records whose entity has a live Pivotal object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mapped_entities(&self, keys: &[SourceKey]) -> Result<HashMap<SourceKey, EntityId>, StoreError> {
        self.told(async {
            let keys = json(&keys.iter().map(Named::from).collect::<Vec<_>>())?;
            let found = sqlx::query!(
                "SELECT m.stream, m.external_id, m.entity_id FROM json_each(?) j
                 CROSS JOIN mapping m ON m.stream = j.value ->> '$.stream' AND m.external_id = j.value ->> '$.id'
                 WHERE m.state = 'live'",
                keys
            )
            .fetch_all(self.read())
            .await?;
            let pairs = found.into_iter().map(|row| {
                let key = SourceKey { stream: stream("mapping", &row.stream)?, id: ExternalId::new(row.external_id) };
                Ok((key, EntityId(row.entity_id)))
            });
            pairs.collect()
        })
        .await
    }

    /// Stores bindings in one transaction: records go to their entities, new entities are made, mappings follow, and whoever
    /// depends on what moved is looked at again.
    ///
    /// # Errors
    /// When the store cannot be written, or a record is not there; then nothing is stored.
    pub async fn bind(&self, bound: &[Bound], _now: Timestamp) -> Result<(), StoreError> {
        self.told(async {
            let mut tx = self.begin().await?;
            let before = placed_before(&mut tx, bound).await?;
            let fresh = make_entities(&mut tx, bound).await?;
            let moves = work_out(bound, &before, &fresh)?;
            write_moves(&mut tx, &moves).await?;
            super::commit(tx).await?;
            Ok(())
        })
        .await
    }
}

type Standing = (Option<i64>, Option<String>, Option<String>);

/// Entity, problem and rift of each record.
async fn placed_before(
    tx: &mut SqliteConnection,
    bound: &[Bound],
) -> Result<HashMap<(String, String), Standing>, Trouble> {
    let keys = json(&bound.iter().map(|b| Named::from(&b.key)).collect::<Vec<_>>())?;
    let found = sqlx::query!(
        "SELECT r.stream, r.external_id, r.entity_id, r.problem, r.rift FROM json_each(?) j
         CROSS JOIN record r ON r.stream = j.value ->> '$.stream' AND r.external_id = j.value ->> '$.id'",
        keys
    )
    .fetch_all(tx)
    .await?;
    let standing = found.into_iter().map(|row| ((row.stream, row.external_id), (row.entity_id, row.problem, row.rift)));
    Ok(standing.collect())
}

/// One entity for each number of [`Place::New`].
async fn make_entities(tx: &mut SqliteConnection, bound: &[Bound]) -> Result<HashMap<usize, i64>, Trouble> {
    let mut fresh = HashMap::new();
    let mut made = Vec::new();
    // Entities are never deleted, so the highest number grows only.
    let highest =
        sqlx::query_scalar!(r#"SELECT COALESCE(max(id), 0) AS "id!: i64" FROM entity"#).fetch_one(&mut *tx).await?;
    for (b, number) in bound.iter().filter_map(|b| if let Place::New(n) = b.place { Some((b, n)) } else { None }) {
        let next = highest + 1 + i64::try_from(fresh.len()).unwrap_or(i64::MAX);
        if let std::collections::hash_map::Entry::Vacant(slot) = fresh.entry(number) {
            slot.insert(next);
            made.push((next, b.kind.as_str(), b.parent.map(|p| p.0)));
        }
    }
    if !made.is_empty() {
        let made = json(&made)?;
        sqlx::query!(
            "INSERT INTO entity (id, object, parent_id)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
            made
        )
        .execute(tx)
        .await?;
    }
    Ok(fresh)
}

fn work_out<'a>(
    bound: &'a [Bound],
    before: &HashMap<(String, String), Standing>,
    fresh: &HashMap<usize, i64>,
) -> Result<Moves<'a>, Trouble> {
    let mut moves = Moves::default();
    for b in bound {
        let name = (b.key.stream.as_str().to_owned(), b.key.id.as_str().to_owned());
        let (old, problem, rift) =
            before.get(&name).ok_or_else(|| Trouble::bad("record", format_args!("there is no {}", b.key)))?;
        let entity = match b.place {
            Place::Existing(EntityId(id)) => Some(id),
            Place::New(number) => fresh.get(&number).copied(),
            Place::Nowhere => None,
            Place::Stays => *old,
        };
        if *old != entity {
            moves.dirty.extend(old.iter().chain(&entity));
            moves.left.extend(old);
            moves.moved.push(Named::from(&b.key));
            if b.key.stream.role() == Role::Account {
                moves.leavers.extend(old.map(|old| (old, Named::from(&b.key))));
                moves.dependents.push(format!("of:{}", b.key));
            }
        } else if problem.as_deref() != words(&b.problem) || rift.as_deref() != words(&b.rift) {
            moves.dirty.extend(&entity);
        }
        if let (Some(id), Role::Person | Role::Deal, true) = (entity, b.key.stream.role(), b.place != Place::Stays) {
            moves.parents.push((id, b.parent.map(|p| p.0)));
        }
        if b.key.stream.role() == Role::Deal {
            // What a customer says can be read from its deals.
            moves.dirty.extend(b.parent.map(|p| p.0));
        }
        let Named { stream, id } = Named::from(&b.key);
        let name = |key: &'a SourceKey| (key.stream.as_str(), key.id.as_str());
        moves.rows.push(Moved {
            stream,
            id,
            entity,
            problem: words(&b.problem),
            rift: words(&b.rift),
            rivals: b.problem.as_ref().or(b.rift.as_ref()).map(|(rivals, _)| rivals.iter().map(name).collect()),
        });
    }
    Ok(moves)
}

fn words(told: &Option<(Vec<SourceKey>, String)>) -> Option<&str> {
    told.as_ref().map(|(_, why)| why.as_str())
}

async fn write_moves(tx: &mut SqliteConnection, moves: &Moves<'_>) -> Result<(), Trouble> {
    let rows = json(&moves.rows)?;
    sqlx::query!(
        "UPDATE record SET entity_id = j.value ->> '$.entity', problem = j.value ->> '$.problem', touched = 0,
             rift = j.value ->> '$.rift', rivals = j.value ->> '$.rivals'
         FROM json_each(?) j
         WHERE record.stream = j.value ->> '$.stream' AND record.external_id = j.value ->> '$.id'",
        rows
    )
    .execute(&mut *tx)
    .await?;
    let parents = json(&moves.parents)?;
    // A customer that a deal leaves says something else from now on.
    sqlx::query!(
        "UPDATE entity SET dirty = 1 WHERE id IN
             (SELECT n.parent_id FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value ->> 0
              WHERE n.object = 'onboarding' AND n.parent_id IS NOT j.value ->> 1)",
        parents
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE entity SET parent_id = j.value ->> 1, dirty = 1 FROM json_each(?) j
         WHERE entity.id = j.value ->> 0 AND entity.parent_id IS NOT j.value ->> 1",
        parents
    )
    .execute(&mut *tx)
    .await?;
    mark_dirty(tx, &moves.dirty.iter().copied().collect::<Vec<_>>()).await?;
    if moves.moved.is_empty() {
        return Ok(());
    }
    touch_sharing(tx, &moves.dependents).await?;
    repoint(tx, &json(&moves.moved)?).await?;
    torn::leave(tx, &json(&moves.leavers)?).await?;
    retire(tx, &moves.left).await
}

/// Has binding look again at every record that shows one of these tokens.
pub(super) async fn touch_sharing(tx: &mut SqliteConnection, tokens: &[String]) -> Result<(), Trouble> {
    let dependents = json(tokens)?;
    sqlx::query!(
        "UPDATE record SET touched = 1 WHERE (stream, external_id) IN
             (SELECT e.stream, e.external_id FROM json_each(?) j CROSS JOIN evidence e ON e.token = j.value)",
        dependents
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Mappings follow their records: a merge re-points them (design section 6).
pub(super) async fn repoint(tx: &mut SqliteConnection, moved: &str) -> Result<(), Trouble> {
    sqlx::query!(
        "DELETE FROM mapping WHERE (stream, external_id) IN
             (SELECT value ->> '$.stream', value ->> '$.id' FROM json_each(?))",
        moved
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"INSERT INTO mapping (stream, external_id, object, entity_id, pivotal_id, display_id, origin, state)
           SELECT r.stream, r.external_id, n.object, n.id, n.pivotal_id, n.display_id, n.origin, n.state
           FROM json_each(?) j
           CROSS JOIN record r ON r.stream = j.value ->> '$.stream' AND r.external_id = j.value ->> '$.id'
           CROSS JOIN entity n ON n.id = r.entity_id
           WHERE n.pivotal_id IS NOT NULL AND n.state = 'live'"#,
        moved
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// An entity that lost its last record before it had a Pivotal object is nobody: nothing is owed for it.
pub(super) async fn retire(tx: &mut SqliteConnection, left: &BTreeSet<i64>) -> Result<(), Trouble> {
    let left = json(left)?;
    let nobody = sqlx::query_scalar!(
        r#"SELECT n.id AS "id!" FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value
           WHERE n.pivotal_id IS NULL AND NOT EXISTS (SELECT 1 FROM record r WHERE r.entity_id = n.id)"#,
        left
    )
    .fetch_all(&mut *tx)
    .await?;
    if nobody.is_empty() {
        return Ok(());
    }
    operations::supersede(&mut *tx, &nobody).await?;
    let nobody = json(&nobody)?;
    sqlx::query!(
        "UPDATE entity SET dirty = 0, settled = 1, look_at = NULL, leaving = NULL, notes = NULL,
             wanted = 'no record speaks of it any more'
         WHERE id IN (SELECT value FROM json_each(?))",
        nobody
    )
    .execute(tx)
    .await?;
    Ok(())
}
