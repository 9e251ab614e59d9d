//! `audit`: what Pivotal says, against what was written there and what the sources say.

use std::path::Path;

use chrono::Utc;

use crate::daemon::{Audit, Brought, Caller, Errand};
use crate::domain::Report;
use crate::engine::{Engine, EngineError};
use crate::ports::Writer;
use crate::store::FindingRow;

use super::render::{AuditView, audit_json, render_audit};
use super::{AuditArgs, Exit, Failure, handed, print, session};

pub(super) async fn run(args: &AuditArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(caller) = handed::caller(&super::settings(config)?).await? {
        return hand_over(&caller, args).await;
    }
    let app = session::app(config)?;
    session::store_is_there(&app.settings)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(args.json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    // With --dry-run the engine gets no writer, so nothing can be written.
    let writer = (!args.dry_run).then_some(&writer as &dyn Writer);
    let begun = Utc::now();
    let told = audit(args, &engine, writer).await;
    let last = if told.is_err() { engine.store.report_since(begun).await } else { None };
    engine.store.close().await;
    let (report, findings) = told.map_err(|error| session::failed(error, &app).after(last))?;
    tell(args, &report, &findings)
}

async fn audit(
    args: &AuditArgs,
    engine: &Engine,
    writer: Option<&dyn Writer>,
) -> Result<(Report, Vec<FindingRow>), EngineError> {
    let look = engine.look_of(&args.references, args.deep).await?;
    let report = engine.audit(writer, &look, "command").await?;
    Ok((report, engine.found(&look).await?))
}

async fn hand_over(caller: &Caller, args: &AuditArgs) -> Result<Exit, Failure> {
    let AuditArgs { references, deep, dry_run, json } = args;
    let errand = Errand::Audit(Audit { references: references.clone(), deep: *deep, dry_run: *dry_run });
    let Some(handed) = handed::run(caller, errand, *json).await? else { return Ok(handed::LEFT) };
    let Brought::Findings(findings) = &handed.brought else { return Err(handed::misunderstood()) };
    tell(args, &handed.report, findings)
}

fn tell(args: &AuditArgs, report: &Report, findings: &[FindingRow]) -> Result<Exit, Failure> {
    let view = AuditView { report, findings, dry_run: args.dry_run, width: print::width() };
    if args.json {
        print::show_json(&audit_json(&view))?
    } else {
        print::show(&render_audit(&view))?
    }
    Ok(match Exit::of_run(report) {
        Exit::Done if report.audit.as_ref().is_some_and(|audit| audit.asks_for_a_person(args.dry_run)) => Exit::Owed,
        exit => exit,
    })
}
