//! `sync` and `backfill`: the difference made to go away.

use std::path::Path;

use chrono::Utc;

use crate::domain::{Report, RunKind, Timestamp};
use crate::engine::{Ask, SavedPlan};
use crate::store::Store;

use super::render::{render_report, report_json};
use super::{BackfillArgs, Exit, Failure, SyncArgs, print, session};

/// One incremental run, or a saved plan.
pub(super) async fn run(args: &SyncArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let saved = args.apply.as_deref().map(read).transpose()?;
    let only = saved.as_ref().and_then(|plan| plan.only);
    let ask = Ask { kind: RunKind::Sync, asked_by: "command".to_owned(), full: args.full, only };
    carry_out(&ask, saved.as_ref(), args.json, config).await
}

/// The first load.
pub(super) async fn backfill(args: &BackfillArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let ask = Ask { kind: RunKind::Backfill, asked_by: "command".to_owned(), full: false, only: None };
    carry_out(&ask, None, args.json, config).await
}

async fn carry_out(ask: &Ask, saved: Option<&SavedPlan>, json: bool, config: Option<&Path>) -> Result<Exit, Failure> {
    let app = session::app(config)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    let begun = Utc::now();
    let done = engine.sync(&writer, ask, saved).await;
    let last = if done.is_err() { report_since(begun, &engine.store).await } else { None };
    engine.store.close().await;
    let report = done.map_err(|error| session::failed(error, &app).after(last))?;
    tell(&report, json)
}

/// What the run that just failed had done by then. Where even that cannot be read, the failure itself says enough.
async fn report_since(begun: Timestamp, store: &Store) -> Option<Report> {
    store.runs(1).await.ok()?.pop()?.report.filter(|report| report.started_at >= begun)
}

fn read(file: &Path) -> Result<SavedPlan, Failure> {
    let cannot = |why: String| {
        let hint = "name a file that pivotal-sync plan --out wrote";
        Failure::new("plan", format!("the plan {} cannot be read: {why}", file.display()), hint)
    };
    let text = std::fs::read_to_string(file).map_err(|e| cannot(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| cannot(e.to_string()))
}

/// Tells what a run did.
fn tell(report: &Report, json: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&report_json(report, false))?;
    } else {
        print::show(&render_report(report, print::width()))?;
    }
    Ok(Exit::of_run(report))
}
