//! Whether what Pivotal tells is news. Its events name no actor, so our own writes come back as well (pivotal-api.md 11): an
//! event that says what was written, or what a recent attempt sent, is an echo.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::domain::{Kind, Mirror, MirrorState, PivotalId, Timestamp, Value};
use crate::pivotal::webhook::Told;
use crate::store::{AttemptRow, Reference, Store, StoreError, Story};

/// The fact that keeps the marks.
const FACT: &str = "drift";
/// Marks kept; the oldest go first. A walk finds what has no mark, too.
const MOST: usize = 1000;
/// How long after an attempt its echo may still be on its way: Pivotal's first retries and then some.
const RECENT: TimeDelta = TimeDelta::hours(1);

/// A mark: this object of ours was changed in Pivotal by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Which kind of object.
    pub object: Kind,
    /// The object.
    pub pivotal_id: PivotalId,
    /// The fields that no longer say what was last written.
    pub fields: Vec<String>,
    /// When the event came in.
    pub at: Timestamp,
}

/// What an event says of an object of ours that is not what was written there, if anything. An object that is not ours is no
/// drift, however it changes.
pub fn judge(told: &Told, stories: &[Story], now: Timestamp) -> Option<Drift> {
    let of =
        |story: &&Story| mirror(story).is_some_and(|mirror| mirror.id == told.id && mirror.state == MirrorState::Live);
    let story = stories.iter().find(of)?;
    let written = &mirror(story)?.written;
    let known = |name: &str| written.get(name).or((name == "status").then_some(&Value::Null));
    let moved = |name: &&String| told.changed.as_ref().is_none_or(|changed| changed.contains(*name));
    let archived = Value::text("archived");
    let differs = |name: &&String| {
        let (Some(said), Some(written)) = (told.fields.get(name), known(name)) else { return false };
        // Without a rule for it the status is Pivotal's own affair, but for being put away.
        let ours = written.is_null() && *name == "status" && *said != archived;
        !ours && !same(said, written) && !is_echo(name, said, &story.attempts, told.at.unwrap_or(now))
    };
    let fields: Vec<String> = told.fields.0.keys().filter(moved).filter(differs).cloned().collect();
    (!fields.is_empty()).then(|| Drift { object: told.kind, pivotal_id: told.id.clone(), fields, at: now })
}

fn mirror(story: &Story) -> Option<&Mirror> {
    story.entity.as_ref()?.entity.mirror.as_ref()
}

/// Events come in any order: the echo of an earlier attempt may follow a later one's.
fn is_echo(name: &str, said: &Value, attempts: &[AttemptRow], at: Timestamp) -> bool {
    let sent = |attempt: &&AttemptRow| (at - attempt.planned_at).abs() <= RECENT;
    let mut sent = attempts.iter().filter(sent).filter_map(|attempt| attempt.changes.0.get(name));
    sent.any(|change| same(said, &change.to))
}

/// Pivotal may give back a number as text, and nothing as empty text.
fn same(said: &Value, written: &Value) -> bool {
    said == written || said.to_string() == written.to_string()
}

/// Holds an event against what the store knows, and marks what is news. Answers with the mark.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn mark(store: &Store, told: &Told, now: Timestamp) -> Result<Option<Drift>, StoreError> {
    let stories = store.explain(&Reference::Cuid(told.id.clone())).await?;
    let Some(drift) = judge(told, &stories, now) else { return Ok(None) };
    let mut marks = waiting(store).await?;
    marks.retain(|mark| mark.pivotal_id != drift.pivotal_id);
    marks.push(drift.clone());
    let surplus = marks.len().saturating_sub(MOST);
    marks.drain(..surplus);
    keep(store, &marks).await?;
    Ok(Some(drift))
}

/// The marks that wait for a look, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn waiting(store: &Store) -> Result<Vec<Drift>, StoreError> {
    // What cannot be read was written by another version; a walk finds it all the same.
    Ok(store.fact(FACT).await?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Takes away the marks of objects that were looked at.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn looked_at(store: &Store, objects: &[PivotalId]) -> Result<(), StoreError> {
    let mut marks = waiting(store).await?;
    let before = marks.len();
    marks.retain(|mark| !objects.contains(&mark.pivotal_id));
    if marks.len() == before { Ok(()) } else { keep(store, &marks).await }
}

async fn keep(store: &Store, marks: &[Drift]) -> Result<(), StoreError> {
    store.set_fact(FACT, &serde_json::json!(marks).to_string()).await
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
