//! What tests ask of a workspace after a run: is anything there twice?

use std::collections::BTreeMap;

use serde_json::Value;

use super::row::{Row, Shown};
use super::schema::Object;
use super::world::World;

impl World {
    /// Rows that are neither deleted nor hidden with their customer.
    pub fn visible(&self, object: Object) -> impl Iterator<Item = &Row> {
        self.table(object).rows().iter().filter(|row| !row.deleted && !self.is_orphan(row))
    }

    /// All rows of a kind, oldest first, as the API shows them, with `deleted`, `hidden` and `by_api` besides.
    #[must_use]
    pub fn dump(&self, object: Object) -> Vec<Value> {
        let show = |row: &Row| {
            let mut shown = serde_json::to_value(Shown(row, &self.switches)).unwrap_or_default();
            shown["deleted"] = row.deleted.into();
            shown["hidden"] = self.is_orphan(row).into();
            shown["by_api"] = row.by_api.into();
            shown
        };
        self.table(object).rows().iter().map(show).collect()
    }

    /// The one visible customer with this value in a field; none where there are none or several.
    #[must_use]
    pub fn customer_with(&self, field: &str, value: &str) -> Option<&Row> {
        let mut found = self.visible(Object::Customer).filter(|row| row.text(field) == Some(value));
        found.next().filter(|_| found.next().is_none())
    }

    /// Visible contacts of a customer (by cuid), oldest first.
    #[must_use]
    pub fn contacts_of(&self, customer_id: &str) -> Vec<&Row> {
        self.visible(Object::Contact).filter(|row| row.customer_id.as_deref() == Some(customer_id)).collect()
    }

    /// Groups of visible rows of one customer (or of the workspace, for customers) that share a field's non-empty text.
    #[must_use]
    pub fn sharing(&self, object: Object, field: &str) -> Vec<Vec<&Row>> {
        let mut groups: BTreeMap<(Option<&str>, &str), Vec<&Row>> = BTreeMap::new();
        for row in self.visible(object) {
            if let Some(text) = row.text(field).filter(|text| !text.is_empty()) {
                groups.entry((row.customer_id.as_deref(), text)).or_default().push(row);
            }
        }
        groups.into_values().filter(|rows| rows.len() > 1).collect()
    }

    /// Everything that is there twice, in words: customers by HubSpot or Stripe id, contacts by e-mail within a customer,
    /// onboardings by notes within a customer. Domains may repeat; see [`World::sharing`].
    #[must_use]
    pub fn duplicates(&self) -> Vec<String> {
        const WATCHED: [(Object, &str); 4] = [
            (Object::Customer, "hubspot_company_id"),
            (Object::Customer, "stripe_customer_id"),
            (Object::Contact, "email"),
            (Object::Onboarding, "notes"),
        ];
        let mut found = Vec::new();
        for (object, field) in WATCHED {
            for rows in self.sharing(object, field) {
                let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
                let value = rows[0].text(field).unwrap_or_default();
                found.push(format!("{} {field}={value}: {}", object.word(), ids.join(", ")));
            }
        }
        found
    }
}
