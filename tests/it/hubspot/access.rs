//! OAuth apps (hubspot-api.md 2).

use pivotal_sync::domain::{Fault, PullMode};
use pivotal_sync::ports::{PageEnd, Source, Verdict};
use pivotal_sync::sources::hubspot::{AppKeys, Credentials, Hubspot};

use super::{COMPANIES, Kept, Portal, at};

async fn portal() -> Portal {
    let portal = Portal::start().await;
    portal.world().set_oauth("id-1", "shh-2", "refresh-3");
    portal.world().set_token("nobody has this one");
    for n in 0..150 {
        portal.company(&format!("C{n}"));
    }
    portal
}

fn source(portal: &Portal, secret: &str, refresh: &str) -> Hubspot {
    let keys = AppKeys { client_id: "id-1".into(), client_secret: secret.into(), refresh_token: refresh.into() };
    Hubspot::new(&portal.settings, Credentials::App(keys), &portal.reads, true).unwrap()
}

#[tokio::test]
async fn an_app_trades_once_for_as_long_as_its_token_lives() {
    let portal = portal().await;
    let source = source(&portal, "shh-2", "refresh-3");
    let mut kept = Kept::default();
    assert_eq!(kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    portal.world().pin(at("10:10:00"));
    assert_eq!(kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Delta);
    assert_eq!((kept.live("name").len(), portal.asked()["trade"]), (150, 1));
    assert!(source.check().await.iter().all(|finding| matches!(finding.verdict, Verdict::Good(_))));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_dies_by_what_expires_in_says() {
    let portal = portal().await;
    portal.world().switches.access_token_seconds = 0;
    // Dead on arrival: each request needs one of its own, and no 401 is waited for.
    let source = source(&portal, "shh-2", "refresh-3");
    let error = Kept::default().run(&source, COMPANIES, PullMode::Changes).await.unwrap_err();
    assert_eq!(error.fault, Fault::Unauthorised);
    assert_eq!(portal.asked()["trade"], 1, "a 401 is no signal to trade");
    portal.world().switches.access_token_seconds = 1_800;
    let mut kept = Kept::default();
    assert_eq!(kept.run(&source, COMPANIES, PullMode::Changes).await.unwrap(), PageEnd::Listing);
    assert_eq!(portal.asked()["trade"], 1, "the token that had run out was replaced");
}

#[tokio::test]
async fn a_refused_app_says_which_part_is_wrong_and_shows_none_of_them() {
    let portal = portal().await;
    let fails = async |secret: &str, refresh: &str| {
        let error =
            Kept::default().run(&source(&portal, secret, refresh), COMPANIES, PullMode::Changes).await.unwrap_err();
        assert_eq!(error.fault, Fault::Unauthorised, "{error}");
        assert!(!["shh-", "refresh-", "id-1"].iter().any(|part| error.to_string().contains(part)), "{error}");
        (error.code.unwrap_or_default(), error.message)
    };
    let (code, message) = fails("shh-9", "refresh-3").await;
    assert!(code == "BAD_CLIENT_ID" && message.contains("client secret is wrong"), "{code} {message}");
    let (code, message) = fails("shh-2", "refresh-9").await;
    assert!(code == "BAD_REFRESH_TOKEN" && message.contains("revoked"), "{code} {message}");
    portal.world().switches.bad_hub = true;
    let (code, message) = fails("shh-2", "refresh-3").await;
    assert!(code == "BAD_HUB" && message.contains("closed"), "{code} {message}");
}

#[tokio::test]
async fn check_names_the_parts_of_an_app_and_no_token() {
    let portal = portal().await;
    let findings = source(&portal, "shh-9", "refresh-3").check().await;
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    let Verdict::Bad { remedy, .. } = &finding.verdict else { panic!("{finding:?}") };
    for part in ["hubspot-client-id", "hubspot-client-secret", "hubspot-refresh-token"] {
        assert!(remedy.contains(part) && !remedy.contains("hubspot-token"), "{remedy}");
    }
}
