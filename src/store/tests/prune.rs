//! What is too old goes, and what something needs stays.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::{OperationCounts, Report, RequestCounts, RunStatus};

/// Ends the scene's run at a time and begins the next one.
async fn next_run(scene: &mut Scene, ended: i64) {
    let report = Report {
        run: scene.run,
        kind: RunKind::Sync,
        status: RunStatus::Complete,
        streams: BTreeMap::default(),
        operations: OperationCounts::default(),
        requests: RequestCounts::default(),
        started_at: at(ended),
        finished_at: Some(at(ended)),
        notes: vec![],
        error: None,
        audit: None,
        progress: None,
        later: Vec::new(),
        plan: vec![],
    };
    scene.store.finish_run(&report).await.unwrap();
    scene.run = scene.store.begin_run(&scene.lock, RunKind::Sync, "command", at(ended + 1)).await.unwrap();
}

async fn prune(scene: &Scene, before: i64) -> Option<Pruned> {
    scene.store.prune(at(before), &CancellationToken::new()).await.unwrap()
}

async fn left(scene: &Scene) -> String {
    scene
        .one(
            "SELECT (SELECT count(*) FROM run) || ' ' || (SELECT count(*) FROM operation) || ' '
                    || (SELECT count(*) FROM attempt) || ' ' || (SELECT count(*) FROM mapping)",
        )
        .await
}

#[tokio::test]
async fn runs_that_ended_before_go_with_all_that_is_through() {
    let mut scene = Scene::new().await;
    for number in 1..=3 {
        let entity = scene.account(&number.to_string()).await;
        scene.create(entity, Kind::Customer, &format!("p{number}")).await;
        next_run(&mut scene, number * 100).await;
    }
    assert_eq!(prune(&scene, 100).await, Some(Pruned::default()), "ended then, not before");
    assert_eq!(prune(&scene, 201).await, Some(Pruned { attempts: 2, operations: 2, runs: 2 }));
    assert_eq!(left(&scene).await, "2 1 1 3", "mappings stay");
    assert_eq!(prune(&scene, 201).await, Some(Pruned::default()), "once");
    // However old: the newest of each stays, so that no number is given twice.
    assert_eq!(prune(&scene, 999_999).await, Some(Pruned::default()));
    let entity = scene.account("4").await;
    scene.create(entity, Kind::Customer, "p4").await;
    assert_eq!(scene.one::<i64>("SELECT max(id) FROM attempt").await, 4);
    assert_eq!(prune(&scene, 999_999).await, Some(Pruned { attempts: 1, operations: 1, runs: 1 }));
}

#[tokio::test]
async fn what_waits_for_somebody_keeps_what_it_was_tried_with() {
    let mut scene = Scene::new().await;
    let (entity, other) = (scene.account("1").await, scene.account("2").await);
    let action = creating(entity, Kind::Customer);
    let operation = scene.plan(action.clone()).await;
    let attempt = scene.send(operation, &action).await;
    let held = settlement(Some(attempt), operation, entity, Settled::Held("email_taken".to_owned()));
    scene.store.settle(vec![held]).await.unwrap();
    next_run(&mut scene, 100).await;
    scene.create(other, Kind::Customer, "p2").await;
    next_run(&mut scene, 200).await;
    assert_eq!(prune(&scene, 999).await, Some(Pruned::default()));
    assert_eq!(left(&scene).await, "3 2 2 1");
}

#[tokio::test]
async fn nothing_goes_while_an_outcome_is_unknown() {
    let mut scene = Scene::new().await;
    let (entity, other) = (scene.account("1").await, scene.account("2").await);
    scene.create(entity, Kind::Customer, "p1").await;
    next_run(&mut scene, 100).await;
    let action = creating(other, Kind::Customer);
    let operation = scene.plan(action.clone()).await;
    let attempt = scene.send(operation, &action).await;
    assert_eq!(prune(&scene, 999).await, None);
    scene.store.settle(vec![settlement(Some(attempt), operation, other, written("p2"))]).await.unwrap();
    assert_eq!(prune(&scene, 999).await, Some(Pruned { attempts: 1, operations: 1, runs: 1 }));
}

#[tokio::test]
async fn what_is_removed_is_given_back_to_the_disk() {
    let mut scene = Scene::new().await;
    let entity = scene.account("1").await;
    let wide = Operation { reason: "x".repeat(2_000), ..creating(entity, Kind::Customer) };
    for _ in 0..1_200 {
        let operation = scene.plan(wide.clone()).await;
        let attempt = scene.send(operation, &wide).await;
        scene.store.settle(vec![settlement(Some(attempt), operation, entity, written("p1"))]).await.unwrap();
    }
    next_run(&mut scene, 100).await;
    let pages = "SELECT page_count FROM pragma_page_count";
    let before = scene.one::<i64>(pages).await;
    let pruned = prune(&scene, 999).await.unwrap();
    assert_eq!((pruned.attempts, pruned.runs), (1_199, 0), "in several transactions");
    let after = scene.one::<i64>(pages).await;
    assert!(after < before / 4, "{before} pages became {after}");
    assert_eq!(scene.one::<String>("SELECT group_concat(integrity_check) FROM pragma_integrity_check").await, "ok");
    assert!(scene.folder.path().join("state.db").exists());
}
