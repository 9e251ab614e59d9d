//! The real binary, killed with SIGKILL while it works, and run again.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::pivotal::Object;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::rig::{Rig, portal};

/// Longest that a test waits for another process to get somewhere; only a broken one takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until Pivotal was sent so many writes, or the process has ended by itself.
async fn until_written(rig: &Rig, child: &mut Child, writes: usize) {
    let begun = Instant::now();
    while rig.log.count("POST", "/api/v1/") < writes && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the process gets nowhere");
        tokio::task::yield_now().await;
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn finish(rig: &Rig, arguments: &[&str]) -> Output {
    let mut command = rig.command(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_ends_without_a_duplicate_and_with_nothing_missing() {
    let rig = Rig::with(portal(40, 2)).await;
    // An answer that is lost now and then makes the moments nastier: carried out there, unknown here.
    rig.faults.inject(Fault::next("pivotal", Effect::DropAfter).on("POST", "/api/v1/customers").after(7).times(2));
    for writes in [1, 3, 10, 25, 41, 42, 60, 90, 119] {
        let mut child = rig.command(&["backfill", "--json"]).spawn().unwrap();
        until_written(&rig, &mut child, writes).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = finish(&rig, &["backfill", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    {
        let pivotal = rig.pivotal();
        assert_eq!(pivotal.duplicates(), Vec::<String>::new());
        assert_eq!((pivotal.visible(Object::Customer).count(), pivotal.visible(Object::Contact).count()), (40, 80));
        assert_eq!(pivotal.create_counts()[..2], [40, 80], "each object was made exactly once");
    }

    rig.log.clear();
    let output = finish(&rig, &["sync", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(rig.writes().is_empty(), "the next night is quiet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_did_is_told_though_it_could_not_say_so() {
    let rig = Rig::with(portal(40, 2)).await;
    rig.pivotal().switches.write_latency = Duration::from_millis(20);
    let mut child = rig.command(&["backfill"]).spawn().unwrap();
    until_written(&rig, &mut child, 60).await;
    child.kill().unwrap();
    child.wait().unwrap();
    rig.pivotal().switches.write_latency = Duration::ZERO;
    let made: u64 = rig.pivotal().create_counts().iter().sum();

    let told = |said: &Output, at: usize| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&said.stdout).unwrap()["runs"][at].clone()
    };
    // Already before another run closes it.
    let before = told(&finish(&rig, &["runs", "--json"]).await, 0);
    let created = before["operations"]["create"].as_u64().unwrap();
    // What was under way when it died is not known to have been done: four at most, and what shared their commit.
    assert!((1..=made).contains(&created), "{created} of {made}: {before}");
    assert_eq!((&before["status"], &before["operations"]["owed"]), (&"interrupted".into(), &(120 - created).into()));

    let output = finish(&rig, &["sync", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["operations"]["create"], 120 - created, "each create is told by one run");
    let said = finish(&rig, &["runs", "--json"]).await;
    let after = told(&said, 1);
    assert_eq!((&after["operations"], &after["status"]), (&before["operations"], &"interrupted".into()));
    assert_eq!((&after["kind"], &told(&said, 0)["status"]), (&"backfill".into(), &"complete".into()));
    let table = text(&finish(&rig, &["runs"]).await);
    let owed = 120 - created;
    assert!(table.contains(&format!("{created} created, {owed} owed")), "{table}");
    let row = "SELECT concat_ws(' ', status, created, owed) FROM v_runs WHERE id = 1";
    assert_eq!(one(&rig, row).await, format!("interrupted {created} {owed}"));
}

async fn one(rig: &Rig, sql: &'static str) -> String {
    let options = SqliteConnectOptions::new().filename(rig.folder.path().join("state.db"));
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    let value = sqlx::query_scalar(sql).fetch_one(&mut store).await.unwrap();
    store.close().await.unwrap();
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_settles_what_is_under_way_and_says_so() {
    for word in ["-INT", "-TERM"] {
        settles_when_told(word).await;
    }
}

fn signal(child: &Child, word: &str) {
    let told = std::process::Command::new("kill").args([word, &child.id().to_string()]).status().unwrap();
    assert!(told.success());
}

async fn settles_when_told(word: &str) {
    let rig = Rig::with(portal(30, 2)).await;
    rig.pivotal().switches.write_latency = Duration::from_millis(20);
    let mut child = rig.command(&["backfill", "--json"]).spawn().unwrap();
    until_written(&rig, &mut child, 8).await;
    signal(&child, word);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["status"], "interrupted");
    let made = rig.pivotal().create_counts()[0];
    assert_eq!(report["operations"]["create"], made, "every answer was waited for and counted");

    rig.pivotal().switches.write_latency = Duration::ZERO;
    let output = finish(&rig, &["backfill", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(rig.pivotal().create_counts()[..2], [30, 60]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_does_not_wait_for_the_limit() {
    let rig = Rig::with(portal(40, 0)).await;
    rig.pivotal().limit = Some(20);
    let mut child = rig.command(&["backfill", "--json"]).spawn().unwrap();
    // Of 20 a minute the reserve leaves 18; two went to who and what is there. The next would leave in a minute.
    until_written(&rig, &mut child, 16).await;
    signal(&child, "-INT");
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert_eq!(rig.log.count("POST", "/api/v1/"), 16, "what waited for its turn was not sent any more");

    rig.pivotal().limit = None;
    let output = finish(&rig, &["backfill", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(rig.pivotal().create_counts()[0], 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_hurries_and_what_it_leaves_unknown_is_asked_later() {
    let rig = Rig::with(portal(30, 1)).await;
    // Carried out, and no answer ever: the first signal waits for it, the second does not.
    rig.faults.inject(Fault::next("pivotal", Effect::HangAfter).on("POST", "/api/v1/customers").after(5).times(2));
    let mut child = rig.command(&["backfill", "--json"]).spawn().unwrap();
    let begun = Instant::now();
    while !rig.faults.waiting().is_empty() {
        assert!(begun.elapsed() < PATIENCE && child.try_wait().unwrap().is_none());
        tokio::task::yield_now().await;
    }
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    signal(&child, "-TERM");
    assert!(told.any(|line| line.starts_with("stopping")));
    signal(&child, "-TERM");
    assert!(told.any(|line| line.starts_with("hurrying")));
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["status"], "interrupted");
    let known = report["operations"]["create"].as_u64().unwrap();
    let made: u64 = rig.pivotal().create_counts().iter().sum();
    // Four are under way at most, and these two for certain.
    assert!((made - 4..=made - 2).contains(&known), "{known} of {made} are known");

    let output = finish(&rig, &["backfill", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["operations"]["create"], 60 - known, "what is not known is asked for, and counted");
    assert_eq!(rig.pivotal().create_counts()[..2], [30, 30]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_told_who_holds_the_store() {
    let rig = Rig::with(portal(20, 1)).await;
    rig.pivotal().switches.write_latency = Duration::from_millis(50);
    let mut first = rig.command(&["backfill"]).spawn().unwrap();
    until_written(&rig, &mut first, 1).await;
    let second = finish(&rig, &["sync", "--json"]).await;
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(4), "{}", text(&second));
    let object: serde_json::Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!((&object["status"], &object["error"]["kind"]), (&"failed".into(), &"locked".into()));
    assert!(object["error"]["message"].as_str().unwrap().contains(&first.id().to_string()), "{object}");
}
