//! What the end of an operation does to its attempt, its entity and its mappings.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use sqlx::SqliteConnection;

use super::error::Trouble;
use super::gone::{delete, lose};
use super::nudge::calm_down;
use super::{Settled, Settlement, json, time};
use crate::domain::{Kept, PivotalId, Value};

/// One settlement as the statements below read it.
#[derive(Serialize)]
struct Row<'a> {
    attempt: Option<i64>,
    /// `attempt.outcome`
    outcome: &'static str,
    status: Option<u16>,
    request_id: Option<&'a str>,
    operation: i64,
    /// `operation.state`
    state: &'static str,
    why: Option<&'a str>,
    waits: bool,
    entity: i64,
    /// When the attempt was answered; none while its outcome is unknown.
    answered_at: Option<&'a str>,
    /// When the operation came to rest; none while it is owed.
    settled_at: Option<&'a str>,
    now: &'a str,
    mirror: Option<MirrorRow<'a>>,
    refused: Option<String>,
}

#[derive(Serialize)]
struct MirrorRow<'a> {
    pivotal_id: &'a str,
    display_id: Option<i64>,
    parent: Option<&'a str>,
    origin: &'static str,
    state: &'static str,
    written: String,
    found: Option<String>,
    kept: Option<String>,
}

impl<'a> Row<'a> {
    fn new(settlement: &'a Settlement, now: &'a str) -> Result<Self, Trouble> {
        let (outcome, state, why) = match &settlement.outcome {
            Settled::Written { .. } | Settled::Deleted => ("done", "done", None),
            Settled::Lost(why) | Settled::Held(why) => ("failed", "held", Some(why.as_str())),
            Settled::Contested(quarantine) => ("refused", "held", Some(quarantine.reason.as_str())),
            Settled::Refused(quarantine) => ("refused", "quarantined", Some(quarantine.reason.as_str())),
            Settled::Owed(why) | Settled::Waits(why) => ("failed", "owed", Some(why.as_str())),
            Settled::Unsent(why) => ("unsent", "owed", Some(why.as_str())),
            Settled::Unknown(why) => ("unknown", "owed", Some(why.as_str())),
        };
        let mirror = match &settlement.outcome {
            Settled::Written { mirror, kept } => Some(MirrorRow {
                pivotal_id: mirror.id.as_str(),
                display_id: mirror.display_id,
                parent: mirror.parent.as_ref().map(PivotalId::as_str),
                origin: mirror.origin.as_str(),
                state: mirror.state.as_str(),
                written: json(&mirror.written)?,
                found: Some(&mirror.found).filter(|found| !found.is_empty()).map(json).transpose()?,
                kept: kept_as_json(kept)?,
            }),
            _ => None,
        };
        let refused = match &settlement.outcome {
            Settled::Refused(quarantine) | Settled::Contested(quarantine) => Some(json(quarantine)?),
            _ => None,
        };
        Ok(Self {
            attempt: settlement.attempt.map(|a| a.0),
            outcome,
            status: settlement.heard.status,
            request_id: settlement.heard.request_id.as_deref(),
            operation: settlement.operation.0,
            state,
            why,
            waits: matches!(settlement.outcome, Settled::Waits(_)),
            entity: settlement.entity.0,
            answered_at: (outcome != "unknown").then_some(now),
            settled_at: (state != "owed").then_some(now),
            now,
            mirror,
            refused,
        })
    }
}

/// Each value in a list of one: merged as JSON, a bare null would take away what is kept, as it does for what Pivotal keeps
/// as written.
fn kept_as_json(kept: &Kept) -> Result<Option<String>, Trouble> {
    let values: BTreeMap<&String, Option<[&Value; 1]>> =
        kept.0.iter().map(|(field, value)| (field, value.as_ref().map(|value| [value]))).collect();
    Some(&values).filter(|values| !values.is_empty()).map(json).transpose()
}

/// Settles in the given order; each entity's settlements one after the other, the rest together.
pub(super) async fn settle_all(tx: &mut SqliteConnection, settlements: &[&Settlement]) -> Result<(), Trouble> {
    let mut wave: Vec<&Settlement> = Vec::new();
    let mut entities = HashSet::new();
    for settlement in settlements {
        if !entities.insert(settlement.entity) {
            settle_wave(tx, &wave).await?;
            wave.clear();
            entities.clear();
            entities.insert(settlement.entity);
        }
        wave.push(settlement);
    }
    settle_wave(tx, &wave).await
}

/// Settlements of different entities.
async fn settle_wave(tx: &mut SqliteConnection, wave: &[&Settlement]) -> Result<(), Trouble> {
    let times: Vec<String> = wave.iter().map(|s| time::text(s.now)).collect();
    let rows = wave.iter().zip(&times).map(|(s, now)| Row::new(s, now)).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let those = |picks: fn(&Settled) -> bool| -> Vec<i64> {
        wave.iter().filter(|s| picks(&s.outcome)).map(|s| s.entity.0).collect()
    };
    let written: Vec<&Row<'_>> = rows.iter().filter(|row| row.mirror.is_some()).collect();
    let refused: Vec<&Row<'_>> = rows.iter().filter(|row| row.refused.is_some()).collect();
    close_attempts(tx, &rows).await?;
    close_operations(tx, &rows).await?;
    write_mirrors(tx, &written).await?;
    refuse(tx, &refused).await?;
    lose(tx, &those(|s| matches!(s, Settled::Lost(_)))).await?;
    delete(tx, &those(|s| matches!(s, Settled::Deleted))).await?;
    // Still urgent is only what the next run may well bring to its end.
    calm_down(tx, &those(|s| !matches!(s, Settled::Owed(_) | Settled::Waits(_) | Settled::Unknown(_)))).await?;
    let done = those(|s| matches!(s, Settled::Written { .. } | Settled::Deleted));
    release(tx, &done).await?;
    calm(tx, &done).await
}

fn all_found(table: &'static str, found: u64, asked: usize) -> Result<(), Trouble> {
    if u64::try_from(asked) == Ok(found) {
        Ok(())
    } else {
        Err(Trouble::bad(table, "a settlement names one that is not there"))
    }
}

async fn close_attempts(tx: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), Trouble> {
    let sent: Vec<_> = rows.iter().filter(|row| row.attempt.is_some()).collect();
    if sent.is_empty() {
        return Ok(());
    }
    let text = json(&sent)?;
    let done = sqlx::query!(
        "UPDATE attempt SET outcome = j.value ->> '$.outcome', status = j.value ->> '$.status',
             request_id = j.value ->> '$.request_id',
             error = j.value ->> '$.why', answered_at = j.value ->> '$.answered_at',
             pivotal_id = COALESCE(j.value ->> '$.mirror.pivotal_id',
                                   (SELECT n.pivotal_id FROM entity n WHERE n.id = attempt.entity_id))
         FROM json_each(?) j WHERE attempt.id = j.value ->> '$.attempt'",
        text
    )
    .execute(tx)
    .await?;
    all_found("attempt", done.rows_affected(), sent.len())
}

/// An operation that a later plan replaced stays superseded, unless it was carried out after all.
async fn close_operations(tx: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), Trouble> {
    let text = json(rows)?;
    sqlx::query!(
        "UPDATE operation SET
             state = CASE WHEN operation.state = 'superseded' AND j.value ->> '$.state' <> 'done' THEN 'superseded'
                          ELSE j.value ->> '$.state' END,
             why = j.value ->> '$.why', waits = j.value ->> '$.waits', settled_at = j.value ->> '$.settled_at'
         FROM json_each(?) j WHERE operation.id = j.value ->> '$.operation'",
        text
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn write_mirrors(tx: &mut SqliteConnection, written: &[&Row<'_>]) -> Result<(), Trouble> {
    if written.is_empty() {
        return Ok(());
    }
    let text = json(written)?;
    // What an audit found on a field that is written now no longer stands.
    sqlx::query!(
        r#"DELETE FROM finding WHERE (pivotal_id, kind, field) IN (
             SELECT f.pivotal_id, f.kind, f.field
             FROM json_each(?) j CROSS JOIN finding f ON f.entity_id = j.value ->> '$.entity'
             CROSS JOIN entity n ON n.id = f.entity_id
             WHERE (n.written -> ('$."' || f.field || '"'))
                   IS NOT ((j.value ->> '$.mirror.written') -> ('$."' || f.field || '"')))"#,
        text
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM finding WHERE kind = 'stranger'
           AND pivotal_id IN (SELECT value ->> '$.mirror.pivotal_id' FROM json_each(?))",
        text
    )
    .execute(&mut *tx)
    .await?;
    let done = sqlx::query!(
        "UPDATE entity SET pivotal_id = j.value ->> '$.mirror.pivotal_id', display_id = j.value ->> '$.mirror.display_id',
             pivotal_parent = j.value ->> '$.mirror.parent', origin = j.value ->> '$.mirror.origin',
             state = j.value ->> '$.mirror.state', written = j.value ->> '$.mirror.written',
             found = j.value ->> '$.mirror.found', written_at = j.value ->> '$.now', refused = NULL, approved = NULL,
             -- What was not written now is kept as it was, unless it is another object.
             kept = CASE WHEN entity.pivotal_id IS NOT j.value ->> '$.mirror.pivotal_id'
                             THEN json_patch('{}', j.value ->> '$.mirror.kept')
                         WHEN j.value ->> '$.mirror.kept' IS NULL THEN entity.kept
                         ELSE json_patch(COALESCE(entity.kept, '{}'), j.value ->> '$.mirror.kept') END,
             -- What Pivotal said before is what the plan asked it for.
             shelved = CASE WHEN j.value ->> '$.mirror.written' ->> '$.status' IS 'archived'
                            THEN COALESCE((SELECT o.changes ->> '$.status.from' FROM operation o
                                           WHERE o.id = j.value ->> '$.operation'), entity.shelved) END,
             -- Another object than the one that was taken back: a person let it be made again, or its source did.
             undone = CASE WHEN entity.pivotal_id IS j.value ->> '$.mirror.pivotal_id' THEN entity.undone END
         FROM json_each(?) j WHERE entity.id = j.value ->> '$.entity'",
        text
    )
    .execute(&mut *tx)
    .await?;
    all_found("entity", done.rows_affected(), written.len())?;
    sqlx::query!(
        "INSERT INTO mapping (stream, external_id, object, entity_id, pivotal_id, display_id, origin, state)
         SELECT r.stream, r.external_id, n.object, n.id, n.pivotal_id, n.display_id, n.origin, n.state
         FROM json_each(?) j
         CROSS JOIN entity n ON n.id = j.value ->> '$.entity'
         CROSS JOIN record r ON r.entity_id = n.id
         WHERE r.state = 'live'
         ON CONFLICT (stream, external_id) DO UPDATE SET
             object = excluded.object, entity_id = excluded.entity_id, pivotal_id = excluded.pivotal_id,
             display_id = excluded.display_id, origin = excluded.origin, state = excluded.state",
        text
    )
    .execute(&mut *tx)
    .await?;
    leave_behind(tx, &text).await
}

/// Children that live under another customer than the one that came to be now must be looked at. One that is merely written
/// to changes nothing for them: an onboarding stays where it was opened, whatever becomes of its deal.
async fn leave_behind(tx: &mut SqliteConnection, written: &str) -> Result<(), Trouble> {
    sqlx::query!(
        "UPDATE entity SET dirty = 1 WHERE dirty = 0 AND pivotal_parent IS NOT NULL AND id IN
             (SELECT n.id FROM json_each(?) j
              CROSS JOIN operation o ON o.id = j.value ->> '$.operation' AND o.verb <> 'update'
              CROSS JOIN entity n ON n.parent_id = j.value ->> '$.entity'
              WHERE n.state = 'live' AND n.pivotal_parent <> j.value ->> '$.mirror.pivotal_id')",
        written
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn refuse(tx: &mut SqliteConnection, refused: &[&Row<'_>]) -> Result<(), Trouble> {
    if refused.is_empty() {
        return Ok(());
    }
    let text = json(refused)?;
    sqlx::query!(
        "UPDATE entity SET refused = json_set(j.value ->> '$.refused', '$.at', j.value ->> '$.now', '$.times',
                 iif(entity.refused ->> '$.fingerprint' = j.value ->> '$.refused' ->> '$.fingerprint',
                     COALESCE(entity.refused ->> '$.times', 0), 0) + 1),
             approved = CASE WHEN j.value ->> '$.state' = 'held' THEN NULL ELSE approved END
         FROM json_each(?) j
         WHERE entity.id = j.value ->> '$.entity'",
        text
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Who waits for an address that these have given up by now is tried again.
async fn release(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if entities.is_empty() {
        return Ok(());
    }
    let ids = json(entities)?;
    sqlx::query!(
        "UPDATE entity SET refused = NULL, dirty = 1
         WHERE refused ->> '$.holder.entity' IN (SELECT value FROM json_each(?))
           AND NOT EXISTS (SELECT 1 FROM entity h WHERE h.id = entity.refused ->> '$.holder.entity'
                             AND h.email = entity.refused ->> '$.holder.address')",
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// An entity without open operations is owed nothing.
async fn calm(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if entities.is_empty() {
        return Ok(());
    }
    let ids = json(entities)?;
    sqlx::query!(
        "UPDATE entity SET settled = 1 WHERE id IN (SELECT value FROM json_each(?)) AND NOT EXISTS
             (SELECT 1 FROM operation o WHERE o.entity_id = entity.id
              AND o.state IN ('planned', 'held', 'quarantined', 'owed'))",
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}
