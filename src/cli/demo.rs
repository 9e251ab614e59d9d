//! `demo`: the main job from end to end, against the sandbox. No keys, no network, no set-up.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::Style;
use comfy_table::{CellAlignment, Table, presets};

use crate::app::App;
use crate::config::{self, Secrets};
use crate::domain::{Report, RunKind};
use crate::engine::Ask;
use crate::sandbox::hubspot::ObjectType;
use crate::sandbox::pivotal::Switches;
use crate::sandbox::{HUBSPOT_TOKEN, Options, PIVOTAL_KEY, STRIPE_KEY, Sandbox};

use super::render::{PlanView, render_plan};
use super::{Exit, Failure, print, session};

/// Operations shown of each group of the first plan: enough to see what a plan is.
const A_FEW: usize = 4;
/// Requests a minute the sandbox's Pivotal allows, as a paid workspace does.
const LIMIT: u32 = 600;

/// What a write takes: without it the bar would be gone before anybody saw it.
const AS_OVER_A_NETWORK: Duration = Duration::from_millis(40);

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Tells the story.
pub(super) async fn run() -> Result<Exit, Failure> {
    let folder = folder()?;
    let pivotal = Switches { write_latency: AS_OVER_A_NETWORK, ..Switches::default() };
    let options = Options { size: 42, pivotal_limit: Some(LIMIT), pivotal, ..Options::default() };
    let sandbox = Sandbox::start(options).await?;
    let app = app(&sandbox, &folder)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(false), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    let pass = async |kind: RunKind| {
        let ask = Ask { kind, asked_by: "demo".to_owned(), full: false, only: None };
        let report = match kind {
            RunKind::Plan => engine.plan(&ask).await,
            _ => engine.sync(&writer, &ask, None).await,
        };
        report.map_err(|error| session::failed(error, &app))
    };

    show(&opening(&sandbox))?;

    heading("1. Read everything, and say what would be done", "pivotal-sync plan")?;
    let planned = pass(RunKind::Plan).await?;
    show(&render_plan(&planned, &view(Some(A_FEW))))?;

    heading("2. Do it", "pivotal-sync backfill")?;
    let loaded = pass(RunKind::Backfill).await?;
    show(&told(&loaded))?;

    heading("3. A day goes by at the sources", "")?;
    for line in sandbox.a_day().map_err(|why| Failure::new("sandbox", why, "report this message"))? {
        show(&format!("  {line}\n"))?;
    }

    heading("4. The next night", "pivotal-sync plan, then pivotal-sync sync")?;
    let planned = pass(RunKind::Plan).await?;
    show(&render_plan(&planned, &view(None)))?;
    let synced = pass(RunKind::Sync).await?;
    show(&told(&synced))?;

    heading("5. The night after", "pivotal-sync sync")?;
    let quiet = pass(RunKind::Sync).await?;
    show(&told(&quiet))?;

    show(&closing(&sandbox, &app.settings.store.path))?;
    let in_step = [&loaded, &synced, &quiet].iter().all(|report| Exit::of_run(report) == Exit::Done);
    engine.store.close().await;
    sandbox.stop().await;
    Ok(if in_step { Exit::Done } else { Exit::Owed })
}

/// A new folder that stays, so that what is in it can be looked at afterwards.
fn folder() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("pivotal-sync-demo-{}", std::process::id()));
    let cannot = |why: std::io::Error| {
        Failure::new(
            "output",
            format!("{} cannot be made: {why}", folder.display()),
            "set TMPDIR to a folder that can be written",
        )
    };
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(cannot)?;
    }
    std::fs::create_dir_all(&folder).map_err(cannot)?;
    Ok(folder)
}

/// The demo goes the way a user goes: through a configuration file and credentials in the environment.
fn app(sandbox: &Sandbox, folder: &Path) -> Result<App, Failure> {
    let mut text = super::sandbox::configuration(sandbox, &folder.join("state.db"));
    text.push_str("\n[customers]\ndelete_grace = \"0s\"   # a day in earnest\n");
    let file = folder.join("config.toml");
    let cannot = |why: std::io::Error| {
        Failure::new("output", format!("{} cannot be written: {why}", file.display()), "make room there")
    };
    std::fs::write(&file, text).map_err(cannot)?;
    let settings = config::load(Some(&file), std::iter::empty())?;
    let environment =
        [("PIVOTAL_API_KEY", PIVOTAL_KEY), ("HUBSPOT_TOKEN", HUBSPOT_TOKEN), ("STRIPE_API_KEY", STRIPE_KEY)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = Secrets::find(&settings, environment.into_iter(), None)?;
    Ok(App { settings, secrets })
}

fn view(most: Option<usize>) -> PlanView {
    PlanView { width: print::width(), most, rate_per_minute: Some(LIMIT * 9 / 10) }
}

fn show(text: &str) -> Result<(), Failure> {
    print::show(text)
}

fn heading(title: &str, command: &str) -> Result<(), Failure> {
    let command = if command.is_empty() { String::new() } else { format!("  {DIM}{command}{DIM:#}") };
    show(&format!("\n{BOLD}{title}{BOLD:#}{command}\n\n"))
}

fn opening(sandbox: &Sandbox) -> String {
    let (companies, contacts) = {
        let hubspot = sandbox.hubspot();
        (hubspot.ids(ObjectType::Company).count(), hubspot.ids(ObjectType::Contact).count())
    };
    let (customers, subscriptions) = {
        let stripe = sandbox.stripe();
        let customers: Vec<String> = stripe.customer_ids().collect();
        let subscriptions = customers.iter().map(|id| stripe.subscriptions_of(id).len()).sum::<usize>();
        (customers.len(), subscriptions)
    };
    let already = sandbox.pivotal().customers().len();
    format!(
        "{BOLD}pivotal-sync keeps Pivotal in step with HubSpot and Stripe.{BOLD:#}\n\
         This is the whole of it on a sample company: three APIs on this machine, no keys, no network.\n\n\
         \x20 HubSpot   {companies} companies, {contacts} contacts\n\
         \x20 Stripe    {customers} customers, {subscriptions} subscriptions, paid by the month or the year\n\
         \x20 Pivotal   {already} customers that were there before, and a limit of {LIMIT} requests a minute\n"
    )
}

/// What a run did, in one or two lines.
fn told(report: &Report) -> String {
    let operations = &report.operations;
    let parts = [
        (operations.create, "created"),
        (operations.adopt, "adopted"),
        (operations.update, "updated"),
        (operations.delete, "deleted"),
        (operations.held, "held for a person"),
        (operations.quarantined, "refused by Pivotal"),
        (operations.owed, "still owed"),
    ];
    let done: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let done =
        if done.is_empty() { "Nothing to do: Pivotal is in step.".to_owned() } else { format!("{}.", done.join(", ")) };
    let requests = &report.requests;
    let took = report.finished_at.map_or(0, |end| (end - report.started_at).num_milliseconds());
    let mut out = format!(
        "  {done}\n  {DIM}{} requests to HubSpot, {} to Stripe, {} to Pivotal, {} of them refused as too many; {}.{} s{DIM:#}\n",
        requests.hubspot,
        requests.stripe,
        requests.pivotal,
        requests.throttled,
        took / 1000,
        took % 1000 / 100,
    );
    for note in &report.notes {
        let _ = writeln!(out, "  {DIM}note: {note}{DIM:#}");
    }
    out
}

fn closing(sandbox: &Sandbox, store: &Path) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "read", "POST", "PATCH", "DELETE", "answered 429"]);
    let entries = sandbox.log.entries();
    for (api, name) in [("hubspot", "HubSpot"), ("stripe", "Stripe"), ("pivotal", "Pivotal")] {
        let of_api = || entries.iter().filter(move |entry| entry.api == api);
        // HubSpot searches and reads by POST; only Pivotal is ever written to.
        let writes = |method: &str| of_api().filter(|e| api == "pivotal" && e.method == method).count();
        let written = writes("POST") + writes("PATCH") + writes("DELETE");
        table.add_row([
            format!("  {name}"),
            (of_api().count() - written).to_string(),
            writes("POST").to_string(),
            writes("PATCH").to_string(),
            writes("DELETE").to_string(),
            of_api().filter(|e| e.status == 429).count().to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let store = store.display();
    format!(
        "\n{BOLD}What was called{BOLD:#}\n\n{table}\n\n\
         {BOLD}The state is one SQLite file{BOLD:#}  {store}\n\n\
         \x20 sqlite3 {store} \"SELECT name, hubspot_company_id, stripe_customer_id, state FROM v_customers LIMIT 5\"\n\
         \x20 sqlite3 {store} \"SELECT id, kind, status, created, updated, deleted FROM v_runs\"\n\
         \x20 sqlite3 {store} \"SELECT ref, verb, changes, status FROM v_history LIMIT 5\"\n\n\
         Your turn: pivotal-sync init, then check, plan and backfill. To rehearse first: pivotal-sync sandbox.\n"
    )
}
