//! What each outcome leaves behind.

use super::*;
use crate::domain::{Kept, Quarantine, Value};

/// A sent create for a fresh account.
async fn sent(scene: &Scene) -> (EntityId, OperationId, AttemptId) {
    let entity = scene.account("1").await;
    scene.look(entity, None).await;
    sqlx::query("UPDATE entity SET settled = 0").execute(scene.store.inner.write.as_ref().unwrap()).await.unwrap();
    let action = creating(entity, Kind::Customer);
    let operation = scene.plan(action.clone()).await;
    let attempt = scene.send(operation, &action).await;
    (entity, operation, attempt)
}

async fn settle(scene: &Scene, outcome: Settled) -> (EntityId, OperationId, AttemptId) {
    let (entity, operation, attempt) = sent(scene).await;
    scene.store.settle(vec![settlement(Some(attempt), operation, entity, outcome)]).await.unwrap();
    (entity, operation, attempt)
}

async fn said(scene: &Scene) -> String {
    scene
        .one(
            "SELECT concat_ws(' ', o.state, a.outcome, a.status, o.why, a.error) FROM operation o
              JOIN attempt a ON a.operation_id = o.id",
        )
        .await
}

#[tokio::test]
async fn written_makes_mirror_and_mapping_and_calms_the_entity() {
    let scene = Scene::new().await;
    let (entity, ..) = settle(&scene, written("p1")).await;
    assert_eq!(said(&scene).await, "done done 201");
    let subject = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().remove(0);
    assert_eq!((subject.entity.mirror, subject.entity.quarantine), (Some(mirror("p1")), None));
    let mapped: String = scene
        .one("SELECT concat_ws(' ', stream, external_id, object, pivotal_id, display_id, origin, state) FROM mapping")
        .await;
    assert_eq!(mapped, "hubspot.companies 1 customer p1 42 created live");
    assert!(scene.due(Kind::Customer).await.is_empty());
    assert!(scene.store.open_attempts().await.unwrap().is_empty());
    let customer: String =
        scene.one("SELECT pivotal_id || ' ' || hubspot_company_id || ' ' || state FROM v_customers").await;
    assert_eq!(customer, "p1 1 live");
    let history: String =
        scene.one("SELECT pivotal_id || ' ' || outcome || ' ' || (changes ->> '$.name.to') FROM v_history").await;
    assert_eq!(history, "p1 done Acme");
    assert_eq!(entity, subject.entity.id);
}

#[tokio::test]
async fn the_view_shows_every_kind_of_value_as_it_was_sent() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let operation = scene.plan(creating(entity, Kind::Customer)).await;
    let mut fields = fields("acme-2");
    let list = Value::List(vec![Value::from("a"), Value::from("b")]);
    for (name, value) in [
        ("active", Value::Bool(true)),
        ("labels", list),
        ("mrr", Value::Number("120.50".parse().unwrap())),
        ("metadata.a.b \"c\"", Value::from("d")),
        ("notes", Value::from("[\"text\"]")),
    ] {
        fields.set(name, value);
    }
    let sent = Operation {
        action: Action::Create { parent: None, fields: fields.clone() },
        ..creating(entity, Kind::Customer)
    };
    scene.send(operation, &sent).await;
    let shown: String = scene.one("SELECT changes FROM v_history").await;
    assert_eq!(serde_json::from_str::<crate::domain::Changes>(&shown).unwrap(), sent.changes());
    let after: String = scene.one("SELECT after FROM v_history").await;
    assert_eq!(serde_json::from_str::<Fields>(&after).unwrap(), fields);
}

#[tokio::test]
async fn an_entity_with_another_open_operation_stays_unsettled() {
    let scene = Scene::new().await;
    let (entity, operation, attempt) = sent(&scene).await;
    let held = Operation { standing: Standing::Held("guard".to_owned()), ..creating(entity, Kind::Customer) };
    let ids = scene.store.record_operations(scene.run, &[creating(entity, Kind::Customer), held], at(3)).await.unwrap();
    scene.store.settle(vec![settlement(Some(attempt), operation, entity, written("p1"))]).await.unwrap();
    scene.store.settle(vec![settlement(None, ids[0], entity, written("p1"))]).await.unwrap();
    assert_eq!(scene.due(Kind::Customer).await, [entity]);
}

#[tokio::test]
async fn deleted_keeps_the_mapping_and_lets_the_entity_be_created_again() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p1").await;
    let object = crate::ports::RemoteObject {
        kind: Kind::Customer,
        id: PivotalId::new("p1"),
        display_id: None,
        parent: None,
        fields: fields("acme"),
        created_at: None,
        updated_at: None,
    };
    scene.store.save_remote(&[object], at(1)).await.unwrap();
    let action = Operation { action: Action::Delete { id: PivotalId::new("p1") }, ..creating(entity, Kind::Customer) };
    let operation = scene.plan(action.clone()).await;
    let attempt = scene.send(operation, &action).await;
    scene.store.settle(vec![settlement(Some(attempt), operation, entity, Settled::Deleted)]).await.unwrap();
    let kept: String = scene.one("SELECT pivotal_id || ' ' || state FROM mapping").await;
    assert_eq!(kept, "p1 deleted");
    assert_eq!(scene.one::<String>("SELECT state FROM entity WHERE pivotal_id IS NULL").await, "deleted");
    assert_eq!(scene.one::<String>("SELECT pivotal_id FROM attempt ORDER BY id DESC LIMIT 1").await, "p1");
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM remote").await, 0, "what is deleted is not adopted");
    assert_eq!(scene.store.population().await.unwrap()[0].1, 0);
    scene.create(entity, Kind::Customer, "p2").await;
    assert_eq!(scene.one::<String>("SELECT pivotal_id || ' ' || state FROM mapping").await, "p2 live");
}

#[tokio::test]
async fn lost_is_held_and_never_forgotten() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    scene.create(entity, Kind::Customer, "p1").await;
    let action = creating(entity, Kind::Customer);
    let operation = scene.plan(action.clone()).await;
    let attempt = scene.send(operation, &action).await;
    let lost = Settled::Lost("Pivotal says it is not there".to_owned());
    scene.store.settle(vec![settlement(Some(attempt), operation, entity, lost)]).await.unwrap();
    let subject = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().remove(0);
    let mirror = subject.entity.mirror.unwrap();
    assert_eq!((mirror.id, mirror.state), (PivotalId::new("p1"), MirrorState::Lost));
    assert_eq!(scene.one::<String>("SELECT state FROM mapping").await, "lost");
    assert_eq!(scene.store.open_operations(Some("held"), 9).await.unwrap()[0].id, operation);
    assert_eq!(scene.one::<String>("SELECT outcome FROM attempt ORDER BY id DESC").await, "failed");
}

#[tokio::test]
async fn refused_is_quarantined_until_something_is_written() {
    let scene = Scene::new().await;
    let quarantine =
        Quarantine { fingerprint: "f1".to_owned(), reason: "invalid \"domain\"".to_owned(), ..Default::default() };
    let (entity, ..) = settle(&scene, Settled::Refused(quarantine.clone())).await;
    assert_eq!(said(&scene).await, "quarantined refused 201 invalid \"domain\" invalid \"domain\"");
    let subject = scene.store.to_look_at(Kind::Customer, false, at(9), None, 9).await.unwrap().remove(0);
    let first = Quarantine { at: Some(at(5)), ..quarantine.clone() };
    assert_eq!(
        (subject.entity.quarantine, subject.entity.mirror),
        (Some(Quarantine { times: 1, ..first.clone() }), None)
    );
    // The same again is counted, another body begins anew.
    for (fingerprint, times) in [("f1", 2), ("f2", 1)] {
        let refused = Quarantine { fingerprint: fingerprint.to_owned(), ..quarantine.clone() };
        let operation = scene.plan(creating(entity, Kind::Customer)).await;
        scene.store.settle(vec![settlement(None, operation, entity, Settled::Refused(refused.clone()))]).await.unwrap();
        let subject = scene.store.to_look_at(Kind::Customer, false, at(9), None, 9).await.unwrap().remove(0);
        assert_eq!(subject.entity.quarantine, Some(Quarantine { times, at: first.at, ..refused }));
    }
    scene.create(entity, Kind::Customer, "p1").await;
    let subject = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().remove(0);
    assert_eq!(subject.entity.quarantine, None);
}

#[tokio::test]
async fn a_refusal_is_forgotten_when_a_look_finds_it_in_step() {
    let scene = Scene::new().await;
    let refused = Quarantine { fingerprint: "f1".to_owned(), reason: "bad".to_owned(), ..Default::default() };
    let (entity, ..) = settle(&scene, Settled::Refused(refused)).await;
    scene.store.clear_open_operations(&[entity]).await.unwrap();
    let subject = scene.store.to_look_at(Kind::Customer, true, at(9), None, 9).await.unwrap().remove(0);
    assert_eq!(subject.entity.quarantine, None);
}

#[tokio::test]
async fn who_asked_for_an_address_is_tried_again_once_its_holder_gives_it_up() {
    let scene = Scene::new().await;
    let holder = scene.account("9").await;
    let holder = crate::domain::Holder { entity: holder, address: "ann@acme.com".to_owned() };
    let entity = holder.entity;
    let contested = Quarantine {
        fingerprint: "f1".to_owned(),
        reason: "taken".to_owned(),
        held: true,
        holder: Some(holder),
        at: Some(at(5)),
        times: 1,
    };
    let (asks, ..) = settle(&scene, Settled::Contested(contested.clone())).await;
    assert_eq!(said(&scene).await, "held refused 201 taken taken");
    let resting = async || scene.store.subjects(&[asks]).await.unwrap().remove(0).entity.quarantine;
    assert_eq!(resting().await, Some(contested.clone()));
    let has = |address: &str| Settled::Written {
        mirror: Mirror { written: Fields::from([("email", address.into())]), ..mirror("p9") },
        kept: Kept::default(),
    };
    for (address, rests) in [("Ann@acme.com", Some(contested)), ("new@acme.com", None)] {
        let action = creating(entity, Kind::Customer);
        let operation = scene.plan(action).await;
        scene.store.settle(vec![settlement(None, operation, entity, has(address))]).await.unwrap();
        assert_eq!(resting().await, rests, "{address}");
    }
}

#[tokio::test]
async fn held_and_owed_leave_the_mirror_alone() {
    for (outcome, state) in [
        (Settled::Held("email_taken".to_owned()), "held failed 201 email_taken email_taken"),
        (Settled::Owed("503 three times".to_owned()), "owed failed 201 503 three times 503 three times"),
    ] {
        let scene = Scene::new().await;
        let (entity, ..) = settle(&scene, outcome).await;
        assert_eq!(said(&scene).await, state);
        assert_eq!(scene.due(Kind::Customer).await, [entity], "still unsettled");
        assert_eq!(scene.one::<i64>("SELECT count(*) FROM entity WHERE state IS NULL").await, 1);
        assert!(scene.store.open_attempts().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn unknown_is_settled_first_at_the_next_start() {
    let scene = Scene::new().await;
    let (entity, operation, attempt) = settle(&scene, Settled::Unknown("no answer".to_owned())).await;
    let open = scene.store.open_attempts().await.unwrap();
    assert_eq!(open.len(), 1);
    let action = creating(entity, Kind::Customer);
    let as_sent = OpenAttempt { attempt, operation, action, prepared: post(), planned_at: at(4) };
    assert_eq!(open[0], as_sent, "byte for byte, under the same key");
    assert_eq!(scene.store.open_operations(Some("owed"), 9).await.unwrap()[0].id, operation);
    assert_eq!(scene.one::<i64>("SELECT count(*) FROM attempt WHERE answered_at IS NULL").await, 1);
    // Looked up after all: it was carried out.
    scene.store.settle(vec![settlement(Some(attempt), operation, entity, written("p1"))]).await.unwrap();
    assert!(scene.store.open_attempts().await.unwrap().is_empty());
    assert!(scene.due(Kind::Customer).await.is_empty());
}

#[tokio::test]
async fn several_settlements_of_one_entity_keep_their_order() {
    let scene = Scene::new().await;
    let (entity, operation, attempt) = sent(&scene).await;
    let unknown = Settled::Unknown("?".to_owned());
    let all = [written("p1"), unknown, Settled::Deleted].map(|o| settlement(Some(attempt), operation, entity, o));
    scene.store.settle(all.to_vec()).await.unwrap();
    assert_eq!(scene.one::<String>("SELECT state FROM entity").await, "deleted");
    assert_eq!(said(&scene).await, "done done 201");
}

#[tokio::test]
async fn what_never_left_is_told_apart_from_what_failed() {
    let scene = Scene::new().await;
    settle(&scene, Settled::Unsent("the run stopped before it was sent".to_owned())).await;
    assert_eq!(scene.one::<String>("SELECT outcome FROM attempt").await, "unsent");
    assert_eq!(scene.one::<String>("SELECT outcome FROM v_history").await, "not sent");
    assert!(scene.store.open_attempts().await.unwrap().is_empty());
    assert_eq!(scene.store.open_operations(Some("owed"), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_pivotal_keeps_otherwise_stands_until_that_field_is_written_again() {
    let scene = Scene::new().await;
    let entity = scene.account("1").await;
    let some = |value: &str| Some(Value::from(value));
    let write = async |id: &str, kept: Vec<(&str, Option<Value>)>| {
        let kept = Kept(kept.into_iter().map(|(field, value)| (field.to_owned(), value)).collect());
        let operation = scene.plan(creating(entity, Kind::Customer)).await;
        let outcome = Settled::Written { mirror: mirror(id), kept };
        scene.store.settle(vec![settlement(None, operation, entity, outcome)]).await.unwrap();
        scene.store.kept(&[entity]).await.unwrap().remove(&entity).unwrap_or_default()
    };
    let first =
        write("p1", vec![("name", some("ACME")), ("status", some("active")), ("plan", Some(Value::Null))]).await;
    let all = [("name", "ACME".into()), ("status", "active".into()), ("plan", Value::Null)];
    assert_eq!(first, Fields::from(all));
    let second = write("p1", vec![("name", None), ("domain", some("x"))]).await;
    assert_eq!(second, Fields::from([("domain", "x".into()), ("status", "active".into()), ("plan", Value::Null)]));
    assert_eq!(write("p1", vec![]).await, second);
    assert_eq!(write("p2", vec![("name", None)]).await, Fields::new(), "another object");
    assert_eq!(write("p3", vec![]).await, Fields::new());
}
