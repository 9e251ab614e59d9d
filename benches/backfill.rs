//! How fast a first load goes, and how much memory it takes: the real binary against a sandbox of its own in another process.
//!
//! `cargo bench --bench backfill` loads 5,000 companies and 15,000 contacts from a sandbox without a rate limit.
//! `cargo bench --bench backfill -- limited` runs five minutes against a limit of 600 a minute and shows the share used.
//! Figures, no verdicts: machines are noisy.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_pivotal-sync");

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let limited = std::env::args().any(|arg| arg == "limited");
    let folder = tempfile::tempdir()?;
    if limited { five_minutes_at_600(folder.path()) } else { unlimited(folder.path()) }
}

/// A sandbox in a process of its own; killed when dropped.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sandbox(folder: &Path, size: &str, limit: &str) -> Outcome<Sandbox> {
    let config = folder.join("config.toml");
    let child = Command::new(BINARY)
        .args(["sandbox", "--size", size, "--seed", "7", "--rate-limit", limit, "--port-base", "0", "--config-out"])
        .arg(&config)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut sandbox = Sandbox(child);
    let output = sandbox.0.stdout.take().ok_or("no output")?;
    // It speaks once its servers answer.
    let mut line = String::new();
    let mut reader = BufReader::new(output);
    while !config.exists() {
        if reader.read_line(&mut line)? == 0 {
            return Err("the sandbox did not start".into());
        }
    }
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    Ok(sandbox)
}

fn backfill(folder: &Path) -> Outcome<Child> {
    Ok(Command::new(BINARY)
        .args(["--config", "config.toml", "backfill", "--json"])
        .current_dir(folder)
        .envs([
            ("PIVOTAL_API_KEY", "pivotal_test_sandbox"),
            ("HUBSPOT_TOKEN", "pat-na1-sandbox"),
            ("STRIPE_API_KEY", "rk_test_sandbox"),
        ])
        .stdout(Stdio::piped())
        .spawn()?)
}

/// Peak resident memory of a running process in MiB, from the kernel.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn unlimited(folder: &Path) -> Outcome<()> {
    let _sandbox = sandbox(folder, "5000", "none")?;
    let begun = Instant::now();
    let child = backfill(folder)?;
    let pid = child.id();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_memory(pid) {
            peak = now.max(peak);
            std::thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    let output = child.wait_with_output()?;
    let took = begun.elapsed();
    let peak = watch.join().map_err(|_| "the watcher broke")?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let operations = &report["operations"];
    let writes = operations["create"].as_u64().unwrap_or(0) + operations["update"].as_u64().unwrap_or(0);
    show("status", &report["status"].to_string());
    show("writes", &writes.to_string());
    show("whole run", &format!("{:.1} s", took.as_secs_f64()));
    show("writes a second, over the whole run", &format!("{:.0}", writes as f64 / took.as_secs_f64()));
    let applying = applying_seconds(folder)?;
    show("writes a second, while applying", &format!("{:.0}", writes as f64 / applying));
    show("peak memory", &format!("{peak} MiB"));
    Ok(())
}

/// From the first attempt's write-ahead to the last answer, as the store has it.
fn applying_seconds(folder: &Path) -> Outcome<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("sandbox-state.db")).read_only(true);
        let mut store = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
        let span = "SELECT (julianday(MAX(answered_at)) - julianday(MIN(planned_at))) * 86400.0 FROM attempt";
        let seconds: f64 = sqlx::query_scalar(span).fetch_one::<&mut sqlx::SqliteConnection>(&mut store).await?;
        Ok(seconds)
    })
}

fn five_minutes_at_600(folder: &Path) -> Outcome<()> {
    let _sandbox = sandbox(folder, "2000", "600")?;
    let child = backfill(folder)?;
    std::thread::sleep(Duration::from_secs(300));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    let output = child.wait_with_output()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    show("requests to Pivotal in five minutes", &report["requests"]["pivotal"].to_string());
    show("most the reserve of 10 % leaves", &(540 * 5).to_string());
    show("answers that said too many", &report["requests"]["throttled"].to_string());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn show(what: &str, figure: &str) {
    println!("{what:>40}: {figure}");
}
