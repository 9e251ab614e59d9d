//! Who may call, and how often (sections 2 and 7).

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::NaiveDate;

use super::account::Token;
use super::reply::Reply;
use super::routes::Route;
use super::switches::RetryAfter;
use super::world::{ObjectType, World};

/// Requests counted in real time, whatever the world's clock says.
#[derive(Debug, Default)]
pub(super) struct Meter {
    calls: VecDeque<Instant>,
    associations: VecDeque<Instant>,
    searches: VecDeque<Instant>,
    day: Option<NaiveDate>,
    today: u32,
    refused: u64,
}

impl Meter {
    /// Requests of the account's present day.
    pub(super) fn today(&self) -> u32 {
        self.today
    }
}

const BURST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// Free places in a window after forgetting what left it; or how long until one is free.
fn free(window: &mut VecDeque<Instant>, limit: Option<u32>, span: Duration, now: Instant) -> Result<usize, Duration> {
    while window.front().is_some_and(|at| now.duration_since(*at) >= span) {
        window.pop_front();
    }
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    match window.front() {
        Some(oldest) if window.len() >= limit => Err(span.saturating_sub(now.duration_since(*oldest))),
        None if limit == 0 => Err(span),
        _ => Ok(limit - window.len()),
    }
}

/// Every scope that a reader may ask for, the sensitive ones left out.
pub(super) fn all_scopes() -> BTreeSet<String> {
    let mut scopes: BTreeSet<String> = ["oauth", "crm.objects.owners.read"].map(str::to_owned).into();
    for object in ObjectType::ALL {
        scopes.insert(format!("crm.objects.{}.read", object.plural()));
        scopes.insert(format!("crm.schemas.{}.read", object.plural()));
    }
    scopes
}

impl World {
    /// Gives the token a scope, such as `crm.objects.deals.read`.
    pub fn grant(&mut self, scope: &str) {
        self.scopes.insert(scope.to_owned());
    }

    /// Takes a scope away: what needs it is a 403 from now on.
    pub fn revoke(&mut self, scope: &str) {
        self.scopes.remove(scope);
    }

    /// Another app of the portal searches `times` times right now and starves everybody (trap 31).
    pub fn search_elsewhere(&mut self, times: u32) {
        self.meter.searches.extend((0..times).map(|_| Instant::now()));
    }

    /// How many requests were refused for a limit.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.meter.refused
    }

    /// The 401 that this bearer header earns, if any.
    pub(super) fn check_token(&self, bearer: Option<&str>) -> Result<(), Reply> {
        match bearer.and_then(|header| header.strip_prefix("Bearer ")).map(|token| self.token(token)) {
            Some(Token::Good) => Ok(()),
            Some(Token::Expired) => {
                Err(Reply::error(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."))
            }
            Some(Token::Unknown) | None => Err(Reply::error(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
                 details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )),
        }
    }

    /// The 403 that this route earns, if any: one of its scopes is enough.
    pub(super) fn check_scopes(&self, route: &Route<'_>) -> Result<(), Reply> {
        let of = |object: ObjectType| format!("crm.objects.{}.read", object.plural());
        let any: Vec<String> = match route {
            Route::List(object) | Route::Search(object) | Route::BatchRead(object) | Route::Get(object, _) => {
                vec![of(*object)]
            }
            Route::Properties(object) | Route::Pipelines(object) if self.switches.schemas_need_their_scope => {
                vec![format!("crm.schemas.{}.read", object.plural())]
            }
            Route::Properties(object) | Route::Pipelines(object) => {
                vec![format!("crm.schemas.{}.read", object.plural()), of(*object)]
            }
            Route::Links(..) | Route::Labels(..) => ObjectType::ALL.map(of).into(),
            Route::Owners => vec!["crm.objects.owners.read".to_owned()],
            Route::Details | Route::Usage => vec!["oauth".to_owned()],
        };
        if any.iter().any(|scope| self.scopes.contains(scope)) { Ok(()) } else { Err(Reply::missing_scope(&any)) }
    }

    /// Counts the request, or refuses it with a 429. Searches have their own bucket, count for the day, and are told no
    /// limits by header.
    pub(super) fn check_limits(&mut self, route: &Route<'_>) -> Result<(), Reply> {
        let (now, today) = (Instant::now(), self.now().with_timezone(&self.account.zone).date_naive());
        if self.meter.day != Some(today) {
            (self.meter.day, self.meter.today) = (Some(today), 0);
        }
        let search = matches!(route, Route::Search(_));
        let links = matches!(route, Route::Links(..) | Route::Labels(..));
        let refusal = self.used_up(search, links, now);
        if let Some((policy, message, wait)) = refusal {
            self.meter.refused += 1;
            let reply = Reply::limited(policy, message);
            return Err(if search { reply } else { self.with_limits(self.with_wait(reply, wait)) });
        }
        self.meter.today += 1;
        if search {
            self.meter.searches.push_back(now);
        } else {
            self.meter.calls.push_back(now);
        }
        if links {
            self.meter.associations.push_back(now);
        }
        Ok(())
    }

    /// The limit that is used up: its policy, its words, how long it lasts.
    fn used_up(
        &mut self,
        search: bool,
        links: bool,
        now: Instant,
    ) -> Option<(&'static str, &'static str, Option<Duration>)> {
        let (meter, switches) = (&mut self.meter, &self.switches);
        if switches.calls_per_day.is_some_and(|limit| meter.today >= limit) {
            return Some(("DAILY", "You have reached your daily limit.", None));
        }
        if search {
            let wait = free(&mut meter.searches, switches.searches_per_second, SECOND, now).err()?;
            return Some(("SECONDLY", "You have reached your secondly limit.", Some(wait)));
        }
        let burst = free(&mut meter.calls, switches.calls_per_ten_seconds, BURST, now).err();
        let linked = free(&mut meter.associations, switches.associations_per_ten_seconds, BURST, now).err();
        let wait = burst.or(linked.filter(|_| links))?;
        Some(("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", Some(wait)))
    }

    fn with_wait(&self, reply: Reply, wait: Option<Duration>) -> Reply {
        let Some(wait) = wait else { return reply };
        match self.switches.retry_after {
            RetryAfter::Absent => reply,
            RetryAfter::Seconds => reply.header("retry-after", wait.as_millis().div_ceil(1_000)),
            RetryAfter::Milliseconds => reply.header("retry-after", wait.as_millis() + 1),
        }
    }

    /// The limit headers of every answer that is not a search.
    pub(super) fn with_limits(&self, mut reply: Reply) -> Reply {
        if let Some(limit) = self.switches.calls_per_ten_seconds {
            let left = (limit as usize).saturating_sub(self.meter.calls.len());
            reply = reply.header("x-hubspot-ratelimit-max", limit).header("x-hubspot-ratelimit-remaining", left);
            reply = reply.header("x-hubspot-ratelimit-interval-milliseconds", 10_000);
            reply =
                reply.header("x-hubspot-ratelimit-secondly", 19).header("x-hubspot-ratelimit-secondly-remaining", 0);
        }
        if let Some(limit) = self.switches.calls_per_day {
            reply = reply.header("x-hubspot-ratelimit-daily", limit);
            reply = reply.header("x-hubspot-ratelimit-daily-remaining", limit.saturating_sub(self.meter.today));
        }
        reply
    }
}
