//! The sandbox's own desk, under `/_sandbox` on Pivotal's port: what black-box tests and rehearsing people act through.
//! No key, loopback only, never logged.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{self, Change};
use super::faults::{Fault, Faults};
use super::log::{Entry, RequestLog};
use super::pivotal::{self, Object, TEST_KEY, lock};
use super::start::Worlds;

/// Where it hangs.
pub const BASE: &str = "/_sandbox";

#[derive(Clone)]
struct Desk {
    worlds: Worlds,
    log: RequestLog,
    faults: Faults,
}

/// The routes of the desk.
pub fn router(worlds: Worlds, log: RequestLog, faults: Faults) -> Router {
    let desk = Router::new()
        .route("/log", get(show_log).delete(clear_log))
        .route("/faults", get(show_faults).post(inject).delete(clear_faults))
        .route("/change", post(make_change))
        .route("/pivotal/revoke-key", post(revoke_key))
        .route("/pivotal/restore-key", post(restore_key))
        .route("/pivotal/customers", get(async |desk: State<Desk>| show_rows(&desk, Object::Customer)))
        .route("/pivotal/contacts", get(async |desk: State<Desk>| show_rows(&desk, Object::Contact)))
        .route("/pivotal/onboardings", get(async |desk: State<Desk>| show_rows(&desk, Object::Onboarding)))
        .route("/pivotal/summary", get(show_summary))
        .route("/pivotal/switches", get(show_switches).put(set_switches))
        .route("/pivotal/limit", post(set_limit))
        .with_state(Desk { worlds, log, faults });
    Router::new().nest(BASE, desk)
}

#[derive(Deserialize)]
struct Which {
    api: Option<String>,
}

async fn show_log(State(desk): State<Desk>, Query(which): Query<Which>) -> Json<Vec<Entry>> {
    let mut entries = desk.log.entries();
    entries.retain(|entry| which.api.as_deref().is_none_or(|api| api == entry.api));
    Json(entries)
}

async fn clear_log(State(desk): State<Desk>) -> StatusCode {
    desk.log.clear();
    StatusCode::NO_CONTENT
}

async fn show_faults(State(desk): State<Desk>) -> Json<Vec<Fault>> {
    Json(desk.faults.waiting())
}

/// One fault or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Injected {
    One(Fault),
    Several(Vec<Fault>),
}

async fn inject(State(desk): State<Desk>, Json(faults): Json<Injected>) -> StatusCode {
    let faults = match faults {
        Injected::One(fault) => vec![fault],
        Injected::Several(faults) => faults,
    };
    faults.into_iter().for_each(|fault| desk.faults.inject(fault));
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(desk): State<Desk>) -> StatusCode {
    desk.faults.clear();
    StatusCode::NO_CONTENT
}

async fn make_change(State(desk): State<Desk>, Json(change): Json<Change>) -> Response {
    match change::make(&desk.worlds, change) {
        Ok(made) => Json(made).into_response(),
        Err(why) => (StatusCode::NOT_FOUND, Json(json!({ "error": why }))).into_response(),
    }
}

async fn revoke_key(State(desk): State<Desk>) -> StatusCode {
    lock(&desk.worlds.pivotal).revoke_key(TEST_KEY);
    StatusCode::NO_CONTENT
}

async fn restore_key(State(desk): State<Desk>) -> StatusCode {
    lock(&desk.worlds.pivotal).restore_key(TEST_KEY);
    StatusCode::NO_CONTENT
}

/// All rows of a kind, oldest first: the object as the API shows it, with `deleted`, `hidden` (its customer is deleted)
/// and `by_api`.
fn show_rows(desk: &Desk, object: Object) -> Json<Vec<Value>> {
    Json(lock(&desk.worlds.pivotal).dump(object))
}

async fn show_summary(State(desk): State<Desk>) -> Json<Value> {
    let world = lock(&desk.worlds.pivotal);
    let of = |object: Object| json!({ "visible": world.visible(object).count(), "writes": world.writes(object) });
    Json(json!({
        "customers": of(Object::Customer), "contacts": of(Object::Contact), "onboardings": of(Object::Onboarding),
        "duplicates": world.duplicates(),
    }))
}

async fn show_switches(State(desk): State<Desk>) -> Json<pivotal::Switches> {
    Json(lock(&desk.worlds.pivotal).switches.clone())
}

/// Switches left out go back to their defaults.
async fn set_switches(State(desk): State<Desk>, Json(switches): Json<pivotal::Switches>) -> StatusCode {
    lock(&desk.worlds.pivotal).switches = switches;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Limit {
    per_minute: Option<u32>,
}

async fn set_limit(State(desk): State<Desk>, Json(limit): Json<Limit>) -> StatusCode {
    lock(&desk.worlds.pivotal).limit = limit.per_minute;
    StatusCode::NO_CONTENT
}
