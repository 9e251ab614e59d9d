//! `status`: health at a glance, of the store and of a running daemon.

use chrono::Utc;

use crate::config::Settings;
use crate::daemon::{Caller, Facts, StatusAnswer, is_silent};
use crate::store::Store;

use super::render::{StatusView, render_status, status_json};
use super::{Exit, Failure, StatusArgs, print};

pub(super) async fn run(settings: &Settings, args: &StatusArgs) -> Result<Exit, Failure> {
    let answer = async {
        match Caller::glimpse(settings).await? {
            Some(caller) => caller.status().await.map(Some),
            None => Ok(None),
        }
    };
    let (facts, daemon) = match answer.await {
        Ok(Some(StatusAnswer { facts, daemon })) => (facts, Some(daemon)),
        Ok(None) => (alone(settings).await?, None),
        // What the store says is true all the same, where this user may read it.
        Err(error) if is_silent(&error) => {
            let Ok(facts) = alone(settings).await else { return Err(error.into()) };
            print::say(&format!("warning: {} (hint: {}); this is what the store says\n", error.message, error.hint));
            (facts, None)
        }
        Err(error) => return Err(error.into()),
    };
    let view = StatusView { facts, daemon, now: Utc::now() };
    if args.json {
        print::show_json(&status_json(&view))?
    } else {
        print::show(&render_status(&view, print::width()))?
    }
    Ok(view.exit())
}

async fn alone(settings: &Settings) -> Result<Facts, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let facts = Facts::of(&store).await;
    store.close().await;
    Ok(facts?)
}
