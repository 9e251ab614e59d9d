//! `undo RUN`: what a run wrote is shown as it would be taken back, and taken back once a person said yes.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use crate::app::App;
use crate::domain::Report;
use crate::engine::{Engine, EngineError, UndoPlan};
use crate::pivotal::PivotalWriter;

use super::render::{PlanView, failure_json, render_failure, render_report, render_undo, undo_json};
use super::{Exit, Failure, UndoArgs, print, session};

pub(super) async fn run(args: &UndoArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let app = session::app(config)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(args.json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    let ended = undo(args, &app, &engine, &writer).await;
    engine.store.close().await;
    ended
}

async fn undo(args: &UndoArgs, app: &App, engine: &Engine, writer: &PivotalWriter) -> Result<Exit, Failure> {
    let failed = |error: EngineError| session::failed(error, app);
    let plan = engine.plan_undo(args.run).await.map_err(failed)?;
    if !args.json {
        let width = print::width();
        let view = PlanView { width, most: None, rate_per_minute: engine.target.rate_per_minute() };
        print::show(&render_undo(&plan, &view))?;
    }
    if plan.is_empty() {
        if args.json {
            print::show_json(&undo_json(&plan, None))?;
        }
        return Ok(if plan.cannot.is_empty() { Exit::Done } else { Exit::Owed });
    }
    if plan.held.is_empty() && !args.yes && !agreed(args) {
        return refuse(args, &plan);
    }
    let kept = plan.clone();
    let report = engine.undo(writer, plan, "command").await.map_err(failed)?;
    tell(args, &kept, &report)
}

/// Asks, where there is somebody to ask.
fn agreed(args: &UndoArgs) -> bool {
    if args.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    print::say(&format!("\nTake back run {}? [y/N] ", args.run));
    let mut said = String::new();
    let read = std::io::stdin().lock().read_line(&mut said);
    read.is_ok() && ["y", "yes"].contains(&said.trim().to_lowercase().as_str())
}

/// Nobody said yes: nothing is written. As JSON the plan is told along with that.
fn refuse(args: &UndoArgs, plan: &UndoPlan) -> Result<Exit, Failure> {
    let hint = format!("read the plan, then `pivotal-sync undo {} --yes`", args.run);
    let failure = Failure::new("usage", "nothing was taken back, because nobody said yes", hint);
    if !args.json {
        return Err(failure);
    }
    print::say(&render_failure(&failure));
    let mut object = undo_json(plan, None);
    if let (Some(object), serde_json::Value::Object(failed)) = (object.as_object_mut(), failure_json(&failure)) {
        object.extend(failed);
    }
    print::show_json(&object)?;
    Ok(failure.exit)
}

fn next(args: &UndoArgs, report: &Report) -> String {
    match report.operations.owed {
        0 => {
            "next: pivotal-sync sync  (holds what was taken back until its source changes, or you decide)\n".to_owned()
        }
        owed => format!("next: pivotal-sync undo {}  (goes on with the {owed} not yet taken back)\n", args.run),
    }
}

fn tell(args: &UndoArgs, plan: &UndoPlan, report: &Report) -> Result<Exit, Failure> {
    if args.json {
        print::show_json(&undo_json(plan, Some(report)))?;
    } else {
        print::show(&format!("\n{}", render_report(report, print::width())))?;
        print::show(&next(args, report))?;
    }
    Ok(match Exit::of_run(report) {
        // Not all of it could be taken back.
        Exit::Done if !plan.cannot.is_empty() => Exit::Owed,
        exit => exit,
    })
}
