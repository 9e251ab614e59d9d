//! A store that was put back from a backup: it does not know what was written since, and removes nothing on its own word.

use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;

use super::desk::Desk;

impl Desk {
    /// Puts the backup `old.db` in the store's place.
    fn put_back(&self) {
        self.lose_store();
        std::fs::copy(self.folder.path().join("old.db"), self.store()).unwrap();
    }
}

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

/// What was made since a backup is known again, whatever Pivotal would let through twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_put_back_from_a_backup_makes_nothing_twice() {
    let desk = Desk::with("").await;
    desk.open_onboardings();
    let one = desk.company("One", "one.com");
    desk.person(&one, "Ann", "ann@one.com");
    desk.ends(0, "backfill").await;
    desk.ends(0, "backup old.db").await;
    let bob = desk.person(&one, "Bob", "bob@one.com");
    let two = desk.company("Two", "two.com");
    desk.win(Some(&one), 0);
    desk.ends(0, "sync --full").await;
    let counts = || {
        let pivotal = desk.sandbox.pivotal();
        [Object::Customer, Object::Contact, Object::Onboarding].map(|object| pivotal.visible(object).count())
    };
    assert_eq!(counts(), [2, 2, 1], "{bob} {two}");
    desk.lose_store();
    std::fs::rename(desk.folder.path().join("old.db"), desk.store()).unwrap();
    for line in ["sync --full", "sync", "sync --full"] {
        desk.ends(0, line).await;
        assert_eq!(counts(), [2, 2, 1], "{line}");
    }
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_on_the_word_of_a_store_that_was_put_back_until_it_was_compared() {
    for ends_it in ["audit", "audit --dry-run", "approve --all"] {
        let desk = Desk::with("").await;
        let (one, _) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
        desk.ends(0, "sync").await;
        desk.ends(0, "backup old.db").await;
        desk.sandbox.hubspot().archive(ObjectType::Company, id(&one)).unwrap();
        desk.put_back();
        for line in ["plan", "sync", "sync --full"] {
            let said = desk.ends(if line == "plan" { 0 } else { 3 }, line).await.text;
            assert!(said.contains("put back from a backup of 20"), "{line}: {said}");
            assert!(said.contains("`pivotal-sync audit "), "{line}: {said}");
            assert_eq!(desk.customers(), 2, "{line}");
        }
        let why = desk.ends(0, &format!("why {one}")).await.text;
        assert!(why.contains("put back from a backup"), "{why}");
        desk.run(&ends_it.split(' ').collect::<Vec<_>>()).await;
        let said = desk.ends(0, "sync").await.text;
        assert_eq!((said.contains("1 of 2 customers"), desk.customers()), (false, 1), "{ends_it}: {said}");
        desk.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_that_a_backup_was_made_of_goes_on_as_before() {
    let desk = Desk::with("").await;
    let (one, _) = (desk.company("One", "one.com"), desk.company("Two", "two.com"));
    desk.ends(0, "sync").await;
    desk.ends(0, "backup old.db").await;
    desk.sandbox.hubspot().archive(ObjectType::Company, id(&one)).unwrap();
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
}

/// What a person decided since the backup is not in it; the ids that Pivotal's customers carry by now are.
#[tokio::test(flavor = "multi_thread")]
async fn no_id_is_written_twice_though_the_decision_was_forgotten_that_left_it_where_it_is() {
    for loser in [0, 1] {
        let desk = Desk::with("").await;
        let both = [desk.company("One", "one.com"), desk.company("Two", "two.com")];
        desk.ends(0, "sync").await;
        desk.ends(0, "backup old.db").await;
        desk.ends(0, &format!("ignore {}", both[0])).await;
        desk.ends(0, "sync").await;
        desk.sandbox.hubspot().merge(ObjectType::Company, id(&both[1 - loser]), id(&both[loser])).unwrap();
        desk.run(&["sync"]).await;
        desk.no_id_is_doubled();
        desk.put_back();
        for line in ["sync", "sync --full", "audit", "sync"] {
            desk.run(&line.split(' ').collect::<Vec<_>>()).await;
            desk.no_id_is_doubled();
            assert_eq!(desk.customers(), 2, "{loser}: {line}");
        }
    }
}
