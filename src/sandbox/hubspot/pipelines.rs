//! Deal pipelines (section 4.5) and what a deal's stage says about it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::render::instant;
use super::schema::{Choice, Property, PropertyType};
use super::world::{ObjectType, World};
use crate::domain::Timestamp;

/// A deal pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// `default`, or a number as text.
    pub id: String,
    /// What people see.
    pub label: String,
    /// Archived pipelines are not listed.
    pub archived: bool,
    /// Its stages in display order.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone)]
pub struct Stage {
    /// A word in the default pipeline, a number as text elsewhere (trap 25).
    pub id: String,
    /// What people see; can be renamed.
    pub label: String,
    /// Probability to win as text: `"1.0"` is won.
    pub probability: String,
    /// Won or lost.
    pub closed: bool,
    /// Archived stages are not listed.
    pub archived: bool,
}

/// A stage to be added.
#[derive(Debug, Clone)]
pub struct StageSeed {
    /// What people see.
    pub label: String,
    /// Probability to win as text: `"1.0"`.
    pub probability: String,
    /// Won or lost.
    pub closed: bool,
}

const DEFAULT_STAGES: [(&str, &str, &str); 7] = [
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
];

impl World {
    pub(super) fn add_default_pipeline(&mut self) {
        let stage = |(id, label, probability): (&str, &str, &str)| Stage {
            id: id.to_owned(),
            label: label.to_owned(),
            probability: probability.to_owned(),
            closed: id.starts_with("closed"),
            archived: false,
        };
        let stages = DEFAULT_STAGES.map(stage).into();
        self.pipelines.push(Pipeline { id: "default".into(), label: "Sales Pipeline".into(), archived: false, stages });
        self.know_stages();
    }

    /// Adds a pipeline; its id and its stages' ids are numbers as text. Returns them, stages in the order given.
    pub fn add_pipeline(&mut self, label: &str, stages: &[StageSeed]) -> (String, Vec<String>) {
        let base = 10_000_000 + 1_000 * self.pipelines.len();
        let stage = |(order, seed): (usize, &StageSeed)| Stage {
            id: (base + 1 + order).to_string(),
            label: seed.label.clone(),
            probability: seed.probability.clone(),
            closed: seed.closed,
            archived: false,
        };
        let stages: Vec<Stage> = stages.iter().enumerate().map(stage).collect();
        let ids = stages.iter().map(|stage| stage.id.clone()).collect();
        self.pipelines.push(Pipeline { id: base.to_string(), label: label.to_owned(), archived: false, stages });
        self.know_stages();
        (base.to_string(), ids)
    }

    /// Renames, archives or reorders pipelines and stages (trap 25). Deals keep their stage id, whatever happens to it.
    pub fn edit_pipelines(&mut self, edit: impl FnOnce(&mut Vec<Pipeline>)) {
        edit(&mut self.pipelines);
        self.know_stages();
    }

    /// Keeps the definitions that follow from pipelines: the stage options and `hs_v2_date_entered_<stage>`.
    fn know_stages(&mut self) {
        let choice = |label: &str, value: &str| Choice { label: label.to_owned(), value: value.to_owned() };
        let stages: Vec<Choice> =
            self.pipelines.iter().flat_map(|line| &line.stages).map(|stage| choice(&stage.label, &stage.id)).collect();
        let lines: Vec<Choice> = self.pipelines.iter().map(|line| choice(&line.label, &line.id)).collect();
        for stage in &stages {
            let name = entered(&stage.value);
            if self.property(ObjectType::Deal, &name).is_none() {
                let known = Property::custom(&name, PropertyType::Datetime);
                self.add_property(ObjectType::Deal, Property { calculated: true, hubspot_defined: true, ..known });
            }
        }
        for (name, options) in [("dealstage", stages), ("pipeline", lines)] {
            if let Some(property) = self.shelf_mut(ObjectType::Deal).schema.get_mut(name) {
                property.options = options;
            }
        }
    }

    /// Fills in what follows from a deal's stage, as entered at `at`: closed, won, probability, the time of entry.
    pub(super) fn follow_stage(&self, deal: &mut BTreeMap<String, String>, at: Timestamp) {
        let Some(id) = deal.get("dealstage").cloned() else { return };
        let stage = self.pipelines.iter().flat_map(|line| &line.stages).find(|stage| stage.id == id);
        let closed = stage.is_some_and(|stage| stage.closed);
        let won = stage.is_some_and(|stage| stage.closed && stage.probability == "1.0");
        deal.entry("pipeline".into()).or_insert_with(|| "default".into());
        deal.insert("hs_is_closed".into(), closed.to_string());
        deal.insert("hs_is_closed_won".into(), won.to_string());
        deal.insert(
            "hs_deal_stage_probability".into(),
            stage.map_or_else(|| "0".into(), |stage| stage.probability.clone()),
        );
        deal.insert(entered(&id), instant(at));
    }

    /// The pipelines as listed, archived stages left out.
    pub(super) fn listed_pipelines(&self) -> Value {
        let at = "2019-11-05T08:00:00.000Z";
        let stage = |(order, stage): (usize, &Stage)| {
            json!({
                "id": stage.id, "label": stage.label, "displayOrder": order, "archived": false, "createdAt": at,
                "updatedAt": at, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "metadata": { "isClosed": stage.closed.to_string(), "probability": stage.probability },
            })
        };
        let line = |(order, line): (usize, &Pipeline)| {
            let stages = line.stages.iter().filter(|stage| !stage.archived).enumerate();
            let stages: Vec<Value> = stages.map(stage).collect();
            json!({ "id": line.id, "label": line.label, "displayOrder": order, "archived": false, "createdAt": at,
                    "updatedAt": at, "stages": stages })
        };
        let lines = self.pipelines.iter().filter(|line| !line.archived).enumerate().map(line);
        json!({ "results": lines.collect::<Vec<Value>>() })
    }
}

fn entered(stage: &str) -> String {
    format!("hs_v2_date_entered_{stage}")
}
