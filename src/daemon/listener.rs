//! A listener that outlives its callers: so many connections at once, of which the silent make room for those that ask, a head
//! that must come in time, and an end that does not wait for ever.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::{Hearing, Place, Places};
use super::socket::Peer;

/// Connections open at once. Three listeners full to the last place stay well below the 1024 files a service may have open.
const CONNECTIONS: usize = 128;
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(5);
/// How long answers under way may take once the daemon stops.
const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// The pause after a failed accept: when files run out, the next try at once would fail as well.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Where callers come in.
pub trait Entrance: Send + Sync {
    /// What is spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next caller.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// What answers that caller; told who it is, where that can be known.
    fn answering(router: &Router, _stream: &Self::Stream) -> Router {
        router.clone()
    }
}

impl Entrance for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Entrance for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }

    fn answering(router: &Router, stream: &UnixStream) -> Router {
        router.clone().layer(Extension(ConnectInfo(Peer(stream.peer_cred().ok()))))
    }
}

/// Serves until `stop`, then lets the answers under way end.
pub async fn serve<E: Entrance>(listener: E, router: Router, stop: CancellationToken) {
    serve_within(Bounds { places: CONNECTIONS, head: HEAD }, listener, router, stop).await;
}

/// How many at once, and how long a request's head may take.
#[derive(Clone, Copy)]
struct Bounds {
    places: usize,
    head: Duration,
}

async fn serve_within<E: Entrance>(bounds: Bounds, listener: E, router: Router, stop: CancellationToken) {
    let (places, connections) = (Places::new(bounds.places), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let router = E::answering(&router, &stream);
                connections.spawn(connection(bounds.head, stream, router, place, stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // What is left after that was not going to end; the process does.
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.wait()).await;
}

async fn accept<E: Entrance>(listener: &E, places: &Arc<Places>) -> io::Result<(E::Stream, Arc<Place>)> {
    // The caller first: nobody is let go for one who may not come.
    let stream = listener.next().await?;
    Ok((stream, places.take().await.map_err(io::Error::other)?))
}

async fn connection<S>(head: Duration, stream: S, router: Router, place: Arc<Place>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (router, hearing) = (TowerToHyperService::new(router), place.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        router.call(request.map(|body| Hearing::new(body, hearing.clone())))
    });
    let mut builder = http1::Builder::new();
    // One request each: a connection between two requests would be one more that is silent.
    builder.timer(TokioTimer::new()).header_read_timeout(head).keep_alive(false).max_buf_size(64 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // A caller who hangs up or talks nonsense is answered as far as possible by the library; there is nothing to add.
    tokio::select! {
        biased;
        () = place.given_up() => {}
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
