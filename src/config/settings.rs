//! All settings together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{pivotal, reconcile, sources, store};

use super::{Place, Schedule};

/// The whole configuration (design section 6). Holds no secret.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[store]`
    pub store: store::Settings,
    /// `[pivotal]`
    pub pivotal: pivotal::Settings,
    /// `[hubspot]`
    pub hubspot: sources::hubspot::Settings,
    /// `[stripe]`
    pub stripe: sources::stripe::Settings,
    /// `[schedule]`
    pub schedule: Schedule,
    /// `[daemon]`
    pub daemon: Daemon,
    /// `[customers]`
    pub customers: reconcile::Customers,
    /// `[contacts]`
    pub contacts: reconcile::Contacts,
    /// `[onboardings]`
    pub onboardings: reconcile::Onboardings,
    /// `[identity]`
    pub identity: reconcile::Identity,
    /// `[guard]`
    pub guard: reconcile::Guard,
    /// `[admin]`
    pub admin: Admin,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[alerts]`
    pub alerts: Alerts,
    /// Where each key was set.
    #[serde(skip)]
    pub origins: Origins,
}

impl Settings {
    /// The sections that decide what Pivotal should say, as the reconciler takes them.
    pub fn reconcile(&self) -> reconcile::Settings {
        reconcile::Settings {
            customers: self.customers.clone(),
            contacts: self.contacts.clone(),
            onboardings: self.onboardings.clone(),
            identity: self.identity.clone(),
            guard: self.guard.clone(),
        }
    }

    /// A rule set to nothing takes its field out (see `config/example.toml`).
    pub(super) fn drop_empty_rules(&mut self) {
        let Self { customers, contacts, onboardings, .. } = self;
        for fields in [
            &mut customers.fields,
            &mut customers.metadata,
            &mut contacts.fields,
            &mut contacts.billing.fields,
            &mut onboardings.fields,
        ] {
            fields.retain(|_, rule| !rule.trim().is_empty());
        }
    }
}

/// Where each key was set last; a key that is not there has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(pub(super) BTreeMap<String, Place>);

impl Origins {
    /// Where a key such as `customers.fields.name` was set; [`Place::Layers`] for a default.
    pub fn of(&self, key: &str) -> Place {
        self.0.get(key).cloned().unwrap_or(Place::Layers)
    }
}

/// `[daemon]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// Where the control socket is; without it, in the service's own runtime folder, or else beside the store.
    pub socket: Option<PathBuf>,
}

/// `[admin]`: the status page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address and port it listens on.
    pub listen: SocketAddr,
}

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether webhooks are received.
    pub enabled: bool,
    /// Address and port they are received on.
    pub listen: SocketAddr,
    /// The address the sources know it by; part of what HubSpot signs.
    pub public_url: Option<Url>,
}

/// `[alerts]`: who is told how the runs go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Asked for after each good run: what notices that none came.
    pub heartbeat_url: Option<Url>,
    /// Told when something goes wrong, and when it is well again. Where it is a secret, as Slack's are, it may come as a
    /// credential instead.
    pub webhook_url: Option<Url>,
    /// File that holds the same.
    pub webhook_url_file: Option<PathBuf>,
}
