//! The traits between the engine and the outside. The engine sees these, never `hubspot`, `stripe` or HTTP.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::{
    ApiError, Cursor, ExternalId, Fields, IdempotencyKey, Keeps, Kind, PivotalId, PullMode, Pulled, SourceName, Stream,
    Timestamp,
};

/// Requests made through a port since it was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests that left, resends included.
    pub requests: u64,
    /// Answers that said "too many".
    pub throttled: u64,
}

/// What is known of a limit, for the next process: it would have to find out by being refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaceMemory {
    /// Requests a window, as the server last named it.
    pub limit: Option<u32>,
    /// How long ago each request that still counts was answered.
    pub ages: Vec<std::time::Duration>,
}

/// One page of a pull. The engine stores the records and the cursor in one transaction, then asks for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the source showed, in any order, each record at most once.
    pub records: Vec<Pulled>,
    /// Where to go on from.
    pub cursor: Cursor,
    /// Whether there is more.
    pub end: PageEnd,
}

/// What follows a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEnd {
    /// Ask again with the new cursor.
    More,
    /// A delta came to its end. It implies nothing about records it did not show.
    Delta,
    /// A complete listing, begun at the page whose `listing` said so, came to its end. Records not shown since its first page
    /// may be gone: the engine asks [`Source::read`] about each before it believes so. Then it asks for what has changed since
    /// the listing began, in the same run.
    Listing,
}

/// What a source asks of its pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullRequest<'a> {
    /// Which stream.
    pub stream: Stream,
    /// Where the last page ended; `None` for the first pull ever.
    pub cursor: Option<&'a Cursor>,
    /// How much.
    pub mode: PullMode,
}

/// One line of `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, e.g. `hubspot scope crm.objects.companies.read`.
    pub what: String,
    /// How it stands.
    pub verdict: Verdict,
}

/// How a checked thing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Good, with a detail worth showing.
    Good(String),
    /// Works, but a person should know.
    Warning {
        /// What was found.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// Rules read a name that the source does not have: the configuration is to be mended.
    Misnamed {
        /// The name, as rules spell it: `company.nmae`.
        name: String,
        /// What was found.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// Does not work.
    Bad {
        /// What was found.
        found: String,
        /// What to do.
        remedy: String,
    },
}

/// A system that records are pulled from. Implementations hold no state that a restart may not lose: whatever they must
/// remember is in the [`Cursor`].
#[async_trait]
pub trait Source: Send + Sync {
    /// Which source.
    fn name(&self) -> SourceName;

    /// The streams it offers with this configuration, in pull order.
    fn streams(&self) -> Vec<Stream>;

    /// What is kept of a stream's records. When what is stored with the cursor does not cover it, the engine drops the cursor,
    /// so the stream re-reads itself once.
    fn keeps(&self, stream: Stream) -> Keeps;

    /// One page. Called again with the cursor it answered until [`PageEnd`] says the end.
    ///
    /// A listing's first page is the one asked for without a cursor, or the first under [`PullMode::Full`] with a cursor that
    /// is not inside an unfinished listing; [`Source::is_listing`] tells which a cursor is.
    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ApiError>;

    /// Whether a stored cursor lies inside an unfinished complete listing.
    fn is_listing(&self, stream: Stream, cursor: &Cursor) -> bool;

    /// Reads records by id: live, gone, or malformed; one answer for each id asked. An error or a lost right is an error
    /// here, never "gone".
    ///
    /// `cursor` says whose records the store holds: one of this stream, or of another of this source where this one has none;
    /// `None` while nothing of this source is stored. A credential that belongs elsewhere finds none of them, and is refused as
    /// [`Source::pull`] refuses it. Such a refusal is of the credential, never of the ids: not
    /// [`Fault::Invalid`](crate::domain::Fault::Invalid).
    async fn read(&self, stream: Stream, ids: &[ExternalId], cursor: Option<&Cursor>) -> Result<Vec<Pulled>, ApiError>;

    /// What a person should know of the pulls since the last call, in words: that everything was listed although only changes
    /// were asked for, that a right is missing and what is wrong because of that. Told in the run's report.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Proves credentials, scopes and property names, reading only.
    async fn check(&self) -> Vec<Finding>;

    /// Names that rules read and the source does not know, each with what to do about it. Asked before a daemon is ready: a
    /// misspelt name is not to come out at night.
    async fn unknown(&self) -> Result<Vec<(String, String)>, ApiError> {
        Ok(Vec::new())
    }

    /// What was spent so far.
    fn spent(&self) -> Spent;
}

/// Who the Pivotal key belongs to (`GET /me`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The workspace's id.
    pub workspace_id: String,
    /// The workspace's slug.
    pub workspace_slug: String,
    /// The workspace's name.
    pub workspace_name: String,
    /// The key's name, as Pivotal's activity feed shows it.
    pub key_name: String,
    /// The visible start of the key.
    pub key_prefix: String,
    /// Requests a minute the answer's headers allow, if they say.
    pub limit_per_minute: Option<u32>,
}

/// A Pivotal object as a read or a write answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// Which kind.
    pub kind: Kind,
    /// Its cuid.
    pub id: PivotalId,
    /// Its number in Pivotal's pages.
    pub display_id: Option<i64>,
    /// The customer it lives under, for contacts and onboardings.
    pub parent: Option<PivotalId>,
    /// Everything else it says, as Pivotal names it.
    pub fields: Fields,
    /// When Pivotal made it.
    pub created_at: Option<Timestamp>,
    /// When somebody, or this daemon, last changed it.
    pub updated_at: Option<Timestamp>,
}

/// One page of a walk over Pivotal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePage {
    /// The objects, newest first. May repeat objects of the page before: the tie hazard (pivotal-api.md 6).
    pub objects: Vec<RemoteObject>,
    /// Where to go on from; `None` at the end.
    pub next: Option<Cursor>,
    /// Whether ties may have hidden rows: then "not seen" proves nothing.
    pub possibly_incomplete: bool,
}

/// A write, not yet bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// POST a new object under its parent, if it has one.
    Create {
        /// Which kind.
        kind: Kind,
        /// The customer it goes under.
        parent: Option<PivotalId>,
        /// What it says; no nulls.
        fields: Fields,
    },
    /// PATCH.
    Update {
        /// Which kind.
        kind: Kind,
        /// The object.
        id: PivotalId,
        /// Only what changes; nulls clear.
        fields: Fields,
    },
    /// DELETE.
    Delete {
        /// Which kind.
        kind: Kind,
        /// The object.
        id: PivotalId,
    },
}

/// A write as bytes: what is stored before it is sent, and what is sent again byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// `POST`, `PATCH` or `DELETE`.
    pub method: String,
    /// Path below the base URL, e.g. `/customers`.
    pub path: String,
    /// The exact body.
    pub body: Option<String>,
    /// The idempotency key: POST only.
    pub key: Option<IdempotencyKey>,
}

/// What came back of a request, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The API's own name for the answer, where it gives one (pivotal-api.md 5: `X-Request-Id`).
    pub request_id: Option<String>,
}

impl From<&ApiError> for Heard {
    fn from(error: &ApiError) -> Self {
        Self { status: error.status, request_id: error.request_id.clone() }
    }
}

/// A write that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, and Pivotal's name for the answer.
    pub heard: Heard,
    /// The object as it now stands; `None` after a delete.
    pub object: Option<RemoteObject>,
}

/// Reading Pivotal: all that the planning path ever sees of it.
#[async_trait]
pub trait Target: Send + Sync {
    /// Whose key this is.
    async fn identify(&self) -> Result<Identity, ApiError>;

    /// One page of all customers (`parent` none) or of one customer's contacts or onboardings.
    async fn list(
        &self,
        kind: Kind,
        parent: Option<&PivotalId>,
        cursor: Option<&Cursor>,
    ) -> Result<RemotePage, ApiError>;

    /// One object; a 404 is an error with [`Fault::NotFound`](crate::domain::Fault::NotFound).
    async fn get(&self, kind: Kind, id: &PivotalId) -> Result<RemoteObject, ApiError>;

    /// Requests a minute that may be used now, reserve and ceiling taken off: for estimates.
    fn rate_per_minute(&self) -> Option<u32>;

    /// How long the limit keeps the next request from leaving; `None` when nothing waits for it.
    fn wait(&self) -> Option<Duration> {
        None
    }

    /// Says whether what is sent from now on, by the writer too, is in a hurry: then a share of the limit is its own.
    fn hurry(&self, _hurried: bool) {}

    /// What the limit still counts.
    fn pace(&self) -> PaceMemory;

    /// Goes on from what an earlier process knew, before the first request.
    fn recall(&self, memory: &PaceMemory);

    /// What was spent so far.
    fn spent(&self) -> Spent;
}

/// Writing Pivotal. Only `engine::apply` is ever given one.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Turns a call into the bytes to send. Pure: the same call gives the same bytes, but for the key, which is given.
    fn prepare(&self, call: &Call, key: IdempotencyKey) -> Prepared;

    /// Sends, paced, with bounded resends of the very same bytes while the fault is a passing one. Once `stop` is cancelled
    /// nothing more leaves, but an answer under way is waited for: [`Fault::Stopped`](crate::domain::Fault::Stopped) says
    /// that nothing was sent.
    async fn send(&self, prepared: &Prepared, stop: &CancellationToken) -> Result<Answer, ApiError>;
}
