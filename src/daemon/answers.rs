//! What the control socket answers. Whatever is asked wrongly gets a refusal in words, and the daemon goes on.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::Utc;
use futures::{Stream, stream};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, oneshot, watch};

use crate::domain::ErrorReport;
use crate::engine::decide::{self, DecideError, Decided};
use crate::engine::{Decision, Event, Taken};
use crate::ports::Target;
use crate::store::Store;

use super::peer::Own;
use super::socket::Peer;
use super::wire::{self, Answer, Daemon, Facts, Hello, Link, RunRequest, Said, StatusAnswer};
use super::{Asker, Door, Finished, Trigger};

/// A kept plan of a large first load is some megabytes.
const BODY_MOST: usize = 64 * 1024 * 1024;

/// What answers are made of.
#[derive(Clone)]
pub(super) struct Desk {
    pub door: Door,
    pub store: Store,
    /// Pivotal, for reading; a reload brings another.
    pub target: watch::Receiver<Arc<dyn Target>>,
    pub hello: Arc<Hello>,
}

/// The paths, behind the check of who asks.
pub(super) fn router(desk: Desk, own: Own) -> Router {
    Router::new()
        .route(wire::HELLO, get(hello))
        .route(wire::RUNS, post(run))
        .route(wire::STATUS, get(status))
        .route(wire::DECISIONS, post(decision))
        .route(wire::LINKS, post(link))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(middleware::from_fn_with_state(own, admit))
        .with_state(desk)
}

/// A refusal: its status, and what a person should read.
struct Refusal(StatusCode, ErrorReport);

impl Refusal {
    fn new(status: StatusCode, kind: &str, message: impl Into<String>, hint: &str) -> Self {
        Self(status, ErrorReport { kind: kind.to_owned(), message: message.into(), hint: hint.to_owned() })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<DecideError> for Refusal {
    fn from(error: DecideError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.kind(), error.to_string(), &error.hint())
    }
}

async fn admit(
    State(own): State<Own>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let admitted = peer.map(|peer| own.admit_peer(peer));
    if let Some(Ok(())) = admitted {
        return if announces_too_much(&request) { too_long().into_response() } else { next.run(request).await };
    }
    let message = match admitted {
        Some(Err(stranger)) => stranger.to_string(),
        _ => "who asks cannot be told".to_owned(),
    };
    tracing::warn!("the control socket turned somebody away: {message}");
    let hint = "run it as root or as the daemon's user, or join the daemon's group";
    Refusal::new(StatusCode::FORBIDDEN, "permission", message, hint).into_response()
}

/// axum counts a body as it comes; one that announces too much need not come.
fn announces_too_much(request: &Request) -> bool {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > BODY_MOST as u64)
}

fn too_long() -> Refusal {
    let message = format!("the request is longer than {BODY_MOST} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "usage", message, "apply a smaller plan, or none")
}

async fn unknown() -> Refusal {
    let hint = "the daemon may be of another version than the command: restart it";
    Refusal::new(StatusCode::NOT_FOUND, "usage", "the daemon does not know this request", hint)
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let hint = "the daemon may be of another version than the command: restart it";
        Refusal::new(StatusCode::BAD_REQUEST, "usage", format!("the request cannot be read: {error}"), hint)
    })
}

async fn hello(State(desk): State<Desk>) -> Json<Hello> {
    Json((*desk.hello).clone())
}

async fn status(State(desk): State<Desk>) -> Result<Json<StatusAnswer>, Refusal> {
    let facts = Facts::of(&desk.store).await.map_err(|error| DecideError::Engine(error.into()))?;
    let daemon = Daemon::of(&desk.door.status().borrow());
    Ok(Json(StatusAnswer { facts, daemon }))
}

async fn decision(State(desk): State<Desk>, body: Bytes) -> Result<Json<Taken>, Refusal> {
    let decision: Decision = read(&body)?;
    Ok(Json(decision.carry_out(&desk.store).await?))
}

async fn link(State(desk): State<Desk>, body: Bytes) -> Result<Json<Decided>, Refusal> {
    let Link { record, object } = read(&body)?;
    let (target, workspace) = (desk.target.borrow().clone(), &desk.hello.workspace);
    let decided = decide::link(&desk.store, &*target, workspace, &record, &object, Utc::now()).await?;
    Ok(Json(decided))
}

/// A run, told line by line until it ends. Whoever goes away before that takes nothing with them: the run goes on.
async fn run(State(desk): State<Desk>, body: Bytes) -> Result<Response, Refusal> {
    let RunRequest { errand } = read(&body)?;
    let events = desk.door.events();
    let waiting = desk.door.status().borrow().run.clone();
    let (trigger, answer) = Trigger::awaited(Asker::Command, errand);
    desk.door.trigger(trigger).map_err(|unheard| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "daemon", unheard.to_string(), "run the same command again later")
    })?;
    let told = Told { first: waiting.map(Said::Waiting), events: Some(events), answer: Some(answer), door: desk.door };
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines(told))).into_response())
}

/// What is told of a run, line by line.
fn lines(told: Told) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::unfold(told, |mut told| async move {
        // Whoever waits for a run that waits, or whose requests do, must be able to tell that from a daemon that stands still.
        let said = match tokio::time::timeout(wire::STILL_EVERY, told.next()).await {
            Ok(said) => said?,
            Err(_) => Said::Still,
        };
        // Plain data: it cannot fail to become JSON.
        let mut line = serde_json::to_vec(&said).unwrap_or_default();
        line.push(b'\n');
        Some((Ok(Bytes::from(line)), told))
    })
}

/// What is still to be told of a run.
struct Told {
    first: Option<Said>,
    events: Option<broadcast::Receiver<Event>>,
    answer: Option<oneshot::Receiver<Arc<Finished>>>,
    door: Door,
}

impl Told {
    async fn next(&mut self) -> Option<Said> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let answer = self.answer.as_mut()?;
            let Some(events) = &mut self.events else {
                let answered = answer.await;
                self.answer = None;
                return Some(last_word(answered, &self.door));
            };
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(event) => return Some(Said::Event(event)),
                    // Too slow a listener misses some; the last word is never missed.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => self.events = None,
                },
                answered = answer => {
                    let rest = events.try_recv();
                    self.answer = None;
                    if !matches!(rest, Err(TryRecvError::Empty | TryRecvError::Closed)) {
                        tracing::debug!("a listener was answered before it heard everything");
                    }
                    return Some(last_word(answered, &self.door));
                }
            }
        }
    }
}

fn last_word(answered: Result<Arc<Finished>, oneshot::error::RecvError>, door: &Door) -> Said {
    if let Ok(finished) = answered {
        return Said::Ended(Box::new(Answer::from(&*finished)));
    }
    let (message, hint) = if door.status().borrow().stopping {
        ("the daemon stopped before the run began", "run the same command again once the daemon is back")
    } else {
        ("too many runs wait in the daemon already", "run the same command again later")
    };
    Said::Dropped(ErrorReport { kind: "daemon".to_owned(), message: message.to_owned(), hint: hint.to_owned() })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::daemon::Errand;

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_that_the_daemon_is_well_and_why_a_run_was_turned_away() {
        for (stopping, why) in [(false, "too many runs wait"), (true, "the daemon stopped before the run began")] {
            let (door, inside) = Door::new();
            inside.state.send_modify(|state| state.stopping = stopping);
            let (trigger, answer) = Trigger::awaited(Asker::Command, Errand::Sync);
            let told = Told { first: None, events: Some(door.events()), answer: Some(answer), door };
            let mut lines = std::pin::pin!(lines(told));
            let began = tokio::time::Instant::now();
            for _ in 0..3 {
                let line = lines.next().await.unwrap().unwrap();
                assert!(matches!(serde_json::from_slice(&line), Ok(Said::Still)), "{line:?}");
            }
            assert_eq!(began.elapsed(), 3 * wire::STILL_EVERY);
            drop(trigger);
            let line = lines.next().await.unwrap().unwrap();
            let Ok(Said::Dropped(said)) = serde_json::from_slice(&line) else { panic!("{line:?}") };
            assert!(said.message.contains(why), "{said:?}");
            assert!(lines.next().await.is_none());
        }
    }
}
