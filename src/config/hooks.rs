//! What webhooks are signed with, and where alerts go. Neither is needed for a run.

use secrecy::{ExposeSecret, SecretString};

use crate::http::is_loopback;

use super::secrets::{Places, exposure, unusable};
use super::{Credential, Found, SecretProblem};

/// The secrets of what comes in and goes out besides the three APIs. While one is exchanged there are several of it.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// The client secrets of the HubSpot app that sends webhooks; none when HubSpot's are not received.
    pub hubspot: Vec<SecretString>,
    /// The secrets of Stripe's endpoint (`whsec_…`); none when Stripe's are not received.
    pub stripe: Vec<SecretString>,
    /// The secrets of Pivotal's endpoint (`whsec_…`); none when Pivotal's are not received.
    pub pivotal: Vec<SecretString>,
    /// The address alerts are sent to.
    pub alerts: Option<SecretString>,
}

impl Hooks {
    /// Webhook secrets are looked for when webhooks are received, of the sources that are on; one is enough.
    pub(super) fn find(places: &Places<'_>, problems: &mut Vec<SecretProblem>, warnings: &mut Vec<String>) -> Self {
        let settings = places.settings;
        let mut list = |credential: Credential| match places.have(credential).then(|| places.list(credential)) {
            None => Vec::new(),
            Some(Ok((secrets, found))) => {
                warnings.extend(exposure(&found).filter(|warning| !warnings.contains(warning)));
                secrets
            }
            Some(Err(problem)) => {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
                Vec::new()
            }
        };
        let mut received = |on: bool, credential| if on { list(credential) } else { Vec::new() };
        let on = settings.webhooks.enabled;
        let hooks = Self {
            hubspot: received(on && settings.hubspot.enabled, Credential::HubspotClientSecret),
            stripe: received(on && settings.stripe.enabled, Credential::StripeWebhook),
            pivotal: received(on, Credential::PivotalWebhook),
            alerts: received(true, Credential::AlertsUrl).into_iter().next(),
        };
        if on && problems.is_empty() && [&hooks.hubspot, &hooks.stripe, &hooks.pivotal].iter().all(|of| of.is_empty()) {
            problems.push(SecretProblem::NoWebhookSecret);
        }
        let found = || places.list(Credential::AlertsUrl).map(|(_, found)| found);
        if let (Some(url), Ok(found)) = (&hooks.alerts, found()) {
            problems.extend(not_an_address(url, &found));
        }
        hooks
    }
}

fn not_an_address(url: &SecretString, found: &Found) -> Option<SecretProblem> {
    let url = url.expose_secret().parse::<url::Url>().ok();
    let good = url.is_some_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)));
    let why = "is no https:// address (http:// only to this machine)";
    (!good).then(|| unusable(Credential::AlertsUrl, found, why))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::tests::{LEAST, env, load_text};
    use super::super::{SecretErrors, Secrets};
    use super::*;

    const KEYS: [(&str, &str); 3] = [("PIVOTAL_API_KEY", "p"), ("STRIPE_API_KEY", "s"), ("HUBSPOT_TOKEN", "t")];

    fn find(more: &str, pairs: &[(&str, &str)]) -> Result<Secrets, SecretErrors> {
        let settings = load_text(&format!("{LEAST}{more}"), &[]).unwrap();
        Secrets::find(&settings, env(&[&KEYS[..], pairs].concat()), None)
    }

    const ON: &str = "[webhooks]\nenabled = true\npublic_url = 'https://sync.acme.com/hooks'\n";

    #[test]
    fn several_secrets_stand_side_by_side_while_one_is_exchanged() {
        let pairs = [("STRIPE_WEBHOOK_SECRET", "whsec_new\n whsec_old \n"), ("HUBSPOT_CLIENT_SECRET", "a,b,")];
        let hooks = find(ON, &pairs).unwrap().hooks;
        let shown = |secrets: &[SecretString]| secrets.iter().map(|s| s.expose_secret().to_owned()).collect::<Vec<_>>();
        assert_eq!(shown(&hooks.stripe), ["whsec_new", "whsec_old"]);
        assert_eq!(shown(&hooks.hubspot), ["a", "b"]);
        assert!(hooks.pivotal.is_empty());
        assert!(!format!("{hooks:?}").contains("whsec"), "{hooks:?}");
        // Not received, not looked for.
        assert!(find("", &pairs).unwrap().hooks.stripe.is_empty());
        let off = find(&format!("{ON}[stripe]\nenabled = false\n"), &pairs).unwrap().hooks;
        assert_eq!((off.stripe.len(), off.hubspot.len()), (0, 2));
    }

    #[test]
    fn an_app_shows_the_newest_of_its_secrets() {
        let settings = load_text(LEAST, &[]).unwrap();
        let app = [("HUBSPOT_CLIENT_ID", "id"), ("HUBSPOT_CLIENT_SECRET", "new,old"), ("HUBSPOT_REFRESH_TOKEN", "r")];
        let found = Secrets::find(&settings, env(&[&KEYS[..2], &app[..]].concat()), None).unwrap();
        let Some(crate::sources::hubspot::Credentials::App(keys)) = found.hubspot else { panic!("an app") };
        assert_eq!(keys.client_secret.expose_secret(), "new");
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let told = |more: &str, pairs: &[(&str, &str)]| find(more, pairs).unwrap_err().to_string();
        assert!(told(ON, &[]).starts_with("webhooks.enabled is true, but there is nothing to check a signature with"));
        assert!(told(ON, &[("STRIPE_WEBHOOK_SECRET", "two words")]).contains("more than one word"));
        assert!(told(ON, &[("PIVOTAL_WEBHOOK_SECRET", " \n")]).contains("is empty"));
        for url in ["hooks.slack.com/x", "http://alerts.acme.com/hidden"] {
            let said = told("", &[("ALERTS_WEBHOOK_URL", url)]);
            assert!(said.contains("is no https:// address") && !said.contains(url), "{said}");
        }
        let said = load_text(&format!("{LEAST}[webhooks]\nenabled = true\n"), &[]).unwrap_err();
        assert!(said.contains("webhooks.public_url: is not set"), "{said}");
    }
}
