//! `expand[]`: ids in an answer replaced by the objects they name (section 7).

use serde_json::{Value, json};

use super::admit::Permission;
use super::reply::Reply;
use super::routes::Call;
use super::shapes::Shape;
use super::world::World;

/// Levels that a path may have, `data` included (traps 32 and 38).
const DEEPEST: usize = 4;

impl World {
    /// The body with everything expanded that the request asks for. A missing right fails the whole call (trap 54).
    pub(super) fn expanded(&self, mut body: Value, call: &Call) -> Result<Value, Reply> {
        for path in call.params.list("expand") {
            let steps: Vec<&str> = path.split('.').collect();
            if steps.len() > DEEPEST {
                let message = format!("You cannot expand more than 4 levels of a property: {path}");
                return Err(Reply::invalid("property_expansion_max_depth", &message, Some("expand")));
            }
            if body["object"] == "list" && steps.first() != Some(&"data") {
                return Err(not_expandable(path));
            }
            self.walk(&mut body, &steps, path, &call.shape)?;
        }
        Ok(body)
    }

    /// Goes one step down, replacing ids on the way.
    fn walk(&self, node: &mut Value, steps: &[&str], path: &str, shape: &Shape) -> Result<(), Reply> {
        if let Value::Array(rows) = node {
            return rows.iter_mut().try_for_each(|row| self.walk(row, steps, path, shape));
        }
        let Some((step, rest)) = steps.split_first() else { return Ok(()) };
        if node.is_null() || node["deleted"] == true {
            return Ok(());
        }
        let kind = node["object"].as_str().unwrap_or_default().to_owned();
        if node.get(*step).is_none() {
            let included = self.included(&kind, node, step, shape)?.ok_or_else(|| not_expandable(path))?;
            node[*step] = included;
        }
        let child = &mut node[*step];
        if let Value::Array(ids) = child {
            ids.iter_mut().try_for_each(|id| self.replace(id, step, path, shape))?;
        } else {
            self.replace(child, step, path, shape)?;
        }
        if rest.is_empty() && !child.is_null() && !child.is_object() && !child.is_array() {
            return Err(not_expandable(path));
        }
        self.walk(child, rest, path, shape)
    }

    /// What is shown on expand only.
    fn included(&self, kind: &str, node: &Value, step: &str, shape: &Shape) -> Result<Option<Value>, Reply> {
        let id = node["id"].as_str().unwrap_or_default();
        Ok(match (kind, step) {
            ("price", "tiers") => {
                self.check_right(Permission::Prices)?;
                self.prices
                    .get(id)
                    .map(|price| if price.tiers.is_empty() { Value::Null } else { Self::shape_tiers(price) })
            }
            // The main currency is among them; these worlds know no others (section 7).
            ("price", "currency_options") => Some(in_own_currency(node, &["unit_amount", "unit_amount_decimal"])),
            ("coupon", "currency_options") if node["currency"].is_null() => Some(json!({})),
            ("coupon", "currency_options") => Some(in_own_currency(node, &["amount_off"])),
            ("coupon", "applies_to") => self.coupons.get(id).map(|coupon| json!({ "products": coupon.applies_to })),
            ("customer", "subscriptions") => {
                self.check_right(Permission::Subscriptions)?;
                let ids = self.subscriptions_of(id);
                let theirs = ids.iter().filter_map(|id| self.subscription(id));
                let running = theirs.filter(|it| it.status.as_str() != "canceled");
                let rows: Vec<Value> = running.map(|it| self.shape_subscription(it, shape)).collect();
                let more = rows.len() > 10;
                let rows: Vec<Value> = rows.into_iter().take(10).collect();
                let url = format!("/v1/customers/{id}/subscriptions");
                Some(json!({ "object": "list", "data": rows, "has_more": more, "url": url }))
            }
            _ => None,
        })
    }

    /// An id replaced by its object, if this step names one.
    fn replace(&self, value: &mut Value, step: &str, path: &str, shape: &Shape) -> Result<(), Reply> {
        let Some(id) = value.as_str().map(str::to_owned) else { return Ok(()) };
        let stub = |kind: &str| json!({ "id": id, "object": kind, "deleted": true });
        let found = match step {
            "customer" => {
                self.check_right(Permission::Customers)?;
                self.customers.get(&id).map(|customer| self.shape_customer(customer, shape))
            }
            "product" => {
                self.check_right(Permission::Products)?;
                let shown = |product: &super::Product| {
                    if product.deleted { stub("product") } else { self.shape_product(product) }
                };
                self.products.get(&id).map(shown)
            }
            "discounts" => self.discounts.get(&id).map(|discount| self.shape_discount(discount, shape)),
            "coupon" => {
                self.check_right(Permission::Coupons)?;
                let stubbed = self.switches.deleted_coupon_is_stub;
                let shown = |coupon: &super::Coupon| {
                    if coupon.deleted && stubbed { stub("coupon") } else { self.shape_coupon(coupon) }
                };
                self.coupons.get(&id).map(shown)
            }
            "subscription" => {
                self.check_right(Permission::Subscriptions)?;
                self.subscription(&id).map(|it| self.shape_subscription(it, shape))
            }
            _ => return Err(not_expandable(path)),
        };
        if let Some(found) = found {
            *value = found;
        }
        Ok(())
    }
}

fn not_expandable(path: &str) -> Reply {
    let message = format!("This property cannot be expanded ({path}).");
    Reply::invalid("parameter_invalid", &message, Some("expand"))
}

/// An object's own amounts under its own currency.
fn in_own_currency(node: &Value, amounts: &[&str]) -> Value {
    let amounts: serde_json::Map<String, Value> =
        amounts.iter().map(|name| ((*name).to_owned(), node[*name].clone())).collect();
    json!({ node["currency"].as_str().unwrap_or_default(): amounts })
}
