//! `sync` and `backfill`: the difference made to go away.

use crate::domain::Report;

use super::render::{render_report, report_json};
use super::{Exit, Failure, print};

/// Tells what a run did.
pub fn tell(report: &Report, json: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&report_json(report, false))?;
    } else {
        print::show(&render_report(report))?;
    }
    Ok(Exit::of_run(report))
}
