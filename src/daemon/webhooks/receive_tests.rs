use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method as Verb;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::daemon::listener::serve;

const HUBSPOT: &str = "hubspot-secret";
const STRIPE: &str = "whsec_stripe";
/// base64 of `pivotal`
const PIVOTAL: &str = "whsec_cGl2b3RhbA==";

#[derive(Default)]
struct Noted(Mutex<Vec<String>>);

#[async_trait]
impl Touch for Noted {
    async fn touch(&self, keys: &[SourceKey], _now: Timestamp) -> Result<(), StoreError> {
        self.0.lock().unwrap().extend(keys.iter().map(ToString::to_string));
        Ok(())
    }
}

struct Post {
    address: SocketAddr,
    noted: Arc<Noted>,
    touched: Arc<Notify>,
    _folder: tempfile::TempDir,
    _stop: tokio_util::sync::DropGuard,
}

fn hooks() -> Hooks {
    let one = |text: &str| vec![SecretString::from(text)];
    Hooks { hubspot: one(HUBSPOT), stripe: one(STRIPE), pivotal: one(PIVOTAL), alerts: None }
}

impl Post {
    async fn open(hooks: Hooks) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state.db")).await.unwrap();
        let (noted, touched) = (Arc::new(Noted::default()), Arc::new(Notify::new()));
        let public = "https://sync.acme.com/hooks/".parse().unwrap();
        let receiver = Receiver::new(Some(&public), &hooks, noted.clone(), store, touched.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve(listener, router(Arc::new(receiver)), stop.clone()));
        Self { address, noted, touched, _folder: folder, _stop: stop.drop_guard() }
    }

    async fn send(&self, path: &str, headers: &[(&str, String)], body: Vec<u8>) -> u16 {
        self.ask(Verb::POST, path, headers, body).await
    }

    async fn ask(&self, verb: Verb, path: &str, headers: &[(&str, String)], body: Vec<u8>) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(verb, format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.noted.0.lock().unwrap())
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// As HubSpot signs it: the public address, whatever the proxy made of it.
fn by_hubspot(query: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let time = Utc::now().timestamp_millis().to_string();
    let uri = format!("https://sync.acme.com/hooks/hubspot{query}");
    let signature = mac(HUBSPOT.as_bytes(), &[b"POST", uri.as_bytes(), body, time.as_bytes()]);
    vec![("X-HubSpot-Request-Timestamp", time), ("X-HubSpot-Signature-v3", base64(&signature))]
}

fn by_stripe(body: &[u8]) -> Vec<(&'static str, String)> {
    let time = Utc::now().timestamp().to_string();
    let signature = hex::encode(mac(STRIPE.as_bytes(), &[time.as_bytes(), b".", body]));
    vec![("Stripe-Signature", format!("t={time},v1={signature}"))]
}

fn by_pivotal(body: &[u8]) -> Vec<(&'static str, String)> {
    let time = Utc::now().timestamp().to_string();
    let signature = base64(&mac(b"pivotal", &[b"msg_1.", time.as_bytes(), b".", body]));
    vec![("svix-id", "msg_1".to_owned()), ("svix-timestamp", time), ("svix-signature", format!("v1,{signature}"))]
}

fn deal() -> Vec<u8> {
    json!([{ "subscriptionType": "deal.propertyChange", "objectId": 7, "propertyName": "dealstage" }])
        .to_string()
        .into()
}

fn customer() -> Vec<u8> {
    json!({ "id": "evt_1", "type": "customer.updated", "created": 1, "data": { "object": { "id": "cus_1" } } })
        .to_string()
        .into()
}

#[tokio::test]
async fn a_signed_delivery_marks_its_records_and_asks_for_a_run() {
    let post = Post::open(hooks()).await;
    assert_eq!(post.send("/hubspot", &by_hubspot("", &deal()), deal()).await, 204);
    tokio::time::timeout(Duration::from_secs(5), post.touched.notified()).await.unwrap();
    assert_eq!(post.noted(), ["hubspot:deal:7"]);
    // A proxy that leaves the path as it is, and an address with a query.
    assert_eq!(post.send("/hooks/hubspot?a=%2Fb", &by_hubspot("?a=/b", &deal()), deal()).await, 204);
    assert_eq!(post.send("/hooks/stripe", &by_stripe(&customer()), customer()).await, 204);
    assert_eq!(post.noted(), ["hubspot:deal:7", "stripe:customer:cus_1"]);
    let ping = br#"{"id":"evt","type":"webhook.ping","data":{}}"#.to_vec();
    assert_eq!(post.send("/pivotal", &by_pivotal(&ping), ping).await, 204);
}

#[tokio::test]
async fn a_delivery_that_comes_again_is_marked_again_and_harms_nothing() {
    let post = Post::open(hooks()).await;
    let headers = by_stripe(&customer());
    for _ in 0..3 {
        assert_eq!(post.send("/stripe", &headers, customer()).await, 204);
    }
    assert_eq!(post.noted(), ["stripe:customer:cus_1"; 3]);
}

#[tokio::test]
async fn nothing_unsigned_is_taken_in() {
    let post = Post::open(hooks()).await;
    let (hubspot, stripe, pivotal) = (by_hubspot("", &deal()), by_stripe(&customer()), by_pivotal(&customer()));
    for (path, headers, body, status) in [
        ("/hubspot", vec![], deal(), 401),
        ("/hubspot", hubspot.clone(), customer(), 401),
        ("/hubspot?more=1", hubspot.clone(), deal(), 401),
        ("/stripe", hubspot.clone(), deal(), 401),
        ("/stripe", stripe.clone(), deal(), 401),
        ("/pivotal", stripe.clone(), customer(), 401),
        ("/pivotal", pivotal, deal(), 401),
        ("/", stripe.clone(), customer(), 404),
        ("/hooks", stripe.clone(), customer(), 404),
        ("/hooks/stripe/", stripe.clone(), customer(), 404),
        ("/hooksstripe", stripe.clone(), customer(), 404),
        ("/stripe", stripe.clone(), vec![b' '; MOST_BYTES + 1], 413),
    ] {
        assert_eq!(post.send(path, &headers, body).await, status, "{path}");
    }
    assert_eq!(post.ask(Verb::GET, "/stripe", &stripe, vec![]).await, 405);
    assert_eq!(post.noted(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_signed_and_makes_no_sense_is_taken_off_the_senders_hands() {
    let post = Post::open(hooks()).await;
    for body in [&b"not json"[..], b"", b"\xff\xfe", b"[[[[", br#"{"type":7}"#] {
        assert_eq!(post.send("/hubspot", &by_hubspot("", body), body.to_vec()).await, 204);
        assert_eq!(post.send("/stripe", &by_stripe(body), body.to_vec()).await, 204);
        assert_eq!(post.send("/pivotal", &by_pivotal(body), body.to_vec()).await, 204);
    }
    let nested = "[".repeat(100_000).into_bytes();
    assert_eq!(post.send("/stripe", &by_stripe(&nested), nested.clone()).await, 204, "a deep body breaks no stack");
    assert_eq!(post.noted(), Vec::<String>::new());
}

#[tokio::test]
async fn who_has_no_secret_here_is_not_received() {
    let post = Post::open(Hooks { stripe: hooks().stripe, ..Hooks::default() }).await;
    assert_eq!(post.send("/hubspot", &by_hubspot("", &deal()), deal()).await, 404);
    assert_eq!(post.send("/stripe", &by_stripe(&customer()), customer()).await, 204);
}

#[tokio::test]
async fn a_mark_that_cannot_be_made_is_sent_again_by_the_sender() {
    struct Full;
    #[async_trait]
    impl Touch for Full {
        async fn touch(&self, _keys: &[SourceKey], _now: Timestamp) -> Result<(), StoreError> {
            std::future::pending().await
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.db")).await.unwrap();
    let public = "https://sync.acme.com".parse().unwrap();
    let receiver = Receiver::new(Some(&public), &hooks(), Arc::new(Full), store, Arc::default()).unwrap();
    tokio::time::pause();
    let (status, outcome, _) = taken(&receiver, Sender::Hubspot, &deal()).await;
    assert_eq!((status, outcome), (StatusCode::SERVICE_UNAVAILABLE, "unmarked"));
}

#[tokio::test]
async fn a_receiver_says_what_it_needs_and_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state.db")).await.unwrap();
    let make = |url: Option<&str>, hooks: Hooks| {
        let url = url.map(|url| url.parse().unwrap());
        Receiver::new(url.as_ref(), &hooks, Arc::new(Noted::default()), store.clone(), Arc::default())
    };
    assert_eq!(make(None, hooks()).err(), Some(ReceiverError::NoPublicUrl));
    let bad = Hooks { pivotal: vec![SecretString::from("whsec_?")], ..hooks() };
    assert_eq!(make(Some("https://a.com"), bad).err(), Some(ReceiverError::PivotalSecret));
    let addresses = make(Some("https://a.com/in/"), Hooks { pivotal: vec![], ..hooks() }).unwrap().addresses();
    assert_eq!(addresses, ["https://a.com/in/hubspot", "https://a.com/in/stripe"]);
}

#[tokio::test]
async fn a_sender_who_hangs_up_is_told_from_one_who_sends_too_much() {
    let outcome = async |pieces: Vec<std::io::Result<Bytes>>| {
        let read = read(&HeaderMap::new(), Body::from_stream(futures::stream::iter(pieces))).await;
        read.map_or_else(|(status, outcome, _)| (status.as_u16(), outcome), |_| (0, "read"))
    };
    let half = || Ok(Bytes::from(vec![b' '; MOST_BYTES / 2]));
    assert_eq!(outcome(vec![half(), half()]).await, (0, "read"));
    assert_eq!(outcome(vec![half(), half(), half()]).await, (413, "too_long"));
    assert_eq!(outcome(vec![half(), Err(std::io::Error::other("gone"))]).await, (400, "broken"));
}
