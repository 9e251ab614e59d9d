//! How a command speaks with a running daemon.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::config::Settings;
use crate::domain::ErrorReport;
use crate::engine::decide::Decided;
use crate::engine::{Decision, Event, Taken};
use crate::store::Reference;

use super::wire::{self, Answer, Hello, Link, RunRequest, Said, StatusAnswer, itself};
use super::{Errand, UnderWay, socket};

/// The longest line that is read: an answer with a plan of a million operations.
const LINE_MOST: usize = 1 << 30;

/// How long a daemon that is well may take to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// The same for who can do without it.
const GLANCE: Duration = Duration::from_secs(5);

/// How long it may take to read or write in its store.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take where it asks Pivotal, which is tried for three minutes at most.
const ASKED_WITHIN: Duration = Duration::from_secs(4 * 60);

/// How long a run may be silent: while nothing happens the daemon says so three times in that.
const SILENT_MOST: Duration = Duration::from_secs(3 * wire::STILL_EVERY.as_secs());

/// A running daemon, found.
#[derive(Debug)]
pub struct Caller {
    client: Client,
    /// Its socket.
    path: PathBuf,
    /// Who it is.
    pub hello: Hello,
}

/// What a run tells while somebody waits for it.
pub enum Told {
    /// Another run is under way first.
    Waiting(UnderWay),
    /// Something happened.
    Event(Event),
}

impl Caller {
    /// The daemon that works on the configured store, if one is running and answers.
    ///
    /// # Errors
    /// When there is one, but it may not be used by this user or speaks another language.
    pub async fn find(settings: &Settings) -> Result<Option<Self>, ErrorReport> {
        Self::find_within(settings, HELLO_WITHIN).await
    }

    /// The same for who can do without it: one that is silent is given up sooner.
    ///
    /// # Errors
    /// As [`Caller::find`]; of one that is silent, [`is_silent`] knows the error.
    pub async fn glimpse(settings: &Settings) -> Result<Option<Self>, ErrorReport> {
        Self::find_within(settings, GLANCE).await
    }

    async fn find_within(settings: &Settings, patience: Duration) -> Result<Option<Self>, ErrorReport> {
        for path in socket::places(settings) {
            match UnixStream::connect(&path).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied && settings.daemon.socket.is_some() => {
                    return Err(denied(&path));
                }
                // Somebody listens, and more wait to be heard than the system lets wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(silent(&path)),
                Err(_) => continue,
            }
            let client = client(&path)?;
            let hello: Hello = within(patience, &path, client.get(url(wire::HELLO))).await?;
            if is_ours(&hello, &settings.store.path) {
                return Ok(Some(Self { client, hello, path }));
            }
        }
        Ok(None)
    }

    /// Where a daemon was looked for in vain, and what stands in the way there: for who finds the store in use all the same.
    pub async fn missed(settings: &Settings) -> Vec<(PathBuf, io::Error)> {
        let mut missed = Vec::new();
        for path in socket::places(settings) {
            let error = UnixStream::connect(&path).await.err();
            missed.push((path, error.unwrap_or_else(|| io::Error::other("the daemon there works on another store"))));
        }
        missed
    }

    /// Has a run made, and hears of it until it ends.
    ///
    /// # Errors
    /// When the daemon cannot make it, or is gone before it ended. A run that failed is an [`Answer`].
    pub async fn run(&self, errand: Errand, mut told: impl FnMut(Told)) -> Result<Answer, ErrorReport> {
        let goes_on = errand.goes_on_by_itself();
        let asked = async {
            let sent = self.post(wire::RUNS, &RunRequest { errand }).send().await;
            good(sent.map_err(|error| gone(&error))?).await
        };
        let mut response = self.unless_silent(ANSWER_WITHIN, asked).await??;
        let mut pending: Vec<u8> = Vec::new();
        // A connection that breaks and one that ends too soon are the same: the daemon died.
        while let Ok(Some(chunk)) = self.unless_silent(SILENT_MOST, response.chunk()).await? {
            pending.extend_from_slice(&chunk);
            if pending.len() > LINE_MOST {
                break;
            }
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                match serde_json::from_slice(&line).map_err(|error| foreign(&error.to_string()))? {
                    Said::Waiting(run) => told(Told::Waiting(run)),
                    Said::Event(event) => told(Told::Event(event)),
                    Said::Still => {}
                    Said::Ended(answer) => return Ok(whole(*answer)),
                    Said::Dropped(why) => return Err(why),
                }
            }
        }
        Err(died(goes_on))
    }

    /// How things are.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn status(&self) -> Result<StatusAnswer, ErrorReport> {
        within(GLANCE * 2, &self.path, self.client.get(url(wire::STATUS))).await
    }

    /// Has a decision written down.
    ///
    /// # Errors
    /// Why nothing is decided.
    pub async fn decide(&self, decision: &Decision) -> Result<Taken, ErrorReport> {
        within(ANSWER_WITHIN, &self.path, self.post(wire::DECISIONS, decision)).await
    }

    /// Has a record tied to a Pivotal object, or to another record's.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn link(&self, record: &Reference, object: &Reference) -> Result<Decided, ErrorReport> {
        let link = Link { record: record.clone(), object: object.clone() };
        within(ASKED_WITHIN, &self.path, self.post(wire::LINKS, &link)).await
    }

    async fn unless_silent<T>(&self, patience: Duration, work: impl Future<Output = T>) -> Result<T, ErrorReport> {
        tokio::time::timeout(patience, work).await.map_err(|_| silent(&self.path))
    }

    fn post(&self, path: &str, body: &impl Serialize) -> RequestBuilder {
        self.client.request(Method::POST, url(path)).json(body)
    }
}

/// The host is not looked at: the socket says who is meant.
fn url(path: &str) -> String {
    format!("http://pivotal-sync{path}")
}

fn client(socket: &Path) -> Result<Client, ErrorReport> {
    let built = Client::builder().no_proxy().unix_socket(PathBuf::from(socket)).build();
    built.map_err(|error| foreign(&error.to_string()))
}

/// A report's plan travels beside it.
fn whole(mut answer: Answer) -> Answer {
    let plan = std::mem::take(&mut answer.plan);
    if let Ok(report) = &mut answer.outcome {
        report.plan = plan;
    }
    answer
}

fn is_ours(hello: &Hello, store: &Path) -> bool {
    hello.store_itself == itself(store) || (store.is_absolute() && hello.store == store)
}

async fn good(response: Response) -> Result<Response, ErrorReport> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    Err(serde_json::from_slice(&body).unwrap_or_else(|_| foreign(&format!("it answered {status}"))))
}

/// The answer. The system takes a connection for a process that stands still: one that is silent for so long is not waited for.
async fn within<T: DeserializeOwned>(
    patience: Duration,
    socket: &Path,
    request: RequestBuilder,
) -> Result<T, ErrorReport> {
    let answered = async {
        let sent = request.send().await.map_err(|error| gone(&error))?;
        let body = good(sent).await?.bytes().await.map_err(|error| gone(&error))?;
        serde_json::from_slice(&body).map_err(|error| foreign(&error.to_string()))
    };
    tokio::time::timeout(patience, answered).await.unwrap_or_else(|_| Err(silent(socket)))
}

/// Whether there is a daemon, and it does not answer.
pub fn is_silent(error: &ErrorReport) -> bool {
    error.kind == SILENT.0 && error.message.ends_with(SILENT.1)
}

/// How a daemon that does not answer is told of: kind, and end of the message.
const SILENT: (&str, &str) = ("daemon", "does not answer");

fn report(kind: &str, message: String, hint: &str) -> ErrorReport {
    ErrorReport { kind: kind.to_owned(), message, hint: hint.to_owned() }
}

fn silent(path: &Path) -> ErrorReport {
    let message = format!("the daemon at {} {}", path.display(), SILENT.1);
    let hint = "it may be stuck: systemd restarts it within minutes, or `systemctl restart pivotal-sync` does at once; `journalctl -u \
                pivotal-sync` tells what it did last";
    report(SILENT.0, message, hint)
}

fn denied(path: &Path) -> ErrorReport {
    let message = format!("the daemon's socket {} may not be used by this user", path.display());
    report("permission", message, "run it as root or as the daemon's user, or join the daemon's group")
}

fn foreign(why: &str) -> ErrorReport {
    let hint = "restart it, so that it is of the same version as this command: systemctl restart pivotal-sync";
    report("daemon", format!("the running daemon cannot be understood: {why}"), hint)
}

fn gone(error: &reqwest::Error) -> ErrorReport {
    let message = format!("the running daemon went away: {}", cause(error));
    report("daemon", message, "`pivotal-sync status` tells how things are; run the same command again once it is back")
}

/// Nobody interrupted the command, so this is no `interrupted`.
fn died(goes_on: bool) -> ErrorReport {
    let message = "the running daemon went away before the run ended".to_owned();
    let hint = if goes_on {
        "what it had begun goes on when the daemon starts again, which systemd sees to; `pivotal-sync status` tells how far it came, and \
         `journalctl -u pivotal-sync` what happened"
    } else {
        "run the same command again once the daemon is back; `pivotal-sync status` tells how things are, and `journalctl -u \
         pivotal-sync` what happened"
    };
    report("daemon", message, hint)
}

/// What the system said, without the address, which means nothing to anybody here.
fn cause(error: &reqwest::Error) -> String {
    let first = std::error::Error::source(error);
    let last = std::iter::successors(first, |cause| cause.source()).last();
    last.map_or_else(|| "no answer".to_owned(), ToString::to_string)
}
