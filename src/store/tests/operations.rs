use super::*;

fn update(entity: EntityId) -> Operation {
    let changes = fields("old").changes_to(&fields("new"));
    Operation { action: Action::Update { id: PivotalId::new("p1"), changes }, ..creating(entity, Kind::Customer) }
}

#[tokio::test]
async fn a_plan_is_kept_in_its_order_and_by_standing() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let standings = [
        (Standing::Ready, "planned", None),
        (Standing::Held("guard".to_owned()), "held", Some("guard")),
        (Standing::Quarantined("slug".to_owned()), "quarantined", Some("slug")),
        (Standing::Waiting("its customer".to_owned()), "owed", Some("its customer")),
    ];
    let all: Vec<Operation> =
        standings.iter().map(|(standing, ..)| Operation { standing: standing.clone(), ..update(entity) }).collect();
    let ids = scene.store.record_operations(scene.run, &all, at(3)).await.unwrap();
    let open = scene.store.open_operations(None, 10).await.unwrap();
    assert_eq!(open.iter().map(|o| o.id).collect::<Vec<_>>(), ids);
    let said: Vec<_> = open.iter().map(|o| (o.state.as_str(), o.why.as_deref())).collect();
    assert_eq!(said, standings.iter().map(|(_, state, why)| (*state, *why)).collect::<Vec<_>>());
    assert_eq!(open[0].changes, all[0].changes());
    assert_eq!((open[0].subject.as_str(), open[0].verb), ("hubspot:company:1", crate::domain::Verb::Update));
    assert_eq!(open[0].pivotal_id, Some(PivotalId::new("p1")));
    for (view, rows) in [("v_pending", 2_i64), ("v_held", 1), ("v_quarantined", 1)] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {view} WHERE ref = 'hubspot:company:1'"));
        let found: i64 = sqlx::query_scalar(sql).fetch_one(scene.store.read()).await.unwrap();
        assert_eq!(found, rows, "{view}");
    }
    assert_eq!(scene.store.open_operations(Some("held"), 10).await.unwrap().len(), 1);
    let counts = scene.store.counts().await.unwrap();
    assert_eq!((counts.owed, counts.held, counts.quarantined), (2, 1, 1));
}

#[tokio::test]
async fn no_reason_is_hidden_behind_the_many_of_another() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let held = |why: &str| Operation { standing: Standing::Held(why.to_owned()), ..update(entity) };
    let mut all = vec![held("guard"); 30];
    all.push(held("two companies share acme.com"));
    scene.store.record_operations(scene.run, &all, at(3)).await.unwrap();
    let shown = scene.store.open_operations(Some("held"), 8).await.unwrap();
    let whys: Vec<_> = shown.iter().map(|o| o.why.as_deref().unwrap_or_default()).collect();
    assert_eq!(whys.len(), 8);
    assert_eq!(whys.iter().filter(|why| **why != "guard").count(), 1, "{whys:?}");
    let all = scene.store.open_operations(None, 99).await.unwrap();
    assert_eq!(all.len(), 31);
}

#[tokio::test]
async fn a_later_plan_takes_the_place_of_an_older_one() {
    let scene = Scene::new().await;
    let (first, second) = (scene.account("1").await, scene.account("2").await);
    let untried = scene.plan(update(first)).await;
    let kept = scene.plan(update(second)).await;
    let tried = scene.plan(update(first)).await;
    assert!(tried > kept && kept > untried, "numbers are never used twice");
    let attempt = scene.send(tried, &update(first)).await;
    let newest = scene.plan(update(first)).await;
    let open: Vec<_> = scene.store.open_operations(None, 10).await.unwrap().into_iter().map(|o| o.id).collect();
    assert_eq!(open, [kept, newest]);
    let state: String = scene.one("SELECT group_concat(state) FROM operation WHERE entity_id = 1").await;
    assert_eq!(state, "superseded,planned", "the tried one stays in the history, the untried is dropped");
    // The old attempt comes back without having been carried out: the newer plan stands.
    let late = settlement(Some(attempt), tried, first, Settled::Owed("503".to_owned()));
    scene.store.settle(vec![late]).await.unwrap();
    assert_eq!(scene.store.open_operations(None, 10).await.unwrap().len(), 2);

    scene.store.clear_open_operations(&[first]).await.unwrap();
    let open: Vec<_> = scene.store.open_operations(None, 10).await.unwrap().into_iter().map(|o| o.id).collect();
    assert_eq!(open, [kept]);
    let again = scene.plan(update(first)).await;
    assert!(again > newest, "numbers are never used twice");
}

#[tokio::test]
async fn more_operations_than_one_batch_keep_order_even_for_one_entity() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let all: Vec<Operation> = (0..1101).map(|n| Operation { name: n.to_string(), ..update(entity) }).collect();
    let ids = scene.store.record_operations(scene.run, &all, at(3)).await.unwrap();
    assert_eq!(ids.len(), 1101);
    let open = scene.store.open_operations(None, 2000).await.unwrap();
    assert!(open.iter().map(|o| o.name.parse::<i32>().unwrap()).eq(0..1101));
    assert!(scene.store.record_operations(scene.run, &[], at(3)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_run_did_not_carry_out_is_owed() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.plan(update(entity)).await;
    scene.store.close_planned(scene.run, "planned only").await.unwrap();
    let open = scene.store.open_operations(Some("owed"), 10).await.unwrap();
    assert_eq!(open[0].why.as_deref(), Some("planned only"));
}
