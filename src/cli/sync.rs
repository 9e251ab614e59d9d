//! `sync` and `backfill`: the difference made to go away.

use std::path::Path;

use chrono::Utc;

use crate::daemon::{Caller, Errand};
use crate::domain::{Report, RunKind};
use crate::engine::{Ask, SavedPlan};

use super::render::{render_report, report_json};
use super::{BackfillArgs, Exit, Failure, SyncArgs, handed, print, session};

/// One incremental run, or a saved plan.
pub(super) async fn run(args: &SyncArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let saved = args.apply.as_deref().map(read).transpose()?;
    let only = saved.as_ref().and_then(|plan| plan.only);
    if let Some(caller) = handed::caller(&super::settings(config)?).await? {
        let errand = match saved {
            Some(plan) => Errand::Apply(Box::new(plan)),
            None if args.full => Errand::Full,
            None => Errand::Sync,
        };
        return hand_over(&caller, errand, args.json).await;
    }
    let ask = Ask { kind: RunKind::Sync, asked_by: "command".to_owned(), full: args.full, only };
    carry_out(&ask, saved.as_ref(), args.json, config).await
}

/// The first load.
pub(super) async fn backfill(args: &BackfillArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(caller) = handed::caller(&super::settings(config)?).await? {
        return hand_over(&caller, Errand::Backfill, args.json).await;
    }
    let ask = Ask { kind: RunKind::Backfill, asked_by: "command".to_owned(), full: false, only: None };
    carry_out(&ask, None, args.json, config).await
}

async fn hand_over(caller: &Caller, errand: Errand, json: bool) -> Result<Exit, Failure> {
    match handed::run(caller, errand, json).await? {
        Some(handed) => tell(&handed.report, json),
        None => Ok(handed::LEFT),
    }
}

async fn carry_out(ask: &Ask, saved: Option<&SavedPlan>, json: bool, config: Option<&Path>) -> Result<Exit, Failure> {
    let app = session::app(config)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    let begun = Utc::now();
    let done = engine.sync(&writer, ask, saved).await;
    let last = if done.is_err() { engine.store.report_since(begun).await } else { None };
    engine.store.close().await;
    let report = done.map_err(|error| session::failed(error, &app).after(last))?;
    tell(&report, json)
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
