//! The workspace: what is in it, and the doors for tests, the seed and people's own edits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::SubsecRound;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::{Map, Value};

use super::clock::Clock;
use super::ledger::Ledger;
use super::refusal::Refusal;
use super::row::Row;
use super::schema::Object;
use super::switches::Switches;
use super::table::Table;
use super::window::Window;
use super::writes::Made;
use crate::domain::Timestamp;

/// The key that a fresh world knows.
pub const TEST_KEY: &str = "pivotal_test_sandbox";

/// One API key.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) revoked: bool,
    pub(super) window: Window,
}

/// Writes that API calls carried out on one kind of object; replays are not counted twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Writes {
    /// POSTs that made a row.
    pub created: u64,
    /// PATCHes that changed something.
    pub updated: u64,
    /// PATCHes that changed nothing.
    pub idle: u64,
    /// DELETEs that deleted something.
    pub deleted: u64,
}

/// A Pivotal workspace.
#[derive(Debug)]
pub struct World {
    /// The sheet's unknowns.
    pub switches: Switches,
    /// Requests a rate window allows; none for no limit and no rate headers.
    pub limit: Option<u32>,
    pub(super) clock: Clock,
    pub(super) workspace: String,
    pub(super) keys: HashMap<String, Key>,
    pub(super) customers: Table,
    pub(super) contacts: Table,
    pub(super) onboardings: Table,
    /// Owner of each slug, deleted customers included (unless a deletion frees it).
    pub(super) slugs: HashMap<String, usize>,
    /// Owner of each e-mail address in its scope.
    pub(super) emails: HashMap<(Option<usize>, String), usize>,
    /// The primary contact of each customer.
    pub(super) primaries: HashMap<usize, usize>,
    pub(super) ledger: Ledger,
    pub(super) writes: HashMap<Object, Writes>,
    rng: StdRng,
}

/// The world as the server and tests share it.
pub type SharedState = Arc<Mutex<World>>;

/// Locks a shared world; a panic elsewhere does not spoil it.
pub fn lock(state: &SharedState) -> MutexGuard<'_, World> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// An empty workspace with one key, [`TEST_KEY`], and no limit.
    #[must_use]
    pub fn new(workspace: &str, clock: Clock, seed: u64) -> Self {
        Self {
            switches: Switches::default(),
            limit: None,
            clock,
            workspace: workspace.to_owned(),
            keys: HashMap::from([(TEST_KEY.to_owned(), Key::default())]),
            customers: Table::default(),
            contacts: Table::default(),
            onboardings: Table::default(),
            slugs: HashMap::new(),
            emails: HashMap::new(),
            primaries: HashMap::new(),
            ledger: Ledger::default(),
            writes: HashMap::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Ready to be served.
    #[must_use]
    pub fn shared(self) -> SharedState {
        Arc::new(Mutex::new(self))
    }

    /// The workspace's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Pushes the workspace's time ahead: windows empty and idempotency keys age.
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// All customers ever, oldest first.
    #[must_use]
    pub fn customers(&self) -> &[Row] {
        self.customers.rows()
    }

    /// All contacts ever, oldest first.
    #[must_use]
    pub fn contacts(&self) -> &[Row] {
        self.contacts.rows()
    }

    /// All onboardings ever, oldest first.
    #[must_use]
    pub fn onboardings(&self) -> &[Row] {
        self.onboardings.rows()
    }

    /// What API calls wrote on one kind.
    #[must_use]
    pub fn writes(&self, object: Object) -> Writes {
        self.writes.get(&object).copied().unwrap_or_default()
    }

    /// Customers, contacts and onboardings made by POST.
    #[must_use]
    pub fn create_counts(&self) -> [u64; 3] {
        [Object::Customer, Object::Contact, Object::Onboarding].map(|object| self.writes(object).created)
    }

    /// Makes another key known, with a bucket of its own.
    pub fn add_key(&mut self, key: &str) {
        self.keys.insert(key.to_owned(), Key::default());
    }

    /// Revokes a key: it is refused from the very next request.
    pub fn revoke_key(&mut self, key: &str) {
        self.keys.entry(key.to_owned()).or_default().revoked = true;
    }

    /// Gives a revoked key back.
    pub fn restore_key(&mut self, key: &str) {
        self.keys.entry(key.to_owned()).or_default().revoked = false;
    }

    /// A customer as a person adds it, at a time of their choosing; the cuid.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn add_customer(&mut self, fields: Value, created_at: Timestamp) -> Result<String, Refusal> {
        self.add(Object::Customer, None, fields, created_at)
    }

    /// A contact as a person adds it; the cuid.
    ///
    /// # Errors
    /// What the API would refuse.
    pub fn add_contact(&mut self, customer: &str, fields: Value, created_at: Timestamp) -> Result<String, Refusal> {
        self.add(Object::Contact, Some(customer), fields, created_at)
    }

    fn add(
        &mut self,
        object: Object,
        parent: Option<&str>,
        fields: Value,
        created_at: Timestamp,
    ) -> Result<String, Refusal> {
        let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
        let made = Made { at: created_at.trunc_subsecs(3), by_api: false };
        self.create(object, parent, &fields, made).map(|at| self.table(object).row(at).id.clone())
    }

    /// A person's edit in Pivotal: any value, also one the API would refuse. False where there is no such live customer.
    pub fn edit_customer(&mut self, id: &str, field: &str, value: Value) -> bool {
        let Ok(at) = self.live(Object::Customer, id) else {
            return false;
        };
        if Object::Customer.position(field).is_none() {
            return false;
        }
        if field == "slug" {
            let old = self.customers.row(at).text("slug").unwrap_or_default().to_owned();
            self.slugs.remove(&old);
            self.slugs.insert(value.as_str().unwrap_or_default().to_owned(), at);
        }
        let now = self.stamp_now();
        let row = self.customers.row_mut(at);
        row.set(field, value);
        row.updated_at = now;
        true
    }

    /// A person's deletion in Pivotal. False where there is no such live customer.
    pub fn delete_customer(&mut self, id: &str) -> bool {
        match self.live(Object::Customer, id) {
            Ok(at) => {
                self.bury(Object::Customer, at);
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn table(&self, object: Object) -> &Table {
        match object {
            Object::Customer => &self.customers,
            Object::Contact => &self.contacts,
            Object::Onboarding => &self.onboardings,
        }
    }

    pub(super) fn table_mut(&mut self, object: Object) -> &mut Table {
        match object {
            Object::Customer => &mut self.customers,
            Object::Contact => &mut self.contacts,
            Object::Onboarding => &mut self.onboardings,
        }
    }

    /// Now, in whole milliseconds as everything is stored.
    pub(super) fn stamp_now(&self) -> Timestamp {
        self.clock.now().trunc_subsecs(3)
    }

    /// A fresh cuid: 25 characters, unique by its counter, unguessable enough by the rest.
    pub(super) fn cuid(&mut self, object: Object) -> String {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut counter = self.table(object).next_display_id() * 3 + object as u64;
        let mut id = *b"cl00000000000000000000000";
        for place in id[2..8].iter_mut().rev() {
            let digit = (counter % 36) as usize;
            *place = DIGITS[digit];
            counter /= 36;
        }
        for place in &mut id[8..] {
            *place = DIGITS[self.rng.random_range(0..36)];
        }
        id.iter().copied().map(char::from).collect()
    }
}
