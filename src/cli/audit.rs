//! `audit`: what Pivotal says, against what was written there and what the sources say.

use std::path::Path;

use crate::app::App;
use crate::domain::{Kind, Mirror, MirrorState, PivotalId, Report};
use crate::engine::{Engine, Look, explain};
use crate::ports::Writer;
use crate::store::{FindingRow, Reference, Store};

use super::render::{AuditView, audit_json, render_audit};
use super::{AuditArgs, Exit, Failure, print, session, why};

/// Findings told at most; the view of the store holds all.
const MOST: u32 = 1_000;

pub(super) async fn run(args: &AuditArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let app = session::app(config)?;
    let stopping = session::stop_on_signal();
    let (mut engine, writer) = app.for_writing(session::watch(args.json), stopping.stop).await?;
    engine.hurry = stopping.hurry;
    // With --dry-run the engine gets no writer, so nothing can be written.
    let writer = (!args.dry_run).then_some(&writer as &dyn Writer);
    let told = audit(args, &app, &engine, writer).await;
    engine.store.close().await;
    let (report, findings) = told?;
    let view = AuditView { report: &report, findings: &findings, dry_run: args.dry_run, width: print::width() };
    if args.json {
        print::show_json(&audit_json(&view))?
    } else {
        print::show(&render_audit(&view))?
    }
    Ok(match Exit::of_run(&report) {
        Exit::Done if report.audit.as_ref().is_some_and(|audit| audit.asks_for_a_person(args.dry_run)) => Exit::Owed,
        exit => exit,
    })
}

async fn audit(
    args: &AuditArgs,
    app: &App,
    engine: &Engine,
    writer: Option<&dyn Writer>,
) -> Result<(Report, Vec<FindingRow>), Failure> {
    let look = match (args.references.as_slice(), args.deep) {
        ([], false) => Look::Customers,
        ([], true) => Look::Deep,
        (references, _) => Look::At(named(references, app, &engine.store).await?),
    };
    let report = engine.audit(writer, &look, "command").await.map_err(|error| session::failed(error, app))?;
    let mut findings = engine.store.findings(None, MOST).await?;
    if let Look::At(objects) = &look {
        findings.retain(|row| objects.iter().any(|(_, id)| *id == row.finding.pivotal_id));
    }
    Ok((report, findings))
}

/// The objects that references name.
async fn named(references: &[Reference], app: &App, store: &Store) -> Result<Vec<(Kind, PivotalId)>, Failure> {
    let mut objects = Vec::new();
    for reference in references {
        let stories = store.explain(reference).await?;
        if stories.is_empty() {
            let absent = explain::absent(store, reference).await?;
            return Err(why::not_here(&app.settings, reference, &absent));
        }
        let entities = stories.into_iter().filter_map(|story| story.entity).map(|entity| entity.entity);
        let there = |mirror: &Mirror| mirror.state == MirrorState::Live;
        let live: Vec<_> = entities.filter_map(|e| Some((e.kind, e.mirror.filter(there)?.id))).collect();
        if live.is_empty() {
            let hint = format!("`pivotal-sync why {reference}` tells why");
            return Err(Failure::new(
                "not_found",
                format!("nothing of {reference} is in Pivotal to compare with"),
                hint,
            ));
        }
        objects.extend(live);
    }
    Ok(objects)
}
