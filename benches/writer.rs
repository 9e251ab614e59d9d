//! How well the limit is used, and how fast a killed run is in step again.
//!
//! `cargo bench --bench writer` shows the share of a limit of 60 and of 600 a minute that ten minutes use of what the reserve
//! leaves (virtual time; with no reserve, too, where one slot in sixty is kept for what is in a hurry), and the time from a kill
//! in the middle of a first load until everything is in step, against a sandbox without a limit.
//! Figures, no verdicts: machines are noisy.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pivotal_sync::http::{Gate, Pace, Seen};
use pivotal_sync::sandbox::{HUBSPOT_TOKEN, Options, PIVOTAL_KEY, STRIPE_KEY, Sandbox, WORKSPACE};
use reqwest::header::HeaderMap;
use tokio::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_pivotal-sync");

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    for (limit, reserve) in [(60, 10), (600, 10), (60, 0), (600, 0)] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (sent, refused) = runtime.block_on(ten_minutes(limit, reserve));
        let left = limit * 10 * (100 - u32::from(reserve)) / 100;
        let share = f64::from(sent) / f64::from(left) * 100.0;
        let what = format!("share of {limit} a minute less {reserve} % used in ten");
        show(&what, &format!("{share:.1} %, {refused} refused"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(kill_and_go_on())
}

/// What a strict server counts.
#[derive(Default)]
struct Server {
    hits: Vec<Instant>,
    sent: u32,
    refused: u32,
}

impl Server {
    /// Whether a request is let in, and how many more would be.
    fn hit(&mut self, limit: u32) -> (bool, u32) {
        let now = Instant::now();
        self.hits.retain(|at| *at + Duration::from_secs(60) > now);
        let taken = u32::try_from(self.hits.len()).unwrap_or(u32::MAX);
        if taken >= limit {
            self.refused += 1;
            return (false, 0);
        }
        self.hits.push(now);
        self.sent += 1;
        (true, limit - taken - 1)
    }
}

/// Four clients of long work, 40 ms each way, for ten minutes of virtual time: requests sent and refused.
async fn ten_minutes(limit: u32, reserve_percent: u8) -> (u32, u32) {
    let pace = Pace { window: Duration::from_secs(60), limit: None, ceiling: None, reserve_percent, read };
    let (gate, server) = (Arc::new(Gate::new(pace)), Arc::new(Mutex::new(Server::default())));
    let end = Instant::now() + Duration::from_secs(600);
    let clients = (0..4).map(|_| {
        let (gate, server) = (gate.clone(), server.clone());
        async move {
            loop {
                let ticket = gate.pass().await;
                if Instant::now() >= end {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
                let (admitted, left) = locked(&server).hit(limit);
                tokio::time::sleep(Duration::from_millis(40)).await;
                let mut headers = HeaderMap::new();
                headers.insert("limit", limit.into());
                headers.insert("left", left.into());
                gate.answered(ticket, (!admitted).then_some(None), &headers);
            }
        }
    });
    futures::future::join_all(clients).await;
    let server = locked(&server);
    (server.sent, server.refused)
}

fn locked(server: &Mutex<Server>) -> std::sync::MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn read(headers: &HeaderMap) -> Option<Seen> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
    Some(Seen { limit: number("limit")?, remaining: number("left")?, window: None })
}

/// Kills a first load half way and times the one that ends it.
async fn kill_and_go_on() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(Options { size: 1_000, seed: 7, ..Options::default() }).await?;
    sandbox.lift_limits();
    let config = format!(
        "[store]\npath = \"state.db\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"{WORKSPACE}\"\n\
         [hubspot]\nbase_url = \"{}\"\nlag = \"0s\"\n[stripe]\nbase_url = \"{}\"\nlag = \"0s\"\n",
        sandbox.pivotal_url(),
        sandbox.hubspot_url(),
        sandbox.stripe_url()
    );
    std::fs::write(folder.path().join("config.toml"), config)?;
    let mut child = backfill(folder.path())?;
    while sandbox.log.count("POST", "/api/v1/") < 1_000 && child.try_wait()?.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill()?;
    child.wait()?;
    let before = sandbox.log.count("POST", "/api/v1/");
    let begun = Instant::now();
    let child = backfill(folder.path())?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    let took = begun.elapsed();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let left = sandbox.log.count("POST", "/api/v1/") - before;
    show("killed after writes", &before.to_string());
    show("from the kill to in step", &format!("{:.2} s, {left} writes left to do", took.as_secs_f64()));
    show("status", &report["status"].to_string());
    show("duplicates", &sandbox.pivotal().duplicates().len().to_string());
    Ok(())
}

fn backfill(folder: &Path) -> Outcome<Child> {
    let keys = [("PIVOTAL_API_KEY", PIVOTAL_KEY), ("HUBSPOT_TOKEN", HUBSPOT_TOKEN), ("STRIPE_API_KEY", STRIPE_KEY)];
    let mut command = Command::new(BINARY);
    command.args(["--config", "config.toml", "backfill", "--json"]).current_dir(folder).envs(keys);
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn show(what: &str, figure: &str) {
    println!("{what:>44}: {figure}");
}
