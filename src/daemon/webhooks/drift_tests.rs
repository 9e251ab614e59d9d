use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::{Change, Changes, Entity, EntityId, Fields, Origin, RunId, Verb};
use crate::store::{AttemptId, StoryEntity};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_600_800 + minutes * 60, 0).unwrap()
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::text(*value))).collect())
}

fn story(written: &[(&str, &str)], attempts: Vec<AttemptRow>) -> Story {
    let mirror = Mirror {
        id: PivotalId::new("cus_1"),
        display_id: None,
        parent: None,
        origin: Origin::Created,
        state: MirrorState::Live,
        written: fields(written),
        found: Default::default(),
    };
    let entity = Entity {
        id: EntityId(1),
        kind: Kind::Customer,
        parent: None,
        mirror: Some(mirror),
        vanished: None,
        shelved: None,
        gone_since: None,
        quarantine: None,
        undone: None,
        approval: Default::default(),
    };
    let entity = StoryEntity {
        entity,
        name: String::new(),
        wanted: None,
        settled: true,
        dirty: false,
        look_at: None,
        written_at: None,
    };
    Story { entity: Some(entity), records: vec![], mapping: vec![], operations: vec![], attempts }
}

fn attempt(sent: &[(&str, &str)], planned_at: Timestamp) -> AttemptRow {
    let change = |value: &&str| Change { from: Value::Null, to: Value::text(*value) };
    let changes: BTreeMap<_, _> = sent.iter().map(|(name, value)| ((*name).to_owned(), change(value))).collect();
    AttemptRow {
        id: AttemptId(1),
        run: RunId(1),
        verb: Verb::Update,
        changes: Changes(changes),
        reason: String::new(),
        method: "PATCH".to_owned(),
        path: String::new(),
        planned_at,
        answered_at: None,
        outcome: "pending".to_owned(),
        status: None,
        request_id: None,
        idempotency_key: None,
        error: None,
        pivotal_id: None,
    }
}

fn told(said: &[(&str, &str)], changed: Option<&[&str]>) -> Told {
    Told {
        kind: Kind::Customer,
        id: PivotalId::new("cus_1"),
        fields: fields(said),
        changed: changed.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()),
        at: Some(at(0)),
    }
}

fn drifted(told: &Told, story: Story) -> Option<Vec<String>> {
    judge(told, &[story], at(1)).map(|drift| drift.fields)
}

#[test]
fn what_was_written_comes_back_as_an_echo_11() {
    let written = [("name", "Acme"), ("mrr", "120")];
    assert_eq!(drifted(&told(&[("name", "Acme"), ("health", "9")], None), story(&written, vec![])), None);
    let mut number = told(&[], None);
    number.fields.set("mrr", Value::Number(120.into()));
    assert_eq!(drifted(&number, story(&written, vec![])), None, "a number may come back as one");
    // Before its answer is settled, the mirror does not know it; and of two writes the first may be told last.
    let sent = vec![attempt(&[("name", "Acme Inc")], at(-1)), attempt(&[("name", "Acme")], at(0))];
    assert_eq!(drifted(&told(&[("name", "Acme Inc")], None), story(&written, sent)), None);
}

#[test]
fn what_somebody_else_changed_is_marked_field_by_field() {
    let written = [("name", "Acme"), ("domain", "acme.com")];
    let said = [("name", "ACME!"), ("domain", "acme.com"), ("tags", "x")];
    assert_eq!(drifted(&told(&said, None), story(&written, vec![])), Some(vec!["name".to_owned()]));
    assert_eq!(drifted(&told(&said, Some(&["name"])), story(&written, vec![])), Some(vec!["name".to_owned()]));
    assert_eq!(drifted(&told(&said, Some(&["tags"])), story(&written, vec![])), None, "not what this event is about");
    let long_ago = vec![attempt(&[("name", "ACME!")], at(-61))];
    assert_eq!(
        drifted(&told(&said, None), story(&written, long_ago)),
        Some(vec!["name".to_owned()]),
        "put back by hand"
    );
}

#[test]
fn a_status_is_pivotals_own_but_for_being_put_away() {
    let written = [("name", "Acme")];
    assert_eq!(drifted(&told(&[("status", "churned")], None), story(&written, vec![])), None);
    assert_eq!(
        drifted(&told(&[("status", "archived")], None), story(&written, vec![])),
        Some(vec!["status".to_owned()])
    );
    let by_us = [("name", "Acme"), ("status", "archived")];
    assert_eq!(drifted(&told(&[("status", "archived")], None), story(&by_us, vec![])), None);
}

#[test]
fn an_object_that_is_not_ours_is_no_drift() {
    let said = told(&[("name", "Other")], None);
    assert_eq!(judge(&said, &[], at(1)), None);
    let mut gone = story(&[("name", "Acme")], vec![]);
    gone.entity.as_mut().unwrap().entity.mirror.as_mut().unwrap().state = MirrorState::Deleted;
    assert_eq!(drifted(&said, gone), None);
}

#[tokio::test]
async fn marks_are_kept_one_an_object_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.db")).await.unwrap();
    assert_eq!(
        mark(&store, &told(&[("name", "x")], None), at(0)).await.unwrap(),
        None,
        "nothing of ours bears that id"
    );
    assert_eq!(waiting(&store).await.unwrap(), []);
    let drift = |id: &str| Drift { object: Kind::Customer, pivotal_id: PivotalId::new(id), fields: vec![], at: at(0) };
    keep(&store, &[drift("a"), drift("b")]).await.unwrap();
    looked_at(&store, &[PivotalId::new("a")]).await.unwrap();
    assert_eq!(waiting(&store).await.unwrap(), [drift("b")]);
    store.set_fact(FACT, "of another version").await.unwrap();
    assert_eq!(waiting(&store).await.unwrap(), []);
    store.close().await;
}
