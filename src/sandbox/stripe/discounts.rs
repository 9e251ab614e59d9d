//! Discounts: coupons at work on a customer, a subscription or an item.

use chrono::Months;

use super::catalogue::Duration;
use super::world::{NoSuchObject, World};
use crate::domain::Timestamp;

/// What a discount reduces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discounted {
    /// Every subscription of a customer that has none of its own.
    Customer(String),
    /// One subscription.
    Subscription(String),
    /// One item: subscription and item id.
    Item(String, String),
}

/// A discount as it stands.
#[derive(Debug, Clone)]
pub struct Discount {
    /// `di_…`; discounts cannot be fetched by it.
    pub id: String,
    /// The coupon at work.
    pub coupon: String,
    /// What it reduces.
    pub target: Discounted,
    /// Whose it is.
    pub customer: String,
    /// Since when.
    pub start: Timestamp,
    /// Until when, if the coupon repeats; from then on it is gone without an event (trap 39). A coupon for one invoice has
    /// no end and goes with [`World::renew`].
    pub end: Option<Timestamp>,
}

impl World {
    /// Puts a coupon to work and returns the discount's id. Raises `customer.discount.created`, and no update of what it
    /// reduces. A customer has one discount at most: a new one takes the place of the old one.
    ///
    /// # Errors
    /// [`NoSuchObject`] for the coupon or the target.
    pub fn apply_discount(&mut self, target: Discounted, coupon: &str) -> Result<String, NoSuchObject> {
        let now = self.now();
        if let Discounted::Customer(id) = &target
            && let Some(old) = self.customer(id).and_then(|customer| customer.discount.clone())
        {
            self.remove_discount(&old)?;
        }
        let id = self.attach(target, coupon, now)?;
        self.raise_discount("customer.discount.created", &id);
        Ok(id)
    }

    /// Attaches a discount without an event.
    pub(super) fn attach(&mut self, target: Discounted, coupon: &str, at: Timestamp) -> Result<String, NoSuchObject> {
        let known = self.coupons.get(coupon).filter(|coupon| !coupon.deleted);
        let duration = known.ok_or_else(|| NoSuchObject::new("coupon", coupon))?.duration;
        let end = match duration {
            Duration::Forever | Duration::Once => None,
            Duration::Repeating(months) => at.checked_add_months(Months::new(months)),
        };
        let id = self.mint("di", 24);
        let customer = match &target {
            Discounted::Customer(customer) => {
                let found = self.customers.get_mut(customer).ok_or_else(|| NoSuchObject::new("customer", customer))?;
                found.discount = Some(id.clone());
                customer.clone()
            }
            Discounted::Subscription(subscription) => {
                let found = self.subscriptions.get_mut(subscription);
                let found = found.ok_or_else(|| NoSuchObject::new("subscription", subscription))?;
                found.discounts.push(id.clone());
                found.customer.clone()
            }
            Discounted::Item(subscription, item) => {
                let found = self.subscriptions.get_mut(subscription);
                let found = found.ok_or_else(|| NoSuchObject::new("subscription", subscription))?;
                let row = found.items.iter_mut().find(|row| row.id == *item);
                row.ok_or_else(|| NoSuchObject::new("subscription_item", item))?.discounts.push(id.clone());
                found.customer.clone()
            }
        };
        let discount = Discount { id: id.clone(), coupon: coupon.to_owned(), target, customer, start: at, end };
        self.discounts.insert(id.clone(), discount);
        Ok(id)
    }

    /// Takes a discount away. Raises `customer.discount.deleted`, and no update of what it reduced.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn remove_discount(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let target = self.discounts.get(id).ok_or_else(|| NoSuchObject::new("discount", id))?.target.clone();
        self.raise_discount("customer.discount.deleted", id);
        self.discounts.remove(id);
        match target {
            Discounted::Customer(customer) => {
                if let Some(customer) = self.customers.get_mut(&customer) {
                    customer.discount = None;
                }
            }
            Discounted::Subscription(subscription) | Discounted::Item(subscription, _) => {
                if let Some(subscription) = self.subscriptions.get_mut(&subscription) {
                    subscription.discounts.retain(|known| known != id);
                    subscription.items.iter_mut().for_each(|item| item.discounts.retain(|known| known != id));
                }
            }
        }
        Ok(())
    }

    /// Moves the end of a discount. Raises `customer.discount.updated`.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn end_discount(&mut self, id: &str, end: Option<Timestamp>) -> Result<(), NoSuchObject> {
        self.discounts.get_mut(id).ok_or_else(|| NoSuchObject::new("discount", id))?.end = end;
        self.raise_discount("customer.discount.updated", id);
        Ok(())
    }

    fn raise_discount(&mut self, kind: &str, id: &str) {
        if let Some(discount) = self.discounts.get(id) {
            let object = self.shape_discount(discount, &self.event_shape());
            self.raise(kind, &object);
        }
    }

    /// The discounts of these that have not run out.
    pub(super) fn running<'a>(&'a self, ids: &'a [String]) -> impl Iterator<Item = &'a Discount> {
        let now = self.now();
        let known = ids.iter().filter_map(|id| self.discounts.get(id));
        known.filter(move |discount| discount.end.is_none_or(|end| end > now))
    }
}
