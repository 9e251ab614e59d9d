use super::*;
use crate::domain::{Change, Changes, Fields, PivotalId, Value};

const LIMITS: Guard =
    Guard { max_deletes: 25, max_delete_percent: 5, max_updates_percent: 50, max_creates: 40, min_population: 10 };

fn operation(entity: usize, kind: Kind, action: Action) -> Operation {
    super::super::sample::operation(i64::try_from(entity).unwrap(), kind, action)
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
    Population { customers, contacts, onboardings: 0, loaded: true, ..Population::default() }
}

fn nothing_held() -> Earlier {
    Earlier { run: RunId(7), guarded: Vec::new() }
}

fn nothing_approved(_: &Operation) -> bool {
    false
}

/// How many are held, and with which words.
fn held(mut operations: Vec<Operation>, population: Population) -> (usize, String) {
    guard(&LIMITS, &mut operations, &population, &nothing_held(), &nothing_approved);
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
    let (_, why) = held(many(31, Kind::Customer, &delete()), live(42, 0));
    insta::assert_snapshot!(why, @"31 of 42 customers would be deleted at once (73.8 %), more than guard.max_deletes = 25 allows; look at `pivotal-sync plan`, then `pivotal-sync approve --all` lets through what guards hold, these among it; where no daemon runs, `PIVOTAL_SYNC__GUARD__MAX_DELETES=31 PIVOTAL_SYNC__GUARD__MAX_DELETE_PERCENT=74 pivotal-sync sync` does as many once");
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
    let mut operations = many(6, Kind::Customer, &update("status", "archived"));
    let (count, why) = held(operations.clone(), live(100, 0));
    assert_eq!(count, 6);
    assert!(why.contains("would be archived") && why.contains("max_delete_percent"), "{why}");
    operations.extend(many(20, Kind::Customer, &delete()));
    let (count, why) = held(operations, live(10_000, 0));
    assert_eq!(count, 26);
    assert!(why.contains("would be deleted or archived") && why.contains("max_deletes"), "{why}");
}

#[test]
fn creates_are_limited_by_number_once_a_first_load_is_over() {
    for (count, loaded, expected) in [(40, true, 0), (41, true, 41), (5_000, false, 0)] {
        let population = Population { loaded, ..live(100, 100) };
        assert_eq!(held(many(count, Kind::Contact, &create()), population).0, expected, "{count} {loaded}");
    }
    let (_, why) = held(many(41, Kind::Contact, &create()), live(0, 0));
    assert!(why.starts_with("41 contacts would be created at once, more than guard.max_creates = 40 allows"), "{why}");
    assert!(why.contains("MAX_CREATES=41 "), "{why}");
}

#[test]
fn adoptions_and_moves_are_no_creates() {
    let adopt = Action::Adopt {
        id: PivotalId::new("x"),
        display_id: None,
        parent: None,
        origin: crate::domain::Origin::Adopted,
        found: Fields::new(),
        changes: Changes::default(),
    };
    assert_eq!(held(many(100, Kind::Contact, &adopt), live(0, 10_000)).0, 0);
    // Twenty move while forty come: the guard sees forty, and the moves go ahead.
    let mut operations = many(20, Kind::Contact, &delete());
    operations.extend(many(60, Kind::Contact, &create()));
    assert_eq!(held(operations, live(0, 10_000)).0, 0);
    let mut operations = many(20, Kind::Contact, &delete());
    operations.extend(many(61, Kind::Contact, &create()));
    guard(&LIMITS, &mut operations, &live(0, 10_000), &nothing_held(), &nothing_approved);
    let ready: Vec<i64> = operations.iter().filter(|o| o.is_ready()).map(|o| o.entity.0).collect();
    assert_eq!(ready, (0..20).chain(0..20).collect::<Vec<i64>>());
}

#[test]
fn what_goes_under_a_held_customer_waits_and_is_not_counted_again() {
    let mut operations = many(41, Kind::Customer, &create());
    let under = Action::Create { parent: Some(Parent::Planned(EntityId(3))), fields: Fields::new() };
    operations.extend((100..150).map(|entity| operation(entity, Kind::Contact, under.clone())));
    operations.push(operation(200, Kind::Contact, create()));
    let tripped = guard(&LIMITS, &mut operations, &live(100, 100), &nothing_held(), &nothing_approved);
    assert_eq!(tripped.len(), 1);
    assert!(operations[41..91].iter().all(|o| matches!(o.standing, Standing::Waiting(_))));
    assert!(operations[91].is_ready());
}

#[test]
fn what_is_approved_counts_and_goes_ahead() {
    let mut operations = many(31, Kind::Customer, &delete());
    let seen = |operation: &Operation| operation.entity.0 < 28;
    let tripped = guard(&LIMITS, &mut operations, &live(42, 0), &nothing_held(), &seen);
    let Tripped { kind, verb, count, held, limit, why, .. } = &tripped[0];
    assert_eq!((*kind, *verb, *count, *held), (Kind::Customer, "deleted", 31, 3));
    assert_eq!(limit, "guard.max_deletes = 25");
    assert!(
        why.starts_with("31 of 42 customers would be deleted at once (73.8 %; 28 of them approved), more"),
        "{why}"
    );
    assert_eq!(operations.iter().filter(|o| o.is_ready()).count(), 28);
    let all = guard(&LIMITS, &mut many(31, Kind::Customer, &delete()), &live(42, 0), &nothing_held(), &|_| true);
    assert_eq!(all, [], "nothing is held, so nothing tripped");
}

#[test]
fn below_the_smallest_population_numbers_alone_count() {
    let settings = Guard { min_population: 100, ..LIMITS };
    for (count, customers, trips) in [(9, 99, false), (9, 100, true), (26, 99, true)] {
        let mut operations = many(count, Kind::Customer, &delete());
        let tripped = guard(&settings, &mut operations, &live(customers, 0), &nothing_held(), &nothing_approved);
        assert_eq!(!tripped.is_empty(), trips, "{count} of {customers}");
    }
}

#[test]
fn the_create_of_a_held_move_waits() {
    let mut operations = many(6, Kind::Contact, &delete());
    operations.push(operation(0, Kind::Contact, create()));
    operations.push(operation(77, Kind::Contact, create()));
    guard(&LIMITS, &mut operations, &live(0, 100), &nothing_held(), &nothing_approved);
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

#[test]
fn a_plan_made_in_the_middle_of_a_run_counts_on() {
    let later = |done: usize, count: usize| {
        let population = Population { done: many(done, Kind::Contact, &delete()), ..live(0, 10_000) };
        let operations = (100..100 + count).map(|entity| operation(entity, Kind::Contact, delete()));
        held(operations.collect(), population).0
    };
    assert_eq!((later(20, 5), later(20, 6), later(0, 25)), (0, 6, 0));
    // The second half of a move whose first half is done is no create.
    let population = Population { done: many(5, Kind::Contact, &delete()), ..live(0, 10_000) };
    assert_eq!(held(many(45, Kind::Contact, &create()), population).0, 0);
}

#[test]
fn who_moves_out_from_under_a_customer_that_goes_is_no_deletion_of_its_own() {
    let people = || (100..103).map(|entity| operation(entity, Kind::Contact, delete()));
    let along = (100..103).map(|child| (EntityId(child), EntityId(1))).collect();
    let measured = Population { along, ..live(100, 36) };
    assert_eq!(held(people().collect(), live(100, 36)).0, 3, "3 of 36, were they alone");
    // Their customer is deleted in the same plan, unless that is held.
    let with = |customers: usize| many(customers, Kind::Customer, &delete()).into_iter().chain(people()).collect();
    assert_eq!(held(with(2), measured.clone()).0, 0);
    assert_eq!(held(with(6), measured.clone()).0, 9);
    // As well when this run, planning again, has done it already.
    let done = with(2);
    assert_eq!(held(many(1, Kind::Contact, &delete()), Population { done, ..measured }).0, 0);
}

/// Held, or let through and done, by the guard of an earlier run.
fn earlier(entity: usize, verb: Verb, done: bool) -> Guarded {
    let entity = EntityId(i64::try_from(entity).unwrap());
    Guarded { entity, kind: Kind::Customer, verb, archives: false, since: RunId(5), done }
}

/// Which of these are held, when so much was held before.
fn still_held(operations: &mut [Operation], guarded: Vec<Guarded>, customers: u64) -> (Vec<i64>, String) {
    let earlier = Earlier { run: RunId(7), guarded };
    let tripped = guard(&LIMITS, operations, &live(customers, 0), &earlier, &nothing_approved);
    let held = operations.iter().filter(|o| !o.is_ready()).map(|o| o.entity.0).collect();
    (held, tripped.first().map(|one| one.why.clone()).unwrap_or_default())
}

#[test]
fn what_was_held_is_measured_with_all_it_was_held_with() {
    let guarded =
        || vec![earlier(0, Verb::Delete, false), earlier(8, Verb::Delete, true), earlier(9, Verb::Delete, true)];
    // Two of three were let through and done: the third alone would be few enough.
    let mut operations = many(1, Kind::Customer, &delete());
    let (held, why) = still_held(&mut operations, guarded(), 30);
    assert_eq!(held, [0]);
    assert!(why.starts_with("3 of 32 customers would be deleted at once (9.3 %; 2 of them approved), more"), "{why}");
    assert_eq!(operations[0].hold, Some(Hold::Guard(RunId(5))), "it stays of the same set");
    // What is new would be few enough by itself, and is held with the old one all the same.
    assert_eq!(still_held(&mut many(2, Kind::Customer, &delete()), guarded(), 30).0, [0, 1]);
    assert_eq!(still_held(&mut many(3, Kind::Customer, &delete()), guarded(), 30).0, [0, 1, 2]);
    // Where so many may go, all go.
    assert_eq!(still_held(&mut many(1, Kind::Customer, &delete()), guarded(), 58).0, [0; 0]);
    // What is done with, and what another guard held, is past.
    assert_eq!(still_held(&mut many(1, Kind::Customer, &delete()), guarded().split_off(1), 30).0, [0; 0]);
    assert_eq!(
        still_held(&mut many(1, Kind::Customer, &delete()), vec![earlier(0, Verb::Update, false)], 30).0,
        [0; 0]
    );
}

#[test]
fn a_plan_of_one_counts_those_that_are_held_besides_it() {
    let guarded: Vec<Guarded> = (0..3).map(|entity| earlier(entity, Verb::Delete, false)).collect();
    assert_eq!(still_held(&mut many(1, Kind::Customer, &delete()), guarded, 32).0, [0]);
}
