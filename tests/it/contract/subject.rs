//! What the suite asks of a source's sandbox.

use std::collections::BTreeMap;

use axum::Router;
use chrono::TimeDelta;
use pivotal_sync::domain::{SourceName, Stream, Timestamp};
use serde_json::Value as Json;

/// An answer laid in the way of requests.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

/// One record that cannot be read: wherever an answer to a path with `on` shows the object of this id, it is changed.
#[derive(Debug, Clone)]
pub struct Spoiled {
    pub stream: Stream,
    pub on: &'static str,
    pub id: String,
    pub how: fn(&mut Json),
    /// What the reason must name.
    pub named: &'static str,
}

/// A source's sandbox. Accounts are what becomes customers; each may bring records of other streams with it.
pub trait Subject: Send + Sync {
    fn source(&self) -> SourceName;
    /// The sandbox's API, bare.
    fn router(&self) -> Router;
    /// Lines for its section of the configuration, besides where it is.
    fn settings(&self) -> &'static str;
    /// The rule that names an account.
    fn name_rule(&self) -> &'static str;

    fn accounts(&self) -> Stream;
    /// Records of one page of a pull.
    fn page(&self) -> usize;
    /// Whether this path and query asks for the first of all accounts.
    fn lists_from_the_top(&self, asked: &str) -> bool;

    /// Changes places with an account of somebody else's that has nothing in it, and back again: another portal, the other mode.
    fn swap(&self);
    /// The credential of the account that answers now.
    fn key(&self) -> &'static str;

    fn now(&self) -> Timestamp;
    /// Lets the source's clock run ahead of this machine's, or behind it.
    fn run_ahead(&self, by: TimeDelta);

    /// Adds an account and what comes with it; its id.
    fn add(&self, name: &str, created: Timestamp) -> String;
    fn rename(&self, id: &str, name: &str);
    /// Deletes or archives an account in the ordinary way.
    fn remove(&self, id: &str);
    /// Brings it back, if this source can.
    fn restore(&self, id: &str) -> bool;
    /// Deletes an account so that no list shows that it was ever there.
    fn erase(&self, id: &str);
    /// The accounts that are there: id to name.
    fn truth(&self) -> BTreeMap<String, String>;

    /// How to spoil a record that came with this account, or the account.
    fn spoil(&self, account: &str) -> Spoiled;
    /// Makes what a cursor needs too old to be gone on from. The new text of a stored cursor, where it is the text that expires.
    fn expire(&self) -> Option<&'static str>;

    /// Takes the right to read accounts away.
    fn revoke(&self);
    /// Gives it back.
    fn permit(&self);
    /// The empty list.
    fn nothing(&self) -> Answer;
    /// A refusal with this status, as the source words it: 401 or 403.
    fn refusal(&self, status: u16) -> Answer;
    /// A failure of the server's own that is not worth another try.
    fn failure(&self) -> Answer;
}
