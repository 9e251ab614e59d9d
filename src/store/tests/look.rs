use super::*;
use crate::domain::{Gone, Later, Removal, SubscriptionFacts, SubscriptionStatus};

#[tokio::test]
async fn the_dirty_the_unsettled_and_the_due_are_looked_at_in_pages() {
    let scene = Scene::new().await;
    let mut entities = Vec::new();
    for id in ["1", "2", "3", "4"] {
        entities.push(scene.account(id).await);
    }
    let look = |n: usize, settled, due: Option<Timestamp>| Look {
        entity: entities[n],
        name: format!("n{n}"),
        unwanted: None,
        settled,
        later: due.map(|at| Later { removal: Removal::Delete, at }),
        again: None,
        notes: if n == 0 { vec![format!("a{n}: x"), format!("a{n}: y")] } else { Vec::new() },
    };
    let looks = [look(0, true, None), look(1, false, None), look(2, true, Some(at(3))), look(3, true, Some(at(99)))];
    scene.store.save_looks(&looks, at(2)).await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, entities[1..3]);
    assert_eq!(scene.store.notes(9).await.unwrap(), (vec!["a0: x".to_owned(), "a0: y".to_owned()], 2));
    assert_eq!(scene.store.notes(1).await.unwrap(), (vec!["a0: x".to_owned()], 2));
    scene.store.save_looks(&[Look { notes: Vec::new(), ..look(0, true, None) }], at(2)).await.unwrap();
    assert_eq!(scene.store.notes(9).await.unwrap(), (Vec::new(), 0), "only while it is so");
    let all = scene.store.to_look_at(Kind::Customer, true, at(3), None, 3).await.unwrap();
    assert_eq!(all.iter().map(|r| r.entity.id).collect::<Vec<_>>(), entities[..3]);
    let rest = scene.store.to_look_at(Kind::Customer, true, at(3), Some(entities[2]), 3).await.unwrap();
    assert_eq!(rest.iter().map(|r| r.entity.id).collect::<Vec<_>>(), entities[3..]);
    let rest = scene.store.to_look_at(Kind::Customer, false, at(3), Some(entities[1]), 3).await.unwrap();
    assert_eq!(rest.iter().map(|r| r.entity.id).collect::<Vec<_>>(), entities[2..3]);
    assert!(scene.due(Kind::Contact).await.is_empty());
    assert_eq!(rest[0].wanted_before.as_deref(), Some("yes"));
    scene.store.mark_all_dirty().await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, entities);
}

#[tokio::test]
async fn a_flip_of_an_account_has_its_children_looked_at() {
    let scene = Scene::new().await;
    let account = scene.account("1").await;
    let person = key(CONTACTS, "7");
    scene.save(&[contact("7", &key(COMPANIES, "1"))]).await;
    let child = Bound { parent: Some(account), ..bound(&person, Place::New(0), Kind::Contact) };
    scene.store.bind(&[child], at(1)).await.unwrap();
    let child = scene.entity(&person).await.unwrap();
    let wanted = |scene: &Scene| {
        let store = scene.store.clone();
        async move {
            let rows = store.to_look_at(Kind::Contact, true, at(3), None, 9).await.unwrap();
            rows[0].parent.as_ref().unwrap().wanted
        }
    };
    assert!(!wanted(&scene).await);
    // never looked at, and now not wanted: no flip
    scene.look(child, None).await;
    scene.look(account, Some("lifecyclestage is lead")).await;
    assert!(scene.due(Kind::Contact).await.is_empty());
    for (unwanted, flips) in [(None, true), (None, false), (Some("left"), true), (Some("gone"), false), (None, true)] {
        scene.look(account, unwanted).await;
        assert_eq!(scene.due(Kind::Contact).await.len(), usize::from(flips), "{unwanted:?}");
        assert_eq!(wanted(&scene).await, unwanted.is_none());
        scene.look(child, None).await;
    }
}

#[tokio::test]
async fn an_entity_is_gone_since_its_last_deciding_record_went() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let (company_key, stripe) = (key(COMPANIES, "1"), key(CUSTOMERS, "cus_1"));
    scene.save(&[customer("cus_1")]).await;
    let subscription = SubscriptionFacts {
        account: stripe.clone(),
        status: SubscriptionStatus::Canceled,
        currency: "usd".to_owned(),
        mrr: "0.50".parse().unwrap(),
        plan: None,
        plan_weight: 0.into(),
        started_at: None,
        changes_at: None,
    };
    let sub = key(Stream::StripeSubscriptions, "sub_1");
    scene.save(&[live(sub.clone(), Facts::Subscription(subscription), &["of:stripe:customer:cus_1"])]).await;
    let all = [&stripe, &sub].map(|k| bound(k, Place::Existing(entity), Kind::Customer));
    scene.store.bind(&all, at(1)).await.unwrap();
    let since = |scene: &Scene| {
        let store = scene.store.clone();
        async move { store.to_look_at(Kind::Customer, true, at(3), None, 9).await.unwrap()[0].entity.gone_since }
    };
    scene.save_at(&[gone(company_key.clone(), Gone::Archived)], at(10)).await;
    assert_eq!(since(&scene).await, None, "one record is there");
    scene.save_at(&[gone(stripe, Gone::Deleted)], at(20)).await;
    assert_eq!(since(&scene).await, Some(at(20)), "a subscription keeps no account alive");
    scene.look(entity, Some("gone")).await;
    let stored: String = scene.one("SELECT gone_since FROM entity").await;
    assert_eq!(stored, time::text(at(20)));
    scene.save_at(&[company("1", "1")], at(30)).await;
    assert_eq!(since(&scene).await, None);
    scene.look(entity, None).await;
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM entity WHERE gone_since IS NULL").await, 1);
}

#[tokio::test]
async fn the_grace_of_leaving_counts_from_the_first_look_that_saw_it() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p1").await;
    let leave = |unwanted: Option<&str>, now: i64| {
        let unwanted = unwanted.map(str::to_owned);
        let later = unwanted.as_ref().map(|_| Later { removal: Removal::Archive, at: at(now + 60) });
        Look { entity, name: "Acme".to_owned(), unwanted, settled: true, later, again: None, notes: Vec::new() }
    };
    let since = async || scene.store.subjects(&[entity]).await.unwrap()[0].entity.gone_since;
    for (unwanted, now, counted) in [
        (None, 10, None),
        (Some("a lead"), 20, Some(20)),
        (Some("a lead"), 30, Some(20)),
        (Some("a partner"), 40, Some(20)),
        (None, 50, None),
        (Some("a lead"), 60, Some(60)),
    ] {
        scene.store.save_looks(&[leave(unwanted, now)], at(now)).await.unwrap();
        assert_eq!(since().await, counted.map(at), "{unwanted:?} at {now}");
    }
    // Gone is gone, from when that was seen; and who comes back and is no customer begins anew.
    scene.save_at(&[gone(key(COMPANIES, "1"), Gone::Archived)], at(70)).await;
    assert_eq!(since().await, Some(at(70)));
    scene.store.save_looks(&[leave(Some("gone"), 71)], at(71)).await.unwrap();
    scene.save_at(&[company("1", "1")], at(80)).await;
    scene.store.save_looks(&[leave(Some("a lead"), 90)], at(90)).await.unwrap();
    assert_eq!(since().await, Some(at(90)));
}

#[tokio::test]
async fn a_child_sees_how_its_account_stands() {
    let scene = Scene::new().await;
    let account = scene.account("1").await;
    scene.save(&[contact("7", &key(COMPANIES, "1"))]).await;
    let child = Bound { parent: Some(account), ..bound(&key(CONTACTS, "7"), Place::New(0), Kind::Contact) };
    scene.store.bind(&[child], at(1)).await.unwrap();
    scene.create(account, Kind::Customer, "p1").await;
    let held = Operation { standing: Standing::Held("a guard".to_owned()), ..creating(account, Kind::Customer) };
    let operation = scene.plan(held).await;
    let quarantine = crate::domain::Quarantine {
        fingerprint: "f".to_owned(),
        reason: "bad domain".to_owned(),
        ..Default::default()
    };
    let subject = scene.store.to_look_at(Kind::Contact, false, at(3), None, 9).await.unwrap().remove(0);
    let parent = subject.parent.unwrap();
    assert_eq!((parent.pivotal_id, parent.state), (Some(PivotalId::new("p1")), Some(MirrorState::Live)));
    assert_eq!((parent.held.as_deref(), parent.refused), (Some("a guard"), None));
    scene.store.settle(vec![settlement(None, operation, account, Settled::Refused(quarantine))]).await.unwrap();
    let subject = scene.store.to_look_at(Kind::Contact, false, at(3), None, 9).await.unwrap().remove(0);
    let parent = subject.parent.unwrap();
    assert_eq!((parent.held, parent.refused.as_deref()), (None, Some("bad domain")));
}

#[tokio::test]
async fn population_and_slugs_count_what_is_live() {
    let scene = Scene::new().await;
    let (first, second) = (scene.account("1").await, scene.account("2").await);
    scene.create(first, Kind::Customer, "p1").await;
    scene.create(second, Kind::Customer, "p2").await;
    let ask = ["p1", "p2", "walked", "free"].map(str::to_owned);
    let object = crate::ports::RemoteObject {
        kind: Kind::Customer,
        id: PivotalId::new("p9"),
        display_id: None,
        parent: None,
        fields: fields("walked"),
        created_at: None,
        updated_at: None,
    };
    scene.store.save_remote(&[object], at(1)).await.unwrap();
    let mut used: Vec<_> = scene.store.slugs_in_use(&ask, &[]).await.unwrap().into_iter().collect();
    used.sort();
    assert_eq!(used, ["p1", "p2", "walked"]);
    let population = [(Kind::Customer, 2), (Kind::Contact, 0), (Kind::Onboarding, 0)];
    assert_eq!(scene.store.population().await.unwrap(), population);
}

#[tokio::test]
async fn what_changes_by_itself_is_found_on_its_day() {
    // stripe-api.md trap 39: a discount runs out without an event.
    let scene = Scene::new().await;
    let subscription = |id: &str, changes_at: Option<i64>| {
        let facts = SubscriptionFacts {
            account: key(CUSTOMERS, "cus_1"),
            status: SubscriptionStatus::Active,
            currency: "usd".to_owned(),
            mrr: 1.into(),
            plan: None,
            plan_weight: 1.into(),
            started_at: None,
            changes_at: changes_at.and_then(|seconds| Timestamp::from_timestamp(1_795_000_000 + seconds, 0)),
        };
        live(key(Stream::StripeSubscriptions, id), Facts::Subscription(facts), &[])
    };
    let rows = [("sub_1", Some(5)), ("sub_2", None), ("sub_3", Some(4)), ("sub_4", Some(6)), ("sub_5", Some(3))];
    scene.save(&rows.map(|(id, at)| subscription(id, at))).await;
    let gone = Pulled::Gone(key(Stream::StripeSubscriptions, "sub_5"), Gone::Deleted);
    scene.save(&[PageRow { pulled: gone, tokens: Vec::new() }]).await;
    let found = async |by: i64, after: Option<&str>, most: u32| {
        let after = after.map(crate::domain::ExternalId::new);
        let ids = scene.store.outdated(Stream::StripeSubscriptions, at(by), after.as_ref(), most).await.unwrap();
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found(2, None, 9).await, [""; 0]);
    assert_eq!(found(5, None, 9).await, ["sub_1", "sub_3"]);
    assert_eq!(found(9, None, 1).await, ["sub_1"]);
    assert_eq!(found(9, Some("sub_1"), 9).await, ["sub_3", "sub_4"]);
}
