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
