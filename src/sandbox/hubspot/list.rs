//! List, get by id, property definitions (sections 4.1 and 4.7).

use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::render::View;
use super::reply::Reply;
use super::routes::Call;
use super::world::{ObjectType, Record, World};

impl World {
    /// `GET /crm/objects/{version}/{type}`: by id, `after` the last one seen. No filter, no sort, no cap.
    pub(super) fn list(&self, object: ObjectType, call: &Call) -> Reply {
        let limit = call.query("limit").map_or(Ok(10_usize), str::parse);
        let after = call.query("after").map_or(Ok(0_u64), str::parse);
        let ceiling = if call.query("propertiesWithHistory").is_some() { 50 } else { 100 };
        let (Ok(limit @ 1..), Ok(after)) = (limit, after) else {
            return Reply::invalid("Invalid input: limit must be a positive number and after a cursor of this list");
        };
        let limit = limit.min(ceiling);
        let shelf = self.shelf(object);
        let past = (Bound::Excluded(after), Bound::Unbounded);
        let mut page: Vec<&Record> = if call.flag("archived") {
            let ids = shelf.archived.range(past).filter_map(|id| shelf.records.get(id));
            ids.filter(|record| self.kept(record)).take(limit + 1).collect()
        } else {
            let records = shelf.records.range(past).map(|(_, record)| record);
            records.filter(|record| record.archived.is_none()).take(limit + 1).collect()
        };
        let more = page.len() > limit;
        page.truncate(limit);
        let (asked, linked) = (call.list("properties"), linked_types(call));
        let names = self.showable(object, &asked);
        let results = page.iter().map(|record| self.whole(object, record, &names, &linked));
        let mut body = json!({ "results": results.collect::<Vec<Value>>() });
        if more && let Some(last) = page.last() {
            let link = format!("https://api.hubapi.com/crm/objects/{}?after={}", object.plural(), last.id);
            body["paging"] = json!({ "next": { "after": last.id.to_string(), "link": link } });
        }
        Reply::ok(body)
    }

    /// `GET /crm/objects/{version}/{type}/{id}`: a merged-away id answers as its survivor (trap 10).
    pub(super) fn get(&self, object: ObjectType, id: &str, call: &Call) -> Reply {
        let record = self.record(object, id);
        let archived = call.flag("archived");
        let record = record.filter(|record| record.archived.is_some() == archived && self.kept(record));
        let Some(record) = record else { return Reply::not_found() };
        let asked = call.list("properties");
        Reply::ok(self.whole(object, record, &self.showable(object, &asked), &linked_types(call)))
    }

    /// A record with the links that were asked for.
    fn whole(&self, object: ObjectType, record: &Record, names: &[&str], linked: &[ObjectType]) -> Value {
        let mut body = self.render(object, View::current(record), names);
        let mut links = Map::new();
        for to in linked {
            let mut results = Vec::new();
            for (id, link) in self.live_links(object, record.id, *to, 0) {
                let kind = format!("{}_to_{}", object.singular(), to.singular());
                if link.primary {
                    results.push(json!({ "id": id.to_string(), "type": kind }));
                }
                let plain = if *to == ObjectType::Company { format!("{kind}_unlabeled") } else { kind };
                results.push(json!({ "id": id.to_string(), "type": plain }));
            }
            if !results.is_empty() {
                links.insert(to.plural().to_owned(), json!({ "results": results }));
            }
        }
        if !links.is_empty() {
            body.insert("associations".to_owned(), Value::Object(links));
        }
        Value::Object(body)
    }

    /// `GET /crm/properties/{version}/{type}`: all at once; sensitive ones only when asked for (trap 20).
    pub(super) fn list_properties(&self, object: ObjectType, call: &Call) -> Reply {
        let (archived, sensitive) = (call.flag("archived"), call.query("dataSensitivity") == Some("sensitive"));
        let mut results = Vec::new();
        for property in self.shelf(object).schema.values() {
            if property.archived != archived || property.sensitive != sensitive {
                continue;
            }
            let mut listed = property.listed();
            if property.name == "hubspot_owner_id" {
                let owners = self.owners.iter().filter(|owner| !owner.archived);
                let option = |owner: &super::account::Owner| json!({ "label": owner.seed.email, "value": owner.id });
                listed["options"] = owners.map(option).collect();
            }
            results.push(listed);
        }
        Reply::ok(json!({ "results": results }))
    }
}

fn linked_types(call: &Call) -> Vec<ObjectType> {
    call.list("associations").iter().filter_map(|name| ObjectType::from_path(name)).collect()
}
