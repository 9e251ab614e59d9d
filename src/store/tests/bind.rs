use super::*;
use crate::domain::{Gone, Role};

#[tokio::test]
async fn new_entities_are_made_once_per_number() {
    let scene = Scene::new().await;
    scene.save(&[company("1", "a"), company("2", "b")]).await;
    scene.save(&[customer("cus_1")]).await;
    let keys = [key(COMPANIES, "1"), key(CUSTOMERS, "cus_1"), key(COMPANIES, "2")];
    let places = [Place::New(7), Place::New(7), Place::New(3)];
    let all: Vec<Bound> = keys.iter().zip(places).map(|(k, p)| bound(k, p, Kind::Customer)).collect();
    scene.store.bind(&all, at(2)).await.unwrap();
    let entities = scene.store.entities_of(&keys).await.unwrap();
    assert_eq!(entities[&keys[0]], entities[&keys[1]]);
    assert_ne!(entities[&keys[0]], entities[&keys[2]]);
    assert!(scene.store.touched(Role::Account, 10).await.unwrap().is_empty());
    assert_eq!(scene.due(Kind::Customer).await.len(), 2);
    assert!(scene.store.entities_of(&[key(COMPANIES, "404")]).await.unwrap().is_empty());
}

#[tokio::test]
async fn binding_a_record_that_is_not_there_stores_nothing() {
    let scene = Scene::new().await;
    scene.save(&[company("1", "a")]).await;
    let all = [
        bound(&key(COMPANIES, "1"), Place::New(0), Kind::Customer),
        bound(&key(COMPANIES, "404"), Place::New(1), Kind::Customer),
    ];
    let error = scene.store.bind(&all, at(2)).await.unwrap_err();
    assert!(error.to_string().contains("hubspot:company:404"), "{error}");
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM entity").await, 0);
    assert_eq!(scene.store.touched(Role::Account, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_move_re_points_the_mapping_and_dirties_both_sides() {
    // hubspot-api.md, merges: the survivor's entity takes over, and never loses its object.
    let scene = Scene::new().await;
    let (loser, survivor) = (scene.account("1").await, scene.account("2").await);
    scene.create(loser, Kind::Customer, "p-loser").await;
    scene.create(survivor, Kind::Customer, "p-survivor").await;
    scene.look(loser, None).await;
    scene.look(survivor, None).await;
    let one = key(COMPANIES, "1");
    scene.save(&[gone(one.clone(), Gone::Merged { into: crate::domain::ExternalId::new("2") })]).await;
    scene.look(loser, None).await;
    scene.store.bind(&[bound(&one, Place::Existing(survivor), Kind::Customer)], at(3)).await.unwrap();
    assert_eq!(scene.entity(&one).await, Some(survivor));
    assert_eq!(scene.due(Kind::Customer).await, [loser, survivor]);
    let mapped: String =
        scene.one("SELECT group_concat(external_id || '=' || pivotal_id, ' ') FROM mapping ORDER BY 1").await;
    assert_eq!(mapped, "1=p-survivor 2=p-survivor");
    let shown: String = scene.one("SELECT hubspot_company_id FROM v_customers WHERE pivotal_id = 'p-survivor'").await;
    assert_eq!(shown, "2", "the live record is shown before the merged one");
    let loser_row = scene.store.to_look_at(Kind::Customer, false, at(9), None, 9).await.unwrap().remove(0);
    assert!(loser_row.records.is_empty() && loser_row.entity.mirror.is_some(), "its object is still someone's concern");
}

#[tokio::test]
async fn an_entity_without_object_that_lost_its_last_record_is_nobody() {
    let scene = Scene::new().await;
    let (left, joined) = (scene.account("1").await, scene.account("2").await);
    scene.plan(creating(left, Kind::Customer)).await;
    scene.store.bind(&[bound(&key(COMPANIES, "1"), Place::Existing(joined), Kind::Customer)], at(3)).await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, [joined]);
    assert_eq!(scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().len(), 1);
    scene.store.mark_all_dirty().await.unwrap();
    let first = scene.store.to_look_at(Kind::Customer, false, at(9), None, 1).await.unwrap();
    assert_eq!(first[0].entity.id, joined, "nobody takes no place in a page");
    assert!(scene.store.open_operations(None, 9).await.unwrap().is_empty());
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM mapping").await, 0);
}

#[tokio::test]
async fn those_who_depend_on_a_moved_account_are_bound_again() {
    let scene = Scene::new().await;
    let company_key = key(COMPANIES, "1");
    scene.save(&[contact("7", &company_key), contact("8", &key(COMPANIES, "2"))]).await;
    for id in ["7", "8"] {
        scene.store.bind(&[bound(&key(CONTACTS, id), Place::Nowhere, Kind::Contact)], at(1)).await.unwrap();
    }
    assert!(scene.store.touched(Role::Person, 10).await.unwrap().is_empty());
    let account = scene.account("1").await;
    let touched = scene.store.touched(Role::Person, 10).await.unwrap();
    assert_eq!(touched.iter().map(|p| p.known.record.key.id.as_str()).collect::<Vec<_>>(), ["7"]);

    let child = Bound { parent: Some(account), ..bound(&key(CONTACTS, "7"), Place::New(0), Kind::Contact) };
    scene.store.bind(&[child], at(2)).await.unwrap();
    let subject = scene.store.to_look_at(Kind::Contact, false, at(3), None, 9).await.unwrap().remove(0);
    assert_eq!((subject.entity.parent, subject.parent.unwrap().entity), (Some(account), account));

    // Binding the account where it is already moves nobody.
    scene.store.bind(&[bound(&company_key, Place::Existing(account), Kind::Customer)], at(3)).await.unwrap();
    assert!(scene.store.touched(Role::Person, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_child_that_changes_its_account_is_dirty_under_the_new_one() {
    let scene = Scene::new().await;
    let (first, second) = (scene.account("1").await, scene.account("2").await);
    let person = key(CONTACTS, "7");
    scene.save(&[contact("7", &key(COMPANIES, "1"))]).await;
    let under = |parent, place| Bound { parent, ..bound(&person, place, Kind::Contact) };
    scene.store.bind(&[under(Some(first), Place::New(0))], at(1)).await.unwrap();
    let entity = scene.entity(&person).await.unwrap();
    scene.look(entity, None).await;
    scene.store.bind(&[under(Some(first), Place::Existing(entity))], at(2)).await.unwrap();
    assert!(scene.due(Kind::Contact).await.is_empty(), "nothing changed");
    for parent in [Some(second), None] {
        scene.store.bind(&[under(parent, Place::Existing(entity))], at(2)).await.unwrap();
        let subject = scene.store.to_look_at(Kind::Contact, false, at(3), None, 9).await.unwrap().remove(0);
        assert_eq!((subject.entity.parent, subject.parent.map(|p| p.entity)), (parent, parent));
        scene.look(entity, None).await;
    }
}

#[tokio::test]
async fn an_ambiguity_is_kept_dirties_its_entity_and_survives_the_same_showing() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.look(entity, None).await;
    let company_key = key(COMPANIES, "1");
    let doubt = Bound {
        problem: Some((Vec::new(), "two companies have its domain".to_owned())),
        ..bound(&company_key, Place::Existing(entity), Kind::Customer)
    };
    scene.store.bind(std::slice::from_ref(&doubt), at(2)).await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, [entity]);
    scene.look(entity, None).await;
    scene.store.bind(&[doubt], at(2)).await.unwrap();
    assert!(scene.due(Kind::Customer).await.is_empty());
    scene.save(&[company("1", "1")]).await;
    let subject = scene.store.to_look_at(Kind::Customer, true, at(3), None, 9).await.unwrap().remove(0);
    assert_eq!(subject.records[0].problem.as_deref(), Some("two companies have its domain"));
    scene.store.bind(&[bound(&company_key, Place::Existing(entity), Kind::Customer)], at(2)).await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, [entity], "resolved is news, too");
}

#[tokio::test]
async fn sharing_finds_accounts_live_and_gone_once_each() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p1").await;
    scene.save(&[customer("cus_1")]).await;
    scene.save(&[contact("7", &key(COMPANIES, "1"))]).await;
    scene.save(&[gone(key(COMPANIES, "1"), Gone::Archived)]).await;
    let tokens =
        ["domain:1.com", "is:hubspot:company:1", "is:stripe:customer:cus_1", "email:7@x.com", "domain:none.com"]
            .map(str::to_owned);
    let found = scene.store.sharing(&tokens).await.unwrap();
    let said: Vec<_> =
        found.iter().map(|p| (p.known.record.key.to_string(), p.known.gone.is_some(), p.object.is_some())).collect();
    assert_eq!(
        said,
        [("hubspot:company:1".to_owned(), true, true), ("stripe:customer:cus_1".to_owned(), false, false)]
    );
}
