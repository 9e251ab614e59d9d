//! How errors and checks read.

use std::path::PathBuf;

use super::tests::plain;
use super::*;
use crate::cli::{Exit, Failure};
use crate::config::{ConfigErrors, Credential, Found, Place, Problem, SecretErrors, SecretProblem, Secrets};
use crate::domain::{ApiError, Fault};
use crate::ports::{Finding, Verdict};

#[test]
fn all_that_is_wrong_with_a_configuration_is_one_error() {
    let problem = |line, key: &str, what: &str| Problem {
        place: Place::File { path: PathBuf::from("acme.toml"), line: Some(line) },
        key: key.into(),
        what: what.into(),
        expected: "true or false".into(),
    };
    let errors = ConfigErrors(vec![
        problem(4, "hubspot.enabled", "is the text \"yes\""),
        problem(9, "webhooks.enabled", "is the number 1"),
    ]);
    let failure = Failure::from(errors);
    assert_eq!(failure.exit, Exit::Usage);
    insta::assert_snapshot!(plain(&render_failure(&failure)), @r#"
    error: the configuration cannot be used: 2 problems
      acme.toml:4: hubspot.enabled: is the text "yes"; expected true or false
      acme.toml:9: webhooks.enabled: is the number 1; expected true or false
      hint: mend that and run `pivotal-sync check`; `pivotal-sync init` writes an example of every key
    "#);
    insta::assert_snapshot!(format!("{:#}", failure_json(&failure)), @r#"
    {
      "error": {
        "details": [
          "acme.toml:4: hubspot.enabled: is the text \"yes\"; expected true or false",
          "acme.toml:9: webhooks.enabled: is the number 1; expected true or false"
        ],
        "hint": "mend that and run `pivotal-sync check`; `pivotal-sync init` writes an example of every key",
        "kind": "config",
        "message": "the configuration cannot be used: 2 problems"
      },
      "status": "failed"
    }
    "#);
}

#[test]
fn missing_credentials_are_one_error() {
    let failure = Failure::from(SecretErrors(vec![SecretProblem::Missing(Credential::Hubspot)]));
    assert_eq!((failure.kind.as_str(), failure.exit), ("credentials", Exit::Usage));
    insta::assert_snapshot!(plain(&render_failure(&failure)), @r"
    error: credentials are missing
      the HubSpot token is missing; looked at the systemd credential hubspot-token, the file hubspot.token_file, or HUBSPOT_TOKEN
      hint: put each where one of its places is, readable by this user only, and run `pivotal-sync check`
    ");
}

fn api_error(api: &'static str, fault: Fault, status: Option<u16>) -> ApiError {
    ApiError {
        fault,
        api,
        endpoint: "GET /me".into(),
        status,
        code: None,
        field: None,
        message: "no such key".into(),
        request_id: Some("req_1".into()),
    }
}

#[test]
fn a_refused_credential_is_named_with_the_place_it_came_from() {
    let secrets = Secrets {
        pivotal: "k".into(),
        hubspot: None,
        stripe: None,
        hooks: Default::default(),
        found: [(Credential::Pivotal, Found::Variable("PIVOTAL_API_KEY"))].into(),
        warnings: vec![],
    };
    let refused = Failure::of_api(&api_error("Pivotal", Fault::Unauthorised, Some(401)), Some(&secrets));
    insta::assert_snapshot!(plain(&render_failure(&refused)), @r"
    error: Pivotal GET /me answered 401: no such key [request req_1]
      the Pivotal API key is taken from the environment variable PIVOTAL_API_KEY
      hint: make a new one, put it in the place of the old one, and run `pivotal-sync check`
    ");
    let scopes = vec!["crm.objects.deals.read".to_owned()];
    let forbidden = Failure::from(api_error("HubSpot", Fault::Forbidden { scopes }, Some(403)));
    insta::assert_snapshot!(plain(&render_failure(&forbidden)), @r"
    error: HubSpot GET /me answered 403: no such key [request req_1]
      the HubSpot token is taken from the systemd credential hubspot-token, the file hubspot.token_file, or HUBSPOT_TOKEN
      hint: give the HubSpot credential one of these rights: crm.objects.deals.read; then run `pivotal-sync check`
    ");
    let unreachable = Failure::from(api_error("Stripe", Fault::Unreachable, None));
    insta::assert_snapshot!(plain(&render_failure(&unreachable)), @r"
    error: Stripe GET /me failed: no such key [request req_1]
      hint: check the network, and stripe.base_url in the configuration
    ");
}

#[test]
fn a_refused_app_is_named_by_its_own_parts() {
    let found = [
        (Credential::HubspotClientId, Found::Variable("HUBSPOT_CLIENT_ID")),
        (Credential::HubspotClientSecret, Found::File(PathBuf::from("/etc/app-secret"))),
        (Credential::HubspotRefreshToken, Found::Variable("HUBSPOT_REFRESH_TOKEN")),
    ];
    let (pivotal, hubspot, stripe) = ("k".into(), None, None);
    let secrets =
        Secrets { pivotal, hubspot, stripe, hooks: Default::default(), found: found.into(), warnings: vec![] };
    let refused = Failure::of_api(&api_error("HubSpot", Fault::Unauthorised, Some(400)), Some(&secrets));
    insta::assert_snapshot!(plain(&render_failure(&refused)), @r"
    error: HubSpot GET /me answered 400: no such key [request req_1]
      the HubSpot client id is taken from the environment variable HUBSPOT_CLIENT_ID
      the HubSpot client secret is taken from the file /etc/app-secret
      the HubSpot refresh token is taken from the environment variable HUBSPOT_REFRESH_TOKEN
      hint: make a new one, put it in the place of the old one, and run `pivotal-sync check`
    ");
}

#[test]
fn a_check_is_a_line_each_with_the_remedy_of_what_fails() {
    let finding = |what: &str, verdict| Finding { what: what.into(), verdict };
    let good = finding("pivotal workspace", Verdict::Good("acme (key \"sync\")".into()));
    let warning = finding(
        "pivotal mrr_unit",
        Verdict::Warning { found: "is not set".into(), remedy: "set it to write mrr".into() },
    );
    let bad = finding(
        "hubspot scope crm.objects.deals.read",
        Verdict::Bad { found: "is missing".into(), remedy: "add it to the service key".into() },
    );
    let all = [good.clone(), warning, bad];
    insta::assert_snapshot!(plain(&render_findings(&all)), @r#"
    ok    pivotal workspace: acme (key "sync")
    warn  pivotal mrr_unit: is not set → set it to write mrr
    fail  hubspot scope crm.objects.deals.read: is missing → add it to the service key
    3 checks: 1 failed, 1 to look at
    "#);
    insta::assert_snapshot!(format!("{:#}", findings_json(&all)), @r#"
    {
      "checks": [
        {
          "found": "acme (key \"sync\")",
          "verdict": "ok",
          "what": "pivotal workspace"
        },
        {
          "found": "is not set",
          "remedy": "set it to write mrr",
          "verdict": "warn",
          "what": "pivotal mrr_unit"
        },
        {
          "found": "is missing",
          "remedy": "add it to the service key",
          "verdict": "fail",
          "what": "hubspot scope crm.objects.deals.read"
        }
      ],
      "status": "failed"
    }
    "#);
    assert_eq!((verdict_of(&all), verdict_of(std::slice::from_ref(&good))), (Exit::Failed, Exit::Done));
    assert_eq!(plain(&render_findings(&[good])), "ok    pivotal workspace: acme (key \"sync\")\n1 check, all good\n");
}
