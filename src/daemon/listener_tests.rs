use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

/// Few places, and nobody is let go for the time they take.
const ENDLESS: Bounds = Bounds { places: 16, head: Duration::from_secs(24 * 60 * 60) };
/// Far more than there are places.
const CROWD: usize = 200;

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

struct Open {
    address: std::net::SocketAddr,
    /// Lets `/slow` answer.
    go_on: Arc<Notify>,
    /// Told by `/slow` when it was asked.
    asked: Arc<Notify>,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Open {
    async fn with(bounds: Bounds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (go_on, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (go_on, asked) = (go_on.clone(), asked.clone());
            move || async move {
                asked.notify_one();
                go_on.notified().await;
                "at last"
            }
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/slow", get(slow))
            .route("/body", post(|body: Bytes| async move { format!("{} bytes", body.len()) }));
        let served = tokio::spawn(serve_within(bounds, listener, router, stop.clone()));
        Self { address, go_on, asked, stop, served }
    }

    async fn begin(&self, words: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        stream
    }

    /// So many who begin to speak and then are silent.
    async fn crowd(&self, number: usize, words: &[u8]) -> Vec<TcpStream> {
        let mut crowd = Vec::new();
        for _ in 0..number {
            crowd.push(self.begin(words).await);
        }
        crowd
    }

    async fn say(&self, words: &[u8]) -> String {
        let mut stream = self.begin(words).await;
        stream.shutdown().await.unwrap();
        all(&mut stream).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.served.await.unwrap();
        assert!(TcpStream::connect(self.address).await.is_err(), "closed");
    }
}

/// What is still said before the other side hangs up.
async fn all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn nonsense_ends_its_connection_and_no_other() {
    let open = Open::with(Bounds { places: CONNECTIONS, head: HEAD }).await;
    let mut keeps_open = Vec::new();
    for words in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\r\n\r\n\0\0", b"GET / HTTP/9.9\r\n\r\n", b"POST", b""] {
        open.say(words).await;
        keeps_open.push(open.begin(b"").await);
    }
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    assert!(!open.say(long.as_bytes()).await.contains("200 OK"));
    let answer = open.say(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("here"), "{answer}");
    open.end().await;
}

#[tokio::test]
async fn whoever_is_silent_makes_room_for_one_who_asks() {
    let half_a_head = &b"POST /bo"[..];
    let half_a_body = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf";
    for words in [&b""[..], half_a_head, half_a_body] {
        let open = Open::with(ENDLESS).await;
        let mut crowd = open.crowd(CROWD, words).await;
        assert!(open.say(ASK).await.ends_with("here"));
        assert_eq!(all(&mut crowd[0]).await, "", "the first to come was the first to go");
        // The last to come may still say the rest.
        let mut last = crowd.pop().unwrap();
        let rest = if words.is_empty() { ASK.to_vec() } else { rest_of(words) };
        last.write_all(&rest).await.unwrap();
        let answer = all(&mut last).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        drop(crowd);
        open.end().await;
    }
}

/// What makes half a request whole.
fn rest_of(words: &[u8]) -> Vec<u8> {
    match words.strip_suffix(b"half") {
        Some(_) => vec![b'y'; 996],
        None => b"dy HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(),
    }
}

#[tokio::test]
async fn whoever_waits_for_an_answer_is_not_let_go() {
    let open = Open::with(ENDLESS).await;
    let mut waits = open.begin(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    open.asked.notified().await;
    let crowd = open.crowd(CROWD, b"GET").await;
    assert!(open.say(ASK).await.ends_with("here"));
    open.go_on.notify_one();
    assert!(all(&mut waits).await.ends_with("at last"));
    drop(crowd);
    open.end().await;
}

#[tokio::test]
async fn when_all_wait_for_answers_the_next_is_answered_after_one_of_them() {
    let open = Open::with(ENDLESS).await;
    let mut waiting = Vec::new();
    for _ in 0..ENDLESS.places {
        waiting.push(open.begin(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await);
        open.asked.notified().await;
    }
    let mut next = open.begin(ASK).await;
    let mut answer = [0; 12];
    assert!(next.try_read(&mut answer).is_err(), "not before somebody else is done");
    open.go_on.notify_one();
    assert!(all(&mut next).await.ends_with("here"));
    open.go_on.notify_waiters();
    drop(waiting);
    open.end().await;
}
