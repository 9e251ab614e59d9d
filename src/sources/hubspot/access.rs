//! What requests are signed with: a token as it is, or one that is traded for a refresh token (hubspot-api.md 2).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::domain::{ApiError, Fault};
use crate::http::{Client, Request};

/// A credential for HubSpot.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A service key or a private app's token.
    Token(SecretString),
    /// An OAuth app that a person once let in.
    App(AppKeys),
}

/// What an OAuth app shows for an access token.
#[derive(Debug, Clone)]
pub struct AppKeys {
    /// The app's id.
    pub client_id: SecretString,
    /// The app's secret.
    pub client_secret: SecretString,
    /// What the app was given when it was let in.
    pub refresh_token: SecretString,
}

/// How long before its end a token is no longer used, unless it lives too short for that.
const MARGIN: Duration = Duration::from_secs(120);

/// The app's access token, traded when there is none and before its time is over. A 401 is no signal to trade: a revoked app
/// would trade for ever.
pub(super) struct Trader {
    keys: AppKeys,
    /// The refresh token may be replaced by an answer; then the new one holds for as long as this process lives.
    held: Mutex<(SecretString, Option<Held>)>,
}

struct Held {
    token: SecretString,
    until: Instant,
}

#[derive(Deserialize)]
struct Traded {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// Seconds.
    expires_in: u64,
}

impl Trader {
    pub fn new(keys: AppKeys) -> Self {
        let held = Mutex::new((keys.refresh_token.clone(), None));
        Self { keys, held }
    }

    /// A token that is still good for a while.
    pub async fn token(&self, client: &Client, version: &str) -> Result<SecretString, ApiError> {
        let mut guard = self.held.lock().await;
        if let Some(held) = guard.1.as_ref().filter(|held| Instant::now() < held.until) {
            return Ok(held.token.clone());
        }
        let traded = self.trade(client, version, &guard.0).await?;
        let life = Duration::from_secs(traded.expires_in);
        let until = Instant::now() + life.saturating_sub(MARGIN).max(life / 2);
        if let Some(new) = traded.refresh_token.filter(|new| new.expose_secret() != guard.0.expose_secret()) {
            tracing::warn!("HubSpot replaced the refresh token; put a new one in its place before the old one dies");
            guard.0 = new;
        }
        guard.1 = Some(Held { token: traded.access_token.clone(), until });
        Ok(traded.access_token)
    }

    async fn trade(&self, client: &Client, version: &str, refresh: &SecretString) -> Result<Traded, ApiError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", self.keys.client_id.expose_secret()),
            ("client_secret", self.keys.client_secret.expose_secret()),
            ("refresh_token", refresh.expose_secret()),
        ];
        let request = Request::post_form(format!("/oauth/{version}/token"), &fields);
        match client.send(&request).await {
            Ok(reply) => reply.json(),
            Err(error) => Err(explained(error)),
        }
    }
}

/// A refused trade is a credential that does not work, whatever its status says.
fn explained(error: ApiError) -> ApiError {
    let what = match error.code.as_deref() {
        Some("BAD_HUB") => "the portal that let the app in is closed or no longer has it: let it in again",
        Some("BAD_CLIENT_ID" | "BAD_CLIENT_SECRET") => "the client id or the client secret is wrong",
        Some("BAD_REFRESH_TOKEN") => "the refresh token is wrong or was revoked: let the app in again",
        _ if error.fault == Fault::Invalid => "the app's credentials were refused",
        _ => return error,
    };
    ApiError { fault: Fault::Unauthorised, message: format!("{what} ({})", error.message), ..error }
}
