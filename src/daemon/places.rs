//! The places at a listener. Whoever keeps us waiting gives theirs up when somebody else comes and none is left; whoever waits
//! for our answer keeps theirs.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// So many callers at once.
pub(super) struct Places {
    free: Arc<Semaphore>,
    waited_for: Mutex<WaitedFor>,
}

/// Callers whose requests are not all here yet, the earliest first.
#[derive(Default)]
struct WaitedFor {
    last: u64,
    callers: BTreeMap<u64, CancellationToken>,
}

impl Places {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(places)), waited_for: Mutex::default() })
    }

    /// A place for a caller who is there. Waits only while everybody else is waiting for us.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Arc<Place>, AcquireError> {
        if self.free.available_permits() == 0 {
            self.let_the_earliest_go();
        }
        let permit = self.free.clone().acquire_owned().await?;
        let let_go = CancellationToken::new();
        let mut waited_for = self.waited_for();
        waited_for.last += 1;
        let number = waited_for.last;
        waited_for.callers.insert(number, let_go.clone());
        drop(waited_for);
        Ok(Arc::new(Place { places: self.clone(), number, let_go, _permit: permit }))
    }

    fn let_the_earliest_go(&self) {
        // Told under the lock: who was heard in time is never among them.
        if let Some((_, earliest)) = self.waited_for().callers.pop_first() {
            earliest.cancel();
            tracing::debug!("there is no place left; whoever was silent longest was let go");
        }
    }

    fn waited_for(&self) -> std::sync::MutexGuard<'_, WaitedFor> {
        // A panic elsewhere leaves the list as sound as it was.
        self.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's place, free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    let_go: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// The caller was let go.
    pub(super) async fn given_up(&self) {
        self.let_go.cancelled().await;
    }

    /// The request is here: from now on the caller waits for us. Answers whether that was in time.
    fn heard(&self) -> bool {
        let mut waited_for = self.places.waited_for();
        waited_for.callers.remove(&self.number);
        !self.let_go.is_cancelled()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.waited_for().callers.remove(&self.number);
    }
}

/// A request's body that tells when all of it is here, or when nobody wants the rest.
pub(super) struct Hearing {
    body: Incoming,
    place: Arc<Place>,
}

impl Hearing {
    pub(super) fn new(body: Incoming, place: Arc<Place>) -> Self {
        if body.is_end_stream() {
            place.heard();
        }
        Self { body, place }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.place.heard();
    }
}

impl Body for Hearing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_last = !matches!(frame, Some(Ok(_))) || self.body.is_end_stream();
        // Nothing is begun for a caller who cannot be told of it any more.
        if is_last && !self.place.heard() {
            return Poll::Ready(Some(Err("the caller was let go".into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
