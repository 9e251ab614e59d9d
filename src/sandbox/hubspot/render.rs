//! One record as an answer shows it (section 3): every value a string or null.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::schema;
use super::switches::Cleared;
use super::world::{ObjectType, Record, World};
use crate::domain::Timestamp;

/// A record as one reader sees it: as it is, or as the search index remembers it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) record: &'a Record,
    pub(super) modified: Timestamp,
    pub(super) properties: &'a BTreeMap<String, String>,
}

impl<'a> View<'a> {
    pub(super) fn current(record: &'a Record) -> Self {
        Self { record, modified: record.modified, properties: &record.properties }
    }

    /// What a property holds, the portal's own ones worked out. `None` is one that was never set.
    pub(super) fn value(&self, world: &World, object: ObjectType, name: &str) -> Option<Cow<'a, str>> {
        let record = self.record;
        let owned = |text: Option<String>| text.map(Cow::Owned);
        match name {
            "hs_object_id" => Some(Cow::Owned(record.id.to_string())),
            _ if name == object.modified_property() => Some(Cow::Owned(instant(self.modified))),
            "createdate" if !self.properties.contains_key(name) => Some(Cow::Owned(instant(record.created))),
            "hs_merged_object_ids" => {
                let ids: Vec<String> = record.merged.iter().map(u64::to_string).collect();
                owned((!ids.is_empty()).then(|| ids.join(";")))
            }
            "associatedcompanyid" | "hs_primary_associated_company" => {
                owned(world.primary_company(object, record.id).map(|id| id.to_string()))
            }
            "num_associated_contacts" => {
                owned(Some(world.live_links(object, record.id, ObjectType::Contact, 0).count().to_string()))
            }
            _ => self.properties.get(name).map(|value| Cow::Borrowed(value.as_str())),
        }
    }
}

impl World {
    /// The names out of `asked` that can be shown: unknown, archived and forbidden sensitive ones are ignored without a
    /// word (traps 19 and 20). Nothing asked is the tiny default set.
    pub(super) fn showable<'a>(&self, object: ObjectType, asked: &'a [String]) -> Vec<&'a str> {
        if asked.is_empty() {
            return schema::shown_by_default(object).to_vec();
        }
        let schema = &self.shelf(object).schema;
        let sensitive = self.scopes.contains(&format!("crm.objects.{}.sensitive.read.v2", object.plural()));
        let shown =
            |name: &&str| schema.get(*name).is_some_and(|known| !known.archived && (!known.sensitive || sensitive));
        asked.iter().map(String::as_str).filter(shown).collect()
    }

    /// The record with these properties; only what was asked for has a key (trap 18).
    pub(super) fn render(&self, object: ObjectType, view: View<'_>, names: &[&str]) -> Map<String, Value> {
        let show = |name: &&str| {
            let value = view.value(self, object, name);
            let value = value.filter(|value| !value.is_empty() || self.switches.cleared == Cleared::Empty);
            ((*name).to_owned(), value.map_or(Value::Null, |value| Value::String(value.into_owned())))
        };
        let properties: Map<String, Value> = names.iter().map(show).collect();
        let record = view.record;
        let mut body = Map::new();
        body.insert("id".to_owned(), json!(record.id.to_string()));
        body.insert("properties".to_owned(), Value::Object(properties));
        body.insert("createdAt".to_owned(), json!(instant(record.created)));
        body.insert("updatedAt".to_owned(), json!(instant(view.modified)));
        body.insert("archived".to_owned(), json!(record.archived.is_some()));
        if let Some(at) = record.archived {
            body.insert("archivedAt".to_owned(), json!(instant(at)));
        }
        let (portal, id) = (self.account.portal, record.id);
        let kind = match object {
            ObjectType::Contact => "0-1",
            ObjectType::Company => "0-2",
            ObjectType::Deal => "0-3",
        };
        body.insert("url".to_owned(), json!(format!("https://app.hubspot.com/contacts/{portal}/record/{kind}/{id}")));
        body
    }

    /// Is an archived record still within the days that the portal keeps it?
    pub(super) fn kept(&self, record: &Record) -> bool {
        record.archived.is_none_or(|at| at + chrono::Duration::days(self.switches.archived_days) > self.now())
    }
}

/// `2026-11-23T09:00:00.000Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
