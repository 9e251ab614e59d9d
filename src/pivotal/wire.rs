//! What Pivotal answers, read leniently: unknown fields and words are kept, only what identifies an object is demanded.

use chrono::{SecondsFormat, TimeDelta};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::domain::{Fields, Kind, PivotalId, Timestamp, Value};
use crate::ports::{Identity, RemoteObject};

use super::metadata::unfolded;

/// Fields that say which object it is, not what it says.
const ENVELOPE: [&str; 6] = ["object", "id", "display_id", "customer_id", "created_at", "updated_at"];

/// A list answer (pivotal-api.md 1).
#[derive(Deserialize)]
pub(super) struct List {
    pub data: Vec<Map<String, Json>>,
    pub has_more: bool,
    pub next_cursor: Option<String>,
}

/// Whose key it is, from `GET /me`: the shape of the specification (`api_key`, `organization`), or the flat one of the
/// test-mode guide, of which only `key_name` and `key_prefix` are known (pivotal-api.md 3). `None` when the answer names no
/// workspace, for then nothing may be written under this key.
pub(super) fn identity(me: &Map<String, Json>, limit_per_minute: Option<u32>) -> Option<Identity> {
    let inner = |object: &str, name: &str| me.get(object)?.get(name)?.as_str();
    let flat = |name: &str| me.get(name)?.as_str();
    let workspace = |name: &str| {
        let nested = ["organization", "workspace"].into_iter().find_map(|object| inner(object, name));
        let beside = || ["organization", "workspace", "org"].into_iter().find_map(|of| flat(&format!("{of}_{name}")));
        nested.or_else(beside).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let key =
        |name: &str| inner("api_key", name).or_else(|| flat(&format!("key_{name}"))).unwrap_or_default().to_owned();
    let (id, slug) = (workspace("id"), workspace("slug"));
    if id.is_none() && slug.is_none() {
        return None;
    }
    Some(Identity {
        workspace_id: id.unwrap_or_default(),
        workspace_slug: slug.unwrap_or_default(),
        workspace_name: workspace("name").unwrap_or_default(),
        key_name: key("name"),
        key_prefix: key("prefix"),
        limit_per_minute,
    })
}

/// Reads one object. `under` is the customer it was asked for under, for answers that do not repeat it.
/// The error says what is missing.
pub(super) fn object(kind: Kind, under: Option<&PivotalId>, json: &Map<String, Json>) -> Result<RemoteObject, String> {
    if let Some(word) = json.get("object").and_then(Json::as_str)
        && word != kind.as_str()
    {
        return Err(format!("expected a {kind}, found object '{word}'"));
    }
    let id = json.get("id").and_then(Json::as_str).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| format!("a {kind} without an id"))?;
    let parent = json.get("customer_id").and_then(Json::as_str).map(PivotalId::new).or_else(|| under.cloned());
    let fields = json.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
    Ok(RemoteObject {
        kind,
        id: PivotalId::new(id),
        display_id: json.get("display_id").and_then(whole),
        parent: if kind == Kind::Customer { None } else { parent },
        fields: unfolded(Fields(fields.map(|(name, value)| (name.clone(), Value::from_api_json(value))).collect())),
        created_at: json.get("created_at").and_then(Json::as_str).and_then(instant),
        updated_at: json.get("updated_at").and_then(Json::as_str).and_then(instant),
    })
}

/// An ISO 8601 instant.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// The cursor one millisecond after an instant: rows that share the instant's millisecond are read again, so that none is
/// skipped (pivotal-api.md 6, tie hazard).
pub(super) fn just_after(at: Timestamp) -> Option<(Timestamp, String)> {
    let after = at.checked_add_signed(TimeDelta::milliseconds(1))?;
    Some((after, after.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

fn whole(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.parse().ok())
}
