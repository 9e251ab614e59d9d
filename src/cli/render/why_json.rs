//! The whole story of one thing, for programs.

use serde_json::{Map, Value as Json, json};

use crate::engine::explain::{Roof, Told};
use crate::reconcile::{Explained, Fate, RuleTold, Wanted};
use crate::store::{AttemptRow, StoryRecord};

use super::why::is_shown;

/// The object `why --json` prints.
pub fn why_json(reference: &str, told: &[Told]) -> Json {
    json!({ "ref": reference, "found": told.iter().map(one).collect::<Vec<_>>() })
}

fn one(told: &Told) -> Json {
    let story = &told.story;
    let entity = story.entity.as_ref();
    let fate = told.explained.as_ref().and_then(|explained| explained.fate.as_ref());
    let mirror = entity.and_then(|entity| entity.entity.mirror.as_ref());
    let since = entity.and_then(|entity| entity.entity.gone_since);
    json!({
        "object": entity.map(|e| e.entity.kind),
        "name": entity.map(|e| &e.name),
        "wanted": entity.and_then(|e| e.wanted.as_deref()).map(|word| word == "yes"),
        "not_wanted_because": entity.and_then(|e| e.wanted.as_deref()).filter(|word| *word != "yes"),
        "in_step": entity.map(|e| e.settled && !e.dirty),
        "gone_since": since.filter(|_| !is_shown(story)),
        "unselected_since": since.filter(|_| is_shown(story)),
        "refused": entity.and_then(|e| e.entity.quarantine.as_ref()).map(|q| &q.reason),
        "customer": told.account.as_ref().map(|(name, id)| json!({ "name": name, "pivotal_id": id })),
        "vanished_at": told.roof.as_ref().and_then(|roof| match roof {
            Roof::Deleted(at) => Some(at),
            Roof::Leaving(_) | Roof::Lost => None,
        }),
        "vanished_with": entity.and_then(|e| e.entity.vanished.as_ref()),
        "later": fate.and_then(|fate| match fate {
            Fate::Later(later) => Some(later),
            Fate::Now(_) | Fate::Archived | Fate::Stays(_) => None,
        }),
        "archived": fate.map(|fate| *fate == Fate::Archived),
        "evidence": told.explained.as_ref().map(|explained| &explained.evidence),
        "rules": told.explained.as_ref().map(rules),
        "pivotal": mirror.map(|m| json!({
            "pivotal_id": m.id, "display_id": m.display_id, "origin": m.origin, "state": m.state,
            "written": m.written.to_api_json(), "written_at": entity.and_then(|e| e.written_at),
        })),
        "carried_by": told.carrier.as_ref().map(|row| json!({ "pivotal_id": row.id, "display_id": row.display_id })),
        "records": story.records.iter().map(record).collect::<Vec<_>>(),
        "findings": told.findings.iter().map(super::audit::finding_json).collect::<Vec<_>>(),
        "operations": story.operations,
        "attempts": story.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn rules(explained: &Explained) -> Json {
    let fields: Map<String, Json> = explained
        .fields
        .iter()
        .map(|told| (told.key.rsplit('.').next().unwrap_or_default().to_owned(), rule(told)))
        .collect();
    let why = match &explained.desired.wanted {
        Wanted::NotSelected(why)
        | Wanted::Replaced(why)
        | Wanted::Held(why)
        | Wanted::Doubled(why)
        | Wanted::LeftBehind(why)
        | Wanted::Waiting { why, .. } => Some(why.as_str()),
        Wanted::Yes(_) | Wanted::Gone(_) => None,
    };
    let notes: Vec<&str> = explained.desired.notes.iter().map(|note| note.message.as_str()).collect();
    json!({ "where": explained.selection.as_ref().map(rule), "fields": fields, "because": why, "notes": notes })
}

fn rule(told: &RuleTold) -> Json {
    let read: Map<String, Json> = told.read.iter().map(|(name, value)| (name.clone(), value.to_api_json())).collect();
    let (value, failed) = match &told.outcome {
        Ok(value) => (Some(value.to_api_json()), None),
        Err(why) => (None, Some(why)),
    };
    let mut rule = json!({ "rule": told.rule, "value": value, "failed": failed, "read": read, "owner": told.owner });
    if let (Some((until, then)), Some(rule)) = (&told.then, rule.as_object_mut()) {
        rule.insert("until".to_owned(), json!(until));
        rule.insert("then".to_owned(), then.to_api_json());
    }
    rule
}

fn record(record: &StoryRecord) -> Json {
    let properties: Map<String, Json> =
        record.properties.iter().map(|(name, value)| (name.clone(), value.to_api_json())).collect();
    json!({
        "ref": record.key, "state": record.state, "merged_into": record.merged_into, "properties": properties,
        "known_by": record.tokens, "held": record.problem, "unreadable": record.unreadable,
        "changed_at": record.changed_at, "seen_at": record.seen_at, "gone_at": record.gone_at,
    })
}

fn attempt(attempt: &AttemptRow) -> Json {
    json!({
        "run": attempt.run, "op": attempt.verb, "method": attempt.method, "path": attempt.path,
        "planned_at": attempt.planned_at, "answered_at": attempt.answered_at, "outcome": attempt.outcome,
        "http_status": attempt.status, "request_id": attempt.request_id, "idempotency_key": attempt.idempotency_key,
        "error": attempt.error, "pivotal_id": attempt.pivotal_id, "changes": attempt.changes,
    })
}
