//! Tells people when things change: once when something goes wrong, once when it is well again, not with every run. And asks
//! for a heartbeat address after each good run, so that somebody notices when none comes.
//!
//! Nothing here can fail a run: what cannot be told is logged, and told after the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::domain::{ErrorReport, RunKind, RunStatus, Timestamp};
use crate::http::is_loopback;
use crate::store::Store;

use super::{Door, Errand, Finished};

/// The fact that keeps what people were told.
const FACT: &str = "alerts";
/// Time for one telling, from first to last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries of one telling; what they do not bring across is tried again after the next run.
const TRIES: u32 = 2;
/// Where Slack takes messages in, and its own form of them.
const SLACK: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];

/// The trouble with a configuration that was refused; runs neither make nor end it.
const CONFIGURATION: &str = "configuration";

/// What is wrong, by what it is about: `run`, a stream's name, `held`, `quarantined`, `owed`, `configuration`. In words, for
/// people.
type Troubles = BTreeMap<String, Trouble>;

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trouble {
    words: String,
    /// The kind of the error, where there is one: an outage and a refused key are two things to be told of.
    kind: String,
    /// What of it the log may hold: words of others may quote names and addresses.
    #[serde(skip)]
    bare: Option<String>,
}

impl Trouble {
    /// In words that are others'; `bare` are those of them that are not.
    fn new(words: impl Into<String>, bare: Option<&str>) -> Self {
        Self { words: words.into(), kind: String::new(), bare: bare.map(str::to_owned) }
    }

    /// In our own words.
    fn ours(words: String) -> Self {
        Self { bare: Some(words.clone()), kind: String::new(), words }
    }

    fn of(error: &ErrorReport, bare: Option<&str>) -> Self {
        let words = format!("{} (hint: {})", error.message, error.hint);
        Self { kind: error.kind.clone(), ..Self::new(words, bare) }
    }

    fn bare(&self) -> &str {
        let kind = Some(self.kind.as_str()).filter(|kind| !kind.is_empty());
        self.bare.as_deref().or(kind).unwrap_or("pivotal-sync status tells why")
    }
}

/// What people were told last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// Troubles that stand.
    troubles: Troubles,
    /// Since when there are any.
    since: Option<Timestamp>,
    /// Troubles as the webhook was last told; differs while a telling did not get across.
    #[serde(default)]
    across: Troubles,
}

/// The run that was taken in last, for whoever watches after a reload: a telling that a reload cut off is told anew.
#[derive(Debug, Clone, Default)]
pub struct TakenIn(Arc<Mutex<Option<Arc<Finished>>>>);

impl TakenIn {
    fn last(&self) -> MutexGuard<'_, Option<Arc<Finished>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, run: &Arc<Finished>) -> bool {
        self.last().as_ref().is_some_and(|last| Arc::ptr_eq(last, run))
    }
}

/// Who is told, and how.
pub struct Alerts {
    workspace: String,
    heartbeat: Option<SecretString>,
    webhook: Option<SecretString>,
    client: reqwest::Client,
    /// What people were told last, while the store could not keep it.
    told: Mutex<Option<Told>>,
}

impl Alerts {
    /// `secret` is the address from a file or credential, which goes before the one in the configuration. `None` for an
    /// address that is not set.
    ///
    /// # Errors
    /// When the machine has no TLS roots, or similar.
    pub fn new(
        workspace: &str,
        settings: &config::Alerts,
        secret: Option<&SecretString>,
    ) -> Result<Self, reqwest::Error> {
        let address = |url: &Option<url::Url>| url.as_ref().map(|url| SecretString::from(url.as_str()));
        let (heartbeat, webhook) =
            (address(&settings.heartbeat_url), secret.cloned().or(address(&settings.webhook_url)));
        let here = |url: &SecretString| url.expose_secret().parse().is_ok_and(|url| is_loopback(&url));
        let stays = [&heartbeat, &webhook].into_iter().flatten().all(here);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pivotal-sync/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        if stays {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        Ok(Self {
            workspace: workspace.to_owned(),
            heartbeat,
            webhook,
            client: builder.build()?,
            told: Mutex::default(),
        })
    }

    /// Takes in every run that ends behind the door, until `stop`. A run that ends while the one before is told of waits; of
    /// several that do, the last counts.
    pub fn watch(
        self,
        door: Door,
        store: Store,
        taken_in: TakenIn,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> {
        let mut state = door.status();
        // Nothing yet: what stood at the last end may be well by now.
        let mut known: Option<Option<String>> = None;
        async move {
            loop {
                let (last, refused) = {
                    let state = state.borrow_and_update();
                    (state.last.clone(), state.refused_configuration.clone())
                };
                if known.as_ref() != Some(&refused) {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.configured(&store, refused.as_deref()) => {}
                    }
                    known = Some(refused);
                }
                if let Some(run) = last.filter(|run| !taken_in.is(run)) {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.finished(&store, &run) => {}
                    }
                    taken_in.last().replace(run);
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = state.changed() => if changed.is_err() { return },
                }
            }
        }
    }

    /// Takes in how a run ended: tells what changed, and asks for the heartbeat after a good one. Plans and runs that were
    /// stopped say nothing of how things stand. Takes up to a minute when the other side does not answer.
    pub async fn finished(&self, store: &Store, run: &Finished) {
        let Some(troubles) = troubles(run) else { return };
        if is_good(run) {
            self.beat().await;
        }
        let after = |before: &Troubles| {
            let standing = before.get_key_value(CONFIGURATION).map(|(what, words)| (what.clone(), words.clone()));
            troubles.into_iter().chain(standing).collect()
        };
        self.take_in(store, after, run.at).await;
    }

    /// Takes in whether the configuration on disk was refused.
    async fn configured(&self, store: &Store, refused: Option<&str>) {
        let after = |before: &Troubles| {
            let others = before.iter().filter(|(what, _)| *what != CONFIGURATION);
            let others = others.map(|(what, words)| (what.clone(), words.clone()));
            let trouble = |why: &str| Trouble::ours(format!("it was refused, and the old one is in use: {why}"));
            others.chain(refused.map(|why| (CONFIGURATION.to_owned(), trouble(why)))).collect()
        };
        self.take_in(store, after, Utc::now()).await;
    }

    async fn take_in(&self, store: &Store, after: impl FnOnce(&Troubles) -> Troubles, now: Timestamp) {
        let unkept = self.told().clone();
        let before = match (unkept, store.fact(FACT).await) {
            (Some(told), _) => told,
            // What cannot be read was written by another version: then people are told anew.
            (None, Ok(text)) => text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            (None, Err(_)) => Told::default(),
        };
        let troubles = after(&before.troubles);
        let told = self.tell_changes(&before, troubles, now).await;
        // The counts in the words move with every run; only a change is worth a write.
        let changed = !same(&told.troubles, &before.troubles) || !same(&told.across, &before.across);
        if !changed && self.told().is_none() {
            return;
        }
        let kept = store.set_fact(FACT, &json!(told).to_string()).await;
        *self.told() = kept.is_err().then_some(told);
        if let Err(error) = kept {
            tracing::error!(%error, "what people were told of how things stand could not be kept: {error}");
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_changes(&self, before: &Told, troubles: Troubles, now: Timestamp) -> Told {
        let mut told = before.clone();
        if !same(&troubles, &before.troubles) {
            told.since = (!troubles.is_empty()).then(|| before.since.unwrap_or(now));
            log(&troubles, &before.troubles);
        }
        told.troubles = troubles;
        if !same(&told.troubles, &before.across)
            && self.tell(&Message::of(&self.workspace, &told, &before.across, now)).await
        {
            told.across.clone_from(&told.troubles);
        }
        told
    }

    /// Whether it got across; where there is nobody to tell, it did.
    async fn tell(&self, message: &Message<'_>) -> bool {
        let Some(webhook) = &self.webhook else { return true };
        let slack = webhook.expose_secret().parse::<url::Url>().is_ok_and(|url| url.host_str().is_some_and(is_slack));
        let body = if slack { message.slack() } else { message.plain() };
        let post = || self.client.post(webhook.expose_secret()).json(&body);
        self.across("alert", post).await
    }

    async fn beat(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            self.across("heartbeat", || self.client.get(heartbeat.expose_secret())).await;
        }
    }

    async fn across(&self, what: &str, request: impl Fn() -> reqwest::RequestBuilder) -> bool {
        for _ in 0..TRIES {
            // Without its address, which may be a secret.
            match request()
                .send()
                .await
                .and_then(reqwest::Response::error_for_status)
                .map_err(reqwest::Error::without_url)
            {
                Ok(_) => return true,
                Err(error) => tracing::warn!(what, %error, "the {what} could not be sent: {error}"),
            }
        }
        false
    }
}

/// What is wrong after a run; `None` when the run says nothing of how things stand.
fn troubles(run: &Finished) -> Option<Troubles> {
    let report = match &run.outcome {
        Err(error) if error.kind == "interrupted" => return None,
        Err(_) if !run.errand.is_routine() => return None,
        Err(error) => return Some([("run".to_owned(), Trouble::of(error, run.bare.as_deref()))].into()),
        Ok(report) if report.kind == RunKind::Plan || report.status == RunStatus::Interrupted => return None,
        // It looked at a part, and what waits elsewhere is none of it.
        Ok(_) if matches!(run.errand, Errand::Audit(_) | Errand::Undo { .. }) && !run.errand.is_routine() => {
            return None;
        }
        Ok(report) => report,
    };
    let mut troubles = Troubles::new();
    if let Some(error) = &report.error {
        troubles.insert("run".to_owned(), Trouble::of(error, None));
    }
    for (stream, counts) in &report.streams {
        if let Some(error) = &counts.error {
            let kind = counts.trouble.unwrap_or_default().to_owned();
            let trouble = Trouble { kind, ..Trouble::new(error, counts.bare.as_deref()) };
            troubles.insert(stream.to_string(), trouble);
        }
    }
    let counts = &report.operations;
    for (what, number, words) in [
        ("held", counts.held, "somebody has to decide: pivotal-sync status shows"),
        ("quarantined", counts.quarantined, "Pivotal refused: pivotal-sync status shows"),
        ("owed", counts.owed, "not done yet, the next run goes on with"),
    ] {
        if number > 0 {
            let (noun, them) = if number == 1 { ("operation", "it") } else { ("operations", "them") };
            troubles.insert(what.to_owned(), Trouble::ours(format!("{number} {noun}; {words} {them}")));
        }
    }
    Some(troubles)
}

/// Good enough for a heartbeat: everything was read and done. What waits for a person is no success, as the exit code says, too.
fn is_good(run: &Finished) -> bool {
    run.outcome.as_ref().is_ok_and(|report| report.status == RunStatus::Complete && report.error.is_none())
}

/// Whether the same things are wrong, for the same kind of reason: words change with every count.
fn same(one: &Troubles, other: &Troubles) -> bool {
    let kinds = |troubles: &Troubles| -> Vec<(String, String)> {
        troubles.iter().map(|(what, trouble)| (what.clone(), trouble.kind.clone())).collect()
    };
    kinds(one) == kinds(other)
}

fn is_slack(host: &str) -> bool {
    SLACK.contains(&host)
}

/// The log has no words of others: they may quote names and addresses.
fn log(now: &Troubles, before: &Troubles) {
    let is_new = |what: &str, kind: &str| before.get(what).is_none_or(|before| before.kind != kind);
    for (what, trouble) in now.iter().filter(|(what, trouble)| is_new(what, &trouble.kind)) {
        let (kind, why) = (&trouble.kind, trouble.bare());
        tracing::warn!(what, kind, why, "something is wrong: {what}: {why}");
    }
    for what in before.keys().filter(|what| !now.contains_key(*what)) {
        tracing::info!(what, "is well again: {what}");
    }
}

/// One telling.
struct Message<'a> {
    workspace: &'a str,
    told: &'a Told,
    recovered: Vec<&'a str>,
    now: Timestamp,
}

impl<'a> Message<'a> {
    fn of(workspace: &'a str, told: &'a Told, before: &'a Troubles, now: Timestamp) -> Self {
        let recovered = before.keys().filter(|what| !told.troubles.contains_key(*what)).map(String::as_str).collect();
        Self { workspace, told, recovered, now }
    }

    fn is_well(&self) -> bool {
        self.told.troubles.is_empty()
    }

    fn text(&self) -> String {
        let workspace = self.workspace;
        if self.is_well() {
            return format!(
                "pivotal-sync ({workspace}) is well again: {} no longer stands out",
                self.recovered.join(", ")
            );
        }
        let mut lines = vec![format!("pivotal-sync ({workspace}) needs a look:")];
        lines.extend(self.told.troubles.iter().map(|(what, Trouble { words, .. })| format!("{what}: {words}")));
        lines.extend(self.recovered.iter().map(|what| format!("{what}: well again")));
        lines.join("\n")
    }

    fn plain(&self) -> Json {
        let words: BTreeMap<&str, &str> =
            self.told.troubles.iter().map(|(what, trouble)| (what.as_str(), trouble.words.as_str())).collect();
        json!({
            "source": "pivotal-sync",
            "workspace": self.workspace,
            "state": if self.is_well() { "ok" } else { "trouble" },
            "troubles": words,
            "recovered": self.recovered,
            "since": self.told.since,
            "at": self.now,
            "text": self.text(),
        })
    }

    /// Slack takes these three signs for its own markup (its page "Formatting text for app surfaces").
    fn slack(&self) -> Json {
        json!({ "text": self.text().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;") })
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
