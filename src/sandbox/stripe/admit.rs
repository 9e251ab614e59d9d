//! Who may call, and how often (sections 2 and 10).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::reply::Reply;
use super::world::World;

/// A right of a restricted key (section 2), all of them to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Permission {
    Customers,
    Subscriptions,
    Events,
    Products,
    Prices,
    Coupons,
    Account,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Customers,
        Self::Subscriptions,
        Self::Events,
        Self::Products,
        Self::Prices,
        Self::Coupons,
        Self::Account,
    ];

    /// `rak_customer_read`; prices kept their old name.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Customers => "rak_customer_read",
            Self::Subscriptions => "rak_subscription_read",
            Self::Events => "rak_event_read",
            Self::Products => "rak_product_read",
            Self::Prices => "rak_plan_read",
            Self::Coupons => "rak_coupon_read",
            Self::Account => "rak_connected_account_read",
        }
    }
}

/// A 429 to be answered (section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `global-rate`.
    GlobalRate,
    /// `endpoint-rate`.
    EndpointRate,
    /// `global-concurrency`.
    GlobalConcurrency,
    /// `endpoint-concurrency`.
    EndpointConcurrency,
    /// `resource-specific`.
    ResourceSpecific,
    /// `lock_timeout`: the object is being worked on; no reason header (trap 56).
    LockTimeout,
}

impl Refusal {
    fn reply(self) -> Reply {
        let reason = match self {
            Self::GlobalRate => "global-rate",
            Self::EndpointRate => "endpoint-rate",
            Self::GlobalConcurrency => "global-concurrency",
            Self::EndpointConcurrency => "endpoint-concurrency",
            Self::ResourceSpecific => "resource-specific",
            Self::LockTimeout => {
                let message = "This object cannot be accessed right now because another API request or Stripe process \
                               is currently accessing it.";
                return Reply::error(429, Some("lock_timeout"), message, None);
            }
        };
        let message =
            "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests.";
        Reply::error(429, Some("rate_limit"), message, None).header("stripe-rate-limited-reason", reason)
    }
}

/// Requests counted in real time, whatever the world's clock says.
#[derive(Debug, Default)]
pub(super) struct Meter {
    calls: VecDeque<Instant>,
    endpoints: HashMap<String, VecDeque<Instant>>,
    ordered: VecDeque<Refusal>,
    refused: u64,
}

fn full(window: &mut VecDeque<Instant>, limit: Option<u32>, now: Instant) -> bool {
    while window.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
        window.pop_front();
    }
    limit.is_some_and(|limit| window.len() >= limit as usize)
}

impl World {
    /// Gives the key a right.
    pub fn permit(&mut self, permission: Permission) {
        self.permissions.insert(permission);
    }

    /// Takes a right from the key: what needs it is a 403 from now on, never an empty list.
    pub fn forbid(&mut self, permission: Permission) {
        self.permissions.remove(&permission);
    }

    /// Refuses the next `times` requests like this.
    pub fn refuse_next(&mut self, times: usize, refusal: Refusal) {
        self.meter.ordered.extend(std::iter::repeat_n(refusal, times));
    }

    /// How many requests were refused for a limit.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.meter.refused
    }

    /// The 401 that this key earns, if any.
    pub(super) fn check_key(&self, header: Option<&str>) -> Result<(), Reply> {
        let Some(key) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
            let message = "You did not provide an API key. You need to provide your API key in the Authorization header, \
                           using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
            return Err(Reply::error(401, None, message, None));
        };
        if key.starts_with("pk_") {
            let message = "This API call cannot be made with a publishable API key. Please use a secret API key.";
            return Err(Reply::error(401, Some("secret_key_required"), message, None));
        }
        if key != self.key {
            let message = format!("Invalid API Key provided: {}", masked(key));
            return Err(Reply::error(401, None, &message, None));
        }
        Ok(())
    }

    /// The 403 for a missing right; it comes before any look-up (section 2).
    pub(super) fn check_right(&self, permission: Permission) -> Result<(), Reply> {
        if self.permissions.contains(&permission) {
            return Ok(());
        }
        let mut message = format!(
            "The provided key '{}' does not have the required permissions for this endpoint on account '{}'.",
            masked(&self.key),
            self.account
        );
        if self.switches.forbidden_names_right {
            let right = permission.id();
            message.push_str(&format!(" Having the '{right}' permission would allow this request to continue."));
        }
        Err(Reply::error(self.switches.forbidden_status, None, &message, None))
    }

    /// Counts the request, or refuses it with a 429.
    pub(super) fn check_limits(&mut self, endpoint: &str) -> Result<(), Reply> {
        let now = Instant::now();
        let (meter, switches) = (&mut self.meter, &self.switches);
        let window = meter.endpoints.entry(endpoint.to_owned()).or_default();
        let refusal = if let Some(ordered) = meter.ordered.pop_front() {
            Some(ordered)
        } else if full(&mut meter.calls, switches.calls_per_second, now) {
            Some(Refusal::GlobalRate)
        } else if full(window, switches.endpoint_calls_per_second, now) {
            Some(Refusal::EndpointRate)
        } else {
            meter.calls.push_back(now);
            window.push_back(now);
            None
        };
        let Some(refusal) = refusal else { return Ok(()) };
        meter.refused += 1;
        let reply = refusal.reply();
        Err(match self.switches.should_retry {
            Some(retry) => reply.header("stripe-should-retry", retry),
            None => reply,
        })
    }
}

/// A key as messages show it.
fn masked(key: &str) -> String {
    let head: String = key.chars().take(8).collect();
    let tail: String = key.chars().skip(key.chars().count().saturating_sub(4).max(8)).collect();
    format!("{head}*********{tail}")
}
