//! `approve`, `retry`, `link`, `unlink`, `ignore`: what a person decides. Written down here, acted on by the next run.

use std::path::Path;

use chrono::Utc;

use crate::config::Settings;
use crate::engine::EngineError;
use crate::engine::decide::{self, DecideError, Decided, Released};
use crate::store::{Reference, Store, StoreError};

use super::render::{decided_json, released_json, render_decided, render_disapproved, render_released};
use super::{ApproveArgs, ChoiceArgs, Exit, Failure, LinkArgs, ReleaseArgs, print, session};

/// Lets held operations through.
pub(super) async fn approve(settings: &Settings, args: &ApproveArgs) -> Result<Exit, Failure> {
    let store = open(settings).await?;
    let ApproveArgs { released: args, undo } = args;
    if *undo {
        let count = decide::disapprove(&store, &args.references).await;
        store.close().await;
        let count = count?;
        if args.json {
            print::show_json(&serde_json::json!({ "undone": true, "taken_back": count }))?;
        } else {
            print::show(&render_disapproved(count))?;
        }
        return Ok(Exit::Done);
    }
    let released = decide::approve(&store, &args.references).await;
    store.close().await;
    tell_released("approved", &released?, args.json)
}

/// Tries again what Pivotal refused.
pub(super) async fn retry(settings: &Settings, args: &ReleaseArgs) -> Result<Exit, Failure> {
    let store = open(settings).await?;
    let released = decide::retry(&store, &args.references).await;
    store.close().await;
    tell_released("to be tried again", &released?, args.json)
}

/// Ties a record to a Pivotal object.
pub(super) async fn link(args: &LinkArgs, config: Option<&Path>) -> Result<Exit, Failure> {
    let Some(object) = &args.object else {
        return undo(&super::settings(config)?, &args.reference, args.json).await;
    };
    let app = session::app(config)?;
    let target = app.target()?;
    let store = open(&app.settings).await?;
    let workspace = &app.settings.pivotal.workspace;
    let decided = decide::link(&store, &*target, workspace, &args.reference, object, Utc::now()).await;
    store.close().await;
    let decided = decided.map_err(|error| match error {
        DecideError::Engine(EngineError::Api(error)) => Failure::of_api(&error, Some(&app.secrets)),
        other => other.into(),
    })?;
    tell(&[decided], args.json, false)
}

/// Has records stand alone.
pub(super) async fn unlink(settings: &Settings, args: &ChoiceArgs) -> Result<Exit, Failure> {
    if args.undo {
        return undo(settings, &args.reference, args.json).await;
    }
    let store = open(settings).await?;
    let decided = decide::unlink(&store, &args.reference, Utc::now()).await;
    store.close().await;
    tell(&decided?, args.json, false)
}

/// Leaves records out.
pub(super) async fn ignore(settings: &Settings, args: &ChoiceArgs) -> Result<Exit, Failure> {
    if args.undo {
        return undo(settings, &args.reference, args.json).await;
    }
    let store = open(settings).await?;
    let decided = decide::ignore(&store, &args.reference, Utc::now()).await;
    store.close().await;
    tell(&decided?, args.json, false)
}

async fn undo(settings: &Settings, reference: &Reference, json: bool) -> Result<Exit, Failure> {
    let store = open(settings).await?;
    let decided = decide::take_back(&store, reference).await;
    store.close().await;
    let decided = decided?;
    if decided.is_empty() {
        let message = format!("nothing was decided about {reference}");
        return Err(Failure::new("not_found", message, "`pivotal-sync export decisions` lists what was"));
    }
    tell(&decided, json, true)
}

/// The store, which must be there: a decision is about what it holds.
async fn open(settings: &Settings) -> Result<Store, Failure> {
    let path = &settings.store.path;
    if !path.exists() {
        return Err(StoreError::Missing { path: path.clone() }.into());
    }
    Ok(Store::open(path).await?)
}

fn tell(decided: &[Decided], json: bool, undone: bool) -> Result<Exit, Failure> {
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
        let kind = match &error {
            DecideError::Unknown(_) | DecideError::Missing { .. } | DecideError::Nothing { .. } => "not_found",
            DecideError::Several { .. }
            | DecideError::NoObject(_)
            | DecideError::OtherKind { .. }
            | DecideError::NotPivotal(_) => "usage",
            DecideError::NotThere(_) => "not_found",
            DecideError::Engine(error) => error.kind(),
        };
        Self::new(kind, error.to_string(), error.hint())
    }
}
