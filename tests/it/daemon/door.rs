//! The one door: commands, signals and nonsense at the control socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Output;

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use serde_json::Value;

use super::host::{Host, socket};
use crate::rig::{KEYS, Rig, portal};

/// A command of a person who has no credentials: only a daemon can do it for them.
pub fn asked(rig: &Rig, words: &[&str]) -> (Option<i32>, String, String) {
    asked_with(rig, words, &[])
}

/// The same, with more in its environment.
pub fn asked_with(rig: &Rig, words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = rig.command(words);
    command.envs(environment.iter().copied());
    for (name, _) in KEYS {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A report without what differs from run to run.
fn bare(json: &str) -> Value {
    let mut json: Value = serde_json::from_str(json).unwrap();
    // A daemon asks a source for its properties once, a command each time: it sends fewer requests.
    for key in ["run", "started_at", "finished_at", "streams", "requests"] {
        json.as_object_mut().unwrap().remove(key);
    }
    json
}

fn output(rig: &Rig, words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = rig.command(words).output().unwrap();
    assert!(!stdout.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    (status.code(), String::from_utf8(stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_the_same_with_and_without_a_daemon() {
    let (alone, handed) = (Rig::with(portal(3, 1)).await, Rig::with(portal(3, 1)).await);
    let host = Host::ready(&handed);
    for words in [
        ["plan", "--json"].as_slice(),
        &["plan", "--json", "--exit-code"],
        &["backfill", "--json"],
        &["sync", "--json"],
        &["sync", "--full", "--json"],
        &["plan", "--offline", "--json"],
    ] {
        let (code, text) = output(&alone, words);
        let (code_handed, text_handed, said) = asked(&handed, words);
        assert_eq!(code_handed, code, "{words:?}: {said}");
        assert_eq!(bare(&text_handed), bare(&text), "{words:?}");
    }
    let (mut one, mut other) = (handed.pivotal().create_counts(), alone.pivotal().create_counts());
    one.sort_unstable();
    other.sort_unstable();
    assert_eq!(one, other);
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_saved_and_applied_through_the_daemon() {
    let rig = Rig::with(portal(2, 0)).await;
    let host = Host::ready(&rig);
    assert_eq!(asked(&rig, &["plan", "--out", "plan.json"]).0, Some(0));
    let (code, out, err) = asked(&rig, &["sync", "--apply", "plan.json", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(bare(&out)["operations"]["create"], 2);
    let (code, out, _) = asked(&rig, &["sync", "--apply", "plan.json", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["error"]["kind"]), (Some(1), &"plan".into()), "it was applied already");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_approve_and_retry_ask_the_daemon() {
    let rig = Rig::with(portal(3, 0)).await;
    rig.configure("max_updates_percent = 1\nmin_population = 0\n");
    let host = Host::ready(&rig);
    assert_eq!(asked(&rig, &["backfill"]).0, Some(0));
    {
        let mut hubspot = rig.hubspot();
        for company in hubspot.ids(ObjectType::Company).collect::<Vec<_>>() {
            hubspot.set_property(ObjectType::Company, &company, "name", &format!("Renamed {company}")).unwrap();
        }
    }
    let (code, out, err) = asked(&rig, &["sync", "--json"]);
    assert_eq!((code, &bare(&out)["operations"]["held"]), (Some(3), &3.into()), "{err}");
    let (code, out, _) = asked(&rig, &["status", "--json"]);
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &status["daemon"]["pid"]), (Some(3), &host.child.id().into()));
    assert_eq!(status["daemon"]["next"].as_array().unwrap().len(), 3, "sync, full and audit");
    let (code, out, _) = asked(&rig, &["approve", "--all", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(asked(&rig, &["sync"]).0, Some(0));
    assert!(
        rig.pivotal().customers().iter().all(|row| row.text("name").is_some_and(|name| name.starts_with("Renamed")))
    );
    let (code, _, err) = asked(&rig, &["retry", "company0.com"]);
    assert_eq!(code, Some(1), "nothing is quarantined: {err}");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_signals_during_a_run_is_one_run_more() {
    let rig = Rig::with(portal(8, 0)).await;
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(300)).on("POST", "/").times(100));
    let mut host = Host::ready(&rig);
    host.signal("USR1");
    host.hear("STATUS=Running sync for signal");
    for _ in 0..50 {
        host.signal("USR1");
    }
    // Whatever is asked now comes after the storm's run, and says so by its number.
    let (code, out, err) = asked(&rig, &["backfill", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["run"], 3);
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_at_the_socket_is_refused_and_the_daemon_goes_on() {
    let rig = Rig::with(portal(1, 0)).await;
    let host = Host::ready(&rig);
    let long = "POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{";
    for (said, status) in [
        ("\0\0\0\r\n\r\n", "400"),
        ("GET /v2/else HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "404"),
        ("DELETE /v1/runs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "404"),
        (
            "POST /v1/runs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 17\r\n\r\n{\"errand\":\"fly\"}\n",
            "400",
        ),
        ("POST /v1/decisions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]", "400"),
        (long, "413"),
    ] {
        let mut stream = UnixStream::connect(socket(&rig)).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{said}");
    }
    // Half a request and silence hold nobody up, not even the stop.
    let half = |_| {
        let mut silent = UnixStream::connect(socket(&rig)).unwrap();
        silent.write_all(b"POST /v1/ru").unwrap();
        silent
    };
    let _silent: Vec<UnixStream> = (0..200).map(half).collect();
    assert_eq!(asked(&rig, &["sync"]).0, Some(0));
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_sockets_place_is_not_removed() {
    let rig = Rig::with(portal(1, 0)).await;
    std::fs::write(socket(&rig), "precious").unwrap();
    let mut host = Host::start(&rig, &[]);
    assert_eq!(host.child.wait().unwrap().code(), Some(2));
    assert!(host.log().contains("there is something else in its place"));
    assert_eq!(std::fs::read_to_string(socket(&rig)).unwrap(), "precious");
}
