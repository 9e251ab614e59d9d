//! `approve`, `retry`, `link`, `unlink`, `ignore`: what a person decides. Written down here or by the running daemon, acted on by
//! the next run.

use std::path::Path;
use std::time::Duration;

use chrono::Utc;

use crate::config::Settings;
use crate::engine::decide::{self, DecideError, Decided, Released};
use crate::engine::{Decision, EngineError, Taken};
use crate::store::{Reference, Store};

use super::render::{decided_json, released_json, render_decided, render_disapproved, render_released};
use super::{ApproveArgs, ChoiceArgs, Exit, Failure, LinkArgs, ReleaseArgs, handed, print, session};

/// An answer that takes longer is waited for with a word.
const SOON: Duration = Duration::from_secs(2);

/// Lets held operations through, or takes that back.
pub(super) async fn approve(settings: &Settings, args: &ApproveArgs) -> Result<Exit, Failure> {
    let references = args.released.references.clone();
    let decision = if args.undo { Decision::Disapprove(references) } else { Decision::Approve(references) };
    tell(carry_out(settings, decision).await?, "approved", args.released.json)
}

/// Tries again what Pivotal refused.
pub(super) async fn retry(settings: &Settings, args: &ReleaseArgs) -> Result<Exit, Failure> {
    let taken = carry_out(settings, Decision::Retry(args.references.clone())).await?;
    tell(taken, "to be tried again", args.json)
}

/// Ties a record to a Pivotal object.
pub(super) async fn link(args: &LinkArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let LinkArgs { reference, object, json, .. } = args;
    let settings = super::settings(config)?;
    let Some(object) = object else { return undo(&settings, reference, *json).await };
    if let Some(caller) = handed::caller(&settings).await? {
        return tell_decided(&[caller.link(reference, object).await?], *json, false);
    }
    let app = session::app(config)?;
    let target = app.target()?;
    let store = open(&app.settings).await?;
    let workspace = &app.settings.pivotal.workspace;
    let asking = decide::link(&store, &*target, workspace, reference, object, Utc::now());
    tokio::pin!(asking);
    let decided = tokio::select! {
        biased;
        decided = &mut asking => decided,
        () = tokio::time::sleep(SOON) => {
            // A limit that others use up may keep it for a minute.
            print::say("waiting for Pivotal: it allows no more requests for the moment, or does not answer\n");
            asking.await
        }
    };
    store.close().await;
    let decided = decided.map_err(|error| match error {
        DecideError::Engine(EngineError::Api(error)) => Failure::of_api(&error, Some(&app.secrets)),
        other => other.into(),
    })?;
    tell_decided(&[decided], *json, false)
}

/// Has records stand alone.
pub(super) async fn unlink(settings: &Settings, args: &ChoiceArgs) -> Result<Exit, Failure> {
    choose(settings, args, Decision::Unlink).await
}

/// Leaves records out.
pub(super) async fn ignore(settings: &Settings, args: &ChoiceArgs) -> Result<Exit, Failure> {
    choose(settings, args, Decision::Ignore).await
}

async fn choose(
    settings: &Settings,
    args: &ChoiceArgs,
    decision: impl FnOnce(Reference) -> Decision,
) -> Result<Exit, Failure> {
    if args.undo {
        return undo(settings, &args.reference, args.json).await;
    }
    tell(carry_out(settings, decision(args.reference.clone())).await?, "decided", args.json)
}

async fn undo(settings: &Settings, reference: &Reference, json: bool) -> Result<Exit, Failure> {
    match carry_out(settings, Decision::TakeBack(reference.clone())).await? {
        Taken::Decided(decided) if decided.is_empty() => {
            let message = format!("nothing was decided about {reference}");
            Err(Failure::new("not_found", message, "`pivotal-sync export decisions` lists what was"))
        }
        Taken::Decided(decided) => tell_decided(&decided, json, true),
        other => tell(other, "taken back", json),
    }
}

/// Has it written down by the running daemon, or does so itself.
async fn carry_out(settings: &Settings, decision: Decision) -> Result<Taken, Failure> {
    if let Some(caller) = handed::caller(settings).await? {
        return Ok(caller.decide(&decision).await?);
    }
    let store = open(settings).await?;
    let taken = decision.carry_out(&store).await;
    store.close().await;
    Ok(taken?)
}

/// The store, which must be there: a decision is about what it holds.
async fn open(settings: &Settings) -> Result<Store, Failure> {
    session::store_is_there(settings)?;
    Ok(Store::open(&settings.store.path).await?)
}

fn tell(taken: Taken, word: &str, json: bool) -> Result<Exit, Failure> {
    match taken {
        Taken::Released(released) => tell_released(word, &released, json),
        Taken::Disapproved(count) if json => {
            print::show_json(&serde_json::json!({ "undone": true, "taken_back": count }))?;
            Ok(Exit::Done)
        }
        Taken::Disapproved(count) => {
            print::show(&render_disapproved(count))?;
            Ok(Exit::Done)
        }
        Taken::Decided(decided) => tell_decided(&decided, json, false),
    }
}

fn tell_decided(decided: &[Decided], json: bool, undone: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&decided_json(decided, undone))?;
    } else {
        print::show(&render_decided(decided, undone))?;
    }
    Ok(Exit::Done)
}

fn tell_released(word: &str, released: &Released, json: bool) -> Result<Exit, Failure> {
    if json {
        print::show_json(&released_json(released))?;
    } else {
        print::show(&render_released(word, released, print::width()))?;
    }
    Ok(if released.left.is_empty() { Exit::Done } else { Exit::Owed })
}

impl From<DecideError> for Failure {
    fn from(error: DecideError) -> Self {
        Self::new(error.kind(), error.to_string(), error.hint())
    }
}
