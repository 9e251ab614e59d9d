//! What a person meets on the day that something is wrong: a store by another name, a daemon that stands still, a start that fails,
//! a restart in the middle of an outage.

use std::process::Output;

use pivotal_sync::sandbox::faults::{Effect, Fault};
use serde_json::Value;

use super::door::asked;
use super::host::Host;
use crate::rig::{Rig, portal};

#[tokio::test(flavor = "multi_thread")]
async fn check_makes_no_store_and_looks_beside_a_running_daemon() {
    let rig = Rig::with(portal(1, 0)).await;
    let check = || {
        let Output { status, stdout, .. } = rig.command(&["check"]).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap())
    };
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("will be made by the first run"), "{said}");
    let left = |name: &str| rig.folder.path().join(name).exists();
    assert!(!left("state.db") && !left("state.db.lock"));
    let host = Host::ready(&rig);
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("(process {})", host.child.id())), "{said}");
    assert_eq!(host.stop().0.code(), Some(0));
    let (code, said) = check();
    assert!(code == Some(0) && said.contains("can be written, and is whole"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_by_another_name_of_the_store_is_turned_away() {
    let rig = Rig::with(portal(1, 0)).await;
    let host = Host::ready(&rig);
    let folder = rig.folder.path();
    std::os::unix::fs::symlink("state.db", folder.join("link.db")).unwrap();
    std::fs::hard_link(folder.join("state.db"), folder.join("hard.db")).unwrap();
    for (name, code, why) in [("link.db", 4, "is held by another instance"), ("hard.db", 1, "has a second name")] {
        let mut command = rig.command(&["run"]);
        command.env("PIVOTAL_SYNC__STORE__PATH", name).env("PIVOTAL_SYNC__DAEMON__SOCKET", "other.sock");
        let Output { status, stderr, .. } = command.env("PIVOTAL_SYNC__ADMIN__LISTEN", "127.0.0.1:0").output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert!(status.code() == Some(code) && said.contains(why), "{name}: {said}");
    }
    assert!(!folder.join("hard.db.lock").exists(), "what was refused leaves nothing");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_before_a_restart_is_tried_again_after_it() {
    let rig = Rig::with(portal(3, 0)).await;
    let host = Host::ready(&rig);
    rig.faults.inject(Fault::next("pivotal", Effect::Status(401)).on("POST", "/api/v1/customers").times(99));
    assert_eq!(asked(&rig, &["backfill"]).0, Some(1));
    let (status, log) = host.stop();
    assert_eq!(status.code(), Some(0));
    let failed = log.lines().find(|line| line.contains("the run failed: ")).unwrap();
    assert!(failed.contains("401"), "plain text says why: {failed}");
    rig.faults.clear();
    let mut host = Host::start(&rig, &[]);
    host.hear("STATUS=Running backfill for schedule");
    host.hear("STATUS=Last backfill complete");
    assert_eq!(rig.pivotal().customers().len(), 3);
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stands_still_is_told_of() {
    let rig = Rig::with(portal(1, 0)).await;
    let host = Host::ready(&rig);
    host.signal("STOP");
    let sync = rig.command(&["sync", "--json"]).spawn().unwrap();
    let (code, told, said) = asked(&rig, &["status"]);
    assert!(told.contains("workspace") && said.contains("does not answer"), "{code:?} {told} {said}");
    let Output { status, stdout, .. } = sync.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((status.code(), &told["error"]["kind"]), (Some(1), &"daemon".into()), "{told}");
    host.signal("CONT");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_so_in_the_logs_own_format() {
    let rig = Rig::with(portal(1, 0)).await;
    let key = rig.folder.path().join("key");
    std::fs::write(&key, "pivotal_test_wrong").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let said = |format: &str| {
        let mut command = rig.command(&["--log-format", format, "run"]);
        command.env("PIVOTAL_SYNC__ADMIN__LISTEN", "127.0.0.1:0").env("PIVOTAL_SYNC__PIVOTAL__API_KEY_FILE", &key);
        let Output { status, stderr, .. } = command.env_remove("PIVOTAL_API_KEY").output().unwrap();
        assert_eq!(status.code(), Some(1));
        String::from_utf8(stderr).unwrap()
    };
    let json = said("json");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |level: &str| lines.iter().filter(|line| line["level"] == level).collect::<Vec<_>>();
    assert!(of("WARN").iter().any(|line| line["message"].as_str().unwrap().contains("can be read")), "{json}");
    let last = of("ERROR");
    assert_eq!((last.len(), &last[0]["kind"]), (1, &"credentials".into()), "{json}");
    assert!(last[0]["hint"].is_string() && !json.contains("pivotal_test_wrong"), "{json}");
    let text = said("text");
    assert_eq!(text.matches("API_KEY").count() + text.matches("api_key").count(), 1, "once, for people: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_told_after_a_restart_before_anything_runs() {
    let rig = Rig::with(portal(2, 0)).await;
    // Shorter than any company's name here: Pivotal refuses both for good.
    rig.pivotal().switches.longest_text = 5;
    let host = Host::ready(&rig);
    assert_eq!(asked(&rig, &["backfill"]).0, Some(3));
    assert_eq!(host.stop().0.code(), Some(0));
    let mut host = Host::start(&rig, &[]);
    host.hear("READY=1");
    let status = host.hear("STATUS=");
    assert!(status.starts_with("STATUS=Idle; 2 quarantined; next sync "), "{status}");
    assert_eq!(host.stop().0.code(), Some(0));
}
