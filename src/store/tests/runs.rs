use super::*;
use crate::domain::{OperationCounts, Report, RequestCounts, RunStatus, StreamCounts};

fn report(run: RunId) -> Report {
    Report {
        run,
        kind: RunKind::Sync,
        status: RunStatus::Partial,
        streams: BTreeMap::from([(COMPANIES, StreamCounts { read: 3, ..StreamCounts::default() })]),
        operations: OperationCounts { create: 2, held: 1, ..OperationCounts::default() },
        requests: RequestCounts::default(),
        started_at: at(0),
        finished_at: Some(at(60)),
        notes: vec!["n".to_owned()],
        error: None,
        audit: None,
        progress: None,
        plan: Vec::new(),
        later: Vec::new(),
    }
}

#[tokio::test]
async fn runs_are_kept_with_their_reports_newest_first() {
    let scene = Scene::new().await;
    scene.store.finish_run(&report(scene.run)).await.unwrap();
    let second = scene.store.begin_run(&scene.lock, RunKind::Plan, "schedule", at(70)).await.unwrap();
    assert_eq!((scene.run, second), (RunId(1), RunId(2)));
    let runs = scene.store.runs(10).await.unwrap();
    assert_eq!(runs.iter().map(|r| r.id).collect::<Vec<_>>(), [second, scene.run]);
    assert_eq!((runs[0].status, runs[0].kind, runs[0].report.as_ref()), (RunStatus::Running, RunKind::Plan, None));
    assert_eq!((runs[1].status, runs[1].finished_at), (RunStatus::Partial, Some(at(60))));
    assert_eq!(runs[1].report, Some(report(scene.run)));
    assert_eq!(scene.store.runs(1).await.unwrap().len(), 1);
    let created: i64 = scene.one("SELECT created FROM v_runs WHERE id = 1").await;
    assert_eq!(created, 2);
    assert!(matches!(scene.store.finish_run(&report(RunId(77))).await, Err(StoreError::BadRow { table: "run", .. })));
}

#[tokio::test]
async fn a_run_that_was_killed_is_closed_by_the_next_with_what_it_did_and_its_plan_is_owed() {
    let scene = Scene::new().await;
    // One was created, one turned out to be there and agreed, so that nothing was sent for it, and one was not come to.
    scene.create(scene.account("2").await, Kind::Customer, "p2").await;
    let adopted = scene.account("3").await;
    let operation = scene.plan(creating(adopted, Kind::Customer)).await;
    scene.store.settle(vec![settlement(None, operation, adopted, written("p3"))]).await.unwrap();
    let entity = scene.account("1").await;
    scene.plan(creating(entity, Kind::Customer)).await;
    scene.store.begin_run(&scene.lock, RunKind::Sync, "command", at(100)).await.unwrap();
    let runs = scene.store.runs(10).await.unwrap();
    let told = runs[1].report.as_ref().unwrap();
    assert_eq!(told.operations, OperationCounts { create: 1, adopt: 1, owed: 1, ..OperationCounts::default() });
    assert_eq!((told.status, told.finished_at, told.started_at), (RunStatus::Interrupted, Some(at(100)), at(0)));
    let shown: String =
        scene.one("SELECT concat_ws(' ', status, created, owed, finished_at IS NULL) FROM v_runs WHERE id = 1").await;
    assert_eq!(shown, "interrupted 1 1 0");
    assert_eq!((runs[1].status, runs[1].finished_at), (RunStatus::Interrupted, Some(at(100))));
    let open = scene.store.open_operations(None, 10).await.unwrap();
    assert_eq!((open[0].state.as_str(), open[0].why.as_deref()), ("owed", Some("run 1 was interrupted")));
}

#[tokio::test]
async fn facts_are_set_and_set_again() {
    let scene = Scene::new().await;
    assert_eq!(scene.store.fact("workspace_id").await.unwrap(), None);
    for value in ["w1", "w2", ""] {
        scene.store.set_fact("workspace_id", value).await.unwrap();
        assert_eq!(scene.store.fact("workspace_id").await.unwrap().as_deref(), Some(value));
    }
}
