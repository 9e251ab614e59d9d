//! The documented JSON objects (design section 6).

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use crate::domain::{Action, EntityId, Kind, Operation, Parent, Report, SourceKey, Standing};

/// The operations as the `plan` array of `plan --json`. `standing` and `why` are there for those that may not go ahead;
/// `customer` for what is created under one: its cuid, or the ref of the operation that creates it.
pub fn plan_json(operations: &[Operation]) -> Json {
    let mut refs: HashMap<EntityId, &SourceKey> = HashMap::new();
    for operation in operations.iter().filter(|operation| operation.kind == Kind::Customer) {
        refs.entry(operation.entity).or_insert(&operation.subject);
    }
    operations.iter().map(|operation| operation_json(operation, &refs)).collect()
}

fn operation_json(operation: &Operation, refs: &HashMap<EntityId, &SourceKey>) -> Json {
    let changes: Map<String, Json> = operation
        .changes()
        .0
        .into_iter()
        .map(|(field, change)| (field, json!({ "from": change.from.to_api_json(), "to": change.to.to_api_json() })))
        .collect();
    let mut object = json!({
        "op": operation.verb(),
        "object": operation.kind,
        "pivotal_id": operation.pivotal_id(),
        "ref": operation.subject,
        "name": operation.name,
        "changes": changes,
        "reason": operation.reason,
    });
    match &operation.action {
        Action::Create { parent: Some(Parent::Known(customer)), .. } => object["customer"] = json!(customer),
        Action::Create { parent: Some(Parent::Planned(customer)), .. } => {
            object["customer"] = json!(refs.get(customer))
        }
        _ => {}
    }
    let (standing, why) = match &operation.standing {
        Standing::Ready => return object,
        Standing::Held(why) => ("held", why),
        Standing::Quarantined(why) => ("quarantined", why),
        Standing::Waiting(why) => ("owed", why),
    };
    object["standing"] = standing.into();
    object["why"] = why.as_str().into();
    object
}

/// The report as `--json` prints it; with `with_plan`, its operations and what waits out its grace too.
pub fn report_json(report: &Report, with_plan: bool) -> Json {
    // A report is plain data: it cannot fail to become JSON.
    let mut object = serde_json::to_value(report).unwrap_or_default();
    if with_plan {
        object["plan"] = plan_json(&report.plan);
        object["later"] = json!(report.later);
    }
    object
}
