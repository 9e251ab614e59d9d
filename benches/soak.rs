//! A year of nights in minutes: the daemon itself, on its own timetable, with a night a second, a real store and changes every day.
//!
//! `cargo bench --bench soak` (`-- NIGHTS` for another number). Each day somebody renames, moves, archives, restores, hires and
//! wins; each seventh night everything is read anew, each thirtieth Pivotal is audited; what the store keeps of earlier runs
//! grows a day older with each night and is removed after ninety. Figures, no verdicts: memory and store should stay what they
//! are after a quarter, and nothing should differ in the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ContactSeed, DealSeed, ObjectType};
use pivotal_sync::sandbox::{HUBSPOT_TOKEN, Options, PIVOTAL_KEY, STRIPE_KEY, Sandbox, WORKSPACE};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

const BINARY: &str = env!("CARGO_BIN_EXE_pivotal-sync");
const KEYS: [(&str, &str); 3] =
    [("PIVOTAL_API_KEY", PIVOTAL_KEY), ("HUBSPOT_TOKEN", HUBSPOT_TOKEN), ("STRIPE_API_KEY", STRIPE_KEY)];
/// As the unit file has it.
const MEMORY: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let nights = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(365);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(soak(nights))
}

/// The daemon; killed when dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn soak(nights: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(Options { size: 200, seed: 7, ..Options::default() }).await?;
    sandbox.lift_limits();
    configure(folder.path(), &sandbox)?;
    let mut daemon = Daemon(command(folder.path(), &["run"]).envs(MEMORY).stderr(Stdio::null()).spawn()?);
    let store = open(&folder.path().join("state.db")).await?;
    until_night(&store, 0, &mut daemon.0).await?;
    let (begun, mut town, mut last) = (Instant::now(), Town::default(), 0);
    for night in 1..=nights {
        town.a_day(&sandbox, night);
        age(&store).await?;
        last = until_night(&store, last, &mut daemon.0).await?;
        if [1, 30, 90, 180, 270].contains(&night) || night == nights {
            let (memory, size) = (memory(daemon.0.id()), size(folder.path())?);
            let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM run").fetch_one(&store).await?;
            let writes =
                ["POST", "PATCH", "DELETE"].iter().map(|verb| sandbox.log.count(verb, "/api/v1/")).sum::<usize>();
            show(
                &format!("night {night}"),
                &format!("{memory} KiB resident, store {size} KiB, {kept} runs kept, {writes} writes so far"),
            );
        }
    }
    show("time", &format!("{:.0} s", begun.elapsed().as_secs_f64()));
    for _ in 0..3 {
        last = until_night(&store, last, &mut daemon.0).await?;
    }
    let ends: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT kind, status, count(*) FROM run GROUP BY kind, status").fetch_all(&store).await?;
    for (kind, status, number) in ends {
        show(&format!("kept runs: {kind} {status}"), &number.to_string());
    }
    let open: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT state, coalesce(why, reason), count(*) FROM operation
         WHERE state IN ('planned', 'held', 'quarantined', 'owed') GROUP BY 1, 2 LIMIT 5",
    )
    .fetch_all(&store)
    .await?;
    for (state, why, number) in open {
        show(&format!("{state}, {number} times"), &why);
    }
    store.close().await;
    Command::new("kill").args(["-TERM", &daemon.0.id().to_string()]).status()?;
    show("the daemon ended with", &daemon.0.wait()?.to_string());
    let folder = folder.path().to_owned();
    let (plan, audit) = tokio::task::spawn_blocking(move || -> Result<_, String> {
        Ok((told(&folder, &["plan", "--json"])?, told(&folder, &["audit", "--deep", "--dry-run", "--json"])?))
    })
    .await??;
    let planned = plan["plan"].as_array().cloned().ok_or_else(|| format!("no plan: {plan}"))?;
    show("operations a plan finds", &planned.len().to_string());
    for operation in planned.iter().take(5) {
        show("", &format!("{} {} {}", operation["op"], operation["ref"], operation["reason"]));
    }
    show("what an audit says", &format!("{} ({})", audit["audit"], audit["status"]));
    show("duplicates in Pivotal", &sandbox.pivotal().duplicates().len().to_string());
    Ok(())
}

/// A second is a day: a sync each night, everything anew each seventh, an audit each thirtieth.
fn configure(folder: &Path, sandbox: &Sandbox) -> Outcome<()> {
    let (pivotal, hubspot, stripe) = (sandbox.pivotal_url(), sandbox.hubspot_url(), sandbox.stripe_url());
    let config = format!(
        "[store]\npath = \"state.db\"\nretention = \"90d\"\n\
         [pivotal]\nbase_url = \"{pivotal}\"\nworkspace = \"{WORKSPACE}\"\nmrr_unit = \"dollars\"\n\
         [hubspot]\nbase_url = \"{hubspot}\"\nlag = \"0s\"\n[stripe]\nbase_url = \"{stripe}\"\nlag = \"0s\"\n\
         [schedule]\ntimezone = \"UTC\"\nsync = \"* * * * * *\"\nfull = \"*/7 * * * * *\"\naudit = \"*/30 * * * * *\"\n\
         [customers]\ndelete_grace = \"0s\"\n\
         [daemon]\nsocket = \"control.sock\"\n[admin]\nlisten = \"127.0.0.1:0\"\n"
    );
    Ok(std::fs::write(folder.join("config.toml"), config)?)
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["--config", "config.toml"]).args(args).current_dir(folder).envs(KEYS).stdout(Stdio::null());
    command
}

/// One object on stdout.
fn told(folder: &Path, args: &[&str]) -> Result<serde_json::Value, String> {
    let output = command(folder, args).stdout(Stdio::piped()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

async fn open(path: &Path) -> Outcome<SqlitePool> {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(30));
    for _ in 0..600 {
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
        if let Ok(pool) = pool {
            let made = sqlx::query("SELECT 1 FROM run").fetch_optional(&pool).await;
            if made.is_ok() {
                return Ok(pool);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the daemon made no store".into())
}

/// Waits for a later sync to end, and gives its number.
async fn until_night(store: &SqlitePool, last: i64, daemon: &mut Child) -> Outcome<i64> {
    loop {
        if let Some(status) = daemon.try_wait()? {
            return Err(format!("the daemon ended: {status}").into());
        }
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(id) FROM run WHERE kind = 'sync' AND finished_at IS NOT NULL")
                .fetch_one(store)
                .await?;
        match newest {
            Some(newest) if newest > last => return Ok(newest),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What is kept of earlier runs grows a day older.
async fn age(store: &SqlitePool) -> Outcome<()> {
    const EARLIER: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', {}, '-1 day')";
    let earlier = |column: &str| format!("{column} = {}", EARLIER.replace("{}", column));
    let ended =
        format!("UPDATE run SET {}, {} WHERE finished_at IS NOT NULL", earlier("started_at"), earlier("finished_at"));
    let answered = format!(
        "UPDATE attempt SET {}, {} WHERE answered_at IS NOT NULL",
        earlier("planned_at"),
        earlier("answered_at")
    );
    let pruned = "UPDATE fact SET value = '2000-01-01T00:00:00+00:00' WHERE name = 'pruned_at'".to_owned();
    for statement in [ended, answered, pruned] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(store).await?;
    }
    Ok(())
}

/// Who was added along the way.
#[derive(Default)]
struct Town {
    companies: Vec<String>,
    contacts: Vec<String>,
}

impl Town {
    fn a_day(&mut self, sandbox: &Sandbox, night: u32) {
        let mut hubspot = sandbox.hubspot();
        let created = Utc::now() - TimeDelta::seconds(1);
        let text = |pairs: &[(&str, String)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        if self.companies.len() < 60 {
            let properties = text(&[("lifecyclestage", "customer".to_owned())]);
            let domain = Some(format!("town{night}.com"));
            let company =
                hubspot.add_company(CompanySeed { name: format!("Town {night}"), domain, properties, created });
            let email = format!("ann{night}@town{night}.com");
            let person = text(&[("firstname", "Ann".to_owned()), ("lastname", format!("N{night}")), ("email", email)]);
            self.contacts.push(hubspot.add_contact(ContactSeed {
                properties: person,
                created,
                company: Some((company.clone(), true)),
            }));
            // A new record's own change is what a search finds.
            let _ = hubspot.touch(ObjectType::Company, &company);
            self.companies.push(company);
        }
        let chosen = |list: &[String], step: u32| list[(night * step) as usize % list.len()].clone();
        // Those that may be archived, and those that win: a deal of nobody would wait.
        let (odd, even) = (|at: usize| at | 1, |at: usize| at & !1);
        let _ =
            hubspot.set_property(ObjectType::Company, &chosen(&self.companies, 7), "name", &format!("Renamed {night}"));
        let _ = hubspot.set_property(
            ObjectType::Contact,
            &chosen(&self.contacts, 11),
            "jobtitle",
            &format!("Title {night}"),
        );
        if night.is_multiple_of(9) {
            let archived = odd((night * 13) as usize % self.companies.len());
            let _ = self.companies.get(archived).map(|company| hubspot.archive(ObjectType::Company, company));
        }
        if night % 9 == 4 && night > 9 {
            let archived = odd(((night - 4) * 13) as usize % self.companies.len());
            let _ = self.companies.get(archived).map(|company| hubspot.restore(ObjectType::Company, company));
        }
        if night.is_multiple_of(20) {
            let properties = text(&[
                ("dealname", format!("Deal {night}")),
                ("dealstage", "closedwon".to_owned()),
                ("closedate", created.to_rfc3339()),
            ]);
            let company = self.companies.get(even((night * 3) as usize % self.companies.len())).cloned();
            hubspot.add_deal(DealSeed { properties, company, created });
        }
    }
}

/// Resident memory in KiB, from the kernel.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The store's file and what is still beside it, in KiB.
fn size(folder: &Path) -> Outcome<u64> {
    let wal = std::fs::metadata(folder.join("state.db-wal")).map(|meta| meta.len()).unwrap_or_default();
    Ok((std::fs::metadata(folder.join("state.db"))?.len() + wal) / 1024)
}

#[expect(clippy::print_stdout, reason = "a bench prints its figures")]
fn show(what: &str, figure: &str) {
    println!("{what:>35}: {figure}");
}
