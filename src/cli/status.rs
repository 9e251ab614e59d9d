//! `status`: health at a glance.

use chrono::Utc;

use crate::config::Settings;
use crate::store::{RunLock, Store};

use super::render::{StatusView, render_status, status_json};
use super::{Exit, Failure, StatusArgs, print};

/// Operations listed of each state.
const MOST: u32 = 20;

/// What Pivotal allows when nobody said otherwise, requests a minute (pivotal-api.md 4).
const ASSUMED_LIMIT: u32 = 60;

pub(super) async fn run(settings: &Settings, args: &StatusArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let view = StatusView {
        workspace: store.fact("workspace_slug").await?,
        store: settings.store.path.display().to_string(),
        last_run: store.runs(1).await?.pop(),
        counts: store.counts().await?,
        held: store.open_operations(Some("held"), MOST).await?,
        quarantined: store.open_operations(Some("quarantined"), MOST).await?,
        rate_per_minute: rate(settings),
        in_use: RunLock::is_held(&settings.store.path),
        now: Utc::now(),
    };
    store.close().await;
    if args.json {
        print::show_json(&status_json(&view))?
    } else {
        print::show(&render_status(&view, print::width()))?
    }
    Ok(view.exit())
}

/// Requests a minute that may be used, as far as the configuration alone can say.
fn rate(settings: &Settings) -> u32 {
    let ceiling = settings.pivotal.requests_per_minute.unwrap_or(ASSUMED_LIMIT);
    let share = 100_u32.saturating_sub(u32::from(settings.pivotal.reserve_percent));
    (ceiling.saturating_mul(share) / 100).max(1)
}
