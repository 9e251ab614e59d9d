//! `status`: health at a glance, of the store and of a running daemon.

use chrono::Utc;

use crate::config::Settings;
use crate::daemon::{Facts, StatusAnswer};
use crate::store::Store;

use super::render::{StatusView, render_status, status_json};
use super::{Exit, Failure, StatusArgs, handed, print};

pub(super) async fn run(settings: &Settings, args: &StatusArgs) -> Result<Exit, Failure> {
    let (facts, daemon) = match handed::caller(settings).await? {
        Some(caller) => {
            let StatusAnswer { facts, daemon } = caller.status().await?;
            (facts, Some(daemon))
        }
        None => (alone(settings).await?, None),
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
