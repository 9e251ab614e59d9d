//! Nudges: read once, heeded once, and never lost to a newer one.

use super::*;

#[tokio::test]
async fn a_newer_nudge_outlives_the_reading_of_an_older_one() {
    let scene = Scene::new().await;
    let key = key(COMPANIES, "1");
    let nudge = async || scene.store.nudge(std::slice::from_ref(&key), "webhook", at(1)).await.unwrap();
    nudge().await;
    let older = scene.store.nudges().await.unwrap();
    assert_eq!((older.len(), &older[0].key, older[0].known), (1, &key, false));
    // It changes once more while it is read.
    nudge().await;
    scene.store.nudges_read(&[older[0].id]).await.unwrap();
    scene.store.heed(&[older[0].id], &[]).await.unwrap();
    let newer = scene.store.nudges().await.unwrap();
    assert_eq!((newer.len(), newer[0].known), (1, false));
    assert!(newer[0].id > older[0].id);
    assert_eq!(scene.store.newest_nudge().await.unwrap(), newer[0].id);
}

#[tokio::test]
async fn an_entity_is_urgent_until_nothing_is_owed_to_it() {
    let scene = Scene::new().await;
    let (entity, other) = (scene.account("1").await, scene.account("2").await);
    scene.look(other, None).await;
    scene.store.heed(&[], &[entity, other]).await.unwrap();
    let urgent = async || scene.store.urgent().await.unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(urgent().await, [entity], "nothing is owed to the other one");

    let action = creating(entity, Kind::Customer);
    let operation = scene.plan(action.clone()).await;
    let owed = settlement(None, operation, entity, Settled::Owed("later".to_owned()));
    scene.store.settle(vec![owed]).await.unwrap();
    assert_eq!(urgent().await, [entity], "a write that failed is urgent still");
    scene.create(entity, Kind::Customer, "c1").await;
    assert_eq!(urgent().await, []);

    scene.store.mark_all_dirty().await.unwrap();
    scene.store.heed(&[], &[entity]).await.unwrap();
    assert_eq!(urgent().await, [entity]);
    scene.look(entity, None).await;
    assert_eq!(urgent().await, [], "it was looked at, and there was nothing to do");
}

#[tokio::test]
async fn what_a_person_decided_is_heeded_without_being_read() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.store.retry(&[entity]).await.unwrap();
    let nudges = scene.store.nudges().await.unwrap();
    assert_eq!((nudges.len(), nudges[0].known, nudges[0].asked_by.as_str()), (1, true, "person"));
    // A webhook about the same record is no reason not to read it.
    scene.store.nudge(&[key(COMPANIES, "1")], "webhook", at(2)).await.unwrap();
    scene.store.retry(&[entity]).await.unwrap();
    let nudges = scene.store.nudges().await.unwrap();
    assert_eq!((nudges.len(), nudges[0].known), (1, false));
}
