//! What going, leaving and coming back lead to: every policy, every origin, both sides of the grace.

use super::super::sample::{acme, at, child, company, customer, gone, jane, mirror, reconciler, stripe};
use super::super::{Settings, Subject, Wanted};
use super::*;
use crate::domain::{Changes, ExternalId, Gone, MirrorState, PivotalId, Record, Standing, Verb};

use Origin::{Adopted, Created, Linked};

const ORIGINS: [Origin; 3] = [Created, Adopted, Linked];
const SEEN: &str = "2026-06-01";
const EARLY: &str = "2026-06-01T23:59:59Z";
const DUE: &str = "2026-06-02T00:00:00Z";

fn in_step() -> Fields {
    Fields::from([("name", "Acme".into()), ("domain", "acme.com".into()), ("hubspot_company_id", "1".into())])
}

/// A customer of this origin whose company was archived at the source, or no longer fits.
fn unwanted(is_gone: bool, origin: Origin) -> Subject {
    let mut subject = if is_gone {
        let mut subject = customer([]);
        subject.records.push(gone(acme("1"), Gone::Archived, SEEN));
        subject
    } else {
        customer([company("1", &[("name", "Acme".into()), ("lifecyclestage", "lead".into())])])
    };
    subject.entity.mirror = Some(mirror(origin, in_step()));
    subject.entity.gone_since = Some(at(SEEN));
    subject
}

fn decide(change: impl FnOnce(&mut Settings), subject: &Subject, now: &str) -> Decision {
    let reconciler = reconciler(change);
    let now = now.parse().unwrap();
    let desired = reconciler.desire(subject, now);
    reconciler.decide(subject, &desired, None, Some("acme"), now)
}

/// `delete`, `archive`, `status x`, `create`, `held`, `wait` for a grace that runs, `leave` with a note, or `nothing`.
fn outcome(decision: &Decision) -> String {
    let archives = |changes: &Changes| changes.after() == Fields::from([("status", "archived".into())]);
    match (decision.operations.as_slice(), decision.later.map(|later| later.at), decision.notes.len()) {
        ([], Some(at), 0) if at == DUE.parse::<Timestamp>().unwrap() => "wait".to_owned(),
        ([], None, 1) => "leave".to_owned(),
        ([], None, 0) => "nothing".to_owned(),
        ([one], None, 0) => match (&one.standing, &one.action) {
            (Standing::Held(_), _) => "held".to_owned(),
            (_, Action::Delete { .. }) => "delete".to_owned(),
            (_, Action::Update { changes, .. }) if archives(changes) => "archive".to_owned(),
            (_, Action::Update { changes, .. }) => {
                format!("status {}", changes.after().text("status").unwrap_or_default())
            }
            (_, Action::Create { .. }) => "create".to_owned(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_customer_that_is_gone_or_left_follows_its_policy_when_the_grace_is_over() {
    // Policies of deletion and of leaving, what was created here and what was there before, each before and after the grace.
    let table = [
        (OnSourceDelete::Delete, OnLeave::Delete, ["wait", "delete"], ["leave", "leave"]),
        (OnSourceDelete::Archive, OnLeave::Archive, ["wait", "archive"], ["wait", "archive"]),
        (OnSourceDelete::Keep, OnLeave::Keep, ["nothing", "nothing"], ["nothing", "nothing"]),
    ];
    for (on_delete, on_leave, ours, theirs) in table {
        for origin in ORIGINS {
            let expected = if origin == Created { ours } else { theirs };
            for (now, expected) in [EARLY, DUE].into_iter().zip(expected) {
                let gone = |settings: &mut Settings| settings.customers.on_source_delete = on_delete;
                let found = outcome(&decide(gone, &unwanted(true, origin), now));
                assert_eq!(found, expected, "gone: {on_delete:?} {origin:?} {now}");
                let left = |settings: &mut Settings| settings.customers.on_leave = on_leave;
                let found = outcome(&decide(left, &unwanted(false, origin), now));
                assert_eq!(found, expected, "left: {on_leave:?} {origin:?} {now}");
            }
        }
    }
}

#[test]
fn each_policy_covers_its_own_case_alone() {
    let all_delete = |settings: &mut Settings| {
        settings.customers.on_source_delete = OnSourceDelete::Delete;
        settings.customers.on_leave = OnLeave::Keep;
    };
    assert_eq!(outcome(&decide(all_delete, &unwanted(false, Created), DUE)), "nothing");
    let all_leave = |settings: &mut Settings| {
        settings.customers.on_source_delete = OnSourceDelete::Keep;
        settings.customers.on_leave = OnLeave::Delete;
    };
    assert_eq!(outcome(&decide(all_leave, &unwanted(true, Created), DUE)), "nothing");
}

#[test]
fn what_is_archived_already_is_not_archived_again() {
    for is_gone in [true, false] {
        let archive = |settings: &mut Settings| {
            settings.customers.on_source_delete = OnSourceDelete::Archive;
            settings.customers.on_leave = OnLeave::Archive;
        };
        let mut subject = unwanted(is_gone, Created);
        subject.entity.mirror.as_mut().unwrap().written.set("status", "archived");
        assert_eq!(outcome(&decide(archive, &subject, DUE)), "nothing", "gone: {is_gone}");
    }
}

#[test]
fn what_comes_back_is_revived_as_far_as_this_daemon_had_taken_it_away() {
    // What had become of it, who had made it, and what its coming back leads to.
    let table = [
        (MirrorState::Live, false, Created, "nothing"),
        (MirrorState::Live, false, Adopted, "nothing"),
        (MirrorState::Live, true, Created, "status active"),
        (MirrorState::Live, true, Adopted, "status active"),
        (MirrorState::Live, true, Linked, "status active"),
        (MirrorState::Deleted, false, Created, "create"),
        (MirrorState::Lost, false, Created, "held"),
        (MirrorState::Lost, false, Adopted, "held"),
    ];
    for (state, archived, origin, expected) in table {
        let mut written = in_step();
        if archived {
            written.set("status", "archived");
        }
        let mut subject = customer([acme("1")]);
        subject.entity.mirror = Some(Mirror { state, ..mirror(origin, written) });
        for gone_since in [None, Some(at(SEEN))] {
            subject.entity.gone_since = gone_since;
            let decision = decide(|_| {}, &subject, DUE);
            assert_eq!(outcome(&decision), expected, "{state:?} {archived} {origin:?}");
            for create in decision.operations.iter().filter(|one| one.is_ready() && one.verb() == Verb::Create) {
                assert_eq!(create.changes().after().text("slug"), Some("acme"));
            }
        }
    }
}

fn person(record: Record, origin: Origin, is_gone: bool, with_customer: bool) -> Subject {
    let mut subject = child(Kind::Contact, record);
    let written = Fields::from([("name", "Jane Doe".into()), ("email", "jane@acme.com".into())]);
    let under = Some(PivotalId::new("cust-9"));
    subject.entity.mirror = Some(Mirror { parent: under, ..mirror(origin, written) });
    subject.entity.gone_since = Some(at(SEEN));
    subject.parent.as_mut().unwrap().wanted = with_customer;
    if is_gone {
        subject.records[0].gone = Some((Gone::Archived, at(SEEN)));
    }
    subject
}

#[test]
fn a_contact_goes_by_itself_only_where_its_customer_stays() {
    for (policy, origin, with_customer, expected) in [
        (OnSourceDelete::Delete, Created, true, ["wait", "delete"]),
        (OnSourceDelete::Delete, Created, false, ["nothing", "nothing"]),
        (OnSourceDelete::Delete, Adopted, true, ["leave", "leave"]),
        (OnSourceDelete::Archive, Created, true, ["nothing", "nothing"]),
        (OnSourceDelete::Keep, Created, true, ["nothing", "nothing"]),
    ] {
        for (now, expected) in [EARLY, DUE].into_iter().zip(expected) {
            let change = |settings: &mut Settings| settings.customers.on_source_delete = policy;
            let decision = decide(change, &person(jane(), origin, true, with_customer), now);
            assert_eq!(outcome(&decision), expected, "{policy:?} {origin:?} {with_customer} {now}");
        }
    }
    // Leaving is a matter of customers: a contact that no longer fits, or whose customer left, stays where it is.
    let delete = |settings: &mut Settings| {
        settings.customers.on_leave = OnLeave::Delete;
        settings.contacts.r#where = "false".to_owned();
    };
    for with_customer in [true, false] {
        assert_eq!(outcome(&decide(delete, &person(jane(), Created, false, with_customer), DUE)), "nothing");
    }
}

#[test]
fn what_waits_out_its_grace_says_what_is_done_then() {
    for (policy, removal) in [(OnLeave::Delete, Removal::Delete), (OnLeave::Archive, Removal::Archive)] {
        let leave = |settings: &mut Settings| settings.customers.on_leave = policy;
        let later = decide(leave, &unwanted(false, Created), EARLY).later;
        assert_eq!(later, Some(Later { removal, at: DUE.parse().unwrap() }));
    }
    let mut archived = unwanted(false, Created);
    archived.entity.mirror.as_mut().unwrap().written.set("status", "archived");
    let archive = |settings: &mut Settings| settings.customers.on_leave = OnLeave::Archive;
    assert_eq!(decide(archive, &archived, EARLY), Decision::default(), "it waits for nothing");
}

#[test]
fn a_deletion_says_what_it_takes_along() {
    let delete = || decide(|_| {}, &unwanted(true, Created), DUE).operations.remove(0);
    for (contacts, onboardings, words) in [
        (3, 1, "; takes 3 contacts and 1 onboarding along"),
        (1, 0, "; takes 1 contact along"),
        (0, 2, "; takes 2 onboardings along"),
        (0, 0, ""),
    ] {
        let mut operation = delete();
        takes_along(&mut operation, contacts, onboardings);
        assert_eq!(operation.reason, format!("{}{words}", delete().reason));
    }
}

#[test]
fn a_part_of_an_account_that_is_gone_counts_until_its_grace_is_over() {
    let said = |how: Gone, now: &str| {
        let mut subject = customer([stripe("cus_1", "2026-01-01")]);
        subject.records.push(gone(acme("1"), how, SEEN));
        subject.entity.mirror = Some(mirror(Created, in_step()));
        let both = |settings: &mut Settings| settings.customers.r#where = "company.name or stripe.name".to_owned();
        let desired = reconciler(both).desire(&subject, now.parse().unwrap());
        let id = match &desired.wanted {
            Wanted::Yes(fields) => fields.text("hubspot_company_id").map(str::to_owned),
            _ => None,
        };
        (id, desired.until, desired.notes.len())
    };
    let kept = (Some("1".to_owned()), Some(DUE.parse().unwrap()), 1);
    for how in [Gone::Archived, Gone::Deleted] {
        assert_eq!(said(how.clone(), EARLY), kept, "{how:?}");
        assert_eq!(said(how.clone(), DUE), (None, None, 0), "{how:?}");
    }
    // A merge is never a deletion (hubspot-api.md trap 10): it has no grace.
    let mut merged = customer([acme("2"), stripe("cus_1", "2026-01-01")]);
    merged.records.push(gone(acme("1"), Gone::Merged { into: ExternalId::new("2") }, SEEN));
    merged.entity.mirror = Some(mirror(Created, in_step()));
    assert_eq!(reconciler(|_| {}).desire(&merged, EARLY.parse().unwrap()).until, None);
}

#[test]
fn who_is_selected_by_nothing_else_than_a_part_that_is_gone_waits_one_grace_and_not_two() {
    // The company is put away, and whoever pays does not pay any more: before that, or within the company's grace.
    let mut subject = customer([stripe("cus_1", "2026-01-01")]);
    subject.records.push(gone(acme("1"), Gone::Archived, SEEN));
    subject.entity.mirror = Some(mirror(Created, in_step()));
    let leave = |settings: &mut Settings| settings.customers.on_leave = OnLeave::Delete;
    let wanted = reconciler(leave).desire(&subject, EARLY.parse().unwrap()).wanted;
    assert!(matches!(wanted, Wanted::NotSelected(_)), "it leaves when that is seen, not a grace later: {wanted:?}");
    // As the store tells it from then on.
    subject.entity.gone_since = Some(at(SEEN));
    assert_eq!(outcome(&decide(leave, &subject, EARLY)), "wait", "meanwhile it stays as it is");
    assert_eq!(outcome(&decide(leave, &subject, DUE)), "delete");
}
