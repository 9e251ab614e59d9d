//! Billing contacts, and the persons of the same account who may stand for them.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::error::Trouble;
use super::pull::mark_dirty;
use super::rows::{RawPlaced, RawRecord};
use super::{KnownRow, Placed, Store, StoreError, json};
use crate::domain::{EntityId, Role, SourceKey, Stream};

/// Streams of billing contacts, as a JSON list.
fn billing_streams() -> Result<String, Trouble> {
    json(&Stream::ALL.into_iter().filter(|s| s.shown_by().is_some()).map(Stream::as_str).collect::<Vec<_>>())
}

/// By entity: the other persons of its account with its address, and whether each has a live object.
type Siblings = HashMap<i64, Vec<(KnownRow, bool)>>;

impl Store {
    /// Those who share account and address with a billing contact, but for those who are gone and have no object.
    pub(super) async fn siblings(&self, records: &HashMap<i64, Vec<KnownRow>>) -> Result<Siblings, Trouble> {
        let is_billing = |known: &KnownRow| known.record.key.stream.shown_by().is_some();
        let asked: Vec<i64> = records.iter().filter(|(_, own)| own.iter().any(is_billing)).map(|(id, _)| *id).collect();
        let mut siblings = Siblings::new();
        if asked.is_empty() {
            return Ok(siblings);
        }
        let (asked, streams) = (json(&asked)?, billing_streams()?);
        let found = sqlx::query!(
            r#"SELECT DISTINCT mine.entity_id AS "asked!: i64", n.state IS 'live' AS "settled!: bool",
                      r.stream, r.external_id, r.entity_id, r.state, r.merged_into, r.facts, r.properties, r.problem,
                      r.unreadable, r.changed_at, r.gone_at,
                      (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                       FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String"
               FROM json_each(?1) j CROSS JOIN entity me ON me.id = j.value
               CROSS JOIN record mine ON mine.entity_id = me.id AND mine.stream IN (SELECT value FROM json_each(?2))
               CROSS JOIN evidence e ON e.stream = mine.stream AND e.external_id = mine.external_id
                   AND e.token >= 'email:' AND e.token < 'email;'
               CROSS JOIN evidence o ON o.token = e.token
               CROSS JOIN record r ON r.stream = o.stream AND r.external_id = o.external_id AND r.entity_id <> me.id
               CROSS JOIN entity n ON n.id = r.entity_id AND n.object = 'contact' AND n.parent_id = me.parent_id
               WHERE r.state = 'live' OR (r.state <> 'malformed' AND n.state = 'live')
               ORDER BY r.stream, r.external_id"#,
            asked,
            streams
        )
        .fetch_all(self.read())
        .await?;
        for row in found {
            let (stream, external_id, entity_id, state) = (row.stream, row.external_id, row.entity_id, row.state);
            let (merged_into, facts, properties, problem) = (row.merged_into, row.facts, row.properties, row.problem);
            let (unreadable, changed_at, gone_at, chosen) = (row.unreadable, row.changed_at, row.gone_at, row.chosen);
            let raw = RawRecord {
                stream,
                external_id,
                entity_id,
                state,
                merged_into,
                facts,
                properties,
                problem,
                unreadable,
                changed_at,
                gone_at,
                chosen,
            };
            siblings.entry(row.asked).or_default().push((raw.known()?, row.settled));
        }
        Ok(siblings)
    }

    /// Live billing contacts of these accounts that have an object, in key order, each with its account.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn billing_contacts(
        &self,
        accounts: &[EntityId],
    ) -> Result<Vec<(EntityId, Placed<KnownRow>)>, StoreError> {
        self.told(async {
            let accounts = json(&accounts.iter().map(|account| account.0).collect::<Vec<_>>())?;
            let streams = billing_streams()?;
            let found = sqlx::query!(
                r#"SELECT n.parent_id AS "account!: i64", n.pivotal_id, r.stream, r.external_id, r.entity_id, r.state,
                          r.merged_into, r.facts, r.properties, r.problem, r.unreadable, r.changed_at, r.gone_at,
                          (SELECT json_object('choice', d.choice, 'pivotal_id', d.pivotal_id, 'decided_at', d.decided_at)
                           FROM decision d WHERE d.stream = r.stream AND d.external_id = r.external_id) AS "chosen: String"
                   FROM (SELECT DISTINCT value FROM json_each(?1)) j
                   CROSS JOIN entity n ON n.parent_id = j.value AND n.object = 'contact' AND n.state = 'live'
                   CROSS JOIN record r ON r.entity_id = n.id AND r.stream IN (SELECT value FROM json_each(?2))
                   WHERE r.state = 'live' ORDER BY r.stream, r.external_id"#,
                accounts,
                streams
            )
            .fetch_all(self.read())
            .await?;
            let placed = found.into_iter().map(|row| {
                let placed = RawPlaced {
                    stream: row.stream,
                    external_id: row.external_id,
                    entity_id: row.entity_id,
                    state: row.state,
                    merged_into: row.merged_into,
                    facts: row.facts,
                    properties: row.properties,
                    problem: row.problem,
                    unreadable: row.unreadable,
                    changed_at: row.changed_at,
                    gone_at: row.gone_at,
                    chosen: row.chosen,
                    object: row.pivotal_id,
                    tokens: "[]".to_owned(),
                };
                Ok((EntityId(row.account), placed.placed()?))
            });
            placed.collect()
        })
        .await
    }

    /// Has the next plan look at the billing contacts beside these persons: who stands for an address may have changed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn look_beside(&self, persons: &[SourceKey]) -> Result<(), StoreError> {
        self.told(async {
            let keys = json(&persons.iter().map(|key| (key.stream.as_str(), key.id.as_str())).collect::<Vec<_>>())?;
            let streams = billing_streams()?;
            let beside: Vec<i64> = sqlx::query_scalar!(
                r#"SELECT DISTINCT b.id AS "id!: i64" FROM json_each(?1) j
                   CROSS JOIN record p ON p.stream = j.value ->> 0 AND p.external_id = j.value ->> 1
                   CROSS JOIN entity n ON n.id = p.entity_id
                   CROSS JOIN entity b ON b.parent_id = n.parent_id AND b.object = 'contact' AND b.id <> n.id
                   WHERE b.dirty = 0 AND EXISTS (SELECT 1 FROM record r
                       WHERE r.entity_id = b.id AND r.stream IN (SELECT value FROM json_each(?2)))"#,
                keys,
                streams
            )
            .fetch_all(self.read())
            .await?;
            if beside.is_empty() {
                return Ok(());
            }
            let mut tx = self.begin().await?;
            mark_dirty(&mut tx, &beside).await?;
            super::commit(tx).await
        })
        .await
    }

    /// Has binding look at every paying customer that may have a billing contact, and at every person.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn touch_for_billing(&self) -> Result<(), StoreError> {
        self.told(async {
            let shows = Stream::ALL.into_iter().filter_map(Stream::shown_by);
            let persons = Stream::ALL.into_iter().filter(|stream| stream.role() == Role::Person);
            let streams = json(&shows.chain(persons).map(Stream::as_str).collect::<Vec<_>>())?;
            let mut tx = self.begin().await?;
            sqlx::query!(
                "UPDATE record SET touched = 1
                 WHERE touched = 0 AND state <> 'malformed' AND stream IN (SELECT value FROM json_each(?))",
                streams
            )
            .execute(&mut *tx)
            .await?;
            super::commit(tx).await
        })
        .await
    }
}

/// A billing contact may have stood back for one of these that were deleted in Pivotal.
pub(super) async fn look_beside_deleted(tx: &mut SqliteConnection, entities: &str) -> Result<(), Trouble> {
    let streams = billing_streams()?;
    sqlx::query!(
        "UPDATE entity SET dirty = 1 WHERE dirty = 0 AND id IN
             (SELECT b.id FROM json_each(?1) j CROSS JOIN entity n ON n.id = j.value AND n.object = 'contact'
              CROSS JOIN entity b ON b.parent_id = n.parent_id AND b.id <> n.id
              CROSS JOIN record r ON r.entity_id = b.id
              WHERE r.stream IN (SELECT value FROM json_each(?2)))",
        entities,
        streams
    )
    .execute(tx)
    .await?;
    Ok(())
}
