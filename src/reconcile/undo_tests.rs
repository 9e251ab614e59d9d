use super::super::sample::{acme, at, company_key, customer, mirror, reconciler, rule};
use super::super::types::{Decision, Subject};
use super::super::{Reconciler, Settings};
use super::*;
use crate::domain::Origin;

fn change(from: &str, to: &str) -> Change {
    let value = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    Change { from: value(from), to: value(to) }
}

fn changes<const N: usize>(pairs: [(&str, &str, &str); N]) -> Changes {
    Changes(pairs.into_iter().map(|(field, from, to)| (field.to_owned(), change(from, to))).collect())
}

fn says(pairs: &[(&str, &str)]) -> Fields {
    Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect())
}

/// An entity that says `written` since run 7 did what it did.
fn past(done: &[(Verb, Changes)], written: &[(&str, &str)]) -> Past {
    let mut entity = customer([acme("1")]).entity;
    entity.mirror = Some(mirror(Origin::Created, says(written)));
    let done = done.iter().map(|(verb, changes)| Done { verb: *verb, changes: changes.clone() }).collect();
    let now = Some(says(written));
    let (subject, name) = (company_key("1"), "Acme".to_owned());
    Past {
        run: RunId(7),
        entity,
        subject,
        name,
        done,
        later: None,
        now,
        children: 0,
        wanted: Some(says(written)),
        kept: Fields::new(),
    }
}

fn sent(inverse: &Inverse) -> Option<Changes> {
    inverse.operation.as_ref().map(Operation::changes)
}

#[test]
fn values_go_back_to_what_they_were_over_all_that_the_run_did() {
    let done = [
        (Verb::Update, changes([("name", "A", "B"), ("plan", "", "gold")])),
        (Verb::Update, changes([("name", "B", "C")])),
    ];
    let inverse = inverse(&past(&done, &[("name", "C"), ("plan", "gold")]));
    assert_eq!(sent(&inverse), Some(changes([("name", "C", "A"), ("plan", "gold", "")])));
    assert_eq!((inverse.release, inverse.cannot), (false, vec![]));
    assert_eq!(inverse.undone.unwrap().changes, changes([("name", "C", "A"), ("plan", "gold", "")]));
}

#[test]
fn what_others_wrote_since_is_not_touched_and_is_told() {
    let done = [(Verb::Update, changes([("name", "A", "B"), ("plan", "tin", "gold"), ("domain", "", "a.com")]))];
    let mut past = past(&done, &[("name", "B"), ("plan", "silver"), ("domain", "a.com")]);
    past.later = Some(RunId(9));
    past.now = Some(says(&[("name", "By hand"), ("plan", "silver"), ("domain", "a.com")]));
    let inverse = inverse(&past);
    assert_eq!(sent(&inverse), Some(changes([("domain", "a.com", "")])));
    assert_eq!(
        inverse.cannot,
        ["somebody changed name in Pivotal since", "plan was written again since by run 9; undo that first"]
    );
}

#[test]
fn what_cannot_be_emptied_stays() {
    let inverse = inverse(&past(&[(Verb::Update, changes([("name", "", "B")]))], &[("name", "B")]));
    assert_eq!(
        (sent(&inverse), inverse.cannot),
        (None, vec!["name held nothing before, and cannot be emptied".to_owned()])
    );
}

#[test]
fn what_was_created_is_deleted_only_while_nobody_depends_on_it() {
    let done = [(Verb::Create, changes([("name", "", "Acme")]))];
    let free = || past(&done, &[("name", "Acme")]);
    let taken = inverse(&free());
    assert!(matches!(taken.operation.unwrap().action, Action::Delete { .. }));
    assert!(taken.undone.unwrap().wanted.is_some());
    let edited = Past { now: Some(says(&[("name", "By hand")])), ..free() };
    for (past, why) in [
        (edited, "somebody changed its name in Pivotal since"),
        (Past { later: Some(RunId(9)), ..free() }, "run 9 wrote to it since; undo that first"),
        (Past { children: 1, ..free() }, "1 contact or onboarding under it would go with it, and is not taken back"),
        (Past { now: None, ..free() }, "it is no longer in Pivotal"),
    ] {
        let inverse = inverse(&past);
        assert_eq!((inverse.operation, inverse.undone, inverse.cannot), (None, None, vec![why.to_owned()]));
    }
}

#[test]
fn what_was_taken_back_already_is_not_told_again() {
    let mut again = past(&[(Verb::Create, changes([("name", "", "Acme")]))], &[("name", "Acme")]);
    again.entity.undone = Some(Undone { run: RunId(7), wanted: None, changes: Changes::default() });
    again.now = None;
    let lost_answer = inverse(&again);
    assert!(
        matches!(lost_answer.operation.unwrap().action, Action::Delete { .. }),
        "it is gone, and must be known to be"
    );
    assert!(lost_answer.cannot.is_empty());
    again.entity.mirror = None;
    assert_eq!(inverse(&again), Inverse::default());
}

#[test]
fn what_was_taken_over_is_let_go_with_its_old_values() {
    let mut past = past(&[(Verb::Adopt, changes([("name", "Theirs", "Ours")]))], &[("name", "Ours")]);
    let taken = inverse(&past);
    assert_eq!((sent(&taken), taken.release), (Some(changes([("name", "Ours", "Theirs")])), true));
    past.done[0].changes = Changes::default();
    let as_it_was = inverse(&past);
    assert_eq!((as_it_was.operation, as_it_was.release), (None, true));
}

#[test]
fn a_deletion_is_for_good() {
    for done in [
        vec![(Verb::Delete, Changes::default())],
        vec![(Verb::Delete, Changes::default()), (Verb::Create, Changes::default())],
    ] {
        let inverse = inverse(&past(&done, &[("name", "Acme")]));
        assert_eq!(
            (inverse.operation, inverse.cannot),
            (None, vec!["it was deleted, and Pivotal has no undelete".to_owned()])
        );
    }
}

fn planned() -> Reconciler {
    reconciler(|settings: &mut Settings| rule(&mut settings.customers.fields, "plan", "company.industry"))
}

fn decide(subject: &Subject) -> Decision {
    let (reconciler, now) = (planned(), at("2026-06-01"));
    reconciler.decide(subject, &reconciler.desire(subject, now), None, Some("acme"), now)
}

/// Acme with this plan at the source, and what Pivotal holds.
fn undone_acme(industry: &str, plan: &str, back: Changes) -> Subject {
    let mut record = acme("1");
    record.properties.insert("industry".to_owned(), industry.into());
    let mut subject = customer([record]);
    let holds = says(&[("name", "Before"), ("domain", "acme.com"), ("hubspot_company_id", "1"), ("plan", plan)]);
    subject.entity.mirror = Some(mirror(Origin::Created, holds));
    subject.entity.undone = Some(Undone { run: RunId(7), wanted: None, changes: back });
    subject
}

#[test]
fn what_was_undone_is_held_field_by_field_and_news_go_ahead() {
    let back = changes([("name", "Acme", "Before")]);
    let standings = |decision: &Decision| -> Vec<(Vec<String>, bool)> {
        let all = decision.operations.iter();
        all.map(|o| (o.changes().0.keys().cloned().collect(), o.is_ready())).collect()
    };
    let one = |field: &str, ready| (vec![field.to_owned()], ready);
    let mut subject = undone_acme("gold", "gold", back.clone());
    let decision = decide(&subject);
    assert_eq!(standings(&decision), [one("name", false)]);
    let Standing::Held(why) = &decision.operations[0].standing else { panic!("held") };
    assert!(
        why.contains("undone by a person (run 7)") && why.contains("pivotal-sync approve hubspot:company:1"),
        "{why}"
    );
    // A person lets exactly that through.
    let seen = super::super::fingerprint_of(&decision.operations[0]);
    subject.entity.approval.0.insert(seen.clone());
    assert_eq!(standings(&decide(&subject)), [one("name", true)]);
    // Something else has changed too.
    let mut news = undone_acme("gold", "silver", back);
    assert_eq!(standings(&decide(&news)), [one("plan", true), one("name", false)]);
    news.entity.approval.0.insert(seen);
    assert_eq!(standings(&decide(&news)), [(vec!["name".to_owned(), "plan".to_owned()], true)], "one request, not two");
    // The source has said something else since.
    assert_eq!(
        standings(&decide(&undone_acme("gold", "gold", changes([("name", "Other", "Before")])))),
        [one("name", true)]
    );
}

#[test]
fn what_was_deleted_or_let_go_is_held_until_the_source_says_something_else() {
    let reconciler = planned();
    let mut subject = undone_acme("gold", "gold", Changes::default());
    subject.entity.mirror = None;
    let Wanted::Yes(fields) = reconciler.desire(&subject, at("2026-06-01")).wanted else { panic!("wanted") };
    let wanted = Some(as_wanted(Kind::Customer, &fields));
    subject.entity.undone = Some(Undone { run: RunId(7), wanted, changes: Changes::default() });
    assert!(matches!(decide(&subject).operations[0].standing, Standing::Held(_)));
    subject.records[0].record.properties.insert("industry".to_owned(), "silver".into());
    assert!(decide(&subject).operations[0].is_ready());
}
