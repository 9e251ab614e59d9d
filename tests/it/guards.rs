//! What may not happen unasked, through the real binary: held, said once everywhere, and nothing else is stopped by it.

use std::process::Output;

use pivotal_sync::sandbox::hubspot::{CompanySeed, ObjectType};
use pivotal_sync::sandbox::pivotal::Object;

use super::desk::Desk;
use super::rig::{Rig, portal, text};

/// The limits as they come, not those of the rig.
const DEFAULTS: [(&str, &str); 2] =
    [("PIVOTAL_SYNC__GUARD__MAX_DELETES", "25"), ("PIVOTAL_SYNC__GUARD__MAX_DELETE_PERCENT", "5")];

fn typed(rig: &Rig, words: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        rig.command(words).envs(DEFAULTS).envs(env.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn delete_companies(rig: &Rig, most: usize) {
    let mut hubspot = rig.hubspot();
    let companies: Vec<String> = hubspot.ids(ObjectType::Company).take(most).collect();
    for company in companies {
        hubspot.archive(ObjectType::Company, &company).unwrap();
    }
}

fn add_companies(rig: &Rig, count: usize) {
    for number in 0..count {
        rig.hubspot().add_company(CompanySeed {
            name: format!("Late {number}"),
            domain: Some(format!("late{number}.com")),
            properties: text([("lifecyclestage", "customer")]),
            created: chrono::Utc::now(),
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tripped_guard_holds_its_kind_and_says_so_once() {
    let rig = Rig::with(portal(30, 1)).await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    assert_eq!(typed(&rig, &["backfill"], &[]).0, Some(0));
    rig.writes();
    delete_companies(&rig, 20);
    let other = rig.hubspot().ids(ObjectType::Company).last().unwrap();
    rig.hubspot().set_property(ObjectType::Company, &other, "name", "Renamed").unwrap();

    let (code, out, err) = typed(&rig, &["sync"], &[]);
    assert_eq!(code, Some(3), "{out}{err}");
    let why = "20 of 30 customers would be deleted at once (66.6 %)";
    assert_eq!(out.matches(why).count(), 1, "{out}");
    assert_eq!(err.lines().filter(|line| line.contains("WARN")).count(), 1, "{err}");
    assert!(err.contains("guard.max_delete_percent = 5") && err.contains("count=20"), "{err}");
    let writes: Vec<_> = rig.writes().into_iter().map(|w| w.method).collect();
    assert_eq!(writes, ["PATCH"], "the rest goes on");

    assert_eq!(typed(&rig, &["plan"], &[]).1.matches(why).count(), 1);
    let (code, out, _) = typed(&rig, &["status"], &[]);
    assert_eq!(code, Some(3));
    assert_eq!(out.matches(why).count(), 1, "{out}");
    assert!(out.contains("20 held"), "{out}");

    // The way out that the message names works as it stands there.
    let variables = [("PIVOTAL_SYNC__GUARD__MAX_DELETE_PERCENT", "67")];
    assert_eq!(typed(&rig, &["sync"], &variables).0, Some(0));
    assert_eq!(rig.pivotal().visible(Object::Customer).count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_portal_archives_nothing_and_every_command_says_so() {
    // hubspot-api.md trap 40: a lost scope or a wrong account looks like mass deletion.
    let rig = Rig::with(portal(12, 1)).await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\non_source_delete = \"archive\"\n");
    assert_eq!(typed(&rig, &["backfill"], &[]).0, Some(0));
    rig.writes();
    *rig.hubspot() = portal(0, 0);
    let (code, out, err) = typed(&rig, &["sync", "--full"], &[]);
    assert_eq!(code, Some(1), "a source that shows nothing was not read: {out}{err}");
    for stream in ["hubspot.companies", "hubspot.contacts"] {
        assert!(out.contains(&format!("{stream} listed nothing although 12 records are known")), "{out}");
    }
    assert!(rig.writes().is_empty());
    let (code, out, _) = typed(&rig, &["status"], &[]);
    assert_eq!(code, Some(3));
    assert!(out.contains("listed nothing although 12 records are known"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_shows_far_fewer_is_held_by_the_guard_of_deletions() {
    // hubspot-api.md trap 40: what a lost business unit no longer shows answers 404 by id too.
    for (policy, verb) in [("delete", "deleted"), ("archive", "archived")] {
        let rig = Rig::with(portal(12, 1)).await;
        rig.configure(&format!("[customers]\ndelete_grace = \"0s\"\non_source_delete = \"{policy}\"\n"));
        assert_eq!(typed(&rig, &["backfill"], &[]).0, Some(0));
        rig.writes();
        {
            let mut hubspot = rig.hubspot();
            for object in [ObjectType::Company, ObjectType::Contact] {
                let gone: Vec<String> = hubspot.ids(object).skip(2).collect();
                gone.iter().for_each(|id| hubspot.purge(object, id).unwrap());
            }
        }
        let (code, out, _) = typed(&rig, &["sync", "--full"], &[]);
        assert_eq!(code, Some(3), "{out}");
        assert!(out.contains(&format!("10 of 12 customers would be {verb} at once (83.3 %)")), "{out}");
        assert!(rig.writes().is_empty(), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_creates_are_held_but_never_those_of_a_first_load() {
    let rig = Rig::with(portal(12, 1)).await;
    let few = [("PIVOTAL_SYNC__GUARD__MAX_CREATES", "5")];
    // A plan is no load, and one that was cut off is none either.
    assert_eq!(typed(&rig, &["plan"], &few).0, Some(0));
    rig.pivotal().revoke_key("pivotal_test_sandbox");
    assert_eq!(typed(&rig, &["sync"], &few).0, Some(1));
    rig.pivotal().restore_key("pivotal_test_sandbox");
    let (code, out, _) = typed(&rig, &["sync"], &few);
    assert_eq!((code, rig.pivotal().visible(Object::Contact).count()), (Some(0), 12), "{out}");

    add_companies(&rig, 5);
    assert_eq!(typed(&rig, &["sync"], &few).0, Some(0));
    add_companies(&rig, 6);
    let (code, out, _) = typed(&rig, &["sync"], &few);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("6 customers would be created at once, more than guard.max_creates = 5 allows"), "{out}");
    assert_eq!(rig.pivotal().visible(Object::Customer).count(), 17);
    let (code, _, _) = typed(&rig, &["sync"], &[("PIVOTAL_SYNC__GUARD__MAX_CREATES", "6")]);
    assert_eq!((code, rig.pivotal().visible(Object::Customer).count()), (Some(0), 23));
}

/// What was let through is let through as it was seen, and not for another day.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_ends_with_what_it_was_given_for() {
    let desk = Desk::with("[guard]\nmax_deletes = 1\nmax_delete_percent = 100\nmin_population = 1\n").await;
    let companies = [desk.company("One", "one.com"), desk.company("Two", "two.com"), desk.company("Six", "six.com")];
    desk.ends(0, "sync").await;
    let archive = |away: bool| {
        for company in &companies[..2] {
            let id = company.rsplit(':').next().unwrap();
            let mut hubspot = desk.sandbox.hubspot();
            match away {
                true => hubspot.archive(ObjectType::Company, id).unwrap(),
                false => hubspot.restore(ObjectType::Company, id).unwrap(),
            }
        }
    };
    archive(true);
    desk.ends(3, "sync").await;
    desk.ends(0, "approve --all").await;
    archive(false);
    desk.ends(0, "sync").await;
    archive(true);
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 3, "held again");
    desk.ends(0, "approve --all").await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1, "let through anew");
}
