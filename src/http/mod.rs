//! Send and decode, pace, retry, classify: what the three API rooms have in common.
//!
//! Rules: one [`Client`] per upstream. Every attempt passes the [`Gate`] again. The backoff crate lives in `retry` only.
//! Nothing here knows an API's words: each room hands in how its errors read ([`Profile::read_error`]).

mod client;
mod message;
mod pace;
mod retry;
mod tell;

pub use client::{BuildError, Client, Profile, is_loopback};
pub use message::{ErrorDetail, Method, Reply, Request};
pub use pace::{Gate, Pace, Seen};
pub use retry::Patience;
