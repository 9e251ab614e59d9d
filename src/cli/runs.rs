//! `runs`: the latest runs.

use crate::config::Settings;
use crate::store::{RunLock, Store};

use super::render::{render_runs, runs_json};
use super::{Exit, Failure, RunsArgs, print};

pub(super) async fn run(settings: &Settings, args: &RunsArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let mut runs = store.runs(args.limit).await?;
    let in_use = RunLock::is_held(&settings.store.path);
    if !in_use {
        // It may have come to its end between the two looks.
        runs = store.runs(args.limit).await?;
        store.count_cut_off(&mut runs).await?;
    }
    store.close().await;
    if args.json {
        print::show_json(&runs_json(&runs, in_use))?
    } else {
        print::show(&render_runs(&runs, in_use, print::width()))?
    }
    Ok(Exit::Done)
}
