//! Batch read by id (section 4.3).

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};

use super::render::{View, instant};
use super::reply::Reply;
use super::routes::Call;
use super::switches::NoneFound;
use super::world::{ObjectType, World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    inputs: Vec<Input>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Input {
    id: Value,
}

impl World {
    /// `POST /crm/objects/{version}/{type}/batch/read`: at most 100 ids (50 with history). Duplicates collapse, a
    /// merged-away id answers as its survivor (trap 10), the missing are errors in a 207 (trap 34).
    pub(super) fn batch_read(&self, object: ObjectType, call: &Call) -> Result<Reply, Reply> {
        let asked: Asked = serde_json::from_slice(call.body).map_err(|_| Reply::invalid("Invalid input JSON"))?;
        let most = if asked.properties_with_history.is_empty() { 100 } else { 50 };
        if asked.inputs.len() > most {
            return Err(Reply::invalid(&format!("The maximum number of inputs is {most}")));
        }
        let unique = asked.id_property.as_deref().filter(|name| *name != "hs_object_id");
        let by_value = unique.map(|name| self.ids_by(object, name));
        let archived = call.flag("archived");
        let (mut found, mut missing) = (BTreeSet::new(), BTreeSet::new());
        let mut results = Vec::new();
        let names = self.showable(object, &asked.properties);
        for input in &asked.inputs {
            let text = super::search::text(&input.id).unwrap_or_default();
            let id = by_value.as_ref().map_or(Some(&text), |ids| ids.get(&text));
            let record = id.and_then(|id| self.record(object, id));
            let record = record.filter(|record| record.archived.is_some() == archived && self.kept(record));
            match record {
                Some(record) if found.insert(record.id) => {
                    results.push(Value::Object(self.render(object, View::current(record), &names)));
                }
                Some(_) => {}
                None => drop(missing.insert(text)),
            }
        }
        Ok(self.batch_reply(object, results, &missing))
    }

    fn batch_reply(&self, object: ObjectType, results: Vec<Value>, missing: &BTreeSet<String>) -> Reply {
        if results.is_empty() && !missing.is_empty() && self.switches.none_found == NoneFound::NotFound {
            return Reply::not_found();
        }
        let at = instant(self.now());
        let mut body = json!({ "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at });
        if missing.is_empty() {
            return Reply::ok(body);
        }
        let kind = object.singular().to_uppercase();
        let message =
            format!("Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid.");
        body["numErrors"] = json!(1);
        body["errors"] = json!([{
            "status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": { "ids": missing },
        }]);
        Reply::json(207, body)
    }

    /// Value of a property → id, over the live records.
    fn ids_by(&self, object: ObjectType, name: &str) -> HashMap<String, String> {
        let live = self.shelf(object).records.values().filter(|record| record.archived.is_none());
        let pair =
            |record| Some((View::current(record).value(self, object, name)?.into_owned(), record.id.to_string()));
        live.filter_map(pair).collect()
    }
}
