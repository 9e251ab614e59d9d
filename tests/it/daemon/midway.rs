//! What is asked for in the middle of a long load.

use std::process::Output;

use pivotal_sync::sandbox::faults::{Effect, Fault};
use serde_json::Value;

use super::door::asked;
use super::host::Host;
use crate::rig::{Rig, portal};

const COMPANIES: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_asked_for_in_a_long_load_is_shown_while_it_goes_on() {
    let rig = Rig::with(portal(COMPANIES, 0)).await;
    let mut host = Host::ready(&rig);
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(1000)).on("POST", "/").times(10_000));
    let mut load = rig.command(&["backfill", "--json"]).spawn().unwrap();
    host.hear("STATUS=Running backfill for command: written ");

    let (code, out, said) = asked(&rig, &["plan", "--json", "--exit-code"]);
    assert!(load.try_wait().unwrap().is_none(), "the load goes on");
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &plan["kind"], &plan["status"]), (Some(3), &"plan".into(), &"complete".into()), "{said}");
    let left = plan["plan"].as_array().unwrap();
    assert!((1..COMPANIES).contains(&left.len()), "{} were left", left.len());
    assert!(left.iter().all(|operation| operation["op"] == "create"));
    assert_eq!(plan["operations"]["create"], left.len());
    assert!(said.contains("the daemon is busy with a backfill for another command (written "), "{said}");
    let (code, out, said) = asked(&rig, &["plan"]);
    assert!(code == Some(0) && out.contains("this is what run 1, a backfill, has left to do"), "{out}{said}");
    assert!(load.try_wait().unwrap().is_none(), "the load still goes on");

    rig.faults.clear();
    let Output { status, stdout, .. } = load.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((status.code(), &told["operations"]["create"]), (Some(0), &COMPANIES.into()), "{told}");
    assert_eq!(rig.pivotal().customers().len(), COMPANIES);
    assert!(rig.pivotal().duplicates().is_empty());
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_asked_for_while_a_load_still_reads_is_shown_once_that_knows_what_to_do() {
    let rig = Rig::with(portal(COMPANIES, 0)).await;
    let mut host = Host::ready(&rig);
    rig.faults.inject(Fault::next("hubspot", Effect::SlowBody(1000)).on("GET", "/").times(3));
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(1000)).on("POST", "/").times(10_000));
    let mut load = rig.command(&["backfill", "--json"]).spawn().unwrap();
    host.hear("STATUS=Running backfill for command: ");
    let (code, out, said) = asked(&rig, &["plan", "--json"]);
    assert!(load.try_wait().unwrap().is_none(), "the load goes on");
    let plan: Value = serde_json::from_str(&out).unwrap();
    // All of it, but for what a busy machine has written before it heard the question.
    let left = plan["plan"].as_array().unwrap().len();
    assert!(code == Some(0) && (1..=COMPANIES).contains(&left), "{left} were left: {said}");
    rig.faults.clear();
    let told: Value = serde_json::from_slice(&load.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told["operations"]["create"], COMPANIES);
    assert_eq!(host.stop().0.code(), Some(0));
}
