//! Lists and look-ups (sections 3 to 7).

use serde_json::{Value, json};

use super::admit::Permission;
use super::params::Page;
use super::reply::Reply;
use super::routes::Call;
use super::shelf::{Listed, Shelf, cut};
use super::subscriptions::{Item, Status, Subscription};
use super::world::World;

type Answer = Result<Reply, Reply>;

impl World {
    /// A list page as it leaves: rows shaped, expanded, wrapped.
    fn page(&self, path: &str, rows: Vec<Value>, more: bool, call: &Call) -> Answer {
        let body = json!({ "object": "list", "data": rows, "has_more": more, "url": format!("/v1/{path}") });
        self.expanded(body, call).map(Reply::ok)
    }

    fn bounds<T: Listed>(
        &self,
        shelf: &Shelf<T>,
        page: &Page,
        what: &str,
    ) -> Result<(super::shelf::Place, super::shelf::Place), Reply> {
        shelf.bounds(page, what, self.switches.deleted_cursor_fails)
    }

    pub(super) fn list_customers(&self, call: &Call) -> Answer {
        self.check_right(Permission::Customers)?;
        call.params.allow(&["email", "test_clock"], true)?;
        let page = call.params.page()?;
        let (email, clock) = (call.params.get("email"), call.params.get("test_clock"));
        let rows = self.customers.between(self.bounds(&self.customers, &page, "customer")?);
        let (rows, more) = cut(&page, rows, |customer| {
            !customer.deleted
                && customer.test_clock.as_deref() == clock
                && email.is_none_or(|email| customer.email.as_deref() == Some(email))
        });
        let rows = rows.into_iter().map(|customer| self.shape_customer(customer, &call.shape)).collect();
        self.page("customers", rows, more, call)
    }

    /// A deleted one is a stub (trap 19).
    pub(super) fn get_customer(&self, id: &str, call: &Call) -> Answer {
        self.check_right(Permission::Customers)?;
        call.params.allow(&[], false)?;
        let customer = self.customers.get(id).ok_or_else(|| Reply::no_such(404, "customer", id, None))?;
        self.expanded(self.shape_customer(customer, &call.shape), call).map(Reply::ok)
    }

    /// Without `status` the canceled ones are left out (trap 25).
    pub(super) fn list_subscriptions(&self, call: &Call) -> Answer {
        self.check_right(Permission::Subscriptions)?;
        let filters = ["status", "customer", "price", "collection_method", "current_period_end", "test_clock"];
        call.params.allow(&filters, true)?;
        let page = call.params.page()?;
        let wanted = wanted_statuses(call.params.get("status"))?;
        let (low, high) = call.params.window("current_period_end")?;
        let (price, method) = (call.params.get("price"), call.params.get("collection_method"));
        let (customer, clock) = (call.params.get("customer"), call.params.get("test_clock"));
        let shown = |it: &Subscription| {
            let end = it.items.iter().map(|item| item.period_end.timestamp()).min().unwrap_or(i64::MIN);
            wanted.contains(&it.status)
                && (customer.is_some() || it.test_clock.as_deref() == clock)
                && price.is_none_or(|price| it.items.iter().any(|item| item.price == price))
                && method.is_none_or(|method| it.collection_method == method)
                && (low..high).contains(&end)
        };
        let bounds = self.bounds(&self.subscriptions, &page, "subscription")?;
        let (rows, more) = match customer {
            None => cut(&page, self.subscriptions.between(bounds), shown),
            Some(customer) => {
                if self.customers.get(customer).is_none() {
                    return Err(Reply::no_such(400, "customer", customer, Some("customer")));
                }
                let places = self.subscriptions_of.get(customer).into_iter();
                let places = places.flat_map(|places| places.range(bounds.0.min(bounds.1)..bounds.1));
                let theirs: Vec<&Subscription> = places.filter_map(|place| self.subscriptions.at(*place)).collect();
                cut(&page, theirs.into_iter(), shown)
            }
        };
        let rows = rows.into_iter().map(|it| self.shape_subscription(it, &call.shape)).collect();
        self.page("subscriptions", rows, more, call)
    }

    /// Canceled ones still answer.
    pub(super) fn get_subscription(&self, id: &str, call: &Call) -> Answer {
        self.check_right(Permission::Subscriptions)?;
        call.params.allow(&[], false)?;
        let found = self.subscriptions.get(id).ok_or_else(|| Reply::no_such(404, "subscription", id, None))?;
        self.expanded(self.shape_subscription(found, &call.shape), call).map(Reply::ok)
    }

    /// All items of one subscription, in their order within it (trap 28).
    pub(super) fn list_items(&self, call: &Call) -> Answer {
        self.check_right(Permission::Subscriptions)?;
        call.params.allow(&["subscription"], true)?;
        let page = call.params.page()?;
        let Some(id) = call.params.get("subscription") else {
            let message = "Missing required param: subscription.";
            return Err(Reply::invalid("parameter_missing", message, Some("subscription")));
        };
        let missing = || Reply::no_such(400, "subscription", id, Some("subscription"));
        let subscription = self.subscriptions.get(id).ok_or_else(missing)?;
        let items = &subscription.items;
        let position = |param: &'static str, id: &Option<String>| {
            let Some(id) = id else { return Ok(None) };
            let found = items.iter().position(|item| item.id == *id).map(Some);
            found.ok_or_else(|| Reply::no_such(400, "subscription_item", id, Some(param)))
        };
        let from = position("starting_after", &page.starting_after)?.map_or(0, |at| at + 1);
        let to = position("ending_before", &page.ending_before)?.unwrap_or(items.len());
        // `cut` takes candidates last first.
        let candidates: Vec<&Item> = items.get(from..to).unwrap_or_default().iter().rev().collect();
        let (rows, more) = cut(&page, candidates.into_iter(), |_| true);
        let rows = rows.into_iter().map(|item| self.shape_item(subscription, item, &call.shape)).collect();
        self.page("subscription_items", rows, more, call)
    }

    pub(super) fn list_prices(&self, call: &Call) -> Answer {
        self.check_right(Permission::Prices)?;
        call.params.allow(&["active", "currency", "product", "type", "lookup_keys"], true)?;
        let page = call.params.page()?;
        let active = call.params.get("active").map(|active| active == "true");
        let (currency, product) = (call.params.get("currency"), call.params.get("product"));
        let (kind, keys) = (call.params.get("type"), call.params.list("lookup_keys"));
        let rows = self.prices.between(self.bounds(&self.prices, &page, "price")?);
        let (rows, more) = cut(&page, rows, |price| {
            active.is_none_or(|active| price.active == active)
                && currency.is_none_or(|currency| price.currency == currency)
                && product.is_none_or(|product| price.product == product)
                && kind.is_none_or(|kind| price.recurring.is_some() == (kind == "recurring"))
                && (keys.is_empty() || price.lookup_key.as_deref().is_some_and(|key| keys.contains(&key)))
        });
        let rows = rows.into_iter().map(|price| self.shape_price(price)).collect();
        self.page("prices", rows, more, call)
    }

    pub(super) fn get_price(&self, id: &str, call: &Call) -> Answer {
        self.check_right(Permission::Prices)?;
        let price = self.prices.get(id).ok_or_else(|| Reply::no_such(404, "price", id, None))?;
        self.expanded(self.shape_price(price), call).map(Reply::ok)
    }

    pub(super) fn list_products(&self, call: &Call) -> Answer {
        self.check_right(Permission::Products)?;
        call.params.allow(&["active", "ids", "url"], true)?;
        let page = call.params.page()?;
        let active = call.params.get("active").map(|active| active == "true");
        let ids = call.params.list("ids");
        let rows = self.products.between(self.bounds(&self.products, &page, "product")?);
        let (rows, more) = cut(&page, rows, |product| {
            !product.deleted
                && active.is_none_or(|active| product.active == active)
                && (ids.is_empty() || ids.contains(&product.id.as_str()))
        });
        let rows = rows.into_iter().map(|product| self.shape_product(product)).collect();
        self.page("products", rows, more, call)
    }

    pub(super) fn get_product(&self, id: &str, call: &Call) -> Answer {
        self.check_right(Permission::Products)?;
        let product = self.products.get(id).filter(|product| !product.deleted);
        let product = product.ok_or_else(|| Reply::no_such(404, "product", id, None))?;
        self.expanded(self.shape_product(product), call).map(Reply::ok)
    }

    pub(super) fn list_coupons(&self, call: &Call) -> Answer {
        self.check_right(Permission::Coupons)?;
        call.params.allow(&[], true)?;
        let page = call.params.page()?;
        let rows = self.coupons.between(self.bounds(&self.coupons, &page, "coupon")?);
        let (rows, more) = cut(&page, rows, |coupon| !coupon.deleted);
        let rows = rows.into_iter().map(|coupon| self.shape_coupon(coupon)).collect();
        self.page("coupons", rows, more, call)
    }

    pub(super) fn get_coupon(&self, id: &str, call: &Call) -> Answer {
        self.check_right(Permission::Coupons)?;
        let coupon = self.coupons.get(id).filter(|coupon| !coupon.deleted);
        let coupon = coupon.ok_or_else(|| Reply::no_such(404, "coupon", id, None))?;
        self.expanded(self.shape_coupon(coupon), call).map(Reply::ok)
    }

    /// Newest first by whole seconds; a late one steps in behind newer ones (traps 3 to 6, 13).
    pub(super) fn list_events(&self, call: &Call) -> Answer {
        self.check_right(Permission::Events)?;
        call.params.allow(&["type", "types", "delivery_success"], true)?;
        let (one, many) = (call.params.get("type"), call.params.list("types"));
        if many.len() > 20 || (one.is_some() && !many.is_empty()) {
            let message = "You may pass up to 20 types, and not both type and types.";
            return Err(Reply::invalid("parameter_invalid", message, Some("types")));
        }
        let page = call.params.page()?;
        let bounds = self.bounds(&self.events, &page, "event").map_err(|refusal| {
            let cursor = page.starting_after.as_ref().or(page.ending_before.as_ref());
            cursor.filter(|id| id.starts_with("evt_")).map_or(refusal, |id| aged_out(id))
        })?;
        let now = self.now();
        let matches = |kind: &str| match one {
            Some(pattern) => pattern.strip_suffix('*').map_or(kind == pattern, |head| kind.starts_with(head)),
            None => many.is_empty() || many.contains(&kind),
        };
        let readable = |right: Option<Permission>| {
            !self.switches.events_hide_forbidden || right.is_none_or(|right| self.permissions.contains(&right))
        };
        let (rows, more) = cut(&page, self.events.between(bounds), |event| {
            event.visible <= now && matches(&event.kind) && readable(event.right())
        });
        let rows = rows.into_iter().map(|event| event.shown(self.livemode)).collect();
        self.page("events", rows, more, call)
    }

    pub(super) fn get_event(&self, id: &str) -> Answer {
        self.check_right(Permission::Events)?;
        let event = self.events.get(id).filter(|event| event.visible <= self.now());
        event.map(|event| Reply::ok(event.shown(self.livemode))).ok_or_else(|| Reply::no_such(404, "event", id, None))
    }
}

/// The refusal of a cursor that is older than what is kept (trap 2).
fn aged_out(id: &str) -> Reply {
    let message = format!("The event {id} has aged out of the retention period and can no longer be used as a cursor.");
    Reply::error(400, Some("resource_missing"), &message, Some("starting_after"))
}

fn wanted_statuses(asked: Option<&str>) -> Result<Vec<Status>, Reply> {
    let all = Status::ALL.into_iter();
    let ended = |status: &Status| matches!(status, Status::Canceled | Status::IncompleteExpired);
    match asked {
        None => Ok(all.filter(|status| *status != Status::Canceled).collect()),
        Some("all") => Ok(all.collect()),
        Some("ended") => Ok(all.filter(ended).collect()),
        Some(name) => {
            let one: Vec<Status> = all.filter(|status| status.as_str() == name).collect();
            let message = format!("Invalid status: {name}");
            if one.is_empty() { Err(Reply::invalid("parameter_invalid", &message, Some("status"))) } else { Ok(one) }
        }
    }
}
