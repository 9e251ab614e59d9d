//! Commands handed to a running daemon: the same progress, the same output, the same exit codes.

use crate::config::Settings;
use crate::daemon::{Answer, Asker, Caller, Errand, Told};
use crate::domain::{ErrorReport, Report};
use crate::engine::SavedPlan;

use super::{Exit, Failure, print, session};

/// A run the daemon made.
pub(super) struct Handed {
    /// What it did, its plan included.
    pub report: Report,
    /// Requests a minute Pivotal may be sent.
    pub rate_per_minute: Option<u32>,
    /// The plan to be kept, if one was asked for.
    pub saved: Option<SavedPlan>,
}

/// The running daemon, if there is one for this store.
pub(super) async fn caller(settings: &Settings) -> Result<Option<Caller>, Failure> {
    Ok(Caller::find(settings).await?)
}

/// Has the daemon make a run and waits for it. `None` when the person did not want to wait: the run goes on.
pub(super) async fn run(caller: &Caller, errand: Errand, json: bool) -> Result<Option<Handed>, Failure> {
    let watch = session::watch(json);
    let told = |told| match told {
        Told::Event(event) => watch.tell(event),
        Told::Waiting(run) if !json => {
            let by = if run.by == Asker::Command { "another command".to_owned() } else { run.by.as_str().to_owned() };
            print::say(&format!(
                "the daemon is busy with a {} for {by}; this is taken in between two of its writes, or right after it\n",
                run.errand
            ));
        }
        Told::Waiting(_) => {}
    };
    let Answer { outcome, so_far, details, rate_per_minute, saved, .. } = tokio::select! {
        biased;
        answer = caller.run(errand, told) => answer?,
        () = session::told_to_stop() => {
            print::say("the run goes on in the daemon; pivotal-sync status tells how it gets on\n");
            return Ok(None);
        }
    };
    let report =
        outcome.map_err(|error: ErrorReport| Failure::from(error).at(details).after(so_far.map(|report| *report)))?;
    Ok(Some(Handed { report, rate_per_minute, saved }))
}

/// How a command ends whose run goes on without it.
pub(super) const LEFT: Exit = Exit::Interrupted;
