use super::super::sample::{acme, at, company_key, customer, deal, gone, live, reconciler, stripe};
use super::super::{Decision, Survivor};
use crate::domain::{Action, Fields, Gone, Mirror, MirrorState, Origin, PivotalId, Standing, Value};

use super::*;

fn mirrored(mut subject: Subject, origin: Origin, state: MirrorState) -> Subject {
    let written = Fields::from([("name", Value::text("Acme"))]);
    let id = PivotalId::new("p-mine");
    subject.entity.mirror =
        Some(Mirror { id, display_id: Some(17), parent: None, origin, state, written, found: Fields::default() });
    subject
}

fn merged(id: &str, into: &str, known: bool) -> Known {
    let how = Gone::Merged { into: company_key(into).id };
    let pivotal_id = PivotalId::new("p-theirs");
    let survivor = Survivor { key: company_key(into), pivotal_id, display_id: Some(16) };
    Known { survivor: known.then_some(survivor), ..gone(acme(id), how, "2026-01-01") }
}

fn of(records: Vec<Known>, origin: Origin, state: MirrorState) -> Subject {
    let mut subject = mirrored(customer([]), origin, state);
    subject.records = records;
    subject
}

/// Long after every grace.
fn decided(subject: &Subject) -> Decision {
    let reconciler = reconciler(|_| {});
    let now = at("2026-06-01");
    reconciler.decide(subject, &reconciler.desire(subject, now), None, None, now)
}

#[test]
fn a_customer_merged_into_another_is_held_naming_both_and_the_commands() {
    // hubspot-api.md trap 10: never a deletion, whatever the grace.
    let decision = decided(&of(vec![merged("2", "9", true)], Origin::Created, MirrorState::Live));
    let [operation] = decision.operations.as_slice() else { panic!("{decision:?}") };
    assert_eq!(operation.action, Action::Delete { id: PivotalId::new("p-mine") });
    let Standing::Held(why) = &operation.standing else { panic!("{operation:?}") };
    for part in [
        "hubspot:company:2 was merged into hubspot:company:9",
        "pivotal:customer:17 and pivotal:customer:16",
        "`pivotal-sync approve hubspot:company:2` deletes pivotal:customer:17",
        "`pivotal-sync link hubspot:company:9 pivotal:customer:17`",
        "`pivotal-sync ignore hubspot:company:2`",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn a_deal_looked_at_with_its_customer_does_not_change_what_is_offered() {
    let records = vec![merged("2", "9", true), live(deal("5", true, "2026-01-01"))];
    let decision = decided(&of(records, Origin::Created, MirrorState::Live));
    assert!(matches!(decision.operations[0].action, Action::Delete { .. }), "{decision:?}");
}

#[test]
fn what_was_adopted_is_never_offered_for_deletion() {
    let decision = decided(&of(vec![merged("2", "9", true)], Origin::Adopted, MirrorState::Live));
    let [operation] = decision.operations.as_slice() else { panic!("{decision:?}") };
    assert!(matches!(operation.action, Action::Update { .. }) && matches!(operation.standing, Standing::Held(_)));
}

#[test]
fn a_paying_record_that_stays_behind_is_not_deleted_with_it() {
    let left = || vec![merged("2", "9", true), live(stripe("cus_1", "2025-01-01"))];
    let decision = decided(&of(left(), Origin::Created, MirrorState::Live));
    let [operation] = decision.operations.as_slice() else { panic!("{decision:?}") };
    let Standing::Held(why) = &operation.standing else { panic!("{operation:?}") };
    assert!(matches!(operation.action, Action::Update { .. }), "{operation:?}");
    assert!(why.contains("`pivotal-sync link stripe:customer:cus_1 pivotal:customer:16`"), "{why}");
}

#[test]
fn a_merge_without_a_second_object_says_nothing() {
    let alone = of(vec![merged("2", "9", false)], Origin::Created, MirrorState::Live);
    assert!(doubled(&alone, |_| true).is_some_and(|why| why.contains("link hubspot:company:9 pivotal:customer:17")));
    let within = of(vec![merged("2", "9", false), live(acme("9"))], Origin::Created, MirrorState::Live);
    assert_eq!(doubled(&within, |_| true), None, "the survivor is here");
    let both_gone = vec![merged("2", "9", false), gone(acme("9"), Gone::Deleted, "2026-02-01")];
    assert_eq!(doubled(&of(both_gone, Origin::Created, MirrorState::Live), |_| true), None, "deleted after the merge");
    let deleted = of(vec![merged("2", "9", true)], Origin::Created, MirrorState::Deleted);
    assert_eq!(doubled(&deleted, |_| true), None);
    assert_eq!(doubled(&customer([acme("1")]), |_| true), None);
}
