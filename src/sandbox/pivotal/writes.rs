//! Create, patch, delete: conflicts, soft deletes and what follows from a change (sheet section 10).

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::row::{Row, stamp};
use super::schema::{Object, Shape};
use super::switches::{EmailScope, Metadata};
use super::world::World;
use super::zod::{self, Given, Purpose};
use crate::domain::Timestamp;

/// When and by whom a row is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) at: Timestamp,
    pub(super) by_api: bool,
}

impl World {
    /// Makes a row; its place. Validation, then lookup, then uniqueness.
    pub(super) fn create(
        &mut self,
        object: Object,
        parent: Option<&str>,
        body: &Map<String, Value>,
        made: Made,
    ) -> Result<usize, Refusal> {
        let given = zod::read(object, body, Purpose::Create, &self.switches)?;
        let parent = match object {
            Object::Customer => None,
            Object::Contact => Some(self.live(Object::Customer, parent.unwrap_or_default())?),
            Object::Onboarding => Some(self.live(Object::Customer, zod::parent(body, &self.switches)?)?),
        };
        let values = self.with_defaults(object, given, made.at)?;
        let mut row = Row {
            object,
            id: String::new(),
            display_id: self.table(object).next_display_id(),
            customer_id: parent.map(|at| self.customers.row(at).id.clone()),
            parent,
            values,
            created_at: made.at,
            updated_at: made.at,
            deleted: false,
            by_api: made.by_api,
        };
        let email = self.email_key(&row);
        if email.as_ref().is_some_and(|key| self.emails.contains_key(key)) {
            return Err(Refusal::taken("email"));
        }
        row.id = self.cuid(object);
        let at = self.table_mut(object).insert(row);
        if let Some(email) = email {
            self.emails.insert(email, at);
        }
        if object == Object::Customer {
            let slug = self.customers.row(at).text("slug").unwrap_or_default().to_owned();
            self.slugs.insert(slug, at);
        }
        self.after_change(object, at);
        if made.by_api {
            self.writes.entry(object).or_default().created += 1;
        }
        Ok(at)
    }

    /// Changes a row; whether anything differs now.
    pub(super) fn patch(&mut self, object: Object, at: usize, given: Given) -> Result<bool, Refusal> {
        let mut row = self.table(object).row(at).clone();
        for ((field, old), new) in object.fields().iter().zip(&mut row.values).zip(given) {
            match (new, old) {
                (None, _) => {}
                (Some(Value::Object(new)), Value::Object(old))
                    if field.shape == Shape::Json && self.switches.metadata == Metadata::Merged =>
                {
                    old.extend(new);
                }
                (Some(new), old) => *old = new,
            }
        }
        let before = self.table(object).row(at);
        let changed = before.values != row.values;
        let (old_email, new_email) = (self.email_key(before), self.email_key(&row));
        if old_email != new_email && new_email.as_ref().is_some_and(|key| self.emails.contains_key(key)) {
            return Err(Refusal::taken("email"));
        }
        if object == Object::Customer {
            self.move_slug(at, &row)?;
        }
        if let (Some(old), Some(new)) = (old_email, new_email) {
            self.emails.remove(&old);
            self.emails.insert(new, at);
        }
        if changed || self.switches.idle_patch_bumps {
            row.updated_at = self.stamp_now();
        }
        *self.table_mut(object).row_mut(at) = row;
        if changed {
            self.after_change(object, at);
        }
        let writes = self.writes.entry(object).or_default();
        if changed {
            writes.updated += 1;
        } else {
            writes.idle += 1;
        }
        Ok(changed)
    }

    /// Soft-deletes a row. Children stay as they are; they vanish with their customer.
    pub(super) fn bury(&mut self, object: Object, at: usize) {
        self.table_mut(object).delete(at);
        let row = self.table(object).row(at).clone();
        match object {
            Object::Customer if self.switches.delete_frees_slug => {
                self.slugs.remove(row.text("slug").unwrap_or_default());
            }
            Object::Contact => {
                if let Some(key) = self.email_key(&row).filter(|_| !self.switches.delete_keeps_email) {
                    self.emails.remove(&key);
                }
                if let Some(parent) = row.parent.filter(|parent| self.primaries.get(parent) == Some(&at)) {
                    self.primaries.remove(&parent);
                }
            }
            _ => {}
        }
    }

    fn with_defaults(&self, object: Object, given: Given, at: Timestamp) -> Result<Vec<Value>, Refusal> {
        let name = given.first().cloned().flatten().unwrap_or_default();
        let mut values = Vec::with_capacity(given.len());
        for (field, value) in object.fields().iter().zip(given) {
            let value = match value {
                Some(value) => value,
                None => match field.name {
                    "slug" => self.derived_slug(name.as_str().unwrap_or_default()).into(),
                    "status" => self.switches.default_status.as_str().into(),
                    "labels" => json!([]),
                    "is_primary" | "waiting_on_customer" => false.into(),
                    "phase" => "before_getting_started".into(),
                    "state" => "active".into(),
                    "started_at" => stamp(at).into(),
                    "reminders_enabled" => true.into(),
                    "reminder_frequency_days" => 1.into(),
                    _ => Value::Null,
                },
            };
            if field.shape == Shape::Slug && self.slugs.contains_key(value.as_str().unwrap_or_default()) {
                return Err(Refusal::taken("slug"));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn derived_slug(&self, name: &str) -> String {
        let mut slug = zod::slugify(name);
        if slug.is_empty() {
            slug = format!("customer-{}", self.customers.next_display_id());
        }
        if self.switches.number_derived_slugs && self.slugs.contains_key(&slug) {
            let free = (2_u64..).map(|n| format!("{slug}-{n}")).find(|numbered| !self.slugs.contains_key(numbered));
            return free.unwrap_or(slug);
        }
        slug
    }

    fn move_slug(&mut self, at: usize, changed: &Row) -> Result<(), Refusal> {
        let old = self.customers.row(at).text("slug").unwrap_or_default().to_owned();
        let new = changed.text("slug").unwrap_or_default();
        if old != new {
            if self.slugs.contains_key(new) {
                return Err(Refusal::taken("slug"));
            }
            self.slugs.remove(&old);
            self.slugs.insert(new.to_owned(), at);
        }
        Ok(())
    }

    fn email_key(&self, row: &Row) -> Option<(Option<usize>, String)> {
        let scope = match self.switches.email_scope {
            EmailScope::Customer => row.parent,
            EmailScope::Workspace => None,
        };
        (row.object == Object::Contact).then(|| (scope, row.text("email").unwrap_or_default().to_owned()))
    }

    /// At most one primary contact; a churned customer's onboardings are paused; a completed onboarding says when.
    fn after_change(&mut self, object: Object, at: usize) {
        let now = self.stamp_now();
        match object {
            Object::Contact => self.settle_primary(at),
            Object::Customer if self.customers.row(at).text("status") == Some("churned") => {
                let open: Vec<usize> = self.onboardings.newest_first(Some(at), None).map(|(at, _)| at).collect();
                for onboarding in open {
                    let row = self.onboardings.row_mut(onboarding);
                    if row.text("state") != Some("paused") {
                        row.set("state", "paused".into());
                        row.updated_at = now;
                    }
                }
            }
            Object::Onboarding => {
                let row = self.onboardings.row_mut(at);
                if row.text("phase") == Some("completed") && row.value("completed_at").is_null() {
                    row.set("completed_at", stamp(now).into());
                }
            }
            Object::Customer => {}
        }
    }

    fn settle_primary(&mut self, at: usize) {
        let row = self.contacts.row(at);
        let (Some(parent), starred) = (row.parent, row.flag("is_primary")) else {
            return;
        };
        let alone = self.switches.promote_first_contact && self.contacts.newest_first(Some(parent), None).count() == 1;
        let holder = self.primaries.get(&parent).copied();
        if starred || alone {
            self.contacts.row_mut(at).set("is_primary", true.into());
            self.primaries.insert(parent, at);
            if let Some(old) = holder.filter(|holder| *holder != at) {
                let now = self.stamp_now();
                let row = self.contacts.row_mut(old);
                row.set("is_primary", false.into());
                row.updated_at = now;
            }
        } else if holder == Some(at) {
            self.primaries.remove(&parent);
        }
    }
}
