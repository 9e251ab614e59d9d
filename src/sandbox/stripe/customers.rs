//! Customers (section 5).

use std::collections::BTreeMap;

use serde_json::json;

use super::shelf::Listed;
use super::subscriptions::Status;
use super::world::{NoSuchObject, World};
use crate::domain::Timestamp;

/// A customer to be added.
#[derive(Debug, Clone, Default)]
pub struct CustomerSeed {
    /// An id of one's own choosing; a fresh one without.
    pub id: Option<String>,
    /// A person or a company: nobody knows.
    pub name: Option<String>,
    /// Neither unique nor always there.
    pub email: Option<String>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Created at.
    pub created: Timestamp,
    /// A test clock: the customer hides from lists (trap 52).
    pub test_clock: Option<String>,
}

/// A customer as it stands.
#[derive(Debug, Clone)]
pub struct Customer {
    /// `cus_…`.
    pub id: String,
    /// Created at.
    pub created: Timestamp,
    /// A person or a company.
    pub name: Option<String>,
    /// Mail address; may be `""` (trap 59).
    pub email: Option<String>,
    /// The company's name, where it was asked for.
    pub business_name: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Two-letter code of the address; the address is null without.
    pub country: Option<String>,
    /// Currency of its invoices, lower case.
    pub currency: Option<String>,
    /// Minor units; negative is credit.
    pub balance: i64,
    /// The latest invoice is unpaid; easily misread.
    pub delinquent: bool,
    /// Free text by key (trap 58).
    pub metadata: BTreeMap<String, String>,
    /// The test clock it lives on.
    pub test_clock: Option<String>,
    /// Its own discount (trap 41); see [`World::apply_discount`].
    pub(super) discount: Option<String>,
    pub(super) deleted: bool,
}

impl Listed for Customer {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn deleted(&self) -> bool {
        self.deleted
    }
}

impl World {
    /// Adds a customer and returns its id. Raises `customer.created` at the time of its creation.
    pub fn add_customer(&mut self, seed: CustomerSeed) -> String {
        let id = seed.id.unwrap_or_else(|| self.mint("cus", 14));
        let customer = Customer {
            id: id.clone(),
            created: seed.created,
            name: seed.name,
            email: seed.email,
            business_name: None,
            phone: None,
            description: None,
            country: None,
            currency: None,
            balance: 0,
            delinquent: false,
            metadata: seed.metadata,
            test_clock: seed.test_clock,
            discount: None,
            deleted: false,
        };
        if self.worth_raising(seed.created) {
            let object = self.shape_customer(&customer, &self.event_shape());
            self.raise_at(seed.created, "customer.created", &object, None);
        }
        self.customers.insert(customer);
        id
    }

    /// A customer that is not deleted.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.get(id).filter(|customer| !customer.deleted)
    }

    /// Ids of the customers that are not deleted, newest first.
    pub fn customer_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.customers.all().filter(|customer| !customer.deleted).map(|customer| customer.id.clone())
    }

    /// Edits a customer. Raises `customer.updated` if anything shown has changed.
    ///
    /// # Errors
    /// [`NoSuchObject`], also if it is deleted.
    pub fn update_customer(&mut self, id: &str, edit: impl FnOnce(&mut Customer)) -> Result<(), NoSuchObject> {
        let missing = || NoSuchObject::new("customer", id);
        let shape = self.event_shape();
        let before = self.shape_customer(self.customer(id).ok_or_else(missing)?, &shape);
        edit(self.customers.get_mut(id).ok_or_else(missing)?);
        let after = self.shape_customer(self.customer(id).ok_or_else(missing)?, &shape);
        self.raise_change("customer.updated", &before, &after);
        Ok(())
    }

    /// Deletes a customer for good: a stub by id, absent from lists, its subscriptions cancelled at once (trap 22).
    /// Raises `customer.deleted` first and what follows from it after.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn delete_customer(&mut self, id: &str) -> Result<(), NoSuchObject> {
        let customer = self.customer(id).ok_or_else(|| NoSuchObject::new("customer", id))?;
        let mut object = self.shape_customer(customer, &self.event_shape());
        let discount = customer.discount.clone();
        if self.switches.deleted_flag_in_event {
            object["deleted"] = json!(true);
        }
        self.raise("customer.deleted", &object);
        if let Some(customer) = self.customers.get_mut(id) {
            customer.deleted = true;
        }
        if let Some(discount) = discount {
            self.remove_discount(&discount)?;
        }
        for subscription in self.subscriptions_of(id) {
            let running = self.subscription(&subscription).is_some_and(|it| it.status != Status::Canceled);
            if running {
                self.cancel_subscription(&subscription)?;
            }
        }
        Ok(())
    }

    /// Deletes a customer and its subscriptions and leaves not even stubs: 404s by id from now on, as after a test clock
    /// went.
    ///
    /// # Errors
    /// [`NoSuchObject`].
    pub fn erase_customer(&mut self, id: &str) -> Result<(), NoSuchObject> {
        self.delete_customer(id)?;
        for subscription in self.subscriptions_of(id) {
            self.subscriptions.remove(&subscription);
        }
        self.subscriptions_of.remove(id);
        self.customers.remove(id);
        Ok(())
    }
}
