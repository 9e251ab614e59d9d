use super::super::sample::{acme, customer, mirror, reconciler, rule};
use super::*;
use crate::domain::{Change, Changes, Origin, Standing};

/// What is left of a change of the status, as `from to`; what the mirror then says of it, and whether that is told.
fn met(owner: Option<Owner>, (from, to): (&str, &str), says: &str) -> (String, Option<(String, bool, bool)>) {
    let reconciler = reconciler(|settings| {
        if let Some(owner) = owner {
            rule(&mut settings.customers.fields, STATUS, "'active'");
            settings.customers.owner.insert(STATUS.to_owned(), owner);
        }
    });
    let subject = customer([acme("1")]);
    let mirror = mirror(Origin::Created, Fields::from([(STATUS, from.into())]));
    let change = Change { from: from.into(), to: to.into() };
    let mut operation = Operation {
        entity: subject.entity.id,
        kind: Kind::Customer,
        subject: subject.records[0].record.key.clone(),
        name: "Acme".to_owned(),
        action: Action::Update { id: mirror.id.clone(), changes: Changes([(STATUS.to_owned(), change)].into()) },
        standing: Standing::Ready,
        reason: String::new(),
        hold: None,
    };
    assert!(turns_on_status(&operation));
    let shelved = reconciler.meet(&mut operation, &mirror, &Fields::from([(STATUS, says.into())]));
    let left = operation.changes().0.get(STATUS).map(|change| format!("{} {}", change.from, change.to));
    let holds = shelved.map(|shelved| {
        let (written, found) = (shelved.written.text(STATUS).map(str::to_owned), shelved.found.get(STATUS).is_some());
        (written.unwrap_or_default(), found, shelved.note.is_some())
    });
    (left.unwrap_or_default(), holds)
}

#[test]
fn pivotals_own_word_on_the_status_decides() {
    let (away, back) = (("active", "archived"), ("archived", "active"));
    let holds = |written: &str, found, told| Some((written.to_owned(), found, told));
    for (owner, change, says, left, mirror) in [
        (None, away, "at_risk", "at_risk archived", None),
        (None, away, "archived", "", holds("archived", true, false)),
        (None, back, "archived", "archived active", None),
        (None, back, "churned", "", holds("churned", true, true)),
        (Some(Owner::Pivotal), back, "churned", "", holds("churned", true, true)),
        // Theirs stands until the rule says something else.
        (Some(Owner::Report), back, "churned", "", holds("active", false, true)),
        (Some(Owner::Source), back, "churned", "churned active", None),
        (Some(Owner::Source), back, "active", "", holds("active", false, true)),
    ] {
        assert_eq!(met(owner, change, says), (left.to_owned(), mirror), "{owner:?} {change:?} {says}");
    }
}
