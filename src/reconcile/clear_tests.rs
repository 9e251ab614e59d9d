use super::super::sample::operation;
use super::*;
use crate::domain::{Change, Changes, Fields, PivotalId, Value};

fn update(entity: i64, kind: Kind, changes: &[(&str, Option<&str>, Option<&str>)]) -> Operation {
    let value = |text: &Option<&str>| text.map_or(Value::Null, Value::from);
    let changes =
        changes.iter().map(|(field, from, to)| ((*field).to_owned(), Change { from: value(from), to: value(to) }));
    operation(entity, kind, Action::Update { id: PivotalId::new("p"), changes: Changes(changes.collect()) })
}

const PAYER: &str = "stripe_customer_id";

fn passes(entity: i64, from: Option<&str>, to: Option<&str>) -> Operation {
    update(entity, Kind::Customer, &[(PAYER, from, to)])
}

type Levels = Vec<(i64, u16)>;
type After = Vec<(i64, Vec<i64>)>;

fn told(operations: &[Operation]) -> (Levels, After) {
    let clearing = Clearing::of(operations, &|entity| (entity == EntityId(9)).then(|| "Gone@acme.com".to_owned()));
    let levels = clearing.levels.iter().map(|(entity, level)| (entity.0, *level)).collect();
    let after = clearing.after.iter().map(|(taker, givers)| (taker.0, givers.iter().map(|giver| giver.0).collect()));
    (levels, after.collect())
}

#[test]
fn who_gives_something_up_goes_before_who_takes_it_on() {
    let mails = |entity, from, to| update(entity, Kind::Contact, &[("email", Some(from), Some(to))]);
    let fields = Fields::from([(PAYER, Value::from("x"))]);
    let create = |entity| operation(entity, Kind::Customer, Action::Create { parent: None, fields: fields.clone() });
    let delete = || operation(9, Kind::Contact, Action::Delete { id: PivotalId::new("p") });
    for (what, operations, levels, after) in [
        ("nobody takes it", vec![passes(1, Some("x"), None)], vec![], vec![]),
        ("it was nobody's", vec![passes(1, None, Some("x"))], vec![], vec![]),
        (
            "an update takes it",
            vec![passes(1, None, Some("x")), passes(2, Some("x"), None)],
            vec![(2, 0)],
            vec![(1, vec![2])],
        ),
        ("a create takes it", vec![create(1), passes(2, Some("x"), None)], vec![(2, 0)], vec![(1, vec![2])]),
        (
            "a chain",
            vec![passes(1, Some("z"), Some("y")), passes(2, Some("y"), Some("x")), passes(3, Some("x"), None)],
            vec![(2, 1), (3, 0)],
            vec![(1, vec![2]), (2, vec![3])],
        ),
        (
            "a ring: somebody begins",
            vec![passes(1, Some("x"), Some("y")), passes(2, Some("y"), Some("x"))],
            vec![(1, 0), (2, 1)],
            vec![(1, vec![]), (2, vec![1])],
        ),
        (
            "an address goes first, and nothing waits for it",
            vec![mails(1, "b@acme.com", "a@acme.com"), mails(2, "A@acme.com", "c@acme.com")],
            vec![(2, 0)],
            vec![],
        ),
        ("an address of one that goes", vec![mails(1, "b@acme.com", "gone@acme.com"), delete()], vec![(9, 0)], vec![]),
        (
            "one that moves stays whole",
            vec![
                mails(1, "b@acme.com", "gone@acme.com"),
                delete(),
                operation(9, Kind::Contact, Action::Create { parent: None, fields: Fields::new() }),
            ],
            vec![],
            vec![],
        ),
    ] {
        assert_eq!(told(&operations), (levels, after), "{what}");
    }
}

#[test]
fn who_would_take_on_an_id_waits_while_it_cannot_go_off_the_other() {
    let mut operations = vec![passes(1, None, Some("y")), passes(2, Some("y"), Some("x")), passes(3, Some("x"), None)];
    operations[2].standing = Standing::Held("a guard".to_owned());
    let under = Action::Create { parent: Some(Parent::Planned(EntityId(4))), fields: Fields::new() };
    let fields = Fields::from([(PAYER, Value::from("x"))]);
    operations.push(operation(4, Kind::Customer, Action::Create { parent: None, fields }));
    operations.push(operation(5, Kind::Contact, under));
    operations.push(update(6, Kind::Customer, &[("name", Some("a"), Some("b"))]));
    wait_for_clearing(&mut operations);
    let waits: Vec<Option<&str>> = operations
        .iter()
        .map(|operation| match &operation.standing {
            Standing::Waiting(why) => Some(why.as_str()),
            _ => None,
        })
        .collect();
    let first = "x has to go off the customer of hubspot:company:3 first, and that is held: one id is one customer's";
    let second =
        "y has to go off the customer of hubspot:company:2 first, and that waits itself: one id is one customer's";
    let under = format!("its customer: {first}");
    assert_eq!(waits, [Some(second), Some(first), None, Some(first), Some(under.as_str()), None]);
    assert!(operations[5].is_ready());
}
