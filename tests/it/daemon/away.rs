//! A daemon that a command does not find, or that goes away under it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

use pivotal_sync::sandbox::faults::{Effect, Fault};
use serde_json::Value;

use super::door::{asked, asked_with};
use super::host::Host;
use crate::rig::{Rig, portal};

const SOCKET: &str = "PIVOTAL_SYNC__DAEMON__SOCKET";

/// Has writes take so long that whatever is done meanwhile is done in the middle.
fn slow(rig: &Rig) {
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(300)).on("POST", "/").times(10_000));
}

fn typed(rig: &Rig, words: &[&str]) -> Child {
    rig.command(words).spawn().unwrap()
}

/// A daemon in the middle of a load that a command asked for, and a plan that waits for its end.
fn loading(rig: &Rig) -> (Host, Child, (Child, BufReader<ChildStderr>)) {
    let mut host = Host::ready(rig);
    slow(rig);
    let load = typed(rig, &["backfill", "--json"]);
    host.hear("STATUS=Running backfill for command: written ");
    let plan = waiting(rig);
    (host, load, plan)
}

/// A plan that waits for the load under way, as the daemon knows once this returns. Offline, for any other is shown in the middle.
fn waiting(rig: &Rig) -> (Child, BufReader<ChildStderr>) {
    let mut plan = typed(rig, &["plan", "--offline"]);
    let (mut told, mut said) = (String::new(), BufReader::new(plan.stderr.take().unwrap()));
    said.read_line(&mut told).unwrap();
    assert!(told.contains("the daemon is busy with a backfill for another command"), "{told}");
    (plan, said)
}

fn refused((mut plan, mut said): (Child, BufReader<ChildStderr>)) -> String {
    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    assert_eq!(plan.wait().unwrap().code(), Some(1), "{told}");
    told
}

/// How a command ended, the object it printed, and what it said.
fn ended(child: Child) -> (Option<i32>, Value, String) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_find_the_daemon_says_where_it_looked() {
    let rig = Rig::with(portal(1, 0)).await;
    let mut host = Host::start(&rig, &[(SOCKET, "elsewhere.sock")]);
    host.hear("READY=1");
    for words in [["sync", "--json"], ["plan", "--json"], ["backfill", "--json"], ["audit", "--json"]] {
        let (code, told, said) = ended(typed(&rig, &words));
        assert_eq!((code, &told["error"]["kind"]), (Some(4), &"locked".into()), "{said}");
        let holder = format!("(process {})", host.child.id());
        assert!(said.contains(&holder) && said.contains("daemon.socket"), "{said}");
        let looked = told["error"]["details"].to_string();
        assert!(looked.contains("state.db.sock: No such file") && looked.contains("/run/pivotal-sync/"), "{looked}");
    }
    let (code, _, said) = asked_with(&rig, &["sync"], &[(SOCKET, "nowhere.sock")]);
    assert_eq!(code, Some(2), "without credentials, and so before the store is tried: {said}");
    // As the hint has it.
    assert_eq!(asked_with(&rig, &["sync"], &[(SOCKET, "elsewhere.sock")]).0, Some(0));
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_under_a_command_is_a_failure_and_no_interruption() {
    let rig = Rig::with(portal(40, 0)).await;
    let (mut host, load, plan) = loading(&rig);
    host.signal("KILL");
    host.child.wait().unwrap();
    let (code, told, said) = ended(load);
    assert_eq!((code, &told["error"]["kind"]), (Some(1), &"daemon".into()), "{said}");
    assert!(
        said.contains("went away before the run ended") && said.contains("goes on when the daemon starts"),
        "{said}"
    );
    assert!(refused(plan).contains("run the same command again"));
    // As it said.
    rig.faults.clear();
    let mut host = Host::start(&rig, &[]);
    host.hear("STATUS=Last backfill complete");
    assert_eq!(rig.pivotal().customers().len(), 40);
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stops_before_a_commands_run_began_says_so() {
    let rig = Rig::with(portal(40, 0)).await;
    let (host, load, plan) = loading(&rig);
    assert_eq!(host.stop().0.code(), Some(0));
    assert!(refused(plan).contains("the daemon stopped before the run began"));
    let (code, told, said) = ended(load);
    assert_eq!((code, &told["status"]), (Some(130), &"interrupted".into()), "the run itself was: {said}");
    assert_eq!(asked(&rig, &["sync"]).0, Some(2), "nobody is there to do it");
}
