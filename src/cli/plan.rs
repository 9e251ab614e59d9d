//! `plan`: every change that would be made.

use crate::domain::{Operation, Report};

use super::render::{PlanView, render_plan, render_report, report_json};
use super::{Exit, Failure, PlanArgs, print};

/// Operations shown of each group on a terminal; a pipe gets all.
const MOST: usize = 40;

/// Tells the plan a run came to. `rate_per_minute` is what Pivotal may be sent, for the estimate.
pub fn tell(report: &Report, args: &PlanArgs, rate_per_minute: Option<u32>) -> Result<Exit, Failure> {
    if args.json {
        print::show_json(&report_json(report, true))?;
    } else {
        let width = print::width();
        let view = PlanView { width, most: width.map(|_| MOST), rate_per_minute };
        let plan = render_plan(&report.plan, &view);
        print::show(&format!("{}\n{plan}{}", render_report(report), next(report, args)))?;
    }
    Ok(Exit::of_plan(report, args.exit_code))
}

/// How to make the plan happen, if there is anything in it that may.
fn next(report: &Report, args: &PlanArgs) -> String {
    if !report.plan.iter().any(Operation::is_ready) {
        return String::new();
    }
    match &args.out {
        Some(file) => format!("next: pivotal-sync sync --apply {}\n", file.display()),
        None => "next: pivotal-sync sync\n".to_owned(),
    }
}
