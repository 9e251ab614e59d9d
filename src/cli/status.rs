//! `status`: health at a glance.

use chrono::Utc;

use crate::config::Settings;
use crate::domain::RunKind;
use crate::engine::RATE;
use crate::store::{RunLock, Store};

use super::render::{StatusView, render_status, status_json};
use super::{Exit, Failure, StatusArgs, print};

/// Operations read of each state: enough to bring together those that say the same.
const MOST: u32 = 500;

pub(super) async fn run(settings: &Settings, args: &StatusArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let view = StatusView {
        workspace: store.fact("workspace_slug").await?,
        store: settings.store.path.display().to_string(),
        last_run: store.runs(1).await?.pop(),
        counts: store.counts().await?,
        owed: store.open_operations(Some("owed"), MOST).await?,
        later: store.leaving(MOST).await?,
        held: store.open_operations(Some("held"), MOST).await?,
        quarantined: store.open_operations(Some("quarantined"), MOST).await?,
        findings: store.findings(None, MOST).await?,
        all_findings: store.count_findings().await?,
        last_audit: store.runs_of(Some(RunKind::Audit), 1).await?.pop(),
        rate_per_minute: store.fact(RATE).await?.and_then(|rate| rate.parse().ok()),
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
