//! `undo RUN`: what a run wrote is shown as it would be taken back, and taken back once a person said yes.

use std::future::Future;
use std::io::{BufRead, IsTerminal};
use std::path::Path;

use chrono::Utc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::daemon::{Brought, Caller, Errand};
use crate::domain::Report;
use crate::engine::{Engine, EngineError, UndoPlan};
use crate::pivotal::PivotalWriter;
use crate::reconcile::Guard;

use super::render::{PlanView, failure_json, render_failure, render_report, render_undo, undo_json};
use super::{Exit, Failure, UndoArgs, handed, print, session};

pub(super) async fn run(args: &UndoArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let settings = super::settings(config)?;
    if let Some(caller) = handed::caller(&settings).await? {
        return hand_over(&caller, args, &settings.guard).await;
    }
    let app = session::app(config)?;
    session::store_is_there(&app.settings)?;
    let stopping = session::stop_on_signal();
    let stop = stopping.stop.clone();
    let (mut engine, writer) = app.for_writing(session::watch(args.json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    let ended = undo(args, &app, &engine, &writer, &stop).await;
    engine.store.close().await;
    ended
}

async fn undo(
    args: &UndoArgs,
    app: &App,
    engine: &Engine,
    writer: &PivotalWriter,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let failed = |error: EngineError| session::failed(error, app);
    let plan = engine.plan_undo(args.run, &app.settings.guard).await.map_err(failed)?;
    if let Some(exit) = propose(args, &plan, engine.target.rate_per_minute(), stop.cancelled()).await? {
        return Ok(exit);
    }
    let (kept, begun) = (plan.clone(), Utc::now());
    let done = engine.undo(writer, plan, "command").await;
    let last = if done.is_err() { engine.store.report_since(begun).await } else { None };
    tell(args, &kept, &done.map_err(|error| failed(error).after(last))?)
}

/// The daemon works the plan out, and takes the run back once somebody here agreed to that plan.
async fn hand_over(caller: &Caller, args: &UndoArgs, guard: &Guard) -> Result<Exit, Failure> {
    let errand = |seen| Errand::Undo { run: args.run, seen, guard: guard.clone() };
    let Some(planned) = handed::run(caller, errand(None), args.json).await? else { return Ok(handed::LEFT) };
    let Brought::Undo(plan) = planned.brought else { return Err(handed::misunderstood()) };
    if let Some(exit) = propose(args, &plan, planned.rate_per_minute, session::told_to_stop()).await? {
        return Ok(exit);
    }
    match handed::run(caller, errand(Some(plan.clone())), args.json).await? {
        Some(done) => tell(args, &plan, &done.report),
        None => Ok(handed::LEFT),
    }
}

/// Shows the plan and asks. Answers how the command ends when nothing is to be taken back.
async fn propose(
    args: &UndoArgs,
    plan: &UndoPlan,
    rate_per_minute: Option<u32>,
    stopped: impl Future<Output = ()>,
) -> Result<Option<Exit>, Failure> {
    if !args.json {
        let view = PlanView { width: print::width(), most: None, rate_per_minute };
        print::show(&render_undo(plan, &view))?;
    }
    if plan.is_empty() {
        if args.json {
            print::show_json(&undo_json(plan, None))?;
        }
        return Ok(Some(if plan.cannot.is_empty() { Exit::Done } else { Exit::Owed }));
    }
    // What a guard holds is refused in its own words, whatever anybody says.
    if !plan.held.is_empty() || args.yes {
        return Ok(None);
    }
    match agreed(args, stopped).await {
        Some(true) => Ok(None),
        Some(false) => refuse(args, plan).map(Some),
        None => Ok(Some(Exit::Interrupted)),
    }
}

/// Asks, where there is somebody to ask. `None` when they press Ctrl-C instead.
async fn agreed(args: &UndoArgs, stopped: impl Future<Output = ()>) -> Option<bool> {
    if args.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Some(false);
    }
    print::say(&format!("\nTake back run {}? [y/N] ", args.run));
    let (tell, said) = oneshot::channel();
    // A thread of its own, and not the runtime's, which would wait for a line that nobody types any more.
    std::thread::spawn(move || {
        let mut said = String::new();
        let read = std::io::stdin().lock().read_line(&mut said);
        // Nobody listens after Ctrl-C.
        let _ = tell.send(read.is_ok() && ["y", "yes"].contains(&said.trim().to_lowercase().as_str()));
    });
    tokio::select! {
        biased;
        () = stopped => None,
        said = said => Some(said.unwrap_or(false)),
    }
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
