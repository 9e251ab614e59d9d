//! What others are told of a run: while it goes on, when it fails half way, and when the disk gives up under it.

use std::process::Output;
use std::time::{Duration, Instant};

use pivotal_sync::sandbox::faults::{Effect, Fault};
use serde_json::Value;

use super::rig::{Rig, binary, portal};

/// Longest that a test waits for another process to get somewhere; only a broken one takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

async fn run(rig: &Rig, arguments: &[&str]) -> Output {
    let mut command = rig.command(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_from_elsewhere_how_far_a_run_is() {
    let rig = Rig::with(portal(60, 0)).await;
    rig.pivotal().limit = Some(60);
    let mut child = rig.command(&["backfill", "--json"]).spawn().unwrap();
    let begun = Instant::now();
    let progress = loop {
        assert!(begun.elapsed() < PATIENCE && child.try_wait().unwrap().is_none());
        let said = json(&run(&rig, &["status", "--json"]).await);
        if said["progress"]["doing"] == "writing" {
            break said["progress"].clone();
        }
    };
    assert_eq!((&progress["operations"], &progress["per_minute"]), (&60.into(), &54.into()), "{progress}");
    let told = String::from_utf8(run(&rig, &["status"]).await.stdout).unwrap();
    assert!(told.contains("running: backfill 1") && told.contains(" of 60, about 1m to go at 54 a minute"), "{told}");
    assert!(!told.contains("pivotal-sync sync"), "the store is in use: {told}");
    // What went out at once is told at once, though the rest waits for a minute.
    loop {
        assert!(begun.elapsed() < PATIENCE / 2 && child.try_wait().unwrap().is_none());
        let said = json(&run(&rig, &["status", "--json"]).await);
        if said["progress"]["tried"].as_u64().unwrap() >= 50 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = json(&run(&rig, &["status", "--json"]).await);
    assert_eq!(said["progress"], Value::Null, "a run that was killed goes nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_half_way_says_what_it_had_done() {
    for (arguments, as_json) in [(&["backfill", "--json"][..], true), (&["backfill"][..], false)] {
        let rig = Rig::with(portal(20, 0)).await;
        rig.faults
            .inject(Fault::next("pivotal", Effect::Status(401)).on("POST", "/api/v1/customers").after(5).times(99));
        let output = run(&rig, arguments).await;
        assert_eq!(output.status.code(), Some(1));
        let said = json(&output);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("by then, in run 1: operations: 5 created, 15 still owed"), "{told}");
        if as_json {
            assert_eq!((&said["status"], &said["error"]["kind"]), (&"failed".into(), &"credentials".into()));
            assert_eq!((&said["run"], &said["operations"]["create"]), (&1.into(), &5.into()), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_gives_up_in_the_middle_costs_nothing_but_the_run() {
    let rig = Rig::with(portal(150, 2)).await;
    // No file may grow beyond this, in blocks of 512 bytes: enough to begin, not enough to end.
    let limited =
        format!("trap '' XFSZ; ulimit -f 3000; exec {} --config config.toml backfill --json", binary().display());
    let command = rig.command(&[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &limited]).current_dir(rig.folder.path());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let said = json(&output);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &said["error"]["kind"]), (Some(1), &"store".into()), "{said}\n{told}");
    assert!(told.contains("state.db"), "{told}");
    let count = async |states: &'static str| -> u64 {
        let store = sqlx::sqlite::SqliteConnectOptions::new().filename(rig.folder.path().join("state.db"));
        let pool = sqlx::SqlitePool::connect_with(store).await.unwrap();
        let sql = format!("SELECT count(*) FROM operation WHERE run_id = 1 AND state IN ({states})");
        let number: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
        pool.close().await;
        u64::try_from(number).unwrap()
    };
    let did = &said["operations"];
    assert_eq!(did["create"].as_u64().unwrap(), count("'done'").await, "{said}");
    assert_eq!(did["owed"].as_u64().unwrap(), count("'planned', 'owed'").await, "{said}");
    let output = run(&rig, &["backfill", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(rig.pivotal().duplicates(), Vec::<String>::new());
    assert_eq!(rig.pivotal().create_counts()[..2], [150, 300]);
}
