//! Who owns records (hubspot-api.md 4.6, trap 27): what a rule reads as `company.owner.email`, `contact.owner.name`, ….
//!
//! A record holds the owner's id, which is not the user's. Active and deactivated owners stand in two lists, read only when
//! a rule reads an owner and a record has one, and then at most once an hour; besides once for an id that they lack, because
//! a new owner must not read as nobody. Only the record's own stamp tells that it has another owner now. That an owner has
//! another address moves no stamp of any record: the stretch that each run reads again takes it along (contacts and deals),
//! and the full pass the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;

use crate::domain::{ApiError, Fault, Value};

use super::facts::Shape;
use super::wire::{Paging, Row, after, text_or_number};
use super::{Hubspot, KNOWN_FOR};

/// What rules call it.
pub(super) const OWNER: &str = "owner";
/// The property that holds an owner's id.
pub(super) const OWNER_ID: &str = "hubspot_owner_id";
/// What the lists need.
pub(super) const SCOPE: &str = "crm.objects.owners.read";

/// `GET /crm/owners/{version}`
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    results: Vec<Owner>,
    paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Owner {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// All owners, active and not, as rules see them.
#[derive(Debug, Clone, Default)]
pub(super) struct Owners {
    by_id: BTreeMap<String, Value>,
    /// Ids that records hold and no list shows.
    strangers: BTreeSet<String>,
}

impl Owners {
    fn add(&mut self, owner: Owner, archived: bool) {
        let text = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let names: Vec<String> = [text(owner.first_name), text(owner.last_name)].into_iter().flatten().collect();
        let name = if names.is_empty() { Value::Null } else { Value::text(names.join(" ")) };
        let email = text(owner.email).map_or(Value::Null, Value::text);
        let said = [("email", email), ("name", name), ("archived", Value::Bool(archived))];
        self.by_id.entry(owner.id.clone()).or_insert_with(|| of(&owner.id, said));
    }

    /// The owner that a row names; nothing when it names none.
    pub fn of(&self, row: &Row) -> Value {
        let Some(id) = row.filled(OWNER_ID) else { return Value::Null };
        self.by_id.get(id).cloned().unwrap_or_else(|| of(id, []))
    }

    fn lacks(&self, id: &str) -> bool {
        !self.by_id.contains_key(id)
    }
}

fn of<const N: usize>(id: &str, said: [(&str, Value); N]) -> Value {
    let id = [("id", Value::text(id))];
    Value::Map(id.into_iter().chain(said).map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Hubspot {
    /// The owners that these rows name, if a rule reads them.
    pub(super) async fn owners(&self, shape: &Shape, rows: &[Row]) -> Result<Arc<Owners>, ApiError> {
        let named: BTreeSet<&str> = rows.iter().filter_map(|row| row.filled(OWNER_ID)).collect();
        if !shape.reads(OWNER) || named.is_empty() {
            return Ok(Arc::default());
        }
        let mut held = self.owners.lock().await;
        let is_new = |owners: &Owners| named.iter().any(|id| owners.lacks(id) && !owners.strangers.contains(*id));
        let owners = match held.as_ref().filter(|(at, owners)| at.elapsed() < KNOWN_FOR && !is_new(owners)) {
            Some((_, owners)) => Arc::clone(owners),
            None => {
                let mut owners = self.list_owners().await?;
                // Not asked for again before the hour is over.
                let old = held.take().map(|(_, owners)| owners.strangers.clone()).unwrap_or_default();
                let named = named.iter().map(|id| (*id).to_owned());
                owners.strangers = old.into_iter().chain(named).filter(|id| owners.lacks(id)).collect();
                let owners = Arc::new(owners);
                *held = Some((Instant::now(), Arc::clone(&owners)));
                owners
            }
        };
        for row in rows {
            if let Some(id) = row.filled(OWNER_ID).filter(|id| owners.lacks(id)) {
                self.notes.stranger(shape.stream, id, &row.id);
            }
        }
        Ok(owners)
    }

    async fn list_owners(&self) -> Result<Owners, ApiError> {
        let mut owners = Owners::default();
        // The active ones first: they count where both lists show one.
        for archived in [false, true] {
            let mut at: Option<String> = None;
            loop {
                let page = self.owners_page(archived, at.as_deref(), super::api::LIST_MOST).await?;
                page.results.into_iter().for_each(|owner| owners.add(owner, archived));
                let next = after(page.paging);
                if next.is_none() {
                    break;
                }
                if next == at {
                    return Err(self.api.odd_owners(format!("the page after {at:?} says that it goes on there")));
                }
                at = next;
            }
        }
        Ok(owners)
    }

    /// One page of owners. A right that is missing is named, also where the answer does not.
    pub(super) async fn owners_page(
        &self,
        archived: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed, ApiError> {
        let unnamed = |fault: &Fault| matches!(fault, Fault::Forbidden { scopes } if scopes.is_empty());
        self.api.owners(archived, after, limit).await.map_err(|error| match unnamed(&error.fault) {
            true => ApiError { fault: Fault::Forbidden { scopes: vec![SCOPE.to_owned()] }, ..error },
            false => error,
        })
    }
}
