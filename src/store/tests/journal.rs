//! Grouped commits: many tasks, one sync to disk, and one bad part alone.

use super::*;
use tokio::task::JoinSet;

/// Entities 1..=n with a planned create each.
async fn many(scene: &Scene, n: usize) -> Vec<(Operation, OperationId)> {
    let rows: Vec<PageRow> = (0..n).map(|i| company(&i.to_string(), "x")).collect();
    scene.save(&rows).await;
    let all: Vec<Bound> =
        rows.iter().enumerate().map(|(i, r)| bound(r.pulled.key(), Place::New(i), Kind::Customer)).collect();
    scene.store.bind(&all, at(1)).await.unwrap();
    let keys: Vec<SourceKey> = rows.iter().map(|r| r.pulled.key().clone()).collect();
    let entities = scene.store.entities_of(&keys).await.unwrap();
    let plan: Vec<Operation> = keys.iter().map(|k| creating(entities[k], Kind::Customer)).collect();
    let ids = scene.store.record_operations(scene.run, &plan, at(3)).await.unwrap();
    plan.into_iter().zip(ids).collect()
}

fn intent(scene: &Scene, action: &Operation, operation: OperationId) -> Intent {
    Intent { operation, run: scene.run, action: action.clone(), prepared: post(), before: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_in_flight_share_commits_and_each_gets_its_own_answer() {
    let scene = Scene::new().await;
    let mut tasks = JoinSet::new();
    let work = many(&scene, 320).await;
    for chunk in work.chunks(10) {
        let (store, chunk) = (scene.store.clone(), chunk.to_vec());
        let run = scene.run;
        tasks.spawn(async move {
            for (action, operation) in chunk {
                let intent = Intent { operation, run, action: action.clone(), prepared: post(), before: None };
                let attempt = store.intend(&[intent], at(4)).await.unwrap()[0];
                let entity = action.entity;
                let outcome = written(&format!("p{}", entity.0));
                store.settle(vec![settlement(Some(attempt), operation, entity, outcome)]).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(scene.store.population().await.unwrap()[0].1, 320);
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM mapping WHERE state = 'live'").await, 320);
    let crossed: i64 = scene
        .one(
            "SELECT count(*) FROM attempt a JOIN operation o ON o.id = a.operation_id
              WHERE a.entity_id <> o.entity_id OR a.outcome <> 'done' OR a.pivotal_id <> 'p' || a.entity_id",
        )
        .await;
    assert_eq!(crossed, 0, "every attempt belongs to its own operation and entity");
    assert!(scene.store.open_operations(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_bad_settlement_fails_alone() {
    let scene = Scene::new().await;
    let work = many(&scene, 3).await;
    let mut attempts = Vec::new();
    for (action, operation) in &work {
        attempts.push(scene.send(*operation, action).await);
    }
    // No Pivotal id has two entities: the second is refused by the store itself.
    let one = |n: usize, id: &str| settlement(Some(attempts[n]), work[n].1, work[n].0.entity, written(id));
    let (a, b, c) = tokio::join!(
        scene.store.settle(vec![one(0, "p1")]),
        scene.store.settle(vec![one(1, "p1")]),
        scene.store.settle(vec![one(2, "p3")]),
    );
    assert!(a.is_ok() && c.is_ok());
    let error = b.unwrap_err();
    assert!(matches!(&error, StoreError::Query { .. }) && error.to_string().contains("UNIQUE"), "{error}");
    let open = scene.store.open_attempts().await.unwrap();
    assert_eq!(open.iter().map(|o| o.attempt).collect::<Vec<_>>(), [attempts[1]], "the refused one stays open");
}

#[tokio::test]
async fn of_several_settlements_in_one_call_the_good_ones_are_stored() {
    let scene = Scene::new().await;
    let work = many(&scene, 2).await;
    let good = scene.send(work[0].1, &work[0].0).await;
    let all = vec![
        settlement(Some(AttemptId(404)), work[1].1, work[1].0.entity, Settled::Owed("x".to_owned())),
        settlement(Some(good), work[0].1, work[0].0.entity, written("p1")),
    ];
    let error = scene.store.settle(all).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { table: "attempt", .. }), "{error}");
    assert_eq!(scene.store.population().await.unwrap()[0].1, 1);
    assert_eq!(scene.store.open_operations(Some("planned"), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_intent_for_nothing_is_refused_and_the_others_are_kept() {
    let scene = Scene::new().await;
    let work = many(&scene, 2).await;
    let good = [intent(&scene, &work[0].0, work[0].1)];
    let bad = [intent(&scene, &work[1].0, OperationId(404))];
    let (good, bad) = tokio::join!(scene.store.intend(&good, at(4)), scene.store.intend(&bad, at(4)));
    assert!(bad.is_err());
    let open = scene.store.open_attempts().await.unwrap();
    assert_eq!(open.iter().map(|o| o.attempt).collect::<Vec<_>>(), good.unwrap());
}

#[tokio::test]
async fn what_was_handed_in_is_written_though_its_caller_goes_away_and_is_there_after_closing() {
    let scene = Scene::new().await;
    let work = many(&scene, 1).await;
    let intents = [intent(&scene, &work[0].0, work[0].1)];
    {
        let mut going = Box::pin(scene.store.intend(&intents, at(4)));
        assert!(futures::poll!(&mut going).is_pending());
    }
    scene.store.close().await;
    let again = Store::open(scene.store.path()).await.unwrap();
    assert_eq!(again.open_attempts().await.unwrap().len(), 1);
    assert!(scene.folder.path().join("state.db").exists());
}

#[tokio::test]
async fn empty_calls_are_answered() {
    let scene = Scene::new().await;
    assert!(scene.store.intend(&[], at(4)).await.unwrap().is_empty());
    scene.store.settle(vec![]).await.unwrap();
    scene.store.bind(&[], at(4)).await.unwrap();
    scene.store.save_looks(&[], at(4)).await.unwrap();
}
