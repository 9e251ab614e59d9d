//! Associations over HTTP (section 4.4).

use serde::Deserialize;
use serde_json::{Value, json};

use super::links::Link;
use super::reply::Reply;
use super::routes::Call;
use super::search::text;
use super::world::{ObjectType, World};

#[derive(Deserialize)]
struct Asked {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    id: Value,
    after: Option<Value>,
}

/// The plain and the primary type id of a direction (trap 13).
fn types(from: ObjectType, to: ObjectType) -> Option<(u32, Option<u32>)> {
    use ObjectType::{Company, Contact, Deal};
    match (from, to) {
        (Contact, Company) => Some((279, Some(1))),
        (Company, Contact) => Some((280, Some(2))),
        (Deal, Company) => Some((341, Some(5))),
        (Company, Deal) => Some((342, Some(6))),
        (Deal, Contact) => Some((3, None)),
        (Contact, Deal) => Some((4, None)),
        _ => None,
    }
}

impl World {
    /// Links of a record to live records beyond `after`.
    pub(super) fn live_links(
        &self,
        from: ObjectType,
        id: u64,
        to: ObjectType,
        after: u64,
    ) -> impl Iterator<Item = (u64, &Link)> {
        self.links.of(from, id, to, after).filter(move |(other, _)| self.is_live(to, *other))
    }

    /// `POST /crm/associations/{version}/{from}/{to}/batch/read`: at most 1,000 inputs; each record pages on its own
    /// (trap 36); a record without links, gone or archived is simply not in the results.
    pub(super) fn batch_links(&self, from: ObjectType, to: ObjectType, call: &Call) -> Reply {
        let Ok(asked) = serde_json::from_slice::<Asked>(call.body) else { return Reply::invalid("Invalid input JSON") };
        if asked.inputs.len() > 1_000 {
            return Reply::invalid("The maximum number of inputs is 1000");
        }
        let results: Vec<Value> = asked.inputs.iter().filter_map(|input| self.links_of(from, to, input)).collect();
        Reply::ok(json!({ "status": "COMPLETE", "results": results }))
    }

    fn links_of(&self, from: ObjectType, to: ObjectType, input: &Input) -> Option<Value> {
        let asked = text(&input.id)?;
        let id = self.record(from, &asked).filter(|record| record.archived.is_none())?.id;
        let after: u64 = input.after.as_ref().and_then(text).and_then(|after| after.parse().ok()).unwrap_or(0);
        let page = self.switches.association_page;
        let mut links: Vec<(u64, &Link)> = self.live_links(from, id, to, after).take(page + 1).collect();
        let more = links.len() > page;
        links.truncate(page);
        let shown: Vec<Value> = links.iter().map(|(other, link)| self.shown_link(from, to, *other, link)).collect();
        let last = links.last()?.0;
        let mut body = json!({ "from": { "id": id.to_string() }, "to": shown });
        if more {
            let link = "https://api.hubapi.com/does/not/page";
            body["paging"] = json!({ "next": { "after": last.to_string(), "link": link } });
        }
        Some(body)
    }

    fn shown_link(&self, from: ObjectType, to: ObjectType, other: u64, link: &Link) -> Value {
        let mut kinds: Vec<Value> = Vec::new();
        for (type_id, label) in &link.labels {
            // The other direction of a custom label has an id of its own.
            let type_id = if to == ObjectType::Company { *type_id } else { type_id + 1 };
            kinds.push(json!({ "category": "USER_DEFINED", "typeId": type_id, "label": label }));
        }
        if let Some((plain, primary)) = types(from, to) {
            kinds.push(json!({ "category": "HUBSPOT_DEFINED", "typeId": plain, "label": null }));
            if let Some(primary) = primary.filter(|_| link.primary) {
                let label = &self.switches.primary_label;
                kinds.push(json!({ "category": "HUBSPOT_DEFINED", "typeId": primary, "label": label }));
            }
        }
        let id = if self.switches.numeric_association_ids { json!(other) } else { json!(other.to_string()) };
        json!({ "toObjectId": id, "associationTypes": kinds })
    }

    /// `GET /crm/associations/{version}/{from}/{to}/labels`.
    pub(super) fn list_labels(&self, from: ObjectType, to: ObjectType) -> Reply {
        let mut results: Vec<Value> = Vec::new();
        if let Some((plain, primary)) = types(from, to) {
            results.push(json!({ "category": "HUBSPOT_DEFINED", "typeId": plain, "label": null }));
            let label = &self.switches.primary_label;
            results.extend(primary.map(|id| json!({ "category": "HUBSPOT_DEFINED", "typeId": id, "label": label })));
        }
        for (near, far, type_id, label) in &self.links.labels {
            let type_id = if (*near, *far) == (from, to) {
                *type_id
            } else if (*far, *near) == (from, to) {
                type_id + 1
            } else {
                continue;
            };
            results.push(json!({ "category": "USER_DEFINED", "typeId": type_id, "label": label }));
        }
        Reply::ok(json!({ "results": results }))
    }
}
