//! A deal that goes to another company leaves its onboarding where it was opened, and with it what says so on the customer
//! (pivotal-api.md 10.3, hubspot-api.md trap 12).

use pivotal_sync::sandbox::pivotal::Object;
use serde_json::{Value, json};

use super::desk::Desk;

const DEAL: &str = "hubspot_deal_id";

fn id(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_deal_that_moves_stays_on_the_customer_of_its_onboarding() {
    let desk = Desk::with("").await;
    desk.open_onboardings();
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let deal = desk.win(Some(&acme), 5);
    desk.ends(0, "sync").await;
    assert_eq!(desk.says(&acme, DEAL), json!(deal));

    desk.sandbox.hubspot().move_deal(&deal, id(&beta)).unwrap();
    let settled = async || {
        let why = desk.ends(0, &format!("why hubspot:deal:{deal}")).await.text;
        assert!(!why.contains("changed since the last look"), "{why}");
    };
    desk.sandbox.log.clear();
    for line in ["sync --full", "sync", "sync --full"] {
        desk.ends(0, line).await;
        settled().await;
    }
    assert_eq!((desk.says(&acme, DEAL), desk.says(&beta, DEAL), desk.writes()), (json!(deal), Value::Null, 0));
    // What is written to the other customer is no news of the onboarding.
    desk.set(&beta, "name", "Beta Inc");
    desk.ends(0, "sync").await;
    settled().await;

    // Each customer says the newest of its own onboardings.
    let second = desk.win(Some(&beta), 1);
    desk.ends(0, "sync").await;
    assert_eq!((desk.says(&acme, DEAL), desk.says(&beta, DEAL)), (json!(deal), json!(second)));
    assert_eq!(desk.sandbox.pivotal().visible(Object::Onboarding).count(), 2);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_moves_before_anything_was_opened_goes_to_its_new_customer() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    let deal = desk.win(Some(&acme), 5);
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().move_deal(&deal, id(&beta)).unwrap();
    desk.open_onboardings();
    desk.ends(0, "sync --full").await;
    assert_eq!((desk.says(&acme, DEAL), desk.says(&beta, DEAL)), (Value::Null, json!(deal)));
    desk.is_quiet().await;
}

/// What a store knows that was lost, or put back from a backup made before the deal was won, is in Pivotal alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_moved_is_found_where_its_onboarding_lives_after_a_loss() {
    let desk = Desk::with("").await;
    desk.open_onboardings();
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    desk.ends(0, "backup before.db").await;
    let deal = desk.win(Some(&acme), 5);
    desk.ends(0, "sync").await;
    desk.sandbox.hubspot().move_deal(&deal, id(&beta)).unwrap();
    desk.ends(0, "sync --full").await;
    let said = || (desk.says(&acme, DEAL), desk.says(&beta, DEAL));
    assert_eq!(said(), (json!(deal), Value::Null));

    let (store, before) = (desk.folder.path().join("state.db"), desk.folder.path().join("before.db"));
    for restored in [false, true] {
        desk.lose_store();
        if restored {
            std::fs::copy(&before, &store).unwrap();
        }
        desk.sandbox.log.clear();
        for line in [if restored { "sync" } else { "backfill" }, "sync --full", "sync"] {
            desk.ends(0, line).await;
            assert_eq!(said(), (json!(deal), Value::Null), "{line}");
            // An older store learns that the customer says so by saying so.
            assert!(desk.writes() <= usize::from(restored), "{line}");
        }
    }
    assert_eq!(desk.sandbox.pivotal().visible(Object::Onboarding).count(), 1);
    desk.set(&beta, "name", "Beta Inc");
    desk.sandbox.log.clear();
    desk.ends(0, "sync").await;
    assert_eq!((said(), desk.writes()), ((json!(deal), Value::Null), 1));
}
