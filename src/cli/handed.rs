//! Commands handed to a running daemon: the same progress, the same output, the same exit codes.

use std::path::Path;

use crate::config::Settings;
use crate::daemon::{Answer, Asker, Brought, Caller, Errand, Told};
use crate::domain::{ErrorReport, Report};

use super::{Exit, Failure, print, session};

/// A run the daemon made.
pub(super) struct Handed {
    /// What it did, its plan included.
    pub report: Report,
    /// Requests a minute Pivotal may be sent.
    pub rate_per_minute: Option<u32>,
    /// What it brought beside that.
    pub brought: Brought,
}

/// The running daemon, if there is one for this store.
pub(super) async fn caller(settings: &Settings) -> Result<Option<Caller>, Failure> {
    Ok(Caller::find(settings).await?)
}

/// Has the daemon make a run and waits for it. `None` when the person did not want to wait: the run goes on.
pub(super) async fn run(caller: &Caller, errand: Errand, json: bool) -> Result<Option<Handed>, Failure> {
    if let Some(warning) = unheard_limits(&errand, super::environment().map(|(name, _)| name)) {
        print::say(&warning);
    }
    let watch = session::watch(json);
    let (changes, shows) = (matches!(errand, Errand::Sync), errand.is_plain_plan());
    let told = |told| match told {
        Told::Event(event) => watch.tell(event),
        Told::Waiting(run) => {
            let by = if run.by == Asker::Command { "another command".to_owned() } else { run.by.as_str().to_owned() };
            let article = if run.errand.starts_with(['a', 'u']) { "an" } else { "a" };
            // What is to be shown, or was approved as it is, takes in nothing.
            let takes_in = (changes || shows) && matches!(run.errand.as_str(), "sync" | "full" | "backfill");
            let turn = match takes_in {
                true if shows => "once it writes, what it has left to do is shown",
                true => "this is taken in between two of its writes",
                false => "this comes after it",
            };
            let how_far = run.how_far(chrono_tz::UTC);
            print::say(&format!("the daemon is busy with {article} {} for {by} ({how_far}); {turn}\n", run.errand));
        }
    };
    // Before the run can begin: from then on Ctrl-C leaves it to the daemon, and says so.
    let stopped = session::told_to_stop();
    let only_tells = errand.only_tells();
    let Answer { outcome, so_far, details, rate_per_minute, brought, .. } = tokio::select! {
        biased;
        answer = caller.run(errand, told) => answer?,
        () = stopped => {
            let what = if only_tells { "; it writes nothing to Pivotal" } else { "" };
            print::say(&format!("the run goes on in the daemon; pivotal-sync status tells how it gets on{what}\n"));
            return Ok(None);
        }
    };
    let report =
        outcome.map_err(|error: ErrorReport| Failure::from(error).at(details).after(so_far.map(|report| *report)))?;
    Ok(Some(Handed { report, rate_per_minute, brought }))
}

/// The daemon's own limits hold for what it does, but for an undo, which brings those of whoever asks.
fn unheard_limits(errand: &Errand, variables: impl Iterator<Item = String>) -> Option<String> {
    if matches!(errand, Errand::Undo { .. }) {
        return None;
    }
    let mut limits: Vec<String> = variables.filter(|name| name.starts_with("PIVOTAL_SYNC__GUARD__")).collect();
    limits.sort();
    (!limits.is_empty()).then(|| {
        format!(
            "warning: a daemon does this, with its own limits: {} changes nothing; `pivotal-sync approve` lets through what they \
             hold\n",
            limits.join(", ")
        )
    })
}

/// The store is in use, but no daemon was found to hand the command to: says where it was looked for.
pub(super) async fn not_found(failure: Failure, config: Option<&Path>) -> Failure {
    let Ok(settings) = super::settings(config) else { return failure };
    let tried = Caller::missed(&settings).await;
    let places = tried.into_iter().map(|(path, why)| format!("no daemon was found at {}: {why}", path.display()));
    let hint = format!(
        "{}; if it is a daemon, set daemon.socket in this command's configuration to what the daemon's says: it is then \
         asked to do this itself",
        failure.hint
    );
    Failure { hint, ..failure }.at(places)
}

/// The daemon brought something else than what was asked for.
pub(super) fn misunderstood() -> Failure {
    let hint = "restart it, so that it is of the same version as this command: systemctl restart pivotal-sync";
    Failure::new("daemon", "the running daemon answered something else than was asked for", hint)
}

/// How a command ends whose run goes on without it.
pub(super) const LEFT: Exit = Exit::Interrupted;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunId;
    use crate::reconcile::Guard;

    #[test]
    fn a_limit_that_a_daemon_does_not_hear_is_told() {
        let typed = || ["HOME", "PIVOTAL_SYNC__GUARD__MAX_DELETES"].map(str::to_owned).into_iter();
        let said = unheard_limits(&Errand::Sync, typed()).unwrap();
        assert!(
            said.contains("PIVOTAL_SYNC__GUARD__MAX_DELETES changes nothing") && said.contains("approve"),
            "{said}"
        );
        assert_eq!(unheard_limits(&Errand::Sync, typed().take(1)), None);
        let undo = Errand::Undo { run: RunId(1), seen: None, guard: guard() };
        assert_eq!(unheard_limits(&undo, typed()), None);
    }

    fn guard() -> Guard {
        Guard { max_deletes: 1, max_delete_percent: 1, max_updates_percent: 1, max_creates: 1, min_population: 1 }
    }
}
