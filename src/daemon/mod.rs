//! When, never what: the schedule, the one door and its worker, signals, the control socket, systemd; webhooks in, health out.
//!
//! Everything that wants a run knocks at the [`Door`]; one worker makes the runs, one after the other, with one engine and one
//! store for the life of the process. [`run`] is the order of a start and a stop.
//!
//! | file | its one job |
//! | --- | --- |
//! | `door`, `errand` | what is asked and told, from outside |
//! | `queue` | triggers that wait, coalesced |
//! | `timetable`, `again` | pure: what is due, what is tried again |
//! | `metronome` | strikes when something is due |
//! | `worker` | the main loop |
//! | `hand` | makes a run with the engine; `progress` hears it |
//! | `start`, `reach` | opens what a daemon works with, and reads the configuration anew |
//! | `left` | what an earlier process left to do |
//! | `signals`, `socket`, `peer`, `answers`, `webhooks` | who knocks |
//! | `wire`, `caller` | the socket's words, and how a command speaks them |
//! | `service` | what systemd is told |
//! | `admin`, `alerts` | what machines and people are told |
//! | `outside`, `openings` | what of that is open to the outside, and when |
//! | `listener`, `places` | how callers are let in, and who makes room |

pub mod admin;
mod again;
pub mod alerts;
mod answers;
mod caller;
mod door;
mod errand;
mod hand;
mod left;
pub mod listener;
mod memory;
mod metronome;
mod openings;
pub mod outside;
mod peer;
mod places;
mod progress;
mod queue;
mod reach;
mod service;
mod signals;
mod socket;
mod start;
mod timetable;
pub mod webhooks;
mod wire;
mod worker;

use std::sync::Arc;

use chrono::Utc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;

pub use caller::{Caller, Told, is_silent};
pub use door::{Asker, DaemonState, Door, Finished, Inside, Slot, Stage, Trigger, UnderWay, Unheard};
pub use errand::{Audit, Brought, Errand};
pub use signals::Signals;
pub use start::{DaemonError, Reload};
pub use wire::{Answer, Daemon, Facts, Hello, StatusAnswer};

use admin::Metrics;
use answers::Desk;
use hand::Hand;
use left::Left;
use metronome::Metronome;
use openings::Openings;
use progress::Progress;
use service::Service;
use signals::Ends;
use start::Opened;
use worker::Worker;

/// Works until it is told to stop: by a signal, or by `stop`.
///
/// # Errors
/// [`DaemonError`]: what kept it from starting, or made it end.
pub async fn run(app: App, reload: Reload, signals: Signals, stop: CancellationToken) -> Result<(), DaemonError> {
    // Before the first request, or that would not be counted.
    Metrics::install();
    let (door, inside) = Door::new();
    let (tasks, over) = (TaskTracker::new(), CancellationToken::new());
    let (reload_asked, hurry) = (Arc::new(Notify::new()), CancellationToken::new());
    let ends = Ends { stop: stop.clone(), hurry: hurry.clone(), over: over.clone() };
    tasks.spawn(signals.listen(door.clone(), reload_asked.clone(), ends));
    let progress = Progress::new(inside.events.clone());
    let opened = start::open(app, progress.clone(), &stop, hurry).await?;
    let (store, target) = (opened.crew.engine.store.clone(), opened.crew.target.subscribe());
    let begun = begin(&opened, &door, &tasks, &over, &stop).await;
    let worked = match begun {
        Ok((metronome, openings)) => {
            let worker = Worker {
                inside,
                progress,
                marks: opened.marks().await,
                left: Left::of(&store).await,
                load: start::loader(reload, &opened, openings.clone()),
                make_way: opened.crew.engine.again.clone(),
                timetable: opened.timetable,
                hand: opened.crew,
                service: Service::of_environment(),
                clock: Arc::new(Utc::now),
                limit: Arc::new(move || target.borrow().wait()),
                ticks: metronome.ticks(),
                due: metronome.due(),
                reload: reload_asked,
                stop: stop.clone(),
            };
            worker.hand.keep(worker.marks).await;
            let worked = worker.work().await;
            metronome.stop();
            openings.close().await;
            worked.map(drop).map_err(DaemonError::Broken)
        }
        Err(error) => Err(error),
    };
    stop.cancel();
    over.cancel();
    tasks.close();
    tasks.wait().await;
    store.close().await;
    worked
}

/// Listens, proves the key, starts the clock: after that it is ready.
async fn begin(
    opened: &Opened,
    door: &Door,
    tasks: &TaskTracker,
    over: &CancellationToken,
    stop: &CancellationToken,
) -> Result<(Metronome, Arc<Openings>), DaemonError> {
    let crew = &opened.crew;
    let (store, target) = (crew.engine.store.clone(), crew.target.subscribe());
    let openings = Openings::open(opened.app(), door.clone(), store.clone(), over.clone(), tasks).await?;
    let desk = Desk { door: door.clone(), store, target, hello: Arc::new(opened.hello()) };
    let listening = socket::listen(opened.socket())?;
    tasks.spawn(listening.serve(desk, over.clone()));
    if let Err(error) = opened.prove(stop).await {
        openings.close().await;
        return Err(error);
    }
    let Hello { store, workspace, .. } = opened.hello();
    tracing::info!(store = %store.display(), workspace, "ready");
    Ok((Metronome::start(), openings))
}
