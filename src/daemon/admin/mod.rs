//! Health, for machines and for people: `/healthz`, `/readyz`, `/metrics`, and a page at `/`.
//!
//! Reads the store and looks through the door, never asks for anything: a run is neither begun nor held up by a look. What the
//! store says is kept for a few seconds, so that many who ask cost no more than one. No personal data beyond names, and no
//! password: keep the listener on this machine.

mod metrics;
mod page;
mod ready;
mod snapshot;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;

use crate::store::Store;

use super::Door;

pub use metrics::Metrics;
pub use ready::{Check, readiness};

use snapshot::Shelf;

/// What the listener shows.
pub struct Admin {
    door: Door,
    shelf: Shelf,
    metrics: Metrics,
    /// Where webhooks are received, for the page; empty when they are not.
    webhooks: Vec<String>,
    /// Whether callers must name this machine: a web page elsewhere could make a browser here ask in its own name.
    only_here: bool,
}

impl Admin {
    /// `listen` is where it is served; `webhooks` the public addresses that are received.
    pub fn new(door: Door, store: Store, metrics: Metrics, listen: IpAddr, webhooks: Vec<String>) -> Self {
        Self { door, shelf: Shelf::new(store), metrics, webhooks, only_here: listen.is_loopback() }
    }
}

/// The routes.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(admin.clone(), guarded))
        .with_state(admin)
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let snapshot = admin.shelf.get().await;
    let state = admin.door.status().borrow().clone();
    let checks = readiness(&state, snapshot.as_ref().err().map(String::as_str));
    let good = checks.iter().all(|check| check.wrong.is_none());
    let lines: String = checks.iter().map(|check| format!("{check}\n")).collect();
    (if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, lines).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let snapshot = admin.shelf.get().await;
    let state = admin.door.status().borrow().clone();
    let text = admin.metrics.render(&state, snapshot.as_deref().ok());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn page(State(admin): State<Arc<Admin>>) -> Response {
    let snapshot = admin.shelf.get().await;
    let state = admin.door.status().borrow().clone();
    match page::html(&state, snapshot, &admin.webhooks, Utc::now()) {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the status page cannot be shown: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the status page cannot be shown; see the log\n").into_response()
        }
    }
}

async fn guarded(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if admin.only_here && !host.is_some_and(is_here) {
        return (StatusCode::FORBIDDEN, "ask for this machine by its address or as localhost\n").into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// Whether a `Host` is an address or `localhost`, with or without a port: a name could be anybody's.
fn is_here(host: &str) -> bool {
    match format!("http://{host}/").parse::<url::Url>().ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests;
