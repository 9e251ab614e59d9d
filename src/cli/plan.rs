//! `plan`: every change that would be made.

use std::path::Path;

use crate::daemon::{Brought, Caller, Errand};
use crate::domain::{Operation, Report, RunKind};
use crate::engine::{Ask, Engine, EngineError, PLAN_HOURS, SavedPlan};

use super::render::{PlanView, render_plan, render_report, report_json};
use super::{Exit, Failure, PlanArgs, handed, print, session};

/// Operations shown of each group on a terminal; a pipe gets all.
const MOST: usize = 40;

/// Pulls, reconciles, tells; writes nothing to Pivotal.
pub(super) async fn run(args: &PlanArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(file) = &args.out {
        refuse_another_file(file)?;
    }
    if let Some(caller) = handed::caller(&super::settings(config)?).await? {
        return hand_over(&caller, args).await;
    }
    let app = session::app(config)?;
    if args.offline {
        session::store_is_there(&app.settings)?;
    }
    let engine = app.for_planning(session::watch(args.json), session::stop_on_signal().stop).await?;
    let planned = plan(&engine, args).await;
    let rate = engine.target.rate_per_minute();
    engine.store.close().await;
    let (report, saved) = planned.map_err(|error| session::failed(error, &app))?;
    if let (Some(file), Some(saved)) = (&args.out, &saved) {
        save(saved, file)?;
    }
    tell(&report, args, rate)
}

async fn hand_over(caller: &Caller, args: &PlanArgs) -> Result<Exit, Failure> {
    let errand = Errand::Plan { only: args.source, offline: args.offline, keep: args.out.is_some() };
    let Some(handed) = handed::run(caller, errand, args.json).await? else { return Ok(handed::LEFT) };
    if let (Some(file), Brought::Plan(saved)) = (&args.out, &handed.brought) {
        save(saved, file)?;
    }
    tell(&handed.report, args, handed.rate_per_minute)
}

async fn plan(engine: &Engine, args: &PlanArgs) -> Result<(Report, Option<SavedPlan>), EngineError> {
    const ASKED_BY: &str = "command";
    let ask = Ask { kind: RunKind::Plan, asked_by: ASKED_BY.to_owned(), full: false, only: args.source };
    let report = if args.offline { engine.plan_offline(ASKED_BY).await? } else { engine.plan(&ask).await? };
    let saved = match &args.out {
        Some(_) => Some(engine.save_plan(&report, args.source).await?),
        None => None,
    };
    Ok((report, saved))
}

/// A plan takes the place of an older one, and of nothing else: the file may be the configuration.
fn refuse_another_file(file: &Path) -> Result<(), Failure> {
    let is_plan = |text: &[u8]| serde_json::from_slice::<SavedPlan>(text).is_ok();
    match std::fs::read(file) {
        Ok(text) if is_plan(&text) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(_) => {
            let message = format!("{} is there already and is no saved plan; it was left as it is", file.display());
            Err(Failure::new("usage", message, "name another file, or remove it first"))
        }
        Err(error) => {
            let message = format!("the plan cannot be saved to {}: {error}", file.display());
            Err(Failure::new("output", message, "name another file"))
        }
    }
}

fn save(plan: &SavedPlan, file: &Path) -> Result<(), Failure> {
    let cannot = |why: String| {
        Failure::new("output", format!("the plan cannot be saved to {}: {why}", file.display()), "name another file")
    };
    let text = serde_json::to_string_pretty(plan).map_err(|e| cannot(e.to_string()))?;
    write_private(file, &text).map_err(|e| cannot(e.to_string()))
}

/// A plan holds names and addresses of people: only its owner may read it.
pub(super) fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    out.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    out.write_all(text.as_bytes())
}

/// Tells the plan a run came to. `rate_per_minute` is what Pivotal may be sent, for the estimate.
fn tell(report: &Report, args: &PlanArgs, rate_per_minute: Option<u32>) -> Result<Exit, Failure> {
    if args.json {
        print::show_json(&report_json(report, true))?;
    } else {
        let width = print::width();
        let view = PlanView { width, most: width.map(|_| MOST), rate_per_minute };
        let plan = render_plan(report, &view);
        print::show(&format!("{}\n{plan}{}", render_report(report, width), next(report, args)))?;
    }
    Ok(Exit::of_plan(report, args.exit_code))
}

/// How to make the plan happen, if there is anything in it that may.
fn next(report: &Report, args: &PlanArgs) -> String {
    if !report.plan.iter().any(Operation::is_ready) {
        return String::new();
    }
    match &args.out {
        Some(file) => {
            format!("next: pivotal-sync sync --apply {}  (within {PLAN_HOURS} hours)\n", file.display())
        }
        None => "next: pivotal-sync sync\n".to_owned(),
    }
}
