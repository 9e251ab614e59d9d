//! Callers that connect and then say nothing, at every door, while others ask.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use super::door::asked;
use super::host::{Host, socket};
use crate::rig::{Rig, portal};

/// More than any listener has places for.
const CROWD: usize = 200;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn silent<S: Write>(connect: impl Fn() -> S) -> Vec<S> {
    let half = |_| {
        let mut stream = connect();
        stream.write_all(b"POST /v1/ru").unwrap();
        stream
    };
    (0..CROWD).map(half).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silent_keep_nobody_out_at_any_door() {
    let rig = Rig::with(portal(1, 0)).await;
    let (webhooks, admin) = (free(), free());
    rig.configure("");
    let more = format!("[webhooks]\nenabled = true\nlisten = \"{webhooks}\"\npublic_url = \"https://sync.acme.com\"\n");
    let config = std::fs::read_to_string(rig.config()).unwrap() + &more;
    std::fs::write(rig.config(), config).unwrap();
    let secrets = [("PIVOTAL_SYNC__ADMIN__LISTEN", &*admin.to_string()), ("HUBSPOT_CLIENT_SECRET", "the-apps-secret")];
    let mut host = Host::start(&rig, &secrets);
    host.hear("READY=1");

    let _at_the_socket = silent(|| UnixStream::connect(socket(&rig)).unwrap());
    let _outside = [webhooks, admin].map(|at| silent(|| TcpStream::connect(at).unwrap()));
    assert_eq!(asked(&rig, &["sync"]).0, Some(0));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let healthy = client.get(format!("http://{admin}/healthz")).send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    let forged = client.post(format!("http://{webhooks}/hubspot")).body("[]").send().await.unwrap();
    assert_eq!(forged.status(), 401, "heard, and not believed");
    assert_eq!(host.stop().0.code(), Some(0));
}
