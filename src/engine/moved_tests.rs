use super::*;
use crate::domain::{Action, Change, Changes, Fields, PivotalId, SourceKey, Stream};

fn operation(entity: i64, action: Action) -> Operation {
    Operation {
        entity: EntityId(entity),
        kind: Kind::Customer,
        subject: SourceKey::new(Stream::HubspotCompanies, entity.to_string()),
        name: format!("Company {entity}"),
        action,
        standing: Standing::Ready,
        reason: String::new(),
        hold: None,
    }
}

fn update(entity: i64, pairs: &[(&str, &str, &str)]) -> Operation {
    let change = |from: &str, to: &str| Change { from: from.into(), to: to.into() };
    let changes = pairs.iter().map(|(field, from, to)| ((*field).to_owned(), change(from, to))).collect();
    operation(entity, Action::Update { id: PivotalId::new(format!("p{entity}")), changes: Changes(changes) })
}

fn create(entity: i64, name: &str) -> Operation {
    operation(entity, Action::Create { parent: None, fields: Fields::from([("name", Value::from(name))]) })
}

fn delete(entity: i64) -> Operation {
    operation(entity, Action::Delete { id: PivotalId::new(format!("p{entity}")) })
}

fn told(then: &[Operation], now: &[Operation]) -> String {
    let Moved { summary, details, .. } = moved(then, now).expect("moved");
    [vec![summary], details].concat().join("\n")
}

#[test]
fn the_same_calls_are_the_same_plan_whatever_the_words() {
    let then = [update(1, &[("name", "A", "B")]), create(2, "C"), delete(3)];
    let mut now = then.clone();
    now[2].reason = "seen 3h ago".to_owned();
    now[1].name = "another label".to_owned();
    assert_eq!(moved(&then, &now), None);
    now[0].standing = Standing::Held("a guard".to_owned());
    assert!(moved(&then, &now).is_some());
    assert_eq!(moved(&[], &[]), None);
}

#[test]
fn what_moved_is_named_in_words() {
    let then = [update(1, &[("name", "Acme", "Acme AG"), ("plan", "", "gold")]), create(2, "Beta"), delete(3)];
    let mut held = delete(3);
    held.standing = Standing::Held("a guard".to_owned());
    let now = [update(1, &[("name", "Acme", "Acme Inc"), ("mrr", "1", "2")]), update(4, &[("name", "X", "Y")]), held];
    insta::assert_snapshot!(told(&then, &now), @r"
    of 3 operations then, 3 now: 2 different, 1 new, 1 gone
    customer Company 1 (hubspot:company:1): name was 'Acme AG', is 'Acme Inc' now; plan is no longer to become 'gold'; mrr is to become '2' too
    customer Company 3 (hubspot:company:3): free to go then, held now
    new: update customer Company 4 (hubspot:company:4): name 'X' → 'Y'
    no longer: create customer Company 2 (hubspot:company:2)
    ");
    insta::assert_snapshot!(told(&[create(2, "Beta")], &[update(2, &[("name", "Beta", "Beta 2")])]), @r"
    of 1 operation then, 1 now: 1 different
    customer Company 2 (hubspot:company:2): was to be created, is to be updated now
    ");
    insta::assert_snapshot!(told(&[update(1, &[("name", "A", "C")])], &[update(1, &[("name", "B", "C")])]), @r"
    of 1 operation then, 1 now: 1 different
    customer Company 1 (hubspot:company:1): name in Pivotal was 'A', is 'B' now
    ");
}

#[test]
fn only_when_nothing_is_left_it_is_done() {
    let then = [create(1, "A"), create(2, "B")];
    let mut held = create(2, "B");
    held.standing = Standing::Held("a guard".to_owned());
    for (now, done) in [(vec![], true), (vec![create(2, "B")], false), (vec![held], false), (vec![delete(3)], false)] {
        assert_eq!(moved(&then, &now).map(|moved| moved.done), Some(done), "{now:?}");
    }
}

#[test]
fn a_move_is_two_operations_of_one_person_and_five_are_named() {
    let both = [delete(1), create(1, "A")];
    assert_eq!(moved(&both, &both), None);
    insta::assert_snapshot!(told(&both, &both[1..]), @r"
    of 2 operations then, 1 now: 1 gone
    no longer: delete customer Company 1 (hubspot:company:1)
    ");
    let many: Vec<Operation> = (0..8).map(|entity| create(entity, "x")).collect();
    let text = told(&[], &many);
    assert!(text.starts_with("of 0 operations then, 8 now: 8 new\n") && text.ends_with("\n… and 3 more"), "{text}");
    assert_eq!(text.lines().count(), 7);
}
