//! What can end a run early, and what to do about it.

use std::path::PathBuf;

use crate::domain::{ApiError, Fault, RunId, Stream};
use crate::store::StoreError;

use super::{NotHere, PlanRefused};

/// Why a run ended early. Everything else is data: a failed source, a held or refused operation.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Pivotal refused everything: a revoked key, a missing right, an unknown shape, or out of reach.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// The key belongs to another workspace than the configured one.
    #[error(
        "the Pivotal key belongs to workspace '{found}', but pivotal.workspace says '{wanted}'; nothing was read or written"
    )]
    Workspace {
        /// What is configured.
        wanted: String,
        /// What `GET /me` answered.
        found: String,
    },
    /// The store was filled from another workspace.
    #[error("the store {} belongs to workspace '{found}', but the key to '{wanted}'; nothing was read or written", path.display())]
    OtherWorkspacesStore {
        /// The store.
        path: PathBuf,
        /// The key's workspace.
        wanted: String,
        /// The store's workspace.
        found: String,
    },
    /// A source was never read in full, so who is who is not known.
    #[error(
        "{stream} was never read in full, so nothing is written yet: what it holds might be what another source shows too. {why}"
    )]
    NeverRead {
        /// The stream.
        stream: Stream,
        /// Why it stopped.
        why: String,
    },
    /// A rule reads what was not kept of a stream, and the stream was not read anew.
    #[error(
        "a rule reads a property of {stream} that was not kept so far, and {stream} was not read anew; nothing is planned, \
         because what was not read is not empty. {why}"
    )]
    NotKept {
        /// The stream.
        stream: Stream,
        /// Why it stopped, if it was tried.
        why: String,
    },
    /// Rules read what their source does not have.
    #[error("the rules cannot be used, so nothing is planned. {why}")]
    Misnamed {
        /// Which rules, what they read, and what to do.
        why: String,
    },
    /// A saved plan that may not be applied.
    #[error(transparent)]
    Plan(#[from] PlanRefused),
    /// A plan that cannot be made from what is known.
    #[error("no plan can be made offline: {0}")]
    Offline(String),
    /// A name that nothing here bears.
    #[error(transparent)]
    NotHere(#[from] NotHere),
    /// Nothing was written yet that could be compared.
    #[error("there is nothing to audit yet: this store was never filled")]
    NothingToAudit,
    /// A run that cannot be undone, or not now.
    #[error("run {run} cannot be undone: {why}; nothing was written")]
    Undo {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Asked to stop before anything was written.
    #[error("stopped while reading; nothing was written")]
    NothingYet,
    /// Asked to stop.
    #[error("stopped before the end; what was written is recorded, and the next run goes on from there")]
    Interrupted,
}

impl EngineError {
    /// One stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Api(error) => api_kind(error),
            Self::Workspace { .. } | Self::OtherWorkspacesStore { .. } => "workspace",
            Self::NeverRead { .. } | Self::NotKept { .. } => "source",
            Self::Misnamed { .. } => "config",
            Self::Plan(_) => "plan",
            Self::Offline(_) => "offline",
            Self::NotHere(_) => "not_found",
            Self::NothingToAudit => "audit",
            Self::Undo { .. } => "undo",
            Self::Interrupted | Self::NothingYet => "interrupted",
        }
    }

    /// What happened in words that can hold nobody's name: for the log, where the rest of it may.
    pub fn bare(&self) -> String {
        match self {
            Self::Api(error) => error.bare(),
            Self::Store(StoreError::BadRow { table, .. }) => format!("a row of table {table} cannot be used"),
            Self::Store(error) => error.to_string(),
            Self::NeverRead { stream, .. } => format!("{stream} was never read in full"),
            // The names of rules and properties are nobody's.
            Self::Misnamed { .. } => self.to_string(),
            Self::NotKept { stream, .. } => format!("a rule reads what was not kept of {stream}"),
            other => other.kind().to_owned(),
        }
    }

    /// Where, one line each, when there is more than one place to tell.
    pub fn details(&self) -> &[String] {
        if let Self::Plan(refused) = self { refused.details() } else { &[] }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Store(error) => error.hint(),
            Self::Api(error) => api_hint(error),
            Self::Workspace { wanted, found } => format!(
                "use a key of workspace '{wanted}', or set pivotal.workspace = \"{found}\" if that is where this should write"
            ),
            Self::OtherWorkspacesStore { .. } => {
                "give each workspace its own store.path; never point two workspaces at one store".to_owned()
            }
            Self::Undo { hint, .. } | Self::NotHere(NotHere { hint, .. }) => hint.clone(),
            Self::NothingToAudit => "run `pivotal-sync backfill` first".to_owned(),
            Self::Misnamed { .. } => {
                "mend that and run `pivotal-sync check`, which proves every name that rules read".to_owned()
            }
            Self::NotKept { .. } => {
                "run `pivotal-sync check`, which proves the names that rules read; then run again, without --source"
                    .to_owned()
            }
            Self::NeverRead { stream, .. } => format!(
                "mend that and run again; or set {}.enabled = false if that source is not to be used",
                stream.source()
            ),
            Self::Plan(refused) => refused.hint().to_owned(),
            Self::Offline(_) => "run `pivotal-sync plan` without --offline".to_owned(),
            Self::Interrupted => "run the same command again to go on".to_owned(),
            Self::NothingYet => "run the same command again; it begins anew".to_owned(),
        }
    }
}

/// One stable word for a failed request: what differs only in how an outage shows is one kind.
pub(super) const fn api_kind(error: &ApiError) -> &'static str {
    match error.fault {
        Fault::Unauthorised => "credentials",
        Fault::Forbidden { .. } => "permission",
        Fault::Unreachable | Fault::Unavailable | Fault::TimedOut | Fault::Throttled { .. } => "unreachable",
        _ => "api",
    }
}

/// What to do about a failed request, by its consequence.
pub fn api_hint(error: &ApiError) -> String {
    let api = error.api;
    match &error.fault {
        // No answer said so: the credential works, but not for what is kept here.
        Fault::Unauthorised if error.status.is_none() => {
            format!("put the right {api} credential where this one was, and run `pivotal-sync check`")
        }
        Fault::Unauthorised => format!(
            "the {api} credential is wrong, expired or revoked: make a new one, put it where the old one was, and run `pivotal-sync check`"
        ),
        Fault::Forbidden { scopes } if !scopes.is_empty() => {
            format!(
                "give the {api} credential one of these rights: {}; then run `pivotal-sync check`",
                scopes.join(", ")
            )
        }
        Fault::Forbidden { .. } => {
            format!("give the {api} credential the missing right; `pivotal-sync check` names it")
        }
        Fault::Unreachable => {
            format!("check the network, and the {} base_url in the configuration", api.to_lowercase())
        }
        Fault::Stopped => "run the same command again to go on".to_owned(),
        Fault::Throttled { .. } => format!("{api} asks to wait; run again later, what was done is recorded"),
        Fault::Unavailable | Fault::TimedOut | Fault::KeyInUse => {
            format!("{api} is not answering as it should; run again later, nothing is lost or sent twice")
        }
        Fault::Unexpected => {
            format!(
                "{api} answered in a shape this version does not know; look for a newer pivotal-sync, and report this message"
            )
        }
        Fault::Invalid | Fault::NotFound | Fault::Taken { .. } | Fault::Expired => {
            "run `pivotal-sync check`; it proves the configuration against the three APIs".to_owned()
        }
    }
}
