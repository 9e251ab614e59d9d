use super::*;

fn plan() -> SavedPlan {
    let made_at: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
    let mut plan = SavedPlan {
        run: RunId(7),
        made_at,
        valid_until: made_at + TimeDelta::hours(PLAN_HOURS),
        workspace: "acme".to_owned(),
        workspace_id: "ws_1".to_owned(),
        store_id: "s_1".to_owned(),
        only: None,
        fingerprint: String::new(),
        operations: Vec::new(),
    };
    plan.fingerprint = plan.print();
    plan
}

fn place() -> Place {
    Place { workspace_id: "ws_1".to_owned(), store_id: "s_1".to_owned(), path: "/state.db".into() }
}

#[test]
fn a_plan_may_be_applied_for_a_day() {
    let plan = plan();
    let after = |seconds| plan.check("acme", &place(), plan.made_at + TimeDelta::seconds(seconds));
    assert!(after(24 * 3600).is_ok());
    let error = after(26 * 3600).unwrap_err().to_string();
    assert_eq!(error, "the saved plan is 26 hours old, and 24 is the most; nothing was written");
    assert!(after(24 * 3600 + 1).is_err());
}

#[test]
fn a_plan_reads_back_as_it_was_written() {
    let text = serde_json::to_string_pretty(&plan()).unwrap();
    let read: SavedPlan = serde_json::from_str(&text).unwrap();
    assert!(read.check("acme", &place(), read.made_at).is_ok());
    let edited: SavedPlan = serde_json::from_str(&text.replace("2026-11-24", "2027-11-24")).unwrap();
    assert!(matches!(edited.check("acme", &place(), edited.made_at), Err(PlanRefused::Edited)));
}
