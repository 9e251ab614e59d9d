//! The documented JSON objects (design section 6).

use serde_json::{Map, Value as Json, json};

use crate::domain::{Operation, Report, Standing};

/// The operations as the `plan` array of `plan --json`. `standing` and `why` are there for those that may not go ahead.
pub fn plan_json(operations: &[Operation]) -> Json {
    operations.iter().map(operation_json).collect()
}

fn operation_json(operation: &Operation) -> Json {
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

/// The report as `--json` prints it; with `with_plan`, its operations too.
pub fn report_json(report: &Report, with_plan: bool) -> Json {
    // A report is plain data: it cannot fail to become JSON.
    let mut object = serde_json::to_value(report).unwrap_or_default();
    if with_plan {
        object["plan"] = plan_json(&report.plan);
    }
    object
}
