//! One delivery: read within bounds, verify, mark, answer. No work is done here that could keep a sender waiting: HubSpot gives
//! up after five seconds (hubspot-api.md 9.1).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures::StreamExt;
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use crate::config::Hooks;
use crate::domain::{SourceKey, Timestamp};
use crate::pivotal;
use crate::sources::{hubspot, stripe};
use crate::store::{Store, StoreError};

use super::drift;
use super::signature::{Distrust, SvixKey, verify_hubspot, verify_pivotal, verify_stripe};

/// The longest body. A full delivery of HubSpot's is under 100 KiB, Svix sends at most 1 MiB.
const MOST_BYTES: usize = 1024 * 1024;
/// How long a body may take to come in.
const TO_READ: Duration = Duration::from_secs(2);
/// How long a mark may take: while a run writes, marks wait their turn among its commits.
const TO_MARK: Duration = Duration::from_secs(2);
/// Refusals of one sender are told no more often than this: the listener's noise must not fill the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Where touched records are written down, for the next run to read them by id.
#[async_trait]
pub trait Touch: Send + Sync {
    /// Writes them down; durable when it returns, and the same however often it is done.
    async fn touch(&self, keys: &[SourceKey], now: Timestamp) -> Result<(), StoreError>;
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Hubspot,
    Stripe,
    Pivotal,
}

impl Sender {
    const ALL: [Self; 3] = [Self::Hubspot, Self::Stripe, Self::Pivotal];

    /// The last part of its address, and its name in logs and metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Stripe => "stripe",
            Self::Pivotal => "pivotal",
        }
    }
}

/// A receiver that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiverError {
    /// The address HubSpot signs is not known.
    #[error("webhooks.public_url is not set; set it to the address under which the outside reaches webhooks.listen")]
    NoPublicUrl,
    /// One of Pivotal's secrets is not what Pivotal shows.
    #[error("a Pivotal webhook secret is not usable: it must be whsec_ and base64, as Pivotal showed it once")]
    PivotalSecret,
}

/// Everything a delivery meets.
pub struct Receiver {
    public_url: Url,
    hubspot: Vec<SecretString>,
    stripe: Vec<SecretString>,
    pivotal: Vec<SvixKey>,
    touch: Arc<dyn Touch>,
    store: Store,
    /// One mark of a drift at a time: each replaces the list of all.
    marking: tokio::sync::Mutex<()>,
    touched: Arc<Notify>,
    told: Mutex<[Option<Instant>; 3]>,
}

impl Receiver {
    /// A receiver for those whose secrets are there. `touched` is notified after each delivery that marked something
    /// ([`super::coalesce::knock`] listens).
    ///
    /// # Errors
    /// When the settings are not enough to verify anything.
    pub fn new(
        public_url: Option<&Url>,
        hooks: &Hooks,
        touch: Arc<dyn Touch>,
        store: Store,
        touched: Arc<Notify>,
    ) -> Result<Self, ReceiverError> {
        let pivotal: Option<Vec<SvixKey>> = hooks.pivotal.iter().map(SvixKey::read).collect();
        Ok(Self {
            public_url: public_url.ok_or(ReceiverError::NoPublicUrl)?.clone(),
            hubspot: hooks.hubspot.clone(),
            stripe: hooks.stripe.clone(),
            pivotal: pivotal.ok_or(ReceiverError::PivotalSecret)?,
            touch,
            store,
            marking: tokio::sync::Mutex::new(()),
            touched,
            told: Mutex::default(),
        })
    }

    /// The addresses to be entered where webhooks are set up, one for each sender that is received.
    pub fn addresses(&self) -> Vec<String> {
        Sender::ALL.into_iter().filter(|sender| self.receives(*sender)).map(|sender| self.address(sender)).collect()
    }

    fn address(&self, sender: Sender) -> String {
        let mut url = self.public_url.clone();
        url.set_query(None);
        url.set_fragment(None);
        format!("{}/{}", url.as_str().trim_end_matches('/'), sender.as_str())
    }

    fn receives(&self, sender: Sender) -> bool {
        match sender {
            Sender::Hubspot => !self.hubspot.is_empty(),
            Sender::Stripe => !self.stripe.is_empty(),
            Sender::Pivotal => !self.pivotal.is_empty(),
        }
    }

    /// Who is meant by a path, with or without the public address's own: proxies strip it or leave it.
    fn sender(&self, path: &str) -> Option<Sender> {
        let own = self.public_url.path().trim_end_matches('/');
        let rest = path.strip_prefix(own).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let sender = Sender::ALL.into_iter().find(|sender| rest.strip_prefix('/') == Some(sender.as_str()))?;
        self.receives(sender).then_some(sender)
    }

    fn verify(&self, sender: Sender, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<(), Distrust> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let now = Utc::now();
        match sender {
            Sender::Hubspot => {
                let address = self.address(sender);
                let uri = query.map_or(address.clone(), |query| format!("{address}?{query}"));
                verify_hubspot(&self.hubspot, &uri, &header, body, now)
            }
            Sender::Stripe => verify_stripe(&self.stripe, &header, body, now),
            Sender::Pivotal => verify_pivotal(&self.pivotal, &header, body, now),
        }
    }

    /// Marks what a verified delivery names. Answers whether there was anything.
    async fn mark(&self, sender: Sender, body: &[u8]) -> Result<bool, Unmarked> {
        let now = Utc::now();
        let keys = match sender {
            Sender::Hubspot => hubspot::webhook::touched(body).map_err(|e| Unmarked::Unreadable(e.to_string()))?,
            Sender::Stripe => stripe::webhook::touched(body).map_err(|e| Unmarked::Unreadable(e.to_string()))?,
            Sender::Pivotal => {
                let told = pivotal::webhook::told(body).map_err(|e| Unmarked::Unreadable(e.to_string()))?;
                let Some(told) = told else { return Ok(false) };
                let _one = self.marking.lock().await;
                if let Some(drift) = drift::mark(&self.store, &told, now).await? {
                    let (object, id) = (drift.object.as_str(), drift.pivotal_id.as_str());
                    tracing::info!(
                        object,
                        pivotal_id = id,
                        fields = drift.fields.join(","),
                        "changed in Pivotal by somebody else: {object} {id}"
                    );
                }
                // Nothing to read at a source: what follows is an audit's business.
                return Ok(false);
            }
        };
        if !keys.is_empty() {
            self.touch.touch(&keys, now).await?;
            tracing::debug!(from = sender.as_str(), records = keys.len(), first = %keys[0], "records touched");
        }
        Ok(!keys.is_empty())
    }

    /// Tells a refusal, unless one of this sender's was told just now.
    fn tell(&self, sender: Sender, why: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut told[sender as usize];
        if last.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *last = Some(Instant::now());
            let from = sender.as_str();
            tracing::warn!(
                from,
                why,
                "a webhook was not taken in: {from}: {why}; more of them are only counted for a minute"
            );
        }
    }
}

/// Why a verified delivery left no mark.
enum Unmarked {
    Unreadable(String),
    Store(StoreError),
}

impl From<StoreError> for Unmarked {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The routes: `POST …/hubspot`, `…/stripe`, `…/pivotal`, of those that are received.
pub fn router(receiver: Arc<Receiver>) -> Router {
    Router::new().fallback(receive).with_state(receiver)
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Some(sender) = receiver.sender(head.uri.path()) else {
        return answer(StatusCode::NOT_FOUND, "there is no webhook here");
    };
    if head.method != Method::POST {
        return ([(header::ALLOW, "POST")], answer(StatusCode::METHOD_NOT_ALLOWED, "webhooks are sent by POST"))
            .into_response();
    }
    let (status, outcome, why) = match read(&head.headers, body).await {
        Err(refused) => refused,
        Ok(body) => match receiver.verify(sender, head.uri.query(), &head.headers, &body) {
            Err(distrust) => (StatusCode::UNAUTHORIZED, word(distrust), distrust.to_string()),
            Ok(()) => taken(&receiver, sender, &body).await,
        },
    };
    metrics::counter!("pivotal_sync_webhook_deliveries_total", "from" => sender.as_str(), "outcome" => outcome)
        .increment(1);
    if !why.is_empty() {
        receiver.tell(sender, &why);
    }
    // Senders learn no more than they need: a forger would learn what to try next.
    let said = if status == StatusCode::UNAUTHORIZED { "not accepted".to_owned() } else { why };
    answer(status, &said)
}

/// A delivery that is verified, marked and done with. What cannot be read now cannot be read when it is sent again either, so
/// it is not refused; what could not be marked is.
async fn taken(receiver: &Receiver, sender: Sender, body: &[u8]) -> (StatusCode, &'static str, String) {
    match tokio::time::timeout(TO_MARK, receiver.mark(sender, body)).await {
        Ok(Ok(touched)) => {
            if touched {
                receiver.touched.notify_one();
            }
            (StatusCode::NO_CONTENT, "taken", String::new())
        }
        Ok(Err(Unmarked::Unreadable(why))) => (StatusCode::NO_CONTENT, "unreadable", why),
        Ok(Err(Unmarked::Store(error))) => {
            tracing::error!(%error, "a webhook could not be marked in the store: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, "unmarked", "send it again later".to_owned())
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unmarked", "the store is busy; send it again later".to_owned()),
    }
}

/// The body, if it is not too long and comes in time.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, (StatusCode, &'static str, String)> {
    let too_long = || (StatusCode::PAYLOAD_TOO_LARGE, "too_long", "a body of more than 1 MiB".to_owned());
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES) {
        return Err(too_long());
    }
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    let gathered = async {
        while let Some(piece) = pieces.next().await {
            let broken =
                |_| (StatusCode::BAD_REQUEST, "broken", "the sender hung up before the end of the body".to_owned());
            let piece = piece.map_err(broken)?;
            if whole.len() + piece.len() > MOST_BYTES {
                return Err(too_long());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    };
    match tokio::time::timeout(TO_READ, gathered).await {
        Ok(read) => read,
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "slow", "the body did not come in time".to_owned())),
    }
}

const fn word(distrust: Distrust) -> &'static str {
    match distrust {
        Distrust::Unsigned(_) => "unsigned",
        Distrust::Untimely => "untimely",
        Distrust::Forged => "forged",
    }
}

fn answer(status: StatusCode, said: &str) -> Response {
    match status {
        StatusCode::NO_CONTENT => status.into_response(),
        _ => (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{said}\n")).into_response(),
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
