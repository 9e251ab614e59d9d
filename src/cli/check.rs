//! `check`: proof that everything is in place, writing nothing.

use std::path::Path;

use crate::app::App;
use crate::domain::Fault;
use crate::ports::{Finding, Verdict};
use crate::reconcile::Reconciler;
use crate::store::{RunLock, Store, StoreError};

use super::render::{findings_json, render_findings, verdict_of};
use super::{CheckArgs, Exit, Failure, print, session};

/// What the finding about the workspace is called.
const WORKSPACE: &str = "pivotal workspace";

/// Looks at everything a run will need, and goes on after each thing that fails.
pub(super) async fn run(args: &CheckArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let app = session::app(config)?;
    let mut findings = vec![good("configuration", "every key is known, every rule compiles")];
    let reconciler = app.reconciler()?;
    findings.extend(reconciler.findings().into_iter().map(|found| Finding {
        what: "rules".to_owned(),
        verdict: Verdict::Warning { found, remedy: "see config/example.toml".to_owned() },
    }));
    findings.push(store(&app).await);
    findings.extend(workspace(&app).await?);
    for source in app.sources(&reconciler)? {
        findings.extend(source.check().await);
    }
    name_readers(&mut findings, &reconciler);
    let exit = tell(&findings, args.json)?;
    let is_bad = |finding: &&Finding| matches!(finding.verdict, Verdict::Bad { .. });
    // A wrong workspace is configuration (design section 6), here as everywhere.
    let elsewhere = findings.iter().filter(is_bad).any(|finding| finding.what == WORKSPACE);
    Ok(if elsewhere { Exit::Usage } else { exit })
}

/// Says which rules read a name that is not there.
fn name_readers(findings: &mut [Finding], reconciler: &Reconciler) {
    for finding in findings {
        if let Verdict::Misnamed { name, found, .. } = &mut finding.verdict {
            let rules = reconciler.readers(name);
            if !rules.is_empty() {
                *found = format!("{found}, and {} reads it", rules.join(" and "));
            }
        }
    }
}

async fn store(app: &App) -> Finding {
    let path = &app.settings.store.path;
    let what = format!("store {}", path.display());
    match stands(path).await {
        Ok(detail) => good(&what, &detail),
        Err(error) => Finding { what, verdict: Verdict::Bad { found: error.to_string(), remedy: error.hint() } },
    }
}

/// How it stands with the store. One that is not there is not made: it would be this user's, who need not be the daemon's.
async fn stands(path: &Path) -> Result<String, StoreError> {
    if Store::is_to_be_made(path)? {
        return Ok("will be made by the first run; its folder can be written".to_owned());
    }
    let holder = match RunLock::acquire(path) {
        Ok(_lock) => {
            Store::open(path).await?.close().await;
            return Ok("can be written, and is whole".to_owned());
        }
        Err(StoreError::Locked { pid, .. }) => pid,
        Err(error) => return Err(error),
    };
    // Whoever holds it has proved that it can be written, and would be disturbed by another proof.
    Store::open_for_reading(path).await?.close().await;
    let process = holder.map_or_else(String::new, |pid| format!(" (process {pid})"));
    Ok(format!("can be read; another instance{process}, the daemon perhaps, works with it"))
}

async fn workspace(app: &App) -> Result<Vec<Finding>, Failure> {
    let target = app.target()?;
    let wanted = &app.settings.pivotal.workspace;
    Ok(match target.identify().await {
        Ok(identity) if *wanted == identity.workspace_slug || *wanted == identity.workspace_id => {
            let limit = identity.limit_per_minute.map_or_else(String::new, |n| format!(", {n} requests a minute"));
            let mut findings = vec![good(
                "pivotal key",
                &format!(
                    "'{}' ({}…) of workspace {}{limit}",
                    identity.key_name, identity.key_prefix, identity.workspace_slug
                ),
            )];
            if identity.key_prefix.starts_with("pivotal_test") {
                findings.push(Finding {
                    what: "pivotal key".to_owned(),
                    verdict: Verdict::Warning {
                        found: "this is a test key, and Pivotal's test mode writes real records".to_owned(),
                        remedy: "use a workspace of its own to rehearse, or pivotal-sync sandbox".to_owned(),
                    },
                });
            }
            findings
        }
        Ok(identity) => vec![Finding {
            what: WORKSPACE.to_owned(),
            verdict: Verdict::Bad {
                found: format!("the key belongs to '{}', pivotal.workspace says '{wanted}'", identity.workspace_slug),
                remedy: "use a key of the configured workspace, or change pivotal.workspace".to_owned(),
            },
        }],
        Err(error) => {
            let failure = Failure::of_api(&error, Some(&app.secrets));
            let what = if error.fault == Fault::Unauthorised { "pivotal key" } else { "pivotal" };
            vec![Finding {
                what: what.to_owned(),
                verdict: Verdict::Bad { found: failure.message, remedy: failure.hint },
            }]
        }
    })
}

fn good(what: &str, detail: &str) -> Finding {
    Finding { what: what.to_owned(), verdict: Verdict::Good(detail.to_owned()) }
}

/// Tells what was found.
fn tell(findings: &[Finding], json: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&findings_json(findings))?;
    } else {
        print::show(&render_findings(findings))?;
    }
    Ok(verdict_of(findings))
}
