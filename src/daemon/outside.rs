//! What listens and speaks besides the door: the admin listener, the webhooks, the alerts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::store::Store;

use super::Door;
use super::admin::{self, Admin, Metrics};
use super::alerts::{Alerts, TakenIn};
use super::listener::serve;
use super::webhooks::{Receiver, ReceiverError, Touch, router};

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// A place to listen cannot be had.
    #[error("cannot listen on {address} ({key}): {source}; stop what listens there, or set {key} to another address")]
    Listen {
        /// The key that names it.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Webhooks cannot be told from forgeries.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    /// No client for alerts.
    #[error("cannot make an HTTP client for alerts: {0} (install your system's CA certificates package)")]
    Client(#[from] reqwest::Error),
}

/// What goes on when what is open is exchanged.
pub struct Lasting {
    /// Where what webhooks name is kept.
    pub touch: Arc<dyn Touch>,
    /// Told when something was.
    pub touched: Arc<Notify>,
    /// What people were told of.
    pub taken_in: TakenIn,
}

/// What was opened.
pub struct Outside {
    /// Where the admin listener is.
    pub admin: SocketAddr,
    /// Where webhooks are received, if they are.
    pub webhooks: Option<SocketAddr>,
    tasks: TaskTracker,
}

impl Outside {
    /// Opens everything the configuration asks for; it ends with `stop`. Nothing is opened when one of them cannot be: a
    /// reload tries the new before it lets go of the old only if their addresses differ.
    ///
    /// # Errors
    /// Why not.
    pub async fn open(
        app: &App,
        door: &Door,
        store: &Store,
        lasting: &Lasting,
        stop: &CancellationToken,
    ) -> Result<Self, OutsideError> {
        let (settings, hooks) = (&app.settings, &app.secrets.hooks);
        let alerts = Alerts::new(&settings.pivotal.workspace, &settings.alerts, hooks.alerts.as_ref())?;
        let receiver = match settings.webhooks.enabled {
            true => {
                let public = settings.webhooks.public_url.as_ref();
                let (touch, touched) = (lasting.touch.clone(), lasting.touched.clone());
                Some(Arc::new(Receiver::new(public, hooks, touch, store.clone(), touched)?))
            }
            false => None,
        };
        let (admin, admin_at) = listen("admin.listen", settings.admin.listen).await?;
        let incoming = match &receiver {
            Some(_) => Some(listen("webhooks.listen", settings.webhooks.listen).await?),
            None => None,
        };
        let tasks = TaskTracker::new();
        let addresses = receiver.as_ref().map(|receiver| receiver.addresses()).unwrap_or_default();
        let shown = Admin::new(door.clone(), store.clone(), Metrics::install(), admin_at.ip(), addresses);
        tasks.spawn(serve(admin, admin::router(Arc::new(shown)), stop.clone()));
        tasks.spawn(alerts.watch(door.clone(), store.clone(), lasting.taken_in.clone(), stop.clone()));
        tracing::info!(address = %admin_at, "status page, health and metrics on {admin_at}");
        if !admin_at.ip().is_loopback() {
            tracing::warn!(address = %admin_at, "admin.listen is open to the network and asks for no password: {admin_at}");
        }
        let webhooks = incoming.as_ref().map(|(_, at)| *at);
        if let (Some((listener, at)), Some(receiver)) = (incoming, receiver) {
            let public = receiver.addresses().join(" ");
            tracing::info!(address = %at, public, "webhooks on {at} for {public}");
            tasks.spawn(serve(listener, router(receiver), stop.clone()));
        }
        tasks.close();
        Ok(Self { admin: admin_at, webhooks, tasks })
    }

    /// Waits until everything has ended; `stop` must be cancelled first.
    pub async fn ended(self) {
        self.tasks.wait().await;
    }
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), OutsideError> {
    let failed = |source| OutsideError::Listen { key, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use chrono::Utc;
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;
    use crate::config::{self, Secrets};
    use crate::daemon::Inside;
    use crate::domain::{SourceKey, Timestamp};
    use crate::store::StoreError;

    struct Forgets;

    #[async_trait]
    impl Touch for Forgets {
        async fn touch(&self, _keys: &[SourceKey], _now: Timestamp) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn app(admin: &str, webhooks: &str) -> App {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let text = format!(
            "[pivotal]\nworkspace = 'acme'\n[admin]\nlisten = '{admin}'\n[webhooks]\nenabled = true\nlisten = '{webhooks}'\n\
             public_url = 'https://sync.acme.com'\n"
        );
        std::fs::write(&file, text).unwrap();
        let settings = config::load(Some(&file), std::iter::empty()).unwrap();
        let env = ["PIVOTAL_API_KEY", "HUBSPOT_TOKEN", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"];
        let env = env.map(|name| (name.to_owned(), "whsec_x".to_owned()));
        App { secrets: Secrets::find(&settings, env.into_iter(), None).unwrap(), settings }
    }

    async fn open(
        app: &App,
        touched: &Arc<Notify>,
        stop: &CancellationToken,
    ) -> (Result<Outside, OutsideError>, Inside, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state.db")).await.unwrap();
        let (door, inside) = Door::new();
        let (touch, touched) = (Arc::new(Forgets), touched.clone());
        let lasting = Lasting { touch, touched, taken_in: TakenIn::default() };
        (Outside::open(app, &door, &store, &lasting, stop).await, inside, folder)
    }

    #[tokio::test]
    async fn a_webhook_from_outside_is_told_to_who_knocks_at_the_door() {
        let (touched, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let (outside, _inside, _folder) = open(&app("127.0.0.1:0", "127.0.0.1:0"), &touched, &stop).await;
        let outside = outside.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = client.get(format!("http://{}/", outside.admin)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("sync.acme.com&#x2f;stripe") && !page.contains("hubspot<"), "{page}");
        let body = r#"{"id":"evt","type":"customer.updated","created":1,"data":{"object":{"id":"cus_1"}}}"#;
        let time = Utc::now().timestamp();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_x").unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()));
        let post = client.post(format!("http://{}/stripe", outside.webhooks.unwrap()));
        let answer = post.header("stripe-signature", signature).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        touched.notified().await;
        stop.cancel();
        outside.ended().await;
    }

    #[tokio::test]
    async fn a_place_that_is_taken_is_named_with_its_key() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = taken.local_addr().unwrap().to_string();
        for (admin, webhooks, key) in [(&*at, "127.0.0.1:0", "admin.listen"), ("127.0.0.1:0", &*at, "webhooks.listen")]
        {
            let (outside, _inside, _folder) =
                open(&app(admin, webhooks), &Arc::default(), &CancellationToken::new()).await;
            let told = outside.err().unwrap().to_string();
            assert!(told.starts_with(&format!("cannot listen on {at} ({key}): ")), "{told}");
        }
    }
}
