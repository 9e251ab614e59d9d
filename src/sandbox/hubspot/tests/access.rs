//! Tokens, scopes, versions, limits.

use super::super::{OwnerSeed, RetryAfter};
use super::*;

#[tokio::test]
async fn a_wrong_token_is_a_401_and_a_lost_scope_a_403_that_names_it() {
    let mut portal = Portal::open().await;
    portal.world().revoke("crm.objects.deals.read");
    let got = portal.get("/crm/objects/2026-09/deals").await;
    assert_eq!((got.status, &got.json()["category"]), (403, &json!("MISSING_SCOPES")));
    let scopes = &got.json()["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(scopes, &json!(["crm.objects.deals.read"]));
    assert!(got.json()["correlationId"].is_string());
    assert_eq!(portal.get("/crm/objects/2026-09/companies").await.status, 200);
    portal.token = "pat-na1-other".to_owned();
    let got = portal.get("/crm/objects/2026-09/companies").await;
    assert_eq!((got.status, &got.json()["category"]), (401, &json!("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn trap_41_a_version_that_is_gone_is_a_404() {
    let portal = Portal::open().await;
    assert_eq!(portal.get("/crm/objects/2026-03/0-2").await.status, 200);
    portal.world().switches.versions.remove("2026-03");
    let got = portal.get("/crm/objects/2026-03/0-2").await;
    assert_eq!(got.status, 404);
    assert!(got.text.contains("<html>"), "trap 38: not JSON");
    assert_eq!(portal.get("/crm/objects/2027-03-beta/companies").await.status, 404);
    assert_eq!(portal.get("/crm/objects/2026-09/companys").await.status, 400);
}

#[tokio::test]
async fn trap_31_searches_starve_without_a_word_about_limits() {
    let portal = Portal::open().await;
    portal.world().switches.searches_per_second = Some(5);
    portal.world().search_elsewhere(5);
    let got = portal.search("companies", json!({})).await;
    assert_eq!((got.status, &got.json()["policyName"]), (429, &json!("SECONDLY")));
    assert!(got.header("x-hubspot-ratelimit-remaining").is_none() && got.header("retry-after").is_none());
    assert_eq!(portal.get("/crm/objects/2026-09/companies").await.status, 200, "another bucket");
    portal.world().switches.searches_per_second = None;
    let got = portal.search("companies", json!({})).await;
    assert_eq!((got.status, got.header("x-hubspot-ratelimit-max")), (200, None));
}

#[tokio::test]
async fn trap_33_the_burst_window_is_told_by_headers_and_its_wait_in_either_unit() {
    let portal = Portal::open().await;
    portal.world().switches.calls_per_ten_seconds = Some(2);
    let path = "/crm/objects/2026-09/companies";
    let got = portal.get(path).await;
    let told =
        ["max", "remaining", "interval-milliseconds"].map(|name| got.header(&format!("x-hubspot-ratelimit-{name}")));
    assert_eq!(told, [Some("2"), Some("1"), Some("10000")]);
    portal.get(path).await;
    let got = portal.get(path).await;
    assert_eq!((got.status, &got.json()["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    let milliseconds: u64 = got.header("retry-after").unwrap().parse().unwrap();
    assert!((11..=10_001).contains(&milliseconds));
    portal.world().switches.retry_after = RetryAfter::Seconds;
    let seconds: u64 = portal.get(path).await.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds));
    assert_eq!(portal.world().refused(), 2);
}

#[tokio::test]
async fn trap_32_the_daily_limit_ends_at_midnight_of_the_account() {
    let portal = Portal::open().await;
    portal.world().switches.calls_per_day = Some(1);
    portal.world().pin(Utc.with_ymd_and_hms(2026, 11, 24, 4, 59, 0).unwrap());
    let path = "/crm/objects/2026-09/companies";
    assert_eq!(portal.get(path).await.header("x-hubspot-ratelimit-daily-remaining"), Some("0"));
    let got = portal.get(path).await;
    assert_eq!((got.status, &got.json()["policyName"], got.header("retry-after")), (429, &json!("DAILY"), None));
    portal.world().pin(Utc.with_ymd_and_hms(2026, 11, 24, 5, 0, 0).unwrap());
    let usage = portal.get("/account-info/2026-09/api-usage/daily/private-apps").await.json();
    assert_eq!((&usage["results"][0]["currentUsage"], &usage["results"][0]["usageLimit"]), (&json!(1), &json!(1)));
    assert_eq!(usage["results"][0]["resetsAt"], "2026-11-25T05:00:00.000Z");
}

#[tokio::test]
async fn trap_39_a_moving_account_answers_477_with_seconds() {
    let portal = Portal::open().await;
    portal.world().switches.migrating_seconds = Some(86_400);
    let got = portal.get("/crm/objects/2026-09/companies").await;
    assert_eq!((got.status, got.header("retry-after")), (477, Some("86400")));
}

#[tokio::test]
async fn trap_30_the_date_header_is_the_portals_own_clock() {
    let portal = Portal::open().await;
    portal.world().switches.date_skew_ms = 90_000;
    let got = portal.get("/account-info/2026-09/details").await;
    assert_eq!(got.header("date"), Some("Mon, 23 Nov 2026 12:01:30 GMT"));
    assert_eq!(
        (&got.json()["utcOffset"], &got.json()["utcOffsetMilliseconds"]),
        (&json!("-05:00"), &json!(-18_000_000))
    );
}

#[tokio::test]
async fn trap_27_deactivated_owners_are_listed_on_request_only() {
    let portal = Portal::open().await;
    let seed = |email: &str| OwnerSeed { email: email.into(), first_name: "A".into(), last_name: "B".into() };
    let one = portal.world().add_owner(seed("a@x.example"));
    let two = portal.world().add_owner(seed("b@x.example"));
    portal.world().archive_owner(&two);
    let live = portal.get("/crm/owners/2026-09?limit=100").await;
    assert_eq!(live.ids(), vec![one.clone()]);
    assert_ne!(live.json()["results"][0]["userId"].to_string(), one);
    assert_eq!(portal.get("/crm/owners/2026-09?archived=true").await.ids(), vec![two]);
}

#[tokio::test]
async fn tokens_tell_their_scopes_and_oauth_ones_die() {
    let mut portal = Portal::open().await;
    let path = "/oauth/v2/private-apps/get/access-token-info";
    let info = portal.post(path, json!({ "tokenKey": "pat-na1-test" })).await.json();
    assert!(info["scopes"].as_array().unwrap().contains(&json!("crm.objects.contacts.read")));
    portal.world().switches.token_info = false;
    assert_eq!(portal.post(path, json!({ "tokenKey": "pat-na1-test" })).await.status, 400);
    portal.world().set_oauth("client", "secret", "refresh");
    let form = |refresh: &'static str| {
        [
            ("grant_type", "refresh_token"),
            ("client_id", "client"),
            ("client_secret", "secret"),
            ("refresh_token", refresh),
        ]
    };
    let url = format!("{}/oauth/2026-09/token", portal.base);
    assert_eq!(got(portal.http.post(&url).form(&form("dead"))).await.json()["error"], "invalid_grant");
    let traded = got(portal.http.post(&url).form(&form("refresh"))).await.json();
    assert_eq!(traded["expires_in"], 1_800);
    portal.token = traded["access_token"].as_str().unwrap().to_owned();
    assert_eq!(portal.get("/crm/objects/2026-09/companies").await.status, 200);
    portal.world().pin(noon() + Duration::seconds(1_801));
    let dead = portal.get("/crm/objects/2026-09/companies").await;
    assert_eq!((dead.status, &dead.json()["category"]), (401, &json!("EXPIRED_AUTHENTICATION")));
    portal.world().switches.bad_hub = true;
    assert_eq!(got(portal.http.post(&url).form(&form("refresh"))).await.json()["status"], "BAD_HUB");
}
