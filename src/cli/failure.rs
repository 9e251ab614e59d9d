//! The one error commands return, and the exit codes.

use std::process::ExitCode;

use crate::config::{ConfigErrors, Credential, SecretErrors, Secrets};
use crate::domain::{ApiError, ErrorReport, Fault, Operation, Report, RunStatus};
use crate::store::StoreError;

/// How the program ends (design section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done and in step.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Bad usage or configuration.
    Usage = 2,
    /// Finished, but records are held, quarantined or still owed.
    Owed = 3,
    /// Another instance holds the store.
    Locked = 4,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The exit code a run earns. `plan` itself ends well with anything in it.
    pub fn of_run(report: &Report) -> Self {
        match report.status {
            RunStatus::Complete => Self::Done,
            // Rules that read what is not there are configuration, whatever else was done.
            RunStatus::Partial if report.streams.values().any(|counts| counts.misnamed) => Self::Usage,
            // A source that could not be read is no "finished, but".
            RunStatus::Partial if report.streams.values().any(|counts| counts.error.is_some()) => Self::Failed,
            RunStatus::Partial => Self::Owed,
            RunStatus::Interrupted => Self::Interrupted,
            RunStatus::Failed | RunStatus::Running => {
                report.error.as_ref().map_or(Self::Failed, |error| Self::of_kind(&error.kind))
            }
        }
    }

    /// The exit code of a plan: with `tell`, 3 when something would change.
    pub fn of_plan(report: &Report, tell: bool) -> Self {
        match Self::of_run(report) {
            // A source that failed makes the plan partial; that is no success, whatever else is asked.
            Self::Done | Self::Owed if tell && report.plan.iter().any(Operation::is_ready) => Self::Owed,
            exit => exit,
        }
    }

    /// The exit code that belongs to an error's kind.
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "config" | "usage" | "workspace" => Self::Usage,
            "locked" => Self::Locked,
            "interrupted" => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}

/// Why a command could not do its work: the one error at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One stable word: `config`, `credentials`, `permission`, `unreachable`, `workspace`, `locked`, `store`, `api`, …
    pub kind: String,
    /// What happened, and to what.
    pub message: String,
    /// Where, when there is more than one place to tell.
    pub at: Vec<String>,
    /// What to do.
    pub hint: String,
    /// What the run had done by then, when one was under way.
    pub so_far: Option<Box<Report>>,
    /// How the program ends.
    pub exit: Exit,
}

impl Failure {
    /// A failure of a kind; the kind says how the program ends.
    pub fn new(kind: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let kind = kind.into();
        let exit = Exit::of_kind(&kind);
        Self { kind, message: message.into(), at: Vec::new(), hint: hint.into(), so_far: None, exit }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, places: impl IntoIterator<Item = String>) -> Self {
        self.at.extend(places);
        self
    }

    /// Says what the run had done by then.
    #[must_use]
    pub fn after(mut self, report: Option<Report>) -> Self {
        self.so_far = report.map(Box::new);
        self
    }

    /// A failed request, naming the credential's place where that is what must be looked at.
    pub fn of_api(error: &ApiError, secrets: Option<&Secrets>) -> Self {
        let api = error.api;
        let (kind, hint) = match &error.fault {
            Fault::Unauthorised => (
                "credentials",
                "make a new one, put it in the place of the old one, and run `pivotal-sync check`".to_owned(),
            ),
            Fault::Forbidden { scopes } if scopes.is_empty() => {
                ("permission", format!("give the {api} credential the missing right, then run `pivotal-sync check`"))
            }
            Fault::Forbidden { scopes } => (
                "permission",
                format!(
                    "give the {api} credential one of these rights: {}; then run `pivotal-sync check`",
                    scopes.join(", ")
                ),
            ),
            Fault::Unreachable => {
                ("unreachable", format!("check the network, and {}.base_url in the configuration", api.to_lowercase()))
            }
            Fault::Unavailable | Fault::TimedOut | Fault::Throttled { .. } | Fault::KeyInUse => (
                "unreachable",
                format!("{api} is not answering as it should; run again later, nothing is lost or sent twice"),
            ),
            Fault::Stopped => ("interrupted", "run the same command again to go on".to_owned()),
            Fault::Unexpected => {
                ("api", format!("{api} answered in a shape this version does not know; look for a newer pivotal-sync"))
            }
            Fault::NotFound | Fault::Taken { .. } | Fault::Invalid | Fault::Expired => {
                ("api", "run `pivotal-sync check`: it proves the configuration against the three APIs".to_owned())
            }
        };
        let places = secrets.map_or_else(|| Credential::blamed(error, None), |secrets| secrets.blamed(error));
        Self::new(kind, error.to_string(), hint).at(places)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let many = if errors.0.len() == 1 { "" } else { "s" };
        let hint = "mend that and run `pivotal-sync check`; `pivotal-sync init` writes an example of every key";
        Self::new("config", format!("the configuration cannot be used: {} problem{many}", errors.0.len()), hint)
            .at(errors.0.iter().map(ToString::to_string))
    }
}

impl From<SecretErrors> for Failure {
    fn from(errors: SecretErrors) -> Self {
        let hint = "put each where one of its places is, readable by this user only, and run `pivotal-sync check`";
        let mut failure =
            Self::new("credentials", "credentials are missing", hint).at(errors.0.iter().map(ToString::to_string));
        failure.exit = Exit::Usage;
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Locked { .. } => "locked",
            StoreError::Taken { .. } => "usage",
            _ => "store",
        };
        Self::new(kind, error.to_string(), error.hint())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::of_api(&error, None)
    }
}

impl From<ErrorReport> for Failure {
    fn from(error: ErrorReport) -> Self {
        Self::new(error.kind, error.message, error.hint)
    }
}
