//! When, never what: the schedule, the one door and its worker, signals, the control socket, systemd; webhooks in, health out.
//!
//! Everything that wants a run knocks at the [`Door`]; one worker makes the runs, one after the other, with one engine and one
//! store for the life of the process.

pub mod admin;
pub mod alerts;
mod door;
pub mod listener;
pub mod outside;
pub mod webhooks;

pub use door::{Asker, DaemonState, Door, Errand, Finished, Inside, Slot, Stage, Trigger, UnderWay, Unheard};
