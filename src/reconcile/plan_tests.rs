use super::super::sample::{acme, at, child, company, customer, gone, jane, mirror, number, parent, reconciler, rule};
use super::super::{OnLeave, OnSourceDelete, Settings};
use super::*;
use crate::domain::{Approval, Entity, EntityId, Gone, Quarantine, Span};

fn now() -> Timestamp {
    at("2026-06-01")
}

fn decide_with(change: impl FnOnce(&mut Settings), subject: &Subject, adoption: Option<&Adoption>) -> Decision {
    let reconciler = reconciler(change);
    let desired = reconciler.desire(subject, now());
    reconciler.decide(subject, &desired, adoption, Some("acme"), now())
}

fn decide(subject: &Subject) -> Decision {
    decide_with(|_| {}, subject, None)
}

/// The operations, told briefly.
fn told(decision: &Decision) -> Vec<String> {
    let standing = |standing: &Standing| match standing {
        Standing::Ready => "",
        Standing::Held(_) => " held",
        Standing::Quarantined(_) => " quarantined",
        Standing::Waiting(_) => " waiting",
    };
    decision.operations.iter().map(|op| format!("{}{}: {}", op.verb(), standing(&op.standing), op.reason)).collect()
}

fn why(operation: &Operation) -> &str {
    match &operation.standing {
        Standing::Ready => "",
        Standing::Held(why) | Standing::Quarantined(why) | Standing::Waiting(why) => why,
    }
}

fn mirrored(mut subject: Subject, origin: Origin, written: Fields) -> Subject {
    subject.entity.mirror = Some(mirror(origin, written));
    subject
}

fn in_step() -> Fields {
    let said = [("name", "Acme".into()), ("domain", "acme.com".into()), ("hubspot_company_id", Value::text("1"))];
    Fields::from(said)
}

fn all_gone() -> Subject {
    let mut subject = mirrored(customer([]), Origin::Created, in_step());
    subject.records.push(gone(acme("1"), Gone::Archived, "2026-05-31"));
    subject
}

#[test]
fn a_new_account_is_created_with_a_slug_and_without_nulls() {
    let decision = decide(&customer([acme("1")]));
    assert_eq!(told(&decision), ["create: new company hubspot:company:1"]);
    let mut expected = in_step();
    expected.set("slug", "acme");
    assert_eq!(decision.operations[0].action, Action::Create { parent: None, fields: expected });
}

#[test]
fn what_agrees_owes_nothing_and_what_differs_only_that() {
    assert_eq!(decide(&mirrored(customer([acme("1")]), Origin::Created, in_step())), Decision::default());
    let mut old = in_step();
    old.set("name", "Acme Ltd");
    old.set("plan", "gold");
    old.set("slug", "acme-ltd");
    old.set("monthly_orders", number("3"));
    let decision = decide(&mirrored(customer([acme("1")]), Origin::Created, old));
    assert_eq!(told(&decision), ["update: name and plan differ"]);
    let changes = decision.operations[0].changes();
    assert_eq!(changes.after(), Fields::from([("name", "Acme".into()), ("plan", Value::Null)]));
}

#[test]
fn adoption_takes_over_only_what_it_says() {
    let fields = [("name", "ACME".into()), ("stripe_customer_id", Value::text("cus_strange")), ("plan", "gold".into())];
    let found = Candidate {
        id: PivotalId::new("p"),
        display_id: Some(3),
        parent: None,
        kept: fields.clone().into(),
        fields: fields.into(),
        owner: None,
        called: None,
    };
    let adoption = Adoption::Take(found);
    let subject = customer([acme("1")]);
    let decision = decide_with(|_| {}, &subject, Some(&adoption));
    assert_eq!(told(&decision), ["adopt: already in Pivotal; domain, hubspot_company_id and name differ"]);
    let Action::Adopt { found, changes, origin, .. } = &decision.operations[0].action else { panic!("adopts") };
    // A null is sent only to clear what this daemon had set (design section 6): a stranger's id and plan stay.
    assert_eq!((found, *origin), (&Fields::from([("name", "ACME".into())]), Origin::Adopted));
    let after = mirrored(subject, Origin::Adopted, found.with(changes));
    assert_eq!(decide(&after), Decision::default());
}

#[test]
fn a_doubtful_adoption_is_held() {
    let decision = decide_with(|_| {}, &customer([acme("1")]), Some(&Adoption::Held("two fit".to_owned())));
    assert_eq!(told(&decision), ["create held: it may be in Pivotal already"]);
    assert_eq!(why(&decision.operations[0]), "two fit");
}

#[test]
fn what_pivotal_lost_is_never_made_again_unasked() {
    // pivotal-api.md 16.15.
    let mut subject = mirrored(customer([acme("1")]), Origin::Created, in_step());
    subject.entity.mirror.as_mut().unwrap().state = MirrorState::Lost;
    let decision = decide(&subject);
    assert_eq!(told(&decision), ["create held: lost in Pivotal"]);
    assert!(why(&decision.operations[0]).contains("`pivotal-sync approve hubspot:company:1`"));
    subject.records[0].gone = Some((Gone::Deleted, at("2020-01-01")));
    assert_eq!(decide(&subject), Decision::default());
}

#[test]
fn what_this_daemon_deleted_begins_anew() {
    let mut subject = mirrored(customer([acme("1")]), Origin::Created, in_step());
    subject.entity.mirror.as_mut().unwrap().state = MirrorState::Deleted;
    assert_eq!(told(&decide(&subject)), ["create: new company hubspot:company:1"]);
}

#[test]
fn a_refused_body_rests_until_it_differs() {
    let mut subject = mirrored(customer([acme("1")]), Origin::Created, Fields::from([("name", "Old".into())]));
    let fingerprint = fingerprint_of(&decide(&subject).operations[0]);
    subject.entity.quarantine =
        Some(Quarantine { fingerprint, reason: "plan: unknown".to_owned(), ..Default::default() });
    let decision = decide(&subject);
    assert_eq!(told(&decision), ["update quarantined: domain, hubspot_company_id and name differ"]);
    assert_eq!(why(&decision.operations[0]), "plan: unknown");
    let differs = decide_with(|settings| rule(&mut settings.customers.fields, "plan", "'gold'"), &subject, None);
    assert!(differs.operations[0].is_ready());
}

#[test]
fn a_deletion_waits_out_its_grace_then_follows_the_policy() {
    let subject = all_gone();
    let early = decide_with(|settings| settings.customers.delete_grace = "25h".parse().unwrap(), &subject, None);
    assert_eq!(
        (told(&early), early.later.map(|later| later.at)),
        (vec![], Some("2026-06-01T01:00:00Z".parse().unwrap()))
    );
    assert_eq!(told(&decide(&subject)), ["delete: gone at the source, first seen 1d ago; its grace of 1d is over"]);
    let archive = |settings: &mut Settings| settings.customers.on_source_delete = OnSourceDelete::Archive;
    let archived = decide_with(archive, &subject, None);
    assert_eq!(archived.operations[0].changes().after(), Fields::from([("status", "archived".into())]));
    let mut done = subject.clone();
    done.entity.mirror.as_mut().unwrap().written.set("status", "archived");
    assert_eq!(told(&decide_with(archive, &done, None)), Vec::<String>::new());
    let keep = |settings: &mut Settings| settings.customers.on_source_delete = OnSourceDelete::Keep;
    assert_eq!(decide_with(keep, &subject, None), Decision::default());
}

#[test]
fn no_grace_and_endless_grace_are_legal() {
    let mut subject = all_gone();
    subject.records[0].gone = Some((Gone::Deleted, now()));
    let at_once = decide_with(|settings| settings.customers.delete_grace = Span::default(), &subject, None);
    assert_eq!(told(&at_once), ["delete: gone at the source, first seen just now"]);
    let forever = |settings: &mut Settings| settings.customers.delete_grace = Span(std::time::Duration::MAX);
    assert_eq!(decide_with(forever, &subject, None).later.map(|later| later.at), Some(Timestamp::MAX_UTC));
}

#[test]
fn only_what_this_daemon_created_is_deleted() {
    for origin in [Origin::Adopted, Origin::Linked] {
        let mut subject = all_gone();
        subject.entity.mirror.as_mut().unwrap().origin = origin;
        let decision = decide(&subject);
        assert_eq!(told(&decision), Vec::<String>::new());
        assert!(decision.notes[0].message.contains("not created by pivotal-sync"));
    }
}

#[test]
fn what_comes_back_is_no_longer_archived() {
    let mut written = in_step();
    written.set("status", "archived");
    let subject = mirrored(customer([acme("1")]), Origin::Created, written.clone());
    let decision = decide(&subject);
    assert_eq!(told(&decision), ["update: wanted again, so no longer archived"]);
    let after = mirrored(customer([acme("1")]), Origin::Created, written.with(&decision.operations[0].changes()));
    assert_eq!(decide(&after), Decision::default());
    let ruled = decide_with(|s| rule(&mut s.customers.fields, "status", "'archived'"), &subject, None);
    assert_eq!(ruled, Decision::default(), "a rule that says so is obeyed");
}

#[test]
fn leaving_the_selection_follows_its_own_policy_after_the_grace() {
    let lead = || company("1", &[("name", "Acme".into()), ("lifecyclestage", "lead".into())]);
    let mut subject = mirrored(customer([lead()]), Origin::Created, in_step());
    let kept = decide(&subject);
    assert_eq!((kept.operations.len(), kept.later, kept.notes.len()), (0, None, 1), "told as it leaves");
    let known = Entity { gone_since: Some(at("2026-05-30")), ..subject.entity.clone() };
    assert_eq!(decide(&Subject { entity: known, ..subject.clone() }), Decision::default(), "and once");
    let delete = |settings: &mut Settings| settings.customers.on_leave = OnLeave::Delete;
    let first = decide_with(delete, &subject, None);
    assert_eq!((told(&first), first.later.map(|later| later.at)), (vec![], Some(at("2026-06-02"))), "the grace begins");
    subject.entity.gone_since = Some(at("2026-05-30"));
    let reason =
        "delete: customers.where does not hold for hubspot:company:1, first seen 2d ago; its grace of 1d is over";
    assert_eq!(told(&decide_with(delete, &subject, None)), [reason]);
    let archive = |settings: &mut Settings| settings.customers.on_leave = OnLeave::Archive;
    assert_eq!(decide_with(archive, &subject, None).operations[0].changes().after().text("status"), Some("archived"));
    subject.records.clear();
    assert_eq!(decide_with(delete, &subject, None), Decision::default(), "unlinked by a person");
}

#[test]
fn what_cannot_be_worked_out_shows_as_held() {
    let mut subject = customer([acme("1")]);
    subject.records[0].problem = Some("could be two".to_owned());
    assert_eq!(told(&decide(&subject)), ["create held: cannot be worked out"]);
    let subject = mirrored(subject, Origin::Created, in_step());
    let decision = decide(&subject);
    assert_eq!(told(&decision), ["update held: cannot be worked out"]);
    assert_eq!((why(&decision.operations[0]), decision.operations[0].changes()), ("could be two", Changes::default()));
}

#[test]
fn what_somebody_else_has_rests_as_held_until_a_person_says_so() {
    let mut subject = mirrored(customer([acme("1")]), Origin::Created, Fields::from([("name", "Old".into())]));
    let fingerprint = fingerprint_of(&decide(&subject).operations[0]);
    let reason = "email_taken".to_owned();
    subject.entity.quarantine =
        Some(Quarantine { fingerprint: fingerprint.clone(), reason, held: true, ..Quarantine::default() });
    let held = decide(&subject).operations.remove(0);
    assert_eq!(held.standing, Standing::Held("email_taken".to_owned()));
    subject.entity.approval = crate::domain::Approval([fingerprint].into_iter().collect());
    assert!(decide(&subject).operations[0].is_ready());
}

fn contact_under(old: &str) -> Subject {
    let written = Fields::from([("name", "Jane Doe".into()), ("email", "jane@acme.com".into())]);
    let mut subject = mirrored(child(Kind::Contact, jane()), Origin::Created, written);
    subject.entity.mirror.as_mut().unwrap().parent = Some(PivotalId::new(old));
    subject
}

#[test]
fn a_contact_goes_under_its_customer_known_or_planned() {
    let mut subject = child(Kind::Contact, jane());
    let parent_of = |subject: &Subject| match &decide(subject).operations[0].action {
        Action::Create { parent, fields } => {
            assert_eq!(fields.get("slug"), None, "a contact has none");
            parent.clone()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(parent_of(&subject), Some(Parent::Known(PivotalId::new("cust-9"))));
    subject.parent = Some(parent(None));
    assert_eq!(parent_of(&subject), Some(Parent::Planned(EntityId(9))));
    subject.parent.as_mut().unwrap().blocked = Some("refused".to_owned());
    let decision = decide(&subject);
    assert_eq!(
        (told(&decision)[0].as_str(), why(&decision.operations[0])),
        ("create waiting: new contact hubspot:contact:7", "its customer: refused")
    );
}

#[test]
fn a_contact_that_changes_company_moves() {
    // hubspot-api.md trap 12; pivotal-api.md 10.2: a contact cannot be moved.
    assert_eq!(decide(&contact_under("cust-9")), Decision::default());
    let reason = "belongs to another customer now";
    let moving = contact_under("cust-1");
    let decision = decide(&moving);
    assert_eq!(told(&decision), [format!("delete: {reason}"), format!("create: {reason}")]);
    assert_eq!(decision.operations[0].pivotal_id(), Some(&PivotalId::new("obj-1")));
    let mut adopted = moving.clone();
    adopted.entity.mirror.as_mut().unwrap().origin = Origin::Adopted;
    let asked = decide(&adopted);
    assert_eq!(told(&asked), [format!("delete held: {reason}"), format!("create waiting: {reason}")]);
    let ways = ["approve", "link", "unlink"].map(|way| format!("`pivotal-sync {way} hubspot:contact:7"));
    assert!(ways.iter().all(|way| why(&asked.operations[0]).contains(way)), "{asked:?}");
    adopted.entity.approval = Approval([fingerprint_of(&asked.operations[0])].into());
    assert_eq!(told(&decide(&adopted)), [format!("delete: {reason}"), format!("create: {reason}")]);
    let mut early = moving;
    early.parent = Some(parent(None));
    let decision = decide(&early);
    assert!(decision.operations.iter().all(Operation::is_ready), "its customer is created in the same plan");
    let Action::Create { parent, .. } = &decision.operations[1].action else { panic!("{decision:?}") };
    assert_eq!(parent, &Some(Parent::Planned(EntityId(9))));
    let mut torn = contact_under("cust-1");
    torn.home = Home::Torn;
    assert_eq!(told(&decide(&torn)), [format!("delete waiting: {reason}"), format!("create waiting: {reason}")]);
    torn.home = Home::LeftOut;
    assert_eq!(decide(&torn), Decision::default(), "what is in Pivotal stays");
}

#[test]
fn half_a_move_never_goes_ahead() {
    let mut blocked = contact_under("cust-1");
    blocked.parent.as_mut().unwrap().blocked = Some("lost".to_owned());
    assert!(decide(&blocked).operations.iter().all(|operation| why(operation) == "its customer: lost"));
    let mut refused = contact_under("cust-1");
    let fingerprint = fingerprint_of(&decide(&refused).operations[1]);
    refused.entity.quarantine =
        Some(Quarantine { fingerprint, reason: "email: refused".to_owned(), ..Default::default() });
    let standings: Vec<Standing> =
        decide(&refused).operations.into_iter().map(|operation| operation.standing).collect();
    assert!(matches!(&standings[..], [Standing::Waiting(_), Standing::Quarantined(_)]), "{standings:?}");
}

#[test]
fn a_contact_is_deleted_unless_it_goes_with_its_customer() {
    let mut subject = contact_under("cust-9");
    subject.records[0].gone = Some((Gone::Archived, at("2026-05-01")));
    assert_eq!(told(&decide(&subject)), ["delete: gone at the source, first seen 4w 3d ago; its grace of 1d is over"]);
    let archive = |settings: &mut Settings| settings.customers.on_source_delete = OnSourceDelete::Archive;
    assert_eq!(decide_with(archive, &subject, None), Decision::default());
    subject.parent.as_mut().unwrap().wanted = false;
    assert_eq!(decide(&subject), Decision::default());
    subject.records[0].gone = None;
    assert_eq!(decide(&subject), Decision::default(), "its account left; it stays");
}

#[test]
fn an_onboarding_is_kept_whatever_becomes_of_its_deal() {
    let mut subject = child(Kind::Onboarding, super::super::sample::deal("5", false, "2026-05-01"));
    subject.entity.mirror = Some(mirror(Origin::Created, Fields::new()));
    assert_eq!(decide(&subject), Decision::default(), "hubspot-api.md trap 26");
    subject.records[0].gone = Some((Gone::Deleted, at("2020-01-01")));
    assert_eq!(decide(&subject), Decision::default());
}

#[test]
fn a_fingerprint_is_of_what_would_be_sent() {
    let create = |change: fn(&mut Settings)| decide_with(change, &customer([acme("1")]), None).operations.remove(0);
    let plain = create(|_| {});
    let mut told_otherwise = plain.clone();
    told_otherwise.reason = "else".to_owned();
    assert_eq!(fingerprint_of(&plain), fingerprint_of(&told_otherwise));
    assert_ne!(fingerprint_of(&plain), fingerprint_of(&create(|s| rule(&mut s.customers.fields, "plan", "'x'"))));
    assert_eq!(fingerprint_of(&plain).len(), 64);
}
