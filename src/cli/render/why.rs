//! The whole story of one thing.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};
use unicode_width::UnicodeWidthStr;

use crate::domain::{Changes, MirrorState, Origin, Value};
use crate::store::{AttemptRow, OperationRow, Story, StoryEntity, StoryRecord};

use super::plan::before_and_after;
use super::text::{BOLD, DIM, MAGENTA, RED, YELLOW, paint, stamp, visible};

/// What is known of each thing a reference names: what the sources say, what was made of it, what was written.
pub fn render_why(stories: &[Story]) -> String {
    let told: Vec<String> = stories.iter().map(one).collect();
    told.join("\n")
}

fn one(story: &Story) -> String {
    let mut out = String::new();
    match &story.entity {
        Some(entity) => head(&mut out, entity),
        None => {
            let _ = writeln!(out, "{}", paint(BOLD, "not yet tied to anything in Pivotal"));
        }
    }
    for operation in &story.operations {
        owed(&mut out, operation);
    }
    for record in &story.records {
        source(&mut out, record);
    }
    if let Some(mirror) = story.entity.as_ref().and_then(|entity| entity.entity.mirror.as_ref()) {
        let _ = writeln!(out, "Pivotal, as last written");
        pairs(&mut out, mirror.written.0.iter());
    }
    if !story.attempts.is_empty() {
        let _ = writeln!(out, "written, newest first");
    }
    for attempt in &story.attempts {
        written(&mut out, attempt);
    }
    out
}

fn head(out: &mut String, story: &StoryEntity) {
    let StoryEntity { entity, name, wanted, settled, dirty, look_at, written_at } = story;
    let place = match &entity.mirror {
        None => "not in Pivotal".to_owned(),
        Some(mirror) => {
            let number = mirror.display_id.map_or_else(String::new, |number| format!(" {number}"));
            let origin = match mirror.origin {
                Origin::Created => "created by pivotal-sync",
                Origin::Adopted => "adopted",
                Origin::Linked => "linked by hand",
            };
            match mirror.state {
                MirrorState::Live => format!("in Pivotal as {}{number} ({}), {origin}", entity.kind, mirror.id),
                MirrorState::Deleted => format!("deleted in Pivotal, was {} ({})", entity.kind, mirror.id),
                MirrorState::Lost => format!("lost: Pivotal no longer knows {} ({})", entity.kind, mirror.id),
            }
        }
    };
    let _ = writeln!(out, "{} {}: {place}", entity.kind, paint(BOLD, visible(name)));
    let _ = match wanted.as_deref() {
        None => writeln!(out, "  not looked at yet; the next run will"),
        Some("yes") if *settled && !*dirty => writeln!(out, "  wanted there, and in step"),
        Some("yes") if *dirty => writeln!(out, "  wanted there; changed since the last look, the next run looks again"),
        Some("yes") => writeln!(out, "  wanted there, not in step"),
        Some(why) => writeln!(out, "  {} {}", paint(YELLOW, "not wanted there:"), visible(why)),
    };
    if let Some(quarantine) = &entity.quarantine {
        let _ = writeln!(out, "  {} {}", paint(RED, "refused by Pivotal:"), visible(&quarantine.reason));
    }
    if let Some(gone) = entity.gone_since {
        let _ = writeln!(out, "  gone at its source since {}", stamp(gone));
    }
    if let Some(at) = look_at {
        let _ = writeln!(out, "  looked at again {}", stamp(*at));
    }
    if let Some(at) = written_at {
        let _ = writeln!(out, "  last written {}", stamp(*at));
    }
}

fn owed(out: &mut String, operation: &OperationRow) {
    let OperationRow { verb, object, state, why, reason, changes, .. } = operation;
    let why = why.as_deref().unwrap_or(reason);
    let _ = writeln!(out, "  {} {verb} {object}: {}", paint(MAGENTA, format!("{state}:")), visible(why));
    differences(out, *verb, changes);
}

fn differences(out: &mut String, verb: crate::domain::Verb, changes: &Changes) {
    let longest = changes.0.keys().map(|field| field.width()).max().unwrap_or(0);
    for (field, change) in &changes.0 {
        let _ = writeln!(out, "      {:longest$}  {}", visible(field), before_and_after(verb, change, usize::MAX));
    }
}

fn source(out: &mut String, record: &StoryRecord) {
    let StoryRecord { key, state, merged_into, properties, problem, unreadable, tokens, changed_at, gone_at, .. } =
        record;
    let mut said = state.clone();
    if let Some(into) = merged_into {
        let _ = write!(said, " into {into}");
    }
    if let Some(at) = gone_at {
        let _ = write!(said, ", first seen gone {}", stamp(*at));
    } else if let Some(at) = changed_at {
        let _ = write!(said, ", changed {}", stamp(*at));
    }
    let _ = writeln!(out, "{}  {}", paint(BOLD, visible(&key.to_string())), visible(&said));
    pairs(out, properties.iter());
    if !tokens.is_empty() {
        let _ = writeln!(out, "  {}", paint(DIM, format!("known by {}", visible(&tokens.join(", ")))));
    }
    for (word, text) in [("held:", problem), ("unreadable:", unreadable)] {
        if let Some(text) = text {
            let _ = writeln!(out, "  {} {}", paint(RED, word), visible(text));
        }
    }
}

fn pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone) {
    let longest = pairs.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in pairs {
        let value = if value.is_null() { paint(DIM, "(empty)") } else { visible(&value.to_string()) };
        let _ = writeln!(out, "  {:longest$}  {value}", visible(name));
    }
}

fn written(out: &mut String, attempt: &AttemptRow) {
    let AttemptRow { run, verb, changes, method, path, planned_at, outcome, status, error, .. } = attempt;
    let status = status.map_or_else(String::new, |status| format!(" {status}"));
    let _ = writeln!(out, "  {}  run {run}  {method} {}  {outcome}{status}", stamp(*planned_at), visible(path));
    differences(out, *verb, changes);
    if let Some(error) = error {
        let _ = writeln!(out, "      {}", paint(RED, visible(error)));
    }
}

/// The object `why --json` prints.
pub fn why_json(reference: &str, stories: &[Story]) -> Json {
    json!({ "ref": reference, "found": stories.iter().map(story_json).collect::<Vec<_>>() })
}

fn story_json(story: &Story) -> Json {
    let entity = story.entity.as_ref();
    let mirror = entity.and_then(|entity| entity.entity.mirror.as_ref());
    json!({
        "object": entity.map(|e| e.entity.kind),
        "name": entity.map(|e| &e.name),
        "wanted": entity.and_then(|e| e.wanted.as_deref()).map(|word| word == "yes"),
        "not_wanted_because": entity.and_then(|e| e.wanted.as_deref()).filter(|word| *word != "yes"),
        "in_step": entity.map(|e| e.settled && !e.dirty),
        "gone_since": entity.and_then(|e| e.entity.gone_since),
        "refused": entity.and_then(|e| e.entity.quarantine.as_ref()).map(|q| &q.reason),
        "pivotal": mirror.map(|m| json!({
            "pivotal_id": m.id, "display_id": m.display_id, "origin": m.origin, "state": m.state,
            "written": m.written.to_api_json(), "written_at": entity.and_then(|e| e.written_at),
        })),
        "records": story.records.iter().map(record_json).collect::<Vec<_>>(),
        "operations": story.operations,
        "attempts": story.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
    })
}

fn record_json(record: &StoryRecord) -> Json {
    let properties: Map<String, Json> =
        record.properties.iter().map(|(name, value)| (name.clone(), value.to_api_json())).collect();
    json!({
        "ref": record.key, "state": record.state, "merged_into": record.merged_into, "properties": properties,
        "known_by": record.tokens, "held": record.problem, "unreadable": record.unreadable,
        "changed_at": record.changed_at, "seen_at": record.seen_at, "gone_at": record.gone_at,
    })
}

fn attempt_json(attempt: &AttemptRow) -> Json {
    json!({
        "run": attempt.run, "op": attempt.verb, "method": attempt.method, "path": attempt.path,
        "planned_at": attempt.planned_at, "answered_at": attempt.answered_at, "outcome": attempt.outcome,
        "http_status": attempt.status, "error": attempt.error, "pivotal_id": attempt.pivotal_id, "changes": attempt.changes,
    })
}
