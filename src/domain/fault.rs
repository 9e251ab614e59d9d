//! Errors of the three APIs, named by what follows from them.

use std::fmt;
use std::time::Duration;

/// The consequence of a failed request (design section 4, "Faults by consequence").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests: wait as told, everybody.
    Throttled {
        /// How long the server asked to wait.
        wait: Option<Duration>,
    },
    /// The server is down or said 5xx; the outcome of a write is unknown.
    Unavailable,
    /// No answer in time, or the connection broke after the request may have been sent; the outcome of a write is unknown.
    TimedOut,
    /// Nothing was sent: the server cannot be reached.
    Unreachable,
    /// Nothing was sent: this process was asked to stop while the request waited for its turn.
    Stopped,
    /// The credential is wrong, expired or revoked: everything stops.
    Unauthorised,
    /// A right is missing.
    Forbidden {
        /// The scopes or permissions the answer names, any one of which would do.
        scopes: Vec<String>,
    },
    /// Not there.
    NotFound,
    /// A uniqueness rule was broken, e.g. `slug_taken`.
    Taken {
        /// The code, e.g. `slug_taken`, `email_taken`.
        code: String,
    },
    /// The same idempotency key is in use: either in flight, or with another body.
    KeyInUse,
    /// The request was refused for what it says.
    Invalid,
    /// A cursor is too old to go on from: list everything.
    Expired,
    /// The answer does not have the shape the API promises: the API has changed; stop.
    Unexpected,
}

impl Fault {
    /// One stable word for logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Stopped => "stopped",
            Self::Unauthorised => "unauthorised",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound => "not_found",
            Self::Taken { .. } => "taken",
            Self::KeyInUse => "key_in_use",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether the same request may succeed later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable | Self::TimedOut | Self::Unreachable | Self::KeyInUse)
    }

    /// Whether a write that met this fault may have been carried out all the same.
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unavailable | Self::TimedOut | Self::KeyInUse)
    }
}

/// One failed request: the consequence, and everything a person needs to follow it up. Never holds a body or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What follows from it.
    pub fault: Fault,
    /// Who answered: `HubSpot`, `Stripe`, `Pivotal`.
    pub api: &'static str,
    /// Method and path without query, e.g. `GET /customers`.
    pub endpoint: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The API's own code or category.
    pub code: Option<String>,
    /// The field the API names.
    pub field: Option<String>,
    /// The API's own words, or the transport's.
    pub message: String,
    /// The id the API's support asks for.
    pub request_id: Option<String>,
}

impl ApiError {
    /// The code of a name that rules read and that the source does not have: the configuration is what must be mended.
    pub const UNKNOWN_NAME: &'static str = "unknown_property";

    /// The names that rules read and the source does not have, such as `company.nmae`; none where something else is wrong.
    pub fn unknown_names(&self) -> Vec<&str> {
        let is_that = self.code.as_deref() == Some(Self::UNKNOWN_NAME) && self.status.is_none();
        self.field.as_deref().filter(|_| is_that).map(|names| names.split(", ").collect()).unwrap_or_default()
    }

    /// The error as a log may hold it: without the API's own words, which quote what was sent, names and addresses included.
    /// What kept a request from its answer is our own word, and stays.
    pub fn bare(&self) -> String {
        let code = self.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
        let field = self.field.as_deref().map(|field| format!(" (field {field})")).unwrap_or_default();
        let request = self.request_id.as_deref().map(|id| format!(" [request {id}]")).unwrap_or_default();
        let (api, endpoint, fault) = (self.api, &self.endpoint, self.fault.as_str());
        match self.status {
            Some(status) => format!("{api} {endpoint} answered {status}{code}{field}: {fault}{request}"),
            None => format!("{api} {endpoint} failed: {fault}: {}", self.message),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api, self.endpoint)?;
        match self.status {
            Some(status) => write!(f, " answered {status}")?,
            None => write!(f, " failed")?,
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " (field {field})")?;
        }
        // What follows brings its own mark.
        write!(f, ": {}", self.message.trim_end_matches('.'))?;
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}
