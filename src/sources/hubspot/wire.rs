//! Answers as HubSpot sends them (hubspot-api.md 3 and 4). Only what is read is named; everything else is ignored.
//!
//! Rows of a listing or a batch stay loose JSON until [`Row::read`] has looked at each alone, so that one bad record does not
//! take its page with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::domain::Timestamp;

/// `GET /crm/objects/{version}/{type}`
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub results: Vec<Json>,
    pub paging: Option<Paging>,
}

/// `GET /crm/objects/{version}/{type}?archived=true`
#[derive(Debug, Deserialize)]
pub(super) struct Archived {
    pub results: Vec<ArchivedRow>,
    pub paging: Option<Paging>,
}

/// An archived record: its id, when it was put away, and what had been merged into it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArchivedRow {
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    archived_at: Option<String>,
    #[serde(default)]
    properties: BTreeMap<String, Json>,
}

impl ArchivedRow {
    /// When it was put away, if that is told.
    pub fn archived_at(&self) -> Option<Timestamp> {
        self.archived_at.as_deref().and_then(instant)
    }

    /// The `;` list of ids merged into it.
    pub fn merged(&self) -> Option<&str> {
        self.properties.get("hs_merged_object_ids").and_then(Json::as_str)
    }
}

/// `POST /crm/objects/{version}/{type}/search`
#[derive(Debug, Deserialize)]
pub(super) struct Searched {
    pub results: Vec<Hit>,
    pub paging: Option<Paging>,
}

/// One hit: only ids and stamps are asked of search, never the truth (trap 3).
#[derive(Debug, Deserialize)]
pub(super) struct Hit {
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    #[serde(default)]
    pub properties: BTreeMap<String, Json>,
}

/// Where the next page starts; no `next` means there is none.
#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    pub next: Option<Next>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(deserialize_with = "text_or_number")]
    pub after: String,
}

/// The next page's `after`, if there is one.
pub(super) fn after(paging: Option<Paging>) -> Option<String> {
    paging.and_then(|p| p.next).map(|n| n.after)
}

/// `POST /crm/objects/{version}/{type}/batch/read`, 200 or 207.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Batch {
    pub status: Option<String>,
    pub results: Option<Vec<Json>>,
    #[serde(default)]
    pub errors: Vec<BatchError>,
}

impl Batch {
    /// The answer that knows none of the ids.
    pub fn none() -> Self {
        let absent = BatchError { category: Some("OBJECT_NOT_FOUND".to_owned()), ..BatchError::default() };
        Self { status: None, results: Some(Vec::new()), errors: vec![absent] }
    }
}

/// What went wrong with some inputs of a batch.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchError {
    pub category: Option<String>,
    pub message: Option<String>,
    #[serde(default)]
    pub context: Json,
}

impl BatchError {
    /// Whether it only says that records, or links of records, are not there.
    pub fn is_absence(&self) -> bool {
        self.category.as_deref().is_some_and(|c| c.ends_with("NOT_FOUND"))
    }

    /// The ids it names.
    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        self.context.get("ids").and_then(Json::as_array).into_iter().flatten().filter_map(plain)
    }
}

/// `POST /crm/associations/{version}/{from}/{to}/batch/read`
#[derive(Debug, Deserialize)]
pub(super) struct Associations {
    #[serde(default)]
    pub results: Vec<Association>,
    #[serde(default)]
    pub errors: Vec<BatchError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Association {
    pub from: Reference,
    pub to: Vec<Link>,
    pub paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
}

/// `toObjectId` is text in the schema and a bare number in documented answers (section 4.4).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    #[serde(deserialize_with = "text_or_number")]
    pub to_object_id: String,
    #[serde(default)]
    pub association_types: Vec<LinkType>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkType {
    pub category: Option<String>,
    pub type_id: u32,
}

/// `GET /crm/properties/{version}/{type}`
#[derive(Debug, Deserialize)]
pub(super) struct Properties {
    pub results: Vec<Property>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Property {
    pub name: String,
    pub r#type: Option<String>,
    pub field_type: Option<String>,
}

/// `GET /crm/pipelines/{version}/deals`
#[derive(Debug, Deserialize)]
pub(super) struct Pipelines {
    pub results: Vec<Pipeline>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pipeline {
    #[serde(default)]
    pub stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stage {
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    #[serde(default)]
    pub metadata: Json,
}

impl Stage {
    /// Closed with certainty: that is winning (section 4.5). The values are text.
    pub fn is_won(&self) -> bool {
        let says = |name: &str| self.metadata.get(name).and_then(plain);
        let certain = says("probability").and_then(|p| p.parse::<rust_decimal::Decimal>().ok());
        says("isClosed").as_deref() == Some("true") && certain == Some(rust_decimal::Decimal::ONE)
    }
}

/// `GET /account-info/{version}/details`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub portal_id: Json,
    pub account_type: Option<String>,
    pub time_zone: Option<String>,
}

/// Any error body; every field is optional (section 8).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Refusal {
    /// `error`; of the token endpoint the code itself, e.g. `BAD_HUB`.
    pub status: Option<Json>,
    pub message: Option<String>,
    pub category: Option<String>,
    pub error_type: Option<String>,
    pub policy_name: Option<String>,
    pub correlation_id: Option<String>,
    pub errors: Option<Vec<RefusalItem>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RefusalItem {
    pub r#in: Json,
    pub context: Json,
}

impl RefusalItem {
    /// Scopes any one of which would do.
    pub fn scopes(&self) -> impl Iterator<Item = String> + '_ {
        ["requiredGranularScopes", "requiredScopes"]
            .into_iter()
            .filter_map(|name| self.context.get(name).and_then(Json::as_array))
            .flatten()
            .filter_map(plain)
    }
}

/// One record.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Text or nothing. A key that is missing was not answered, which is not the same as nothing (trap 18).
    #[serde(deserialize_with = "texts")]
    pub properties: BTreeMap<String, Option<String>>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    #[serde(default)]
    pub archived: bool,
}

/// A row that is no record, with its id if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub id: Option<String>,
    pub reason: String,
}

impl Row {
    /// Reads one row of `results`.
    pub fn read(json: Json) -> Result<Self, Unreadable> {
        let id = json.get("id").and_then(plain).filter(|id| !id.is_empty());
        match serde_path_to_error::deserialize::<_, Self>(json) {
            Ok(row) if row.id.is_empty() => Err(Unreadable { id: None, reason: "the id is empty".to_owned() }),
            Ok(row) => Ok(row),
            Err(error) => Err(Unreadable { id, reason: error.to_string() }),
        }
    }

    /// A property that holds something.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

/// ISO 8601, a calendar day, or epoch milliseconds: all three occur (section 5).
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(millis) = text.parse::<i64>() {
        return chrono::DateTime::from_timestamp_millis(millis);
    }
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc())
}

/// The text of a JSON text, number or truth value.
pub(super) fn plain(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(text) => Ok(text),
        Json::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("expected an id, got {other}"))),
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    BTreeMap::<String, Json>::deserialize(deserializer)?
        .into_iter()
        .map(|(name, json)| match (plain(&json), json) {
            (Some(text), _) => Ok((name, Some(text))),
            (None, Json::Null) => Ok((name, None)),
            (None, _) => Err(serde::de::Error::custom(format!("property {name} holds neither text nor null"))),
        })
        .collect()
}
