//! The account over HTTP: which path is which question.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;
use serde_json::json;

use super::admit::Permission;
use super::params::Params;
use super::reply::Reply;
use super::shapes::Shape;
use super::world::World;

/// The account as the router and everybody who edits it hold it.
pub type Shared = Arc<Mutex<World>>;

/// Shows the account over HTTP. Bare: no logging, no injected faults.
pub fn router(shared: Shared) -> axum::Router {
    axum::Router::new().fallback(serve).with_state(shared)
}

/// One request, read.
pub(super) struct Call {
    pub(super) params: Params,
    pub(super) shape: Shape,
}

async fn serve(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut world = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let version = header("stripe-version").unwrap_or(&world.switches.account_version).to_owned();
    let call = Call { params: Params::read(uri.query().unwrap_or_default()), shape: Shape::of(&version) };
    let reply = world.answer(&method, uri.path(), header(header::AUTHORIZATION.as_str()), &version, &call);
    let reply = reply.unwrap_or_else(|refusal| refusal);
    let reply = reply.header("request-id", world.mint("req", 14)).header("stripe-version", version);
    let date = world.now() + chrono::Duration::milliseconds(world.switches.date_skew_ms);
    drop(world);
    reply.into_response(date)
}

impl World {
    /// The gates in the order a request meets them, then the question. `Err` is a refusal.
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        key: Option<&str>,
        version: &str,
        call: &Call,
    ) -> Result<Reply, Reply> {
        self.check_key(key)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.check_limits(parts.get(1).copied().unwrap_or_default())?;
        let day = version.split('.').next().unwrap_or_default();
        if day.parse::<chrono::NaiveDate>().is_err() {
            let message = format!("Invalid Stripe API version: {version}");
            return Err(Reply::error(400, None, &message, None));
        }
        self.events.forget_before(self.retention().timestamp());
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["v1", "customers"]) => self.list_customers(call),
            ("GET", ["v1", "customers", id]) => self.get_customer(id, call),
            ("GET", ["v1", "subscriptions"]) => self.list_subscriptions(call),
            ("GET", ["v1", "subscriptions", id]) => self.get_subscription(id, call),
            ("GET", ["v1", "subscription_items"]) => self.list_items(call),
            ("GET", ["v1", "prices"]) => self.list_prices(call),
            ("GET", ["v1", "prices", id]) => self.get_price(id, call),
            ("GET", ["v1", "products"]) => self.list_products(call),
            ("GET", ["v1", "products", id]) => self.get_product(id, call),
            ("GET", ["v1", "coupons"]) => self.list_coupons(call),
            ("GET", ["v1", "coupons", id]) => self.get_coupon(id, call),
            ("GET", ["v1", "events"]) => self.list_events(call),
            ("GET", ["v1", "events", id]) => self.get_event(id),
            ("GET", ["v1", "account"]) => self.get_account(),
            _ => {
                let message = format!(
                    "Unrecognized request URL ({method}: {path}). If you are trying to list objects, \
                                       remove the trailing slash."
                );
                Err(Reply::error(404, None, &message, None))
            }
        }
    }

    /// `GET /v1/account`: most restricted keys may not (trap 55).
    fn get_account(&self) -> Result<Reply, Reply> {
        self.check_right(Permission::Account)?;
        Ok(Reply::ok(json!({
            "id": self.account, "object": "account", "country": "US", "default_currency": "usd",
            "charges_enabled": true, "details_submitted": true, "email": "owner@sandbox.example",
            "settings": { "dashboard": { "display_name": "Sandbox", "timezone": "America/New_York" } },
        })))
    }
}
