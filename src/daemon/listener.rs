//! A listener that outlives its callers: so many connections at once, a head that must come in time, and an end that does not
//! wait for ever.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::socket::Peer;

/// Connections served at once; the others wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, and how long a connection may stay open between two.
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
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let router = E::answering(&router, &stream);
                let connection = connection(stream, router, stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // What is left after that was not going to end; the process does.
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.wait()).await;
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept<E: Entrance>(listener: &E, room: &Arc<Semaphore>) -> io::Result<(E::Stream, Place)> {
    let place = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.next().await?, place))
}

async fn connection<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // A caller who hangs up or talks nonsense is answered as far as possible by the library; there is nothing to add.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn started() -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/", get(|| async { "here" }));
        (address, stop.clone(), tokio::spawn(serve(listener, router, stop)))
    }

    async fn say(address: std::net::SocketAddr, words: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn nonsense_ends_its_connection_and_no_other() {
        let (address, stop, served) = started().await;
        let mut keeps_open = Vec::new();
        for words in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\r\n\r\n\0\0", b"GET / HTTP/9.9\r\n\r\n", b"POST", b""] {
            say(address, words).await;
            keeps_open.push(TcpStream::connect(address).await.unwrap());
        }
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000));
        assert!(!say(address, long.as_bytes()).await.contains("200 OK"));
        let answer = say(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("here"), "{answer}");
        stop.cancel();
        served.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "closed");
    }
}
