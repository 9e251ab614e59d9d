//! What stands in the store, read as a user of `sqlite3` would.

use std::collections::BTreeMap;
use std::path::Path;

use pivotal_sync::domain::Stream;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `live`, or how it is gone.
    pub state: String,
    pub facts: String,
    pub properties: String,
    /// Why its last showing could not be read.
    pub unreadable: Option<String>,
}

/// The key under which [`records`] has a record.
pub fn key(stream: Stream, id: &str) -> String {
    format!("{stream} {id}")
}

async fn open(store: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(store)).await.unwrap()
}

/// Every record, by stream and id.
pub async fn records(store: &Path) -> BTreeMap<String, Row> {
    let pool = open(store).await;
    let rows = sqlx::query("SELECT stream || ' ' || external_id, state, facts, properties, unreadable FROM record");
    let rows = rows.fetch_all(&pool).await.unwrap();
    pool.close().await;
    let row = |row: &sqlx::sqlite::SqliteRow| {
        let (state, facts, properties, unreadable) = (row.get(1), row.get(2), row.get(3), row.get(4));
        (row.get(0), Row { state, facts, properties, unreadable })
    };
    rows.iter().map(row).collect()
}

/// Those that are there.
pub fn live(records: BTreeMap<String, Row>) -> BTreeMap<String, Row> {
    records.into_iter().filter(|(_, row)| row.state == "live").collect()
}

/// Puts another text in the place of every stored cursor.
pub async fn replace_cursors(store: &Path, text: &str) {
    let pool = open(store).await;
    sqlx::query("UPDATE cursor SET position = ?").bind(text.to_owned()).execute(&pool).await.unwrap();
    pool.close().await;
}

/// Has a stream's records stand as deleted at their source, as a wrong answer that was believed leaves them.
pub async fn tell_deleted(store: &Path, stream: Stream) {
    let pool = open(store).await;
    for sql in [
        "UPDATE record SET state = 'deleted', gone_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE stream = ?1",
        "UPDATE entity SET dirty = 1 WHERE id IN (SELECT entity_id FROM record WHERE stream = ?1)",
    ] {
        sqlx::query(sql).bind(stream.as_str()).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

/// Has a stream stand as if it had never been pulled.
pub async fn forget_cursor(store: &Path, stream: Stream) {
    let pool = open(store).await;
    sqlx::query("DELETE FROM cursor WHERE stream = ?").bind(stream.as_str()).execute(&pool).await.unwrap();
    pool.close().await;
}
