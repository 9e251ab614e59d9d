//! `history REF`: everything that was ever sent for a thing.

use chrono::Utc;

use crate::config::Settings;
use crate::engine::explain;
use crate::store::Store;

use super::render::{HistoryView, history_json, render_history};
use super::{Exit, Failure, HistoryArgs, print, why};

pub(super) async fn run(settings: &Settings, args: &HistoryArgs) -> Result<Exit, Failure> {
    let HistoryArgs { reference, limit, skip, json } = args;
    let store = Store::open_for_reading(&settings.store.path).await?;
    let history = store.history(reference, *limit, *skip).await?;
    if !history.known {
        let absent = explain::absent(&store, reference).await?;
        store.close().await;
        return Err(why::not_here(settings, reference, &absent));
    }
    store.close().await;
    let view = HistoryView {
        reference: reference.to_string(),
        history,
        skip: *skip,
        retention: settings.store.retention,
        now: Utc::now(),
    };
    if *json {
        print::show_json(&history_json(&view))?
    } else {
        print::show(&render_history(&view))?
    }
    Ok(Exit::Done)
}
