//! `runs`: the latest runs.

use crate::config::Settings;
use crate::store::Store;

use super::render::{render_runs, runs_json};
use super::{Exit, Failure, RunsArgs, print};

pub(super) async fn run(settings: &Settings, args: &RunsArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let runs = store.runs(args.limit).await?;
    store.close().await;
    if args.json {
        print::show_json(&runs_json(&runs))?
    } else {
        print::show(&render_runs(&runs, print::width()))?
    }
    Ok(Exit::Done)
}
