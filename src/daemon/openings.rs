//! What is open to the outside for the life of the daemon: opened once the store is, exchanged at a reload, closed at the end.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::domain::{SourceKey, Timestamp};
use crate::store::{Store, StoreError};

use super::Door;
use super::alerts::TakenIn;
use super::left;
use super::outside::{Lasting, Outside, OutsideError};
use super::webhooks::{Touch, coalesce};

#[async_trait]
impl Touch for Store {
    async fn touch(&self, keys: &[SourceKey], now: Timestamp) -> Result<(), StoreError> {
        self.nudge(keys, "webhook", now).await
    }
}

/// What is open now.
struct Current {
    app: App,
    outside: Outside,
    stop: CancellationToken,
}

impl Current {
    async fn close(self) {
        self.stop.cancel();
        self.outside.ended().await;
    }
}

/// The listeners and the alerts.
pub(super) struct Openings {
    door: Door,
    store: Store,
    over: CancellationToken,
    /// What webhooks touched asks for a run whatever is exchanged meanwhile: their senders were told that it was taken.
    lasting: Lasting,
    /// Nothing, when neither the new nor the old could be opened at a reload.
    current: Mutex<Option<Current>>,
}

impl Openings {
    /// Opens what the configuration asks for. What goes on for the life of the daemon is among `tasks`.
    pub(super) async fn open(
        app: App,
        door: Door,
        store: Store,
        over: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<Arc<Self>, OutsideError> {
        let touch = Arc::new(store.clone());
        let lasting = Lasting { touch, touched: Arc::default(), taken_in: TakenIn::default() };
        let openings = Self { door, store, over, lasting, current: Mutex::new(None) };
        let current = openings.current(app).await?;
        openings.current.lock().await.replace(current);
        let (touched, door, over) = (openings.lasting.touched.clone(), openings.door.clone(), openings.over.clone());
        tasks.spawn(coalesce::knock(touched, door, over));
        Ok(Arc::new(openings))
    }

    async fn current(&self, app: App) -> Result<Current, OutsideError> {
        let stop = self.over.child_token();
        let outside = Outside::open(&app, &self.door, &self.store, &self.lasting, &stop).await?;
        Ok(Current { app, outside, stop })
    }

    /// Opens what another configuration asks for in place of what is open. When that cannot be, the old is opened again: for
    /// a moment nobody listens, and whoever sends a webhook then sends it again.
    pub(super) async fn exchange(&self, app: App) -> Result<(), OutsideError> {
        let exchanged = self.reopen(app).await;
        // One that was cut off between keeping an event and telling of it.
        if left::has_unread(&self.store).await {
            self.lasting.touched.notify_one();
        }
        exchanged
    }

    async fn reopen(&self, app: App) -> Result<(), OutsideError> {
        let mut current = self.current.lock().await;
        let old = match current.take() {
            Some(old) => {
                let app = old.app.clone();
                old.close().await;
                Some(app)
            }
            None => None,
        };
        match self.current(app).await {
            Ok(fresh) => {
                current.replace(fresh);
                Ok(())
            }
            Err(refused) => {
                if let Some(old) = old {
                    match self.current(old).await {
                        Ok(again) => drop(current.replace(again)),
                        Err(error) => {
                            tracing::error!(%error, "nothing listens to the outside until the next reload: {error}");
                        }
                    }
                }
                Err(refused)
            }
        }
    }

    /// Closes everything, and waits until it is.
    pub(super) async fn close(&self) {
        if let Some(current) = self.current.lock().await.take() {
            current.close().await;
        }
    }
}
