use super::super::sample::{at, number, reconciler};
use super::*;
use crate::domain::Timestamp;

fn plan_owned(owner: Owner) -> Settings {
    let mut settings = super::super::sample::settings();
    settings.customers.owner.insert("plan".to_owned(), owner);
    settings
}

fn fields(plan: Option<Value>) -> Fields {
    plan.map_or_else(Fields::new, |plan| Fields::from([("plan", plan)]))
}

#[test]
fn each_owner_has_its_say_on_what_somebody_changed() {
    use DriftVerdict::{Left, PutBack, Taken};
    let text = |word: &str| Some(Value::from(word));
    let owners = [Owner::Report, Owner::Source, Owner::Pivotal, Owner::FillIfEmpty];
    // Written, found, wanted; and what follows, owner by owner.
    type Case = (Option<Value>, Option<Value>, Option<Value>, [Option<DriftVerdict>; 4]);
    let table: [Case; 10] = [
        (text("gold"), text("gold"), text("gold"), [None; 4]),
        (text("gold"), text("gold"), text("silver"), [None; 4]),
        (text("gold"), text("tin"), text("gold"), [Some(Left), Some(PutBack), Some(Taken), Some(Taken)]),
        (text("gold"), text("tin"), text("silver"), [Some(Left), Some(PutBack), Some(Taken), Some(Taken)]),
        (text("gold"), Some(Value::Null), text("gold"), [Some(Left), Some(PutBack), Some(Taken), Some(PutBack)]),
        (text("gold"), text("tin"), text("tin"), [Some(Taken); 4]),
        (text("gold"), text("tin"), None, [Some(Left), Some(Left), Some(Taken), Some(Left)]),
        // Nobody's edit of ours: it was never written.
        (Some(Value::Null), text("tin"), Some(Value::Null), [None; 4]),
        (None, text("tin"), text("gold"), [None, None, Some(Taken), Some(Taken)]),
        // An answer that does not name the field says nothing of it.
        (text("gold"), None, text("gold"), [None; 4]),
    ];
    for (written, found, wanted, expected) in table {
        for (owner, expected) in owners.into_iter().zip(expected) {
            let settings = plan_owned(owner);
            let (written, found) = (fields(written.clone()), fields(found.clone()));
            let wanted = wanted.clone().map(|wanted| fields(Some(wanted)));
            let drifts = compare(&settings, Kind::Customer, &written, &found, wanted.as_ref());
            let verdict = drifts.first().map(|drift| drift.verdict);
            assert_eq!(verdict, expected, "{owner:?} {written:?} {found:?} {wanted:?}");
        }
    }
}

#[test]
fn what_differs_in_spelling_alone_is_no_edit() {
    let settings = super::super::sample::settings();
    let compare = |kind, name: &'static str, written: Value, found: Value| {
        let (written, found) = (Fields::from([(name, written)]), Fields::from([(name, found)]));
        compare(&settings, kind, &written, &found, Some(&written)).len()
    };
    assert_eq!(compare(Kind::Customer, "hubspot_company_id", "7".into(), number("7")), 0);
    assert_eq!(compare(Kind::Customer, "mrr", number("125"), number("125.00")), 0);
    let (plain, milli) = ("2026-06-01T00:00:00Z".into(), "2026-06-01T00:00:00.000Z".into());
    assert_eq!(compare(Kind::Onboarding, "target_launch_date", milli, plain), 0);
    let labels = |words: [&str; 2]| Value::List(words.map(Value::from).to_vec());
    assert_eq!(compare(Kind::Contact, "labels", labels(["a", "b"]), labels(["b", "a"])), 0);
    assert_eq!(compare(Kind::Contact, "labels", labels(["a", "b"]), labels(["a", "c"])), 1);
}

#[test]
fn a_changed_id_is_named_and_a_changed_slug_is_learned() {
    let settings = super::super::sample::settings();
    let written = Fields::from([("hubspot_company_id", "1".into()), ("slug", "acme".into())]);
    let found = Fields::from([("hubspot_company_id", "2".into()), ("slug", "acme-inc".into())]);
    let wanted = Fields::from([("hubspot_company_id", "1".into())]);
    let verdicts: Vec<_> = compare(&settings, Kind::Customer, &written, &found, Some(&wanted))
        .into_iter()
        .map(|drift| (drift.field, drift.verdict))
        .collect();
    assert_eq!(
        verdicts,
        [("hubspot_company_id".to_owned(), DriftVerdict::Ids), ("slug".to_owned(), DriftVerdict::Taken)]
    );
}

#[test]
fn a_customer_that_a_person_archived_is_not_taken_for_one_this_daemon_archived() {
    // The next plan would have it active again.
    let now: Timestamp = at("2026-06-01");
    for owner in [Owner::Report, Owner::Pivotal, Owner::FillIfEmpty] {
        let mut settings = super::super::sample::settings();
        settings.customers.owner.insert("status".to_owned(), owner);
        let written = Fields::from([("status", "active".into())]);
        let found = Fields::from([("status", "archived".into())]);
        let drifts = compare(&settings, Kind::Customer, &written, &found, Some(&written));
        assert_eq!(drifts[0].verdict, DriftVerdict::Left, "{owner:?} {now}");
    }
}

#[test]
fn many_at_once_is_another_writer_and_a_few_are_people() {
    let edited = |number| BTreeMap::from([("name".to_owned(), number)]);
    assert_eq!(two_writers(10, &edited(4), 2), None);
    assert_eq!(two_writers(100, &edited(9), 0), None);
    let said = two_writers(50, &edited(5), 0).unwrap();
    assert!(said.starts_with("name was changed on 5 of 50 customers") && said.contains("connector"), "{said}");
    assert!(two_writers(50, &BTreeMap::new(), 3).unwrap().starts_with("3 customers were made elsewhere"));
    // The reconciler asks the same.
    assert!(reconciler(|_| ()).two_writers(50, &edited(5), 0).is_some());
}

#[test]
fn a_key_that_somebody_took_out_of_the_metadata_is_an_edit() {
    let settings = super::super::sample::settings();
    let written = Fields::from([("metadata.owner", Value::from("ann@acme.com")), ("metadata.since", "2024".into())]);
    let drifts = |found: Fields| {
        let drifts = compare(&settings, Kind::Customer, &written, &found, Some(&written));
        drifts.into_iter().map(|drift| (drift.field, drift.found)).collect::<Vec<_>>()
    };
    let left = Fields::from([("metadata.since", "2024".into()), ("metadata.theirs", "x".into())]);
    assert_eq!(drifts(left), [("metadata.owner".to_owned(), Value::Null)]);
    // An answer without any says nothing of it (pivotal-api.md 10.1).
    assert_eq!(drifts(Fields::from([("name", "Acme".into())])), []);
}

#[test]
fn what_pivotal_itself_answered_is_nobodys_edit_and_not_written_for_ever() {
    let settings = plan_owned(Owner::Source);
    let (written, found) = (fields(Some("gold".into())), fields(Some("GOLD".into())));
    for (kept, expected) in [
        (fields(Some("GOLD".into())), (DriftVerdict::Left, true)),
        (fields(Some("silver".into())), (DriftVerdict::PutBack, false)),
        (Fields::new(), (DriftVerdict::PutBack, false)),
    ] {
        let mut drifts = compare(&settings, Kind::Customer, &written, &found, Some(&written));
        mark_kept(Kind::Customer, &mut drifts, &kept);
        assert_eq!((drifts[0].verdict, drifts[0].kept), expected, "{kept:?}");
    }
}
