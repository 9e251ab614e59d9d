use super::*;
use crate::domain::{Change, Changes, Fields, Stream, Value};

const ACME: &str = "acme";

fn operation(number: i64, action: Action) -> Operation {
    Operation {
        entity: EntityId(number),
        kind: Kind::Contact,
        subject: SourceKey::new(Stream::HubspotContacts, number.to_string()),
        name: format!("Person {number}"),
        action,
        standing: Standing::Ready,
        reason: String::new(),
        hold: None,
    }
}

fn new(number: i64, roof: &str, address: &str) -> Operation {
    let fields = Fields::from([(EMAIL, Value::text(address))]);
    operation(number, Action::Create { parent: Some(Parent::Known(PivotalId::new(roof))), fields })
}

fn turns(number: i64, from: &str, to: &str) -> Operation {
    let change = Change { from: Value::text(from), to: Value::text(to) };
    let changes = Changes([(EMAIL.to_owned(), change)].into());
    operation(number, Action::Update { id: PivotalId::new(format!("c{number}")), changes })
}

fn goes(number: i64) -> Operation {
    operation(number, Action::Delete { id: PivotalId::new(format!("c{number}")) })
}

fn lives(number: i64, roof: &str, address: &str) -> Resident {
    Resident {
        entity: EntityId(number),
        roof: Some(PivotalId::new(roof)),
        address: address.to_owned(),
        called: format!("hubspot:contact:{number}"),
        name: format!("Person {number}"),
    }
}

/// The entities held, and the words of the first.
fn held_of(mut operations: Vec<Operation>, residents: &[Resident], let_through: &[i64]) -> (Vec<i64>, String) {
    let roof = |_| Some(PivotalId::new(ACME));
    let claims = claims(&operations, &roof);
    hold_second(&mut operations, claims, residents, &|it| let_through.contains(&it.entity.0));
    let held = operations.iter().filter_map(|it| match &it.standing {
        Standing::Held(why) => Some((it.entity.0, why.clone())),
        _ => None,
    });
    let (mut entities, words): (Vec<i64>, Vec<String>) = held.unzip();
    entities.sort_unstable();
    (entities, words.into_iter().next().unwrap_or_default())
}

#[test]
fn one_address_under_one_customer_is_one_contacts() {
    // pivotal-api.md 10.2: email_taken, and the case of letters is none.
    type Case = (&'static str, Vec<Operation>, Vec<Resident>, Vec<i64>, Vec<i64>);
    let cases: Vec<Case> = vec![
        ("two new", vec![new(2, ACME, "a@x.com"), new(1, ACME, "A@X.com")], vec![], vec![], vec![2]),
        ("ids by size", vec![new(10, ACME, "a@x.com"), new(9, ACME, "a@x.com")], vec![], vec![], vec![10]),
        ("two customers", vec![new(1, ACME, "a@x.com"), new(2, "beta", "a@x.com")], vec![], vec![], vec![]),
        ("who is there first", vec![new(1, ACME, "a@x.com"), turns(2, "b@x.com", "a@x.com")], vec![], vec![], vec![1]),
        ("who has it", vec![turns(1, "b@x.com", "a@x.com")], vec![lives(3, ACME, "a@x.com")], vec![], vec![1]),
        (
            "who has it elsewhere",
            vec![turns(1, "b@x.com", "a@x.com")],
            vec![lives(3, "beta", "a@x.com")],
            vec![],
            vec![],
        ),
        ("its own", vec![new(1, ACME, "a@x.com")], vec![lives(1, ACME, "a@x.com")], vec![], vec![]),
        (
            "who gives it up",
            vec![turns(1, "b@x.com", "a@x.com"), turns(3, "a@x.com", "c@x.com")],
            vec![lives(3, ACME, "a@x.com")],
            vec![],
            vec![],
        ),
        ("who goes", vec![new(1, ACME, "a@x.com"), goes(3)], vec![lives(3, ACME, "a@x.com")], vec![], vec![]),
        (
            "who would give it up and cannot",
            vec![turns(1, "b@x.com", "a@x.com"), turns(3, "a@x.com", "c@x.com")],
            vec![lives(3, ACME, "a@x.com"), lives(4, ACME, "c@x.com")],
            vec![],
            vec![1, 3],
        ),
        ("let through", vec![turns(1, "b@x.com", "a@x.com")], vec![lives(3, ACME, "a@x.com")], vec![1], vec![]),
        ("let through first", vec![new(1, ACME, "a@x.com"), new(2, ACME, "a@x.com")], vec![], vec![2], vec![1]),
    ];
    for (case, operations, residents, let_through, expected) in cases {
        assert_eq!(held_of(operations.clone(), &residents, &let_through).0, expected, "{case}");
        let shuffled = operations.into_iter().rev().collect();
        assert_eq!(held_of(shuffled, &residents, &let_through).0, expected, "{case}, in another order");
    }
}

#[test]
fn a_planned_customer_is_a_roof_as_well() {
    let under = |number, customer| {
        let fields = Fields::from([(EMAIL, Value::text("a@x.com"))]);
        operation(number, Action::Create { parent: Some(Parent::Planned(EntityId(customer))), fields })
    };
    assert_eq!(held_of(vec![under(1, 90), under(2, 90)], &[], &[]).0, [2]);
    assert_eq!(held_of(vec![under(1, 90), under(2, 91)], &[], &[]).0, Vec::<i64>::new());
}

#[test]
fn both_are_named_with_what_to_type() {
    let (_, why) = held_of(vec![new(1, ACME, "a@x.com"), new(2, ACME, "a@x.com")], &[], &[]);
    let who = "hubspot:contact:1 'Person 1' has the address a@x.com but is another person's";
    assert!(why.starts_with(who) && why.contains("link hubspot:contact:2 hubspot:contact:1`"), "{why}");
    let (_, why) = held_of(vec![turns(2, "b@x.com", "a@x.com")], &[lives(3, ACME, "a@x.com")], &[]);
    assert!(why.starts_with("hubspot:contact:3 'Person 3' has the address a@x.com"), "{why}");
    assert!(why.contains("`pivotal-sync ignore hubspot:contact:2`"), "{why}");
}

#[test]
fn of_a_ring_none_can_go_first_until_a_person_lets_them() {
    let ring = || vec![turns(1, "a@x.com", "b@x.com"), turns(2, "b@x.com", "c@x.com"), turns(3, "c@x.com", "a@x.com")];
    let residents = [lives(1, ACME, "a@x.com"), lives(2, ACME, "b@x.com"), lives(3, ACME, "c@x.com")];
    let (held, why) = held_of(ring(), &residents, &[]);
    assert_eq!(held, [1, 2, 3]);
    let command = "`pivotal-sync approve hubspot:contact:1 hubspot:contact:2 hubspot:contact:3`";
    assert!(
        why.starts_with("hubspot:contact:2 'Person 2' has the address b@x.com, and each of") && why.contains(command),
        "{why}"
    );
    assert_eq!(held_of(ring(), &residents, &[1, 2, 3]).0, Vec::<i64>::new());
    // Who waits for one of a ring waits with it; and one who asks for its own is none.
    let mut more = ring();
    more.push(turns(4, "d@x.com", "a@x.com"));
    assert_eq!(held_of(more, &residents, &[]).0, [1, 2, 3, 4]);
    assert_eq!(held_of(vec![turns(1, "a@x.com", "A@x.com")], &residents, &[]).0, Vec::<i64>::new());
}
