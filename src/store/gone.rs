//! What is no longer in Pivotal, and what went with it: a customer takes all that lives under it along (pivotal-api.md 10.1,
//! DELETE), whoever deleted it.

use sqlx::SqliteConnection;

use super::error::Trouble;
use super::json;
use super::siblings::look_beside_deleted;

/// What the last walk and the last audit showed of these entities' objects is no longer true.
async fn forget_remote(tx: &mut SqliteConnection, entities: &str) -> Result<(), Trouble> {
    sqlx::query!("DELETE FROM finding WHERE entity_id IN (SELECT value FROM json_each(?))", entities)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "DELETE FROM remote WHERE pivotal_id IN
             (SELECT n.pivotal_id FROM json_each(?) j CROSS JOIN entity n ON n.id = j.value)",
        entities
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Pivotal no longer knows the objects of these entities. Each keeps its cuid, and waits for a person; what lived under it has
/// none, and comes back with it.
pub(super) async fn lose(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if entities.is_empty() {
        return Ok(());
    }
    let ids = json(entities)?;
    let along = along(tx, &ids).await?;
    forget(tx, &along, true).await?;
    forget_remote(tx, &ids).await?;
    sqlx::query!(
        "UPDATE entity SET state = 'lost' WHERE pivotal_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
        ids
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE mapping SET state = 'lost' WHERE entity_id IN (SELECT value FROM json_each(?)) AND state = 'live'",
        ids
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The objects of these entities were deleted from here. The mapping keeps the cuid of what was; the entity has none, so that
/// it may be created again.
pub(super) async fn delete(tx: &mut SqliteConnection, entities: &[i64]) -> Result<(), Trouble> {
    if entities.is_empty() {
        return Ok(());
    }
    let ids = json(entities)?;
    let along = along(tx, &ids).await?;
    forget(tx, &along, true).await?;
    let done = forget(tx, entities, false).await?;
    match u64::try_from(entities.len()) == Ok(done) {
        true => Ok(()),
        false => Err(Trouble::bad("entity", "a deletion names one that is not there")),
    }
}

/// What lives under these customers. A source that drops a company drops its links too, so what counts is where it lives. What a
/// person deleted before stays with that person.
async fn along(tx: &mut SqliteConnection, customers: &str) -> Result<Vec<i64>, Trouble> {
    Ok(sqlx::query_scalar!(
        r#"SELECT n.id AS "id!" FROM json_each(?) j CROSS JOIN entity c ON c.id = j.value AND c.object = 'customer'
           CROSS JOIN entity n ON n.pivotal_parent = c.pivotal_id
           WHERE n.object <> 'customer' AND n.state = 'live'"#,
        customers
    )
    .fetch_all(tx)
    .await?)
}

/// Entities whose objects are no longer in Pivotal have none. What went `along` keeps whom it went with. Answers how many there
/// were.
async fn forget(tx: &mut SqliteConnection, entities: &[i64], along: bool) -> Result<u64, Trouble> {
    if entities.is_empty() {
        return Ok(0);
    }
    let ids = json(entities)?;
    forget_remote(tx, &ids).await?;
    sqlx::query!("UPDATE mapping SET state = 'deleted' WHERE entity_id IN (SELECT value FROM json_each(?))", ids)
        .execute(&mut *tx)
        .await?;
    let done = sqlx::query!(
        "UPDATE entity SET state = 'deleted', pivotal_id = NULL, display_id = NULL,
             pivotal_parent = iif(?2, pivotal_parent, NULL), origin = NULL, written = NULL, found = NULL, kept = NULL,
             written_at = NULL, refused = NULL, approved = NULL, dirty = 1
         WHERE id IN (SELECT value FROM json_each(?1))",
        ids,
        along
    )
    .execute(&mut *tx)
    .await?;
    look_beside_deleted(tx, &ids).await?;
    Ok(done.rows_affected())
}
