//! The credentials: where each is looked for, and which are missing.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::domain::{ApiError, Fault};
use crate::sources::hubspot::{AppKeys, Credentials};

use super::{Hooks, Settings};

/// One of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// Pivotal's API key.
    Pivotal,
    /// HubSpot's token.
    Hubspot,
    /// Stripe's API key.
    Stripe,
    /// Id of an OAuth app at HubSpot: with the next two it does instead of a token.
    HubspotClientId,
    /// The app's secret.
    HubspotClientSecret,
    /// The app's refresh token.
    HubspotRefreshToken,
    /// What Stripe signs its webhooks with.
    StripeWebhook,
    /// What Pivotal signs its webhooks with.
    PivotalWebhook,
    /// Where alerts are sent: whoever knows such an address can write there.
    AlertsUrl,
}

impl Credential {
    /// Every credential, in the order they are shown.
    pub const ALL: [Self; 9] = [
        Self::Pivotal,
        Self::Hubspot,
        Self::Stripe,
        Self::HubspotClientId,
        Self::HubspotClientSecret,
        Self::HubspotRefreshToken,
        Self::StripeWebhook,
        Self::PivotalWebhook,
        Self::AlertsUrl,
    ];

    /// Those that requests to the three APIs carry.
    const OF_REQUESTS: [Self; 6] = [
        Self::Pivotal,
        Self::Hubspot,
        Self::Stripe,
        Self::HubspotClientId,
        Self::HubspotClientSecret,
        Self::HubspotRefreshToken,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pivotal => "Pivotal API key",
            Self::Hubspot => "HubSpot token",
            Self::Stripe => "Stripe API key",
            Self::HubspotClientId => "HubSpot client id",
            Self::HubspotClientSecret => "HubSpot client secret",
            Self::HubspotRefreshToken => "HubSpot refresh token",
            Self::StripeWebhook => "Stripe webhook secret",
            Self::PivotalWebhook => "Pivotal webhook secret",
            Self::AlertsUrl => "address for alerts",
        }
    }

    /// Its systemd credential: a file under `$CREDENTIALS_DIRECTORY`.
    pub const fn systemd_name(self) -> &'static str {
        match self {
            Self::Pivotal => "pivotal-api-key",
            Self::Hubspot => "hubspot-token",
            Self::Stripe => "stripe-api-key",
            Self::HubspotClientId => "hubspot-client-id",
            Self::HubspotClientSecret => "hubspot-client-secret",
            Self::HubspotRefreshToken => "hubspot-refresh-token",
            Self::StripeWebhook => "stripe-webhook-secret",
            Self::PivotalWebhook => "pivotal-webhook-secret",
            Self::AlertsUrl => "alerts-webhook-url",
        }
    }

    /// The configuration key that names its file.
    pub const fn file_key(self) -> &'static str {
        match self {
            Self::Pivotal => "pivotal.api_key_file",
            Self::Hubspot => "hubspot.token_file",
            Self::Stripe => "stripe.api_key_file",
            Self::HubspotClientId => "hubspot.client_id_file",
            Self::HubspotClientSecret => "hubspot.client_secret_file",
            Self::HubspotRefreshToken => "hubspot.refresh_token_file",
            Self::StripeWebhook => "stripe.webhook_secret_file",
            Self::PivotalWebhook => "pivotal.webhook_secret_file",
            Self::AlertsUrl => "alerts.webhook_url_file",
        }
    }

    /// Its environment variable.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Pivotal => "PIVOTAL_API_KEY",
            Self::Hubspot => "HUBSPOT_TOKEN",
            Self::Stripe => "STRIPE_API_KEY",
            Self::HubspotClientId => "HUBSPOT_CLIENT_ID",
            Self::HubspotClientSecret => "HUBSPOT_CLIENT_SECRET",
            Self::HubspotRefreshToken => "HUBSPOT_REFRESH_TOKEN",
            Self::StripeWebhook => "STRIPE_WEBHOOK_SECRET",
            Self::PivotalWebhook => "PIVOTAL_WEBHOOK_SECRET",
            Self::AlertsUrl => "ALERTS_WEBHOOK_URL",
        }
    }

    /// The three places it is looked for, in order, in words.
    pub fn places(self) -> String {
        format!("the systemd credential {}, the file {}, or {}", self.systemd_name(), self.file_key(), self.variable())
    }

    /// Where the credentials are taken from that an API refused: a token's one place, or those of all that an OAuth app shows;
    /// where one would be looked for, when none was found. Nothing for an error that is not about credentials.
    pub fn blamed(error: &ApiError, secrets: Option<&Secrets>) -> Vec<String> {
        if !matches!(error.fault, Fault::Unauthorised | Fault::Forbidden { .. }) {
            return Vec::new();
        }
        let own = || Self::OF_REQUESTS.into_iter().filter(|credential| credential.name().starts_with(error.api));
        let taken = |credential: Self, place: String| format!("the {} is taken from {place}", credential.name());
        let found = |credential| Some(taken(credential, secrets?.found.get(&credential)?.to_string()));
        let places: Vec<String> = own().filter_map(found).collect();
        match places.is_empty() {
            true => own().take(1).map(|credential| taken(credential, credential.places())).collect(),
            false => places,
        }
    }

    /// `by_app` says that HubSpot is to be read as an OAuth app.
    fn is_needed(self, settings: &Settings, by_app: bool) -> bool {
        match self {
            Self::Pivotal => true,
            Self::Hubspot => settings.hubspot.enabled && !by_app,
            Self::Stripe => settings.stripe.enabled,
            Self::HubspotClientId | Self::HubspotClientSecret | Self::HubspotRefreshToken => {
                settings.hubspot.enabled && by_app
            }
            Self::StripeWebhook | Self::PivotalWebhook | Self::AlertsUrl => false,
        }
    }

    fn file(self, settings: &Settings) -> Option<&Path> {
        match self {
            Self::Pivotal => settings.pivotal.api_key_file.as_deref(),
            Self::Hubspot => settings.hubspot.token_file.as_deref(),
            Self::Stripe => settings.stripe.api_key_file.as_deref(),
            Self::HubspotClientId => settings.hubspot.client_id_file.as_deref(),
            Self::HubspotClientSecret => settings.hubspot.client_secret_file.as_deref(),
            Self::HubspotRefreshToken => settings.hubspot.refresh_token_file.as_deref(),
            Self::StripeWebhook => settings.stripe.webhook_secret_file.as_deref(),
            Self::PivotalWebhook => settings.pivotal.webhook_secret_file.as_deref(),
            Self::AlertsUrl => settings.alerts.webhook_url_file.as_deref(),
        }
    }
}

/// Where a credential was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A systemd credential.
    Systemd(PathBuf),
    /// The file the configuration names.
    File(PathBuf),
    /// The environment variable of this name.
    Variable(&'static str),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(path) => write!(f, "the systemd credential {}", path.display()),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
        }
    }
}

/// The credentials of what is switched on, trimmed. Never printed, stored, or put in a URL.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Pivotal's API key.
    pub pivotal: SecretString,
    /// HubSpot's token, or the app's keys, when HubSpot is enabled.
    pub hubspot: Option<Credentials>,
    /// Stripe's API key, when Stripe is enabled.
    pub stripe: Option<SecretString>,
    /// What webhooks are signed with, and where alerts go.
    pub hooks: Hooks,
    /// Where each that requests carry was found.
    pub found: BTreeMap<Credential, Found>,
    /// What a person should know, e.g. a key file that everybody may read.
    pub warnings: Vec<String>,
}

/// Why a credential cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// Webhooks are to be received, and none can be told from a forgery.
    #[error(
        "webhooks.enabled is true, but there is nothing to check a signature with; looked for the {}, the {} and the {} at {}; {}; and {}",
        Credential::HubspotClientSecret.name(), Credential::StripeWebhook.name(), Credential::PivotalWebhook.name(),
        Credential::HubspotClientSecret.places(), Credential::StripeWebhook.places(), Credential::PivotalWebhook.places()
    )]
    NoWebhookSecret,
    /// It is in none of the three places.
    #[error("the {} is missing; looked at {}", .0.name(), .0.places())]
    Missing(Credential),
    /// Its place is there, but gives nothing usable.
    #[error("the {} in {found}: {why}", credential.name())]
    Unusable {
        /// Which.
        credential: Credential,
        /// The place.
        found: Found,
        /// What is wrong there, without the content.
        why: String,
    },
}

/// All credentials that cannot be had. Never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretErrors(pub Vec<SecretProblem>);

/// One problem a line.
impl fmt::Display for SecretErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for SecretErrors {}

impl Secrets {
    /// Where the credentials are taken from that an API refused: see [`Credential::blamed`].
    pub fn blamed(&self, error: &ApiError) -> Vec<String> {
        Credential::blamed(error, Some(self))
    }

    /// Finds the credentials of everything that is enabled: under `credentials_dir` (systemd's `$CREDENTIALS_DIRECTORY`),
    /// in the configured file, in `env`. The first place that has one is used, even if what it has is unusable: a key
    /// that is silently taken from elsewhere would be a riddle.
    ///
    /// # Errors
    /// Every credential that is missing or unusable, at once.
    pub fn find(
        settings: &Settings,
        env: impl Iterator<Item = (String, String)>,
        credentials_dir: Option<&Path>,
    ) -> Result<Self, SecretErrors> {
        let wanted = Credential::ALL.map(Credential::variable);
        let env: BTreeMap<_, _> = env.filter(|(name, _)| wanted.contains(&name.as_str())).collect();
        let places_of = Places { settings, env: &env, credentials_dir };
        // A client secret alone makes no app: webhooks are signed with one, too.
        let has = |credential| places_of.have(credential);
        let by_app = !has(Credential::Hubspot) && has(Credential::HubspotRefreshToken);
        let mut problems = Vec::new();
        let mut places = BTreeMap::new();
        let mut secrets = Credential::OF_REQUESTS.map(|credential| {
            if !credential.is_needed(settings, by_app) {
                return None;
            }
            match places_of.look_up(credential) {
                Ok((secret, found)) => {
                    places.insert(credential, found);
                    Some(secret)
                }
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            }
        });
        let [pivotal, token, stripe, client_id, client_secret, refresh_token] = &mut secrets;
        let hubspot = match (token.take(), client_id.take(), client_secret.take(), refresh_token.take()) {
            (Some(token), ..) => Some(Credentials::Token(token)),
            (None, Some(client_id), Some(client_secret), Some(refresh_token)) => {
                Some(Credentials::App(AppKeys { client_id, client_secret, refresh_token }))
            }
            _ => None,
        };
        let mut warnings: Vec<String> = places.values().filter_map(exposure).collect();
        let hooks = Hooks::find(&places_of, &mut problems, &mut warnings);
        match pivotal.take() {
            Some(pivotal) if problems.is_empty() => {
                Ok(Self { pivotal, hubspot, stripe: stripe.take(), hooks, found: places, warnings })
            }
            _ => Err(SecretErrors(problems)),
        }
    }
}

/// The three places, in order.
pub(super) struct Places<'a> {
    pub(super) settings: &'a Settings,
    env: &'a BTreeMap<String, String>,
    credentials_dir: Option<&'a Path>,
}

impl Places<'_> {
    /// Whether one of them has it.
    pub(super) fn have(&self, credential: Credential) -> bool {
        self.systemd_file(credential).is_some()
            || credential.file(self.settings).is_some()
            || self.env.contains_key(credential.variable())
    }

    /// Where systemd put a credential. An empty one stands for none: the unit loads all that could be needed.
    fn systemd_file(&self, credential: Credential) -> Option<PathBuf> {
        let path = self.credentials_dir?.join(credential.systemd_name());
        match std::fs::read(&path) {
            Ok(content) => !content.trim_ascii().is_empty(),
            // Why it cannot be read is told when it is needed.
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
        .then_some(path)
    }

    /// The one word there. While a client secret is exchanged there are several, the newest first: an app shows that one.
    fn look_up(&self, credential: Credential) -> Result<(SecretString, Found), SecretProblem> {
        let (mut words, found) = self.list(credential)?;
        let several = words.len() > 1 && credential != Credential::HubspotClientSecret;
        match words.is_empty() || several {
            false => Ok((words.swap_remove(0), found)),
            true => Err(unusable(credential, &found, "holds more than one word; expected the bare key")),
        }
    }

    /// The words there, one a line or between commas; at least one.
    pub(super) fn list(&self, credential: Credential) -> Result<(Vec<SecretString>, Found), SecretProblem> {
        let (content, found) = self.read(credential)?;
        let words: Vec<&str> = content.split(['\n', ',']).map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Err(unusable(credential, &found, "is empty"));
        }
        if words.iter().any(|word| word.chars().any(|c| c.is_whitespace() || c.is_control())) {
            return Err(unusable(credential, &found, "holds more than one word; expected the bare key"));
        }
        Ok((words.into_iter().map(SecretString::from).collect(), found))
    }

    fn read(&self, credential: Credential) -> Result<(String, Found), SecretProblem> {
        let (found, content) = if let Some(path) = self.systemd_file(credential) {
            let content = std::fs::read_to_string(&path);
            (Found::Systemd(path), content)
        } else if let Some(path) = credential.file(self.settings) {
            (Found::File(path.to_owned()), std::fs::read_to_string(path))
        } else if let Some(text) = self.env.get(credential.variable()) {
            (Found::Variable(credential.variable()), Ok(text.clone()))
        } else {
            return Err(SecretProblem::Missing(credential));
        };
        // The error of a read names the cause only, never the content.
        let content = content.map_err(|why| unusable(credential, &found, &format!("cannot be read: {why}")))?;
        Ok((content, found))
    }
}

pub(super) fn unusable(credential: Credential, found: &Found, why: &str) -> SecretProblem {
    SecretProblem::Unusable { credential, found: found.clone(), why: why.to_owned() }
}

/// A warning about a key file that everybody on the machine may read. systemd looks after its own.
pub(super) fn exposure(found: &Found) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let Found::File(path) = found else { return None };
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        let path = path.display();
        format!("{path} can be read by everybody on this machine; chmod 600 {path}")
    })
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
