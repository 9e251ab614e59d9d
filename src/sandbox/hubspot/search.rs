//! Search (section 4.2): an index that lags, pages that end at 10,000.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{self, Filter, Key};
use super::render::View;
use super::reply::Reply;
use super::routes::Call;
use super::schema::PropertyType;
use super::switches::Lagging;
use super::world::{ObjectType, Record, World};

/// No query shows more than this, whatever its total (trap 6).
const WINDOW: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Value>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Value>,
    query: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    filters: Vec<filter::Asked>,
}

/// A string, number or truth value as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

impl World {
    /// `POST /crm/objects/{version}/{type}/search`.
    pub(super) fn search(&self, object: ObjectType, call: &Call) -> Result<Reply, Reply> {
        let length = String::from_utf8_lossy(call.body).chars().count();
        if self.switches.search_body_limit.is_some_and(|limit| length > limit) {
            return Err(Reply::invalid("The search request body is too long"));
        }
        let asked: Asked = serde_json::from_slice(call.body).map_err(|_| Reply::invalid("Invalid input JSON"))?;
        let limit = asked.limit.unwrap_or(10);
        let after = asked.after.as_ref().map_or(Ok(0_usize), |after| text(after).unwrap_or_default().parse());
        let (1..=200, Ok(after)) = (limit, after) else {
            return Err(Reply::invalid("limit must be between 1 and 200 and after a cursor of this search"));
        };
        if after + limit > WINDOW {
            return Err(Reply::invalid("The search window of 10000 results is exceeded"));
        }
        let groups = self.read_groups(object, &asked.filter_groups)?;
        let order = self.read_sort(object, &asked.sorts)?;
        let hits = self.hits(object, &groups, asked.query.as_deref(), order);
        let total = hits.len();
        let names = self.showable(object, &asked.properties);
        let page = hits.into_iter().skip(after).take(limit).map(|view| self.hit(object, view, &names));
        let mut body = json!({ "total": total, "results": page.collect::<Vec<Value>>() });
        if after + limit < total {
            body["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        Ok(Reply::ok(body))
    }

    fn read_groups(&self, object: ObjectType, groups: &[Group]) -> Result<Vec<Vec<Filter>>, Reply> {
        let all: usize = groups.iter().map(|group| group.filters.len()).sum();
        if groups.len() > 5 || all > 18 || groups.iter().any(|group| group.filters.len() > 6) {
            return Err(Reply::invalid("At most 5 filterGroups of 6 filters, 18 filters in all"));
        }
        let read = |group: &Group| group.filters.iter().map(|asked| Filter::read(self, object, asked)).collect();
        groups.iter().map(read).collect()
    }

    /// The one sort rule: property name, its type, descending. Oldest first without one.
    fn read_sort(&self, object: ObjectType, sorts: &[Value]) -> Result<(String, PropertyType, bool), Reply> {
        let oldest = || ("createdate".to_owned(), PropertyType::Datetime, false);
        let [sort] = sorts else {
            return if sorts.is_empty() { Ok(oldest()) } else { Err(Reply::invalid("Only one sort is supported")) };
        };
        let (name, descending) = match sort {
            Value::String(name) => (name.trim_start_matches('-'), name.starts_with('-')),
            rule => (rule["propertyName"].as_str().unwrap_or_default(), rule["direction"] == "DESCENDING"),
        };
        let known = self.property(object, name).ok_or_else(|| Reply::invalid(&format!("Cannot sort by {name}")))?;
        Ok((name.to_owned(), known.kind, descending))
    }

    /// Everything that matches, in order: one scan, from where a keyset filter says.
    fn hits(
        &self,
        object: ObjectType,
        groups: &[Vec<Filter>],
        query: Option<&str>,
        (name, kind, descending): (String, PropertyType, bool),
    ) -> Vec<View<'_>> {
        let low = if let [only] = groups { only.iter().filter_map(Filter::above).max() } else { None };
        let from = (low.map_or(Bound::Unbounded, Bound::Included), Bound::Unbounded);
        let words = query.map(str::to_lowercase).filter(|query| !query.is_empty());
        let passes = |view: &View<'_>| {
            let group = |filters: &Vec<Filter>| filters.iter().all(|filter| filter.passes(self, object, view));
            (groups.is_empty() || groups.iter().any(group)) && words.as_ref().is_none_or(|words| mentions(view, words))
        };
        let records = self.shelf(object).records.range::<u64, _>(from).map(|(_, record)| record);
        let mut hits: Vec<View<'_>> = records.filter_map(|record| self.indexed(record)).filter(passes).collect();
        if name != "hs_object_id" {
            let key = |view: &View<'_>| view.value(self, object, &name).and_then(|value| filter::key(kind, &value));
            hits.sort_by_cached_key(|view| -> (Option<Key>, u64) { (key(view), view.record.id) });
        }
        if descending {
            hits.reverse();
        }
        hits
    }

    /// The record as the index has it now.
    fn indexed<'a>(&self, record: &'a Record) -> Option<View<'a>> {
        if record.archived.is_some() {
            return None;
        }
        let lag = self.index_lag(record.id);
        if lag.is_zero() || record.edited + lag <= self.now() {
            return Some(View::current(record));
        }
        let old = record.indexed.as_deref()?;
        match self.switches.lagging {
            Lagging::OldRecord => Some(View { record, modified: old.modified, properties: &old.properties }),
            Lagging::OldValues => Some(View { record, modified: record.modified, properties: &old.properties }),
            Lagging::Absent => None,
        }
    }

    fn hit(&self, object: ObjectType, view: View<'_>, names: &[&str]) -> Value {
        let mut body = self.render(object, view, names);
        if self.switches.search_hides_merged_ids
            && object == ObjectType::Contact
            && let Some(Value::Object(properties)) = body.get_mut("properties")
            && let Some(merged) = properties.get_mut("hs_merged_object_ids")
        {
            *merged = Value::Null;
        }
        Value::Object(body)
    }
}

/// Free text finds names, domains and mail addresses.
fn mentions(view: &View<'_>, words: &str) -> bool {
    let names = ["name", "domain", "email", "firstname", "lastname", "phone", "dealname"];
    names.iter().filter_map(|name| view.properties.get(*name)).any(|value| value.to_lowercase().contains(words))
}
