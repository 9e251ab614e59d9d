//! The portal over HTTP: which path is which question.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;

use super::reply::Reply;
use super::world::{ObjectType, World};

/// The portal as the router and everybody who edits it hold it.
pub type Shared = Arc<Mutex<World>>;

/// Shows the portal over HTTP. Bare: no logging, no injected faults.
pub fn router(shared: Shared) -> axum::Router {
    axum::Router::new().fallback(serve).with_state(shared)
}

/// One request, read.
pub(super) struct Call<'a> {
    query: Vec<(String, String)>,
    pub(super) body: &'a [u8],
}

impl Call<'_> {
    /// A query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A comma list, or the same parameter several times.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }
}

/// A question that the portal knows.
pub(super) enum Route<'a> {
    List(ObjectType),
    Search(ObjectType),
    BatchRead(ObjectType),
    Get(ObjectType, &'a str),
    Links(ObjectType, ObjectType),
    Labels(ObjectType, ObjectType),
    Properties(ObjectType),
    Pipelines(ObjectType),
    Owners,
    Details,
    Usage,
}

/// The version and the question of a path; `Err` for a path that is right but for its object type.
fn route<'a>(method: &Method, path: &[&'a str]) -> Result<Option<(&'a str, Route<'a>)>, Reply> {
    let object = |name: &str| {
        let unknown = || Reply::invalid(&format!("Unable to infer object type from: {name}"));
        ObjectType::from_path(name).ok_or_else(unknown)
    };
    let found = match (method.as_str(), path) {
        ("GET", ["crm", "objects", version, kind]) => (*version, Route::List(object(kind)?)),
        ("GET", ["crm", "objects", version, kind, id]) => (*version, Route::Get(object(kind)?, id)),
        ("POST", ["crm", "objects", version, kind, "search"]) => (*version, Route::Search(object(kind)?)),
        ("POST", ["crm", "objects", version, kind, "batch", "read"]) => (*version, Route::BatchRead(object(kind)?)),
        ("POST", ["crm", "associations", version, from, to, "batch", "read"]) => {
            (*version, Route::Links(object(from)?, object(to)?))
        }
        ("GET", ["crm", "associations", version, from, to, "labels"]) => {
            (*version, Route::Labels(object(from)?, object(to)?))
        }
        ("GET", ["crm", "properties", version, kind]) => (*version, Route::Properties(object(kind)?)),
        ("GET", ["crm", "pipelines", version, kind]) => (*version, Route::Pipelines(object(kind)?)),
        ("GET", ["crm", "owners", version]) => (*version, Route::Owners),
        ("GET", ["account-info", version, "details"]) => (*version, Route::Details),
        ("GET", ["account-info", version, "api-usage", "daily", "private-apps"]) => (*version, Route::Usage),
        _ => return Ok(None),
    };
    Ok(Some(found))
}

async fn serve(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let call = Call { query, body: &body };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let mut world = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let reply = world.answer(&method, &uri, bearer, &call).unwrap_or_else(|refusal| refusal);
    let date = world.now() + chrono::Duration::milliseconds(world.switches.date_skew_ms);
    drop(world);
    reply.into_response(date)
}

impl World {
    /// The gates in the order a request meets them, then the question. `Err` is a refusal.
    fn answer(&mut self, method: &Method, uri: &Uri, bearer: Option<&str>, call: &Call) -> Result<Reply, Reply> {
        let size = uri.path_and_query().map_or(0, |whole| whole.as_str().len());
        if size > self.switches.url_limit {
            return Err(Reply::html(414, "<html><body><h1>414 Request-URI Too Large</h1></body></html>"));
        }
        if let Some(seconds) = self.switches.migrating_seconds {
            let reply =
                Reply::error(477, "MIGRATION_IN_PROGRESS", "This account is being moved to another data center");
            return Err(reply.header("retry-after", seconds));
        }
        let path: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        match (method.as_str(), path.as_slice()) {
            ("POST", ["oauth", "v2", "private-apps", "get", "access-token-info"]) => return Ok(self.token_info(call)),
            ("POST", ["oauth", version, "token"]) if self.switches.versions.contains(*version) => {
                return Ok(self.trade_token(call));
            }
            _ => {}
        }
        self.check_token(bearer)?;
        let known = route(method, &path)?.filter(|(version, _)| self.switches.versions.contains(*version));
        let page = "<html><head><title>Error 404 Not Found</title></head><body><h2>HTTP ERROR 404</h2></body></html>";
        let (_, route) = known.ok_or_else(|| Reply::html(404, page))?;
        self.check_limits(&route)?;
        let reply = match self.check_scopes(&route) {
            Ok(()) => self.ask(&route, call),
            Err(refusal) => refusal,
        };
        Ok(if matches!(route, Route::Search(_)) { reply } else { self.with_limits(reply) })
    }

    fn ask(&self, route: &Route<'_>, call: &Call) -> Reply {
        match route {
            Route::List(object) => self.list(*object, call),
            Route::Get(object, id) => self.get(*object, id, call),
            Route::Search(object) => self.search(*object, call).unwrap_or_else(|refusal| refusal),
            Route::BatchRead(object) => self.batch_read(*object, call).unwrap_or_else(|refusal| refusal),
            Route::Links(from, to) => self.batch_links(*from, *to, call),
            Route::Labels(from, to) => self.list_labels(*from, *to),
            Route::Properties(object) => self.list_properties(*object, call),
            Route::Pipelines(ObjectType::Deal) => Reply::ok(self.listed_pipelines()),
            Route::Pipelines(_) => Reply::ok(serde_json::json!({ "results": [] })),
            Route::Owners => self.list_owners(call),
            Route::Details => self.details(),
            Route::Usage => self.usage(),
        }
    }
}
