//! What a run tells whoever watches it. The engine never prints.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Kind, Report, Stream, Verb};

/// Something a person who waits wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// Records of a stream were stored; so many so far in this run.
    Pulled {
        /// The stream.
        stream: Stream,
        /// Records read so far.
        read: u64,
    },
    /// Pivotal is walked to find what is already there.
    Walked {
        /// What is walked.
        kind: Kind,
        /// Objects seen so far.
        seen: u64,
    },
    /// Pivotal is asked what it says now, before anything is decided.
    Asked {
        /// Requests made so far.
        asked: u64,
        /// Requests in all, as far as is known.
        of: u64,
        /// How long the limit makes the rest take, when known.
        estimate: Option<Duration>,
    },
    /// So many entities were compared.
    Compared {
        /// Entities so far.
        entities: u64,
    },
    /// So many are in Pivotal already and agree: they are taken over, and nothing is sent for them.
    TakingOver {
        /// Operations.
        operations: u64,
    },
    /// Writing begins.
    Applying {
        /// What this run has carried out already, before it made way for something.
        done: u64,
        /// Operations to carry out.
        operations: u64,
        /// How long the limit makes that take, when known.
        estimate: Option<Duration>,
    },
    /// One operation was settled.
    Settled {
        /// What was done.
        verb: Verb,
        /// To whom.
        name: String,
        /// Whether it went through.
        done: bool,
    },
    /// The run ended, however it did.
    Ended,
}

/// Told what is going on. Called often, from several tasks: must be quick.
pub trait Watch: Send + Sync {
    /// Something happened.
    fn tell(&self, event: Event);

    /// Whether somebody waits to see what a run under way has still to do.
    fn wants_plan(&self) -> bool {
        false
    }

    /// That, as a plan of its own; and the requests a minute Pivotal may be sent.
    fn show_plan(&self, _plan: Report, _rate_per_minute: Option<u32>) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watch for Silent {
    fn tell(&self, _event: Event) {}
}
