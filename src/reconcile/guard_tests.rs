use super::*;
use crate::domain::{Change, Changes, Fields, PivotalId, SourceKey, Stream};

const LIMITS: Guard = Guard { max_deletes: 25, max_delete_percent: 5, max_updates_percent: 50 };

fn operation(entity: usize, kind: Kind, action: Action) -> Operation {
    Operation {
        entity: EntityId(i64::try_from(entity).unwrap()),
        kind,
        subject: SourceKey::new(Stream::HubspotCompanies, entity.to_string()),
        name: String::new(),
        action,
        standing: Standing::Ready,
        reason: String::new(),
    }
}

fn delete() -> Action {
    Action::Delete { id: PivotalId::new("x") }
}

fn update(field: &str, to: &str) -> Action {
    let change = Change { from: Value::Null, to: to.into() };
    Action::Update { id: PivotalId::new("x"), changes: Changes([(field.to_owned(), change)].into()) }
}

fn create() -> Action {
    Action::Create { parent: None, fields: Fields::new() }
}

fn many(count: usize, kind: Kind, action: &Action) -> Vec<Operation> {
    (0..count).map(|entity| operation(entity, kind, action.clone())).collect()
}

fn live(customers: u64, contacts: u64) -> Population {
    Population { customers, contacts, onboardings: 0 }
}

/// How many are held, and with which words.
fn held(mut operations: Vec<Operation>, population: Population) -> (usize, String) {
    guard(&LIMITS, &mut operations, &population, &|_| false);
    let whys: Vec<String> = operations
        .into_iter()
        .filter_map(|operation| match operation.standing {
            Standing::Held(why) => Some(why),
            _ => None,
        })
        .collect();
    (whys.len(), whys.first().cloned().unwrap_or_default())
}

#[test]
fn deletions_are_limited_by_number_and_by_share() {
    // hubspot-api.md trap 40, stripe-api.md trap 21: an outage or a lost right looks like mass deletion.
    for (count, customers, expected) in [
        (25, 10_000, 0),
        (26, 10_000, 26),
        (5, 100, 0),
        (6, 100, 6),
        (1, 12, 0),
        (2, 12, 2),
        (9, 9, 0),
        (26, 9, 26),
        (0, 0, 0),
    ] {
        let (held, _) = held(many(count, Kind::Customer, &delete()), live(customers, 0));
        assert_eq!(held, expected, "{count} of {customers}");
    }
}

#[test]
fn a_tripped_guard_says_numbers_setting_and_command() {
    let (_, why) = held(many(31, Kind::Customer, &delete()), live(400, 0));
    for word in [
        "31 of 400 customers",
        "7.7 %",
        "guard.max_deletes = 25",
        "`PIVOTAL_SYNC__GUARD__MAX_DELETES=31 pivotal-sync sync`",
    ] {
        assert!(why.contains(word), "{word}: {why}");
    }
    let (_, why) = held(many(21, Kind::Contact, &delete()), live(0, 400));
    assert!(why.contains("guard.max_delete_percent = 5") && why.contains("MAX_DELETE_PERCENT=6 "), "{why}");
    let (_, why) = held(many(201, Kind::Contact, &update("title", "x")), live(0, 400));
    assert!(why.contains("201 of 400 contacts") && why.contains("guard.max_updates_percent = 50"), "{why}");
}

#[test]
fn updates_are_limited_by_share_among_more_than_a_handful() {
    for (count, contacts, expected) in [(50, 100, 0), (51, 100, 51), (9, 9, 0), (6, 10, 6), (5, 10, 0)] {
        let (held, _) = held(many(count, Kind::Contact, &update("title", "x")), live(0, contacts));
        assert_eq!(held, expected, "{count} of {contacts}");
    }
}

#[test]
fn only_the_tripped_kind_and_verb_is_held() {
    let mut operations = many(30, Kind::Customer, &delete());
    operations.extend(many(3, Kind::Contact, &delete()));
    operations.extend(many(3, Kind::Customer, &update("name", "x")));
    operations.push(operation(99, Kind::Customer, create()));
    assert_eq!(held(operations, live(100, 100)).0, 30);
}

#[test]
fn archiving_counts_as_deleting() {
    let (held, why) = held(many(6, Kind::Customer, &update("status", "archived")), live(100, 0));
    assert_eq!(held, 6);
    assert!(why.contains("max_delete_percent"), "{why}");
}

#[test]
fn the_create_of_a_held_move_waits() {
    let mut operations = many(6, Kind::Contact, &delete());
    operations.push(operation(0, Kind::Contact, create()));
    operations.push(operation(77, Kind::Contact, create()));
    guard(&LIMITS, &mut operations, &live(0, 100), &|_| false);
    assert!(matches!(operations[6].standing, Standing::Waiting(_)));
    assert!(operations[7].is_ready());
}

#[test]
fn what_is_not_ready_does_not_count() {
    let mut operations = many(30, Kind::Customer, &delete());
    for operation in &mut operations[..10] {
        operation.standing = Standing::Quarantined("no".to_owned());
    }
    assert_eq!(held(operations, live(1_000, 0)).0, 0);
}
