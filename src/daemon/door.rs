//! The one door: whoever wants a run (timer, signal, socket, webhook, command) knocks here, and whoever wants to know how
//! things are looks through it. What becomes of a knock is the worker's: see the other side, [`Inside`].

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use std::sync::Arc;

use crate::domain::{ErrorReport, Kind, OperationCounts, Report, Stream, Timestamp};
use crate::engine::Event;

use super::{Brought, Errand};

/// Knocks that may wait to be heard. They are heard at once, runs or not, and coalesce there: more than this is a fault.
const KNOCKS: usize = 256;

/// Events a listener may be behind before it misses some.
const EVENTS: usize = 4096;

/// Who asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asker {
    /// The timetable.
    Schedule,
    /// SIGUSR1.
    Signal,
    /// A program at the control socket.
    Socket,
    /// A source, or Pivotal, said that something changed.
    Webhook,
    /// A person's command, handed over at the control socket.
    Command,
}

impl Asker {
    /// The word in the store (`run.asked_by`) and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Signal => "signal",
            Self::Socket => "socket",
            Self::Webhook => "webhook",
            Self::Command => "command",
        }
    }
}

/// A knock: who asks, for what, and whether the answer is waited for.
#[derive(Debug)]
pub struct Trigger {
    /// Who.
    pub by: Asker,
    /// What for.
    pub errand: Errand,
    /// Told how the run ended that answered this trigger; it may have answered others, too.
    pub answer: Option<oneshot::Sender<Arc<Finished>>>,
}

impl Trigger {
    /// Nobody waits for the answer.
    pub const fn new(by: Asker, errand: Errand) -> Self {
        Self { by, errand, answer: None }
    }

    /// The answer comes out of the receiver; an error there means that the daemon stopped before the run began.
    pub fn awaited(by: Asker, errand: Errand) -> (Self, oneshot::Receiver<Arc<Finished>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { by, errand, answer: Some(answer) }, receiver)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Who asked first.
    pub by: Asker,
    /// For what.
    pub errand: Errand,
    /// When it ended.
    pub at: Timestamp,
    /// What it did (its plan included), or what ended it early.
    pub outcome: Result<Report, ErrorReport>,
    /// What ended it early, in words that can hold nobody's name: for the log.
    pub bare: Option<String>,
    /// What it had done by then, when something ended it early.
    pub so_far: Option<Box<Report>>,
    /// Where, when what ended it early has more than one place to tell.
    pub details: Vec<String>,
    /// Requests a minute Pivotal may be sent, as far as its answers said: for the estimate of a plan.
    pub rate_per_minute: Option<u32>,
    /// What it brings beside that.
    pub brought: Brought,
}

impl Finished {
    /// Without the plan and what else it brought, which may be the larger part of a daemon's memory.
    pub(super) fn in_short(&self) -> Self {
        let outcome = match &self.outcome {
            Ok(report) => Ok(report.without_plan()),
            Err(error) => Err(error.clone()),
        };
        let so_far = self.so_far.as_ref().map(|report| Box::new(report.without_plan()));
        Self {
            by: self.by,
            errand: self.errand.clone(),
            at: self.at,
            outcome,
            bare: self.bare.clone(),
            so_far,
            details: self.details.clone(),
            rate_per_minute: self.rate_per_minute,
            brought: Brought::default(),
        }
    }
}

/// How a run gets on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum Stage {
    /// Nothing was read yet.
    #[default]
    Beginning,
    /// Reading a source.
    Reading {
        /// The stream.
        stream: Stream,
        /// Records so far.
        read: u64,
    },
    /// Looking through Pivotal.
    Walking {
        /// What for.
        kind: Kind,
        /// Objects so far.
        seen: u64,
    },
    /// Comparing.
    Comparing {
        /// Entities so far.
        entities: u64,
    },
    /// Writing to Pivotal.
    Writing {
        /// Operations in all.
        operations: u64,
        /// Gone through.
        done: u64,
        /// Tried, and not gone through.
        undone: u64,
        /// Seconds the limit makes it take in all, when known.
        estimate_seconds: Option<u64>,
    },
}

/// The run under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Who asked first.
    pub by: Asker,
    /// For what: [`Errand::as_str`].
    pub errand: String,
    /// Since when.
    pub since: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Until when it waits, when Pivotal's limit keeps it from going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
}

impl UnderWay {
    /// How far it is, and what it waits for, in words. Times are told in `zone`.
    pub fn how_far(&self, zone: Tz) -> String {
        let Some(until) = self.waits_until else { return self.stage.to_string() };
        let waits = format!("waiting for Pivotal's limit until {}", until.with_timezone(&zone).format("%H:%M:%S %Z"));
        match self.stage {
            Stage::Beginning => waits,
            _ => format!("{}, {waits}", self.stage),
        }
    }
}

/// A time in the timetable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// For what: [`Errand::as_str`].
    pub errand: String,
    /// When, jitter and blackouts included.
    pub at: Timestamp,
}

/// How things are: what `status`, the admin listener and the alerts tell.
#[derive(Debug, Clone, Default)]
pub struct DaemonState {
    /// Configuration, store and workspace proved good once; until then nothing runs.
    pub ready: bool,
    /// The run under way.
    pub run: Option<UnderWay>,
    /// The last run that ended since the start, whoever asked for it; plans count.
    pub last: Option<Arc<Finished>>,
    /// What the last run that looked at everything left held, quarantined and owed; the others are nothing.
    pub open: OperationCounts,
    /// The next times, soonest first.
    pub next: Vec<Slot>,
    /// Why the last run failed, until one does not; or what else keeps the daemon from its work.
    pub last_error: Option<ErrorReport>,
    /// Runs that failed in a row.
    pub failures_in_a_row: u32,
    /// Why the configuration on disk is not the one in use: a reload refused it.
    pub refused_configuration: Option<String>,
    /// It is on its way out.
    pub stopping: bool,
}

/// Why nobody opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
    /// Too many knock at once.
    #[error("too many runs are asked for at once")]
    Busy,
}

/// The outside of the door. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Door {
    knocks: mpsc::Sender<Trigger>,
    state: watch::Receiver<DaemonState>,
    events: broadcast::Sender<Event>,
}

impl Door {
    /// A door, and what lies behind it.
    pub fn new() -> (Self, Inside) {
        let (knocks, heard) = mpsc::channel(KNOCKS);
        let (tell, state) = watch::channel(DaemonState::default());
        let (events, _) = broadcast::channel(EVENTS);
        (Self { knocks, state, events: events.clone() }, Inside { heard, state: tell, events })
    }

    /// Asks for a run. It begins at once, or after the one under way; equal triggers that wait share one run.
    ///
    /// # Errors
    /// When the daemon stops, or too many ask at once; never because a run is under way.
    pub fn trigger(&self, why: Trigger) -> Result<(), Unheard> {
        self.knocks.try_send(why).map_err(|unsent| match unsent {
            mpsc::error::TrySendError::Full(_) => Unheard::Busy,
            mpsc::error::TrySendError::Closed(_) => Unheard::Stopping,
        })
    }

    /// How things are, and a word whenever that changes.
    pub fn status(&self) -> watch::Receiver<DaemonState> {
        self.state.clone()
    }

    /// What the runs from now on tell, event by event. Whoever listens too slowly misses some.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

/// The inside of the door: the worker's.
#[derive(Debug)]
pub struct Inside {
    /// Triggers, as they come.
    pub heard: mpsc::Receiver<Trigger>,
    /// How things are.
    pub state: watch::Sender<DaemonState>,
    /// What a run tells.
    pub events: broadcast::Sender<Event>,
}
