//! `check`: proof that everything is in place, writing nothing.

use crate::ports::Finding;

use super::render::{findings_json, render_findings, verdict_of};
use super::{Exit, Failure, print};

/// Tells what was found.
pub fn tell(findings: &[Finding], json: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&findings_json(findings))?;
    } else {
        print::show(&render_findings(findings))?;
    }
    Ok(verdict_of(findings))
}
