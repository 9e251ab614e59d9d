use secrecy::ExposeSecret;

use super::super::tests::{env, least};
use super::*;

#[test]
fn an_app_does_instead_of_a_token_and_needs_all_three_parts() {
    let others = [("PIVOTAL_API_KEY", "p"), ("STRIPE_API_KEY", "s")];
    let app = [("HUBSPOT_CLIENT_ID", "id"), ("HUBSPOT_CLIENT_SECRET", "shh"), ("HUBSPOT_REFRESH_TOKEN", "ref")];
    let find = |hubspot: &[(&str, &str)]| Secrets::find(&least(), env(&[&others[..], hubspot].concat()), None);
    let secrets = find(&app).unwrap();
    let Some(Credentials::App(keys)) = &secrets.hubspot else { panic!("an app") };
    let parts = [&keys.client_id, &keys.client_secret, &keys.refresh_token].map(|part| part.expose_secret().to_owned());
    assert_eq!(parts, ["id", "shh", "ref"]);
    assert!(!format!("{secrets:?}").contains("shh"), "{secrets:?}");
    // A token goes first; a client secret without a refresh token is for webhooks.
    for more in [&[app[0], app[1], app[2], ("HUBSPOT_TOKEN", "t")][..], &[app[1], ("HUBSPOT_TOKEN", "t")]] {
        assert!(matches!(find(more).unwrap().hubspot, Some(Credentials::Token(_))));
    }
    let missing = |hubspot: &[(&str, &str)]| find(hubspot).unwrap_err().0;
    assert_eq!(
        missing(&[app[2]]),
        [Credential::HubspotClientId, Credential::HubspotClientSecret].map(SecretProblem::Missing)
    );
    assert_eq!(missing(&[app[1]]), [SecretProblem::Missing(Credential::Hubspot)]);
}
