//! One request from arrival to answer: auth, rate limit, idempotency, then the work (sheet section 13, "order of checks").

use axum::body::Bytes;
use serde_json::json;

use super::ledger::{LONGEST_KEY, Met, Scope, fingerprint};
use super::paging;
use super::refusal::{Answer, Refusal};
use super::row::stamp;
use super::schema::Object;
use super::switches::Switches;
use super::window::Level;
use super::world::World;
use super::writes::Made;
use super::zod::{self, Purpose};

/// A request as the world sees it.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// The verb, upper case.
    pub method: String,
    /// The path below `/api/v1`, without query.
    pub path: String,
    /// The query, without its `?`.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Idempotency-Key` header, as bytes.
    pub idempotency_key: Option<Vec<u8>>,
    /// The body.
    pub body: Bytes,
}

/// What an endpoint does.
#[derive(Debug, Clone, Copy)]
enum Action<'a> {
    Health,
    Me,
    List(Object, Option<&'a str>),
    Create(Object, Option<&'a str>),
    Get(Object, &'a str),
    Patch(Object, &'a str),
    Delete(Object, &'a str),
    WrongVerb,
    NoRoute,
}

/// A request that was let in and waits to be carried out.
#[derive(Debug)]
pub struct Ticket {
    scope: Option<Scope>,
    level: Option<Level>,
    key: String,
}

/// How far a request got.
#[derive(Debug)]
pub enum Opened {
    /// It has its answer.
    Answered(Answer),
    /// It may be carried out; until then its idempotency key is in flight.
    Admitted(Ticket),
}

impl World {
    /// Answers one request in one step.
    pub fn answer(&mut self, call: &Call) -> Answer {
        match self.open(call) {
            Opened::Answered(answer) => answer,
            Opened::Admitted(ticket) => self.carry_out(call, ticket),
        }
    }

    /// Everything before the work.
    pub fn open(&mut self, call: &Call) -> Opened {
        if matches!(route(call), Action::Health) {
            return Opened::Answered(self.health());
        }
        let key = match self.authenticate(call.authorization.as_deref()) {
            Ok(key) => key,
            Err(refusal) => return Opened::Answered(self.finish(refusal.answer(), None)),
        };
        let level = self.charge(&key);
        if let Some(refused) = level.filter(|level| !level.admitted) {
            let wait = refused.retry_after(self.now());
            let mut answer = Refusal::throttled(wait).answer();
            answer.headers.push(("retry-after", wait.to_string()));
            return Opened::Answered(self.finish(answer, level));
        }
        match self.claim(call) {
            Ok(scope) => Opened::Admitted(Ticket { scope, level, key }),
            Err(answer) => {
                let replay = answer.status < 300;
                if (replay && !self.switches.count_replays) || (!replay && !self.switches.count_errors) {
                    self.refund(&key);
                }
                Opened::Answered(self.finish(answer, level))
            }
        }
    }

    /// The work, and what is remembered of it.
    pub fn carry_out(&mut self, call: &Call, ticket: Ticket) -> Answer {
        let answer = self.act(call).unwrap_or_else(|refusal| refusal.answer());
        if let Some(scope) = &ticket.scope {
            self.ledger.settle(scope, &answer);
        }
        if (400..500).contains(&answer.status) && !self.switches.count_errors {
            self.refund(&ticket.key);
        }
        self.finish(answer, ticket.level)
    }

    /// The key behind a `Bearer` header. The three codes are ours but for `api_key_revoked`.
    fn authenticate(&self, header: Option<&str>) -> Result<String, Refusal> {
        let refuse = |code: &str, message: &str| Err(Refusal::unauthenticated(code, message));
        let Some(header) = header else {
            return refuse("api_key_missing", "No API key was given.");
        };
        let Some((scheme, key)) = header.split_once(' ') else {
            return refuse("api_key_malformed", "The Authorization header must be: Bearer <key>.");
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return refuse("api_key_malformed", "The Authorization header must be: Bearer <key>.");
        }
        match self.keys.get(key.trim()) {
            None => refuse("api_key_invalid", "This API key is not known."),
            Some(known) if known.revoked => refuse("api_key_revoked", "This API key was revoked."),
            Some(_) => Ok(key.trim().to_owned()),
        }
    }

    fn charge(&mut self, key: &str) -> Option<Level> {
        let (limit, now) = (self.limit?, self.clock.now());
        let Switches { rate_window, reset_full_window, count_throttled, .. } = self.switches;
        let window = &mut self.keys.get_mut(key)?.window;
        Some(window.hit(now, limit, rate_window, reset_full_window, count_throttled))
    }

    fn refund(&mut self, key: &str) {
        if let Some(key) = self.keys.get_mut(key).filter(|_| self.limit.is_some()) {
            key.window.refund();
        }
    }

    /// Claims the idempotency key of a POST, if it has one; the answer where it cannot be had.
    fn claim(&mut self, call: &Call) -> Result<Option<Scope>, Answer> {
        let Some(key) = call.idempotency_key.as_ref().filter(|key| call.method == "POST" && !key.is_empty()) else {
            return Ok(None);
        };
        if key.len() > LONGEST_KEY {
            let message = format!("Idempotency-Key must be at most {LONGEST_KEY} bytes");
            return Err(Refusal::invalid("too_big", message, "Idempotency-Key").answer());
        }
        let scope = (call.path.clone(), String::from_utf8_lossy(key).into_owned());
        let hash = fingerprint(&call.body, self.switches.body_hash);
        match self.ledger.begin(&scope, hash, self.clock.now(), self.switches.idempotency_ttl) {
            Met::Fresh => Ok(Some(scope)),
            Met::Replay(answer) => Err(Answer { status: self.switches.replay_status, ..answer }),
            Met::Mismatch => {
                let message = "This idempotency key was used with another request body.";
                Err(Refusal::clash(&self.switches.mismatch_code, message).answer())
            }
            Met::InFlight => {
                let message = "A request with this idempotency key is still being processed.";
                Err(Refusal::clash(&self.switches.in_flight_code, message).answer())
            }
        }
    }

    fn act(&mut self, call: &Call) -> Result<Answer, Refusal> {
        match route(call) {
            Action::Health => Ok(self.health()),
            Action::Me => Ok(self.me(call)),
            Action::List(object, parent) => self.list(object, parent, &paging::query(&call.query)),
            Action::Create(object, parent) => {
                let body = zod::object(&call.body)?;
                let grid = self.switches.created_grid_ms.max(1);
                let now = self.stamp_now();
                let at = now - chrono::TimeDelta::milliseconds(now.timestamp_millis().rem_euclid(grid));
                let at = self.create(object, parent, &body, Made { at, by_api: true })?;
                Ok(self.show(201, object, at))
            }
            Action::Get(object, id) => self.live(object, id).map(|at| self.show(200, object, at)),
            Action::Patch(object, id) => {
                let body = zod::object(&call.body)?;
                let given = zod::read(object, &body, Purpose::Patch, &self.switches)?;
                let at = self.live(object, id)?;
                self.patch(object, at, given)?;
                Ok(self.show(200, object, at))
            }
            Action::Delete(object, id) => self.delete(object, id),
            Action::WrongVerb => Ok(Answer { status: 405, body: Bytes::new(), headers: Vec::new() }),
            Action::NoRoute => Err(Refusal::no_route()),
        }
    }

    fn delete(&mut self, object: Object, id: &str) -> Result<Answer, Refusal> {
        let at = self.table(object).find(id).ok_or_else(|| Refusal::not_found(object.word()))?;
        if self.table(object).row(at).deleted && !self.switches.repeat_delete_404 {
            return Ok(self.deleted(object, at));
        }
        let at = self.live(object, id)?;
        self.bury(object, at);
        self.writes.entry(object).or_default().deleted += 1;
        Ok(self.deleted(object, at))
    }

    fn health(&mut self) -> Answer {
        let answer = Answer::json(200, &json!({ "status": "ok", "timestamp": stamp(self.now()) }));
        // There is no key to charge; the headers, where wanted, show the sandbox's own key.
        let (limit, now) = (self.limit.filter(|_| self.switches.health_headers), self.now());
        let Switches { rate_window, reset_full_window, .. } = self.switches;
        let window = self.keys.get_mut(super::world::TEST_KEY).map(|key| &mut key.window);
        let level = limit.zip(window).map(|(limit, window)| window.look(now, limit, rate_window, reset_full_window));
        self.finish(answer, level)
    }

    fn me(&self, call: &Call) -> Answer {
        let key = call.authorization.as_deref().and_then(|header| header.split_once(' ')).map_or("", |(_, key)| key);
        let prefix: String = key.trim().chars().take(12).collect();
        // Two workspaces never share an id.
        let org = format!("clorg{:0<20}", self.workspace);
        if self.switches.me_test_guide {
            let body = json!({
                "object": "api_key_identity", "key_name": "Sandbox key", "key_prefix": prefix, "mode": "test",
                "org_id": org, "org_slug": self.workspace,
            });
            return Answer::json(200, &body);
        }
        let scopes = ["read:customers", "write:customers", "write:contacts", "read:onboardings", "write:onboardings"];
        let body = json!({
            "object": "me",
            "api_key": {
                "id": "clkey00000000000000000000", "name": "Sandbox key", "prefix": prefix, "scopes": scopes,
                "rate_limit_tier": "standard",
            },
            "organization": { "id": org, "slug": self.workspace, "name": "Acme (sandbox)" },
        });
        Answer::json(200, &body)
    }

    fn finish(&self, mut answer: Answer, level: Option<Level>) -> Answer {
        if let Some(level) = level {
            answer.headers.extend(level.headers());
        }
        if let Some(date) = &self.switches.deprecation {
            answer.headers.push(("deprecation", date.clone()));
        }
        answer
    }
}

/// Which endpoint a request means: the eighteen of the sheet, section 1.
fn route(call: &Call) -> Action<'_> {
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let method = call.method.as_str();
    let one = |object, id| match method {
        "GET" => Action::Get(object, id),
        "PATCH" => Action::Patch(object, id),
        "DELETE" => Action::Delete(object, id),
        _ => Action::WrongVerb,
    };
    let many = |object, parent| match method {
        "GET" => Action::List(object, parent),
        "POST" => Action::Create(object, parent),
        _ => Action::WrongVerb,
    };
    match (method, segments.as_slice()) {
        ("GET", ["health"]) => Action::Health,
        ("GET", ["me"]) => Action::Me,
        (_, ["health" | "me"]) => Action::WrongVerb,
        (_, ["customers"]) => many(Object::Customer, None),
        (_, ["customers", id]) => one(Object::Customer, *id),
        (_, ["customers", id, "contacts"]) => many(Object::Contact, Some(*id)),
        ("GET", ["customers", id, "onboardings"]) => Action::List(Object::Onboarding, Some(*id)),
        (_, ["customers", _, "onboardings"]) => Action::WrongVerb,
        (_, ["contacts", id]) => one(Object::Contact, *id),
        (_, ["onboardings"]) => many(Object::Onboarding, None),
        (_, ["onboardings", id]) => one(Object::Onboarding, *id),
        _ => Action::NoRoute,
    }
}
