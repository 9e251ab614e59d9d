//! What people do in the three systems, by name: the changes a rehearsal makes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::hubspot::{CompanySeed, ContactSeed, DealSeed, ObjectType};
use super::pivotal;
use super::start::Worlds;

/// How each change is written, for whoever rehearses.
pub const WRITTEN: &str = r#"Changes to make in it, by POST to /_sandbox/change on Pivotal's port:
  {"change":"new-company","name":"Acme","domain":"acme.com"}
  {"change":"rename-company","id":"951","name":"Another name"}
  {"change":"edit-company","id":"951","property":"industry","value":"news"}
  {"change":"archive-company","id":"951"}
  {"change":"restore-company","id":"951"}
  {"change":"merge-companies","winner":"951","loser":"952"}
  {"change":"move-contact","id":"951","company":"952"}
  {"change":"edit-contact","id":"951","property":"email","value":"ann@acme.com"}
  {"change":"archive-contact","id":"951"}
  {"change":"win-deal","company":"951","name":"Plan A"}
  {"change":"move-deal","id":"951","company":"952"}
  {"change":"cancel-subscription","id":"sub_1"}
  {"change":"delete-stripe-customer","id":"cus_1"}
  {"change":"edit-customer","id":"1","field":"plan","value":"gold"}
  {"change":"delete-customer","id":"1"}
What is in its Pivotal: GET /_sandbox/pivotal/customers, contacts, onboardings; what it was asked: GET /_sandbox/log."#;

/// A person, as the control API takes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NewContact {
    /// First name.
    pub firstname: String,
    /// Last name.
    pub lastname: String,
    /// E-mail address.
    pub email: String,
}

/// One change. Written as `{"change": "rename-company", "id": "951", "name": "Acme"}`; ids are text or numbers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A new name for a HubSpot company.
    RenameCompany {
        /// The company.
        #[serde(deserialize_with = "id")]
        id: String,
        /// Its name from now on.
        name: String,
    },
    /// Any property of a HubSpot company.
    EditCompany {
        /// The company.
        #[serde(deserialize_with = "id")]
        id: String,
        /// The property's internal name.
        property: String,
        /// Its value; `""` clears.
        value: String,
    },
    /// A HubSpot company goes to the archive.
    ArchiveCompany {
        /// The company.
        #[serde(deserialize_with = "id")]
        id: String,
    },
    /// An archived HubSpot company comes back.
    RestoreCompany {
        /// The company.
        #[serde(deserialize_with = "id")]
        id: String,
    },
    /// Two HubSpot companies become one, under a new id.
    MergeCompanies {
        /// The one whose values win.
        #[serde(deserialize_with = "id")]
        winner: String,
        /// The other one.
        #[serde(deserialize_with = "id")]
        loser: String,
    },
    /// A new HubSpot company, a customer unless told otherwise.
    NewCompany {
        /// Its name.
        name: String,
        /// Its domain.
        #[serde(default)]
        domain: Option<String>,
        /// Its `lifecyclestage`.
        #[serde(default = "customer")]
        lifecyclestage: String,
        /// Its people.
        #[serde(default)]
        contacts: Vec<NewContact>,
    },
    /// A HubSpot contact changes company; no timestamp moves.
    MoveContact {
        /// The contact.
        #[serde(deserialize_with = "id")]
        id: String,
        /// Its company from now on.
        #[serde(deserialize_with = "id")]
        company: String,
    },
    /// Any property of a HubSpot contact.
    EditContact {
        /// The contact.
        #[serde(deserialize_with = "id")]
        id: String,
        /// The property's internal name.
        property: String,
        /// Its value; `""` clears.
        value: String,
    },
    /// A HubSpot contact goes to the archive.
    ArchiveContact {
        /// The contact.
        #[serde(deserialize_with = "id")]
        id: String,
    },
    /// A deal of a HubSpot company is won just now.
    WinDeal {
        /// The company.
        #[serde(deserialize_with = "id")]
        company: String,
        /// The deal's name.
        name: String,
    },
    /// A HubSpot deal changes company; no timestamp moves.
    MoveDeal {
        /// The deal.
        #[serde(deserialize_with = "id")]
        id: String,
        /// Its company from now on.
        #[serde(deserialize_with = "id")]
        company: String,
    },
    /// A Stripe subscription ends now.
    CancelSubscription {
        /// The subscription.
        id: String,
    },
    /// A Stripe customer is deleted for good.
    DeleteStripeCustomer {
        /// The customer.
        id: String,
    },
    /// A person edits a customer in Pivotal.
    EditCustomer {
        /// The cuid or display id.
        #[serde(deserialize_with = "id")]
        id: String,
        /// The field.
        field: String,
        /// Its value.
        value: Value,
    },
    /// A person deletes a customer in Pivotal.
    DeleteCustomer {
        /// The cuid or display id.
        #[serde(deserialize_with = "id")]
        id: String,
    },
}

fn customer() -> String {
    "customer".to_owned()
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

/// Makes a change; what came of it, with the ids of what is new.
///
/// # Errors
/// A sentence where there is nothing by that id.
pub fn make(worlds: &Worlds, change: Change) -> Result<Value, String> {
    match change {
        Change::CancelSubscription { id } => {
            done(open(&worlds.stripe).cancel_subscription(&id).map_err(|why| why.to_string()))
        }
        Change::DeleteStripeCustomer { id } => {
            done(open(&worlds.stripe).delete_customer(&id).map_err(|why| why.to_string()))
        }
        Change::EditCustomer { id, field, value } => {
            found(pivotal::lock(&worlds.pivotal).edit_customer(&id, &field, value), &id)
        }
        Change::DeleteCustomer { id } => found(pivotal::lock(&worlds.pivotal).delete_customer(&id), &id),
        other => in_hubspot(worlds, other),
    }
}

fn in_hubspot(worlds: &Worlds, change: Change) -> Result<Value, String> {
    let mut hubspot = open(&worlds.hubspot);
    let made = match change {
        Change::RenameCompany { id, name } => hubspot.set_property(ObjectType::Company, &id, "name", &name),
        Change::EditCompany { id, property, value } => {
            hubspot.set_property(ObjectType::Company, &id, &property, &value)
        }
        Change::ArchiveCompany { id } => hubspot.archive(ObjectType::Company, &id),
        Change::RestoreCompany { id } => hubspot.restore(ObjectType::Company, &id),
        Change::MergeCompanies { winner, loser } => {
            let survivor = hubspot.merge(ObjectType::Company, &winner, &loser).map_err(|why| why.to_string())?;
            return Ok(json!({ "ok": true, "id": survivor }));
        }
        Change::MoveContact { id, company } => hubspot.move_contact(&id, &company),
        Change::MoveDeal { id, company } => hubspot.move_deal(&id, &company),
        Change::EditContact { id, property, value } => {
            hubspot.set_property(ObjectType::Contact, &id, &property, &value)
        }
        Change::ArchiveContact { id } => hubspot.archive(ObjectType::Contact, &id),
        Change::NewCompany { name, domain, lifecyclestage, contacts } => {
            let created = hubspot.now();
            let properties = BTreeMap::from([("lifecyclestage".to_owned(), lifecyclestage)]);
            let company = hubspot.add_company(CompanySeed { name, domain, properties, created });
            let people: Vec<String> = contacts
                .into_iter()
                .map(|person| {
                    let NewContact { firstname, lastname, email } = person;
                    let properties = [("firstname", firstname), ("lastname", lastname), ("email", email)];
                    let properties = properties.map(|(name, value)| (name.to_owned(), value)).into();
                    hubspot.add_contact(ContactSeed { properties, created, company: Some((company.clone(), true)) })
                })
                .collect();
            return Ok(json!({ "ok": true, "id": company, "contacts": people }));
        }
        Change::WinDeal { company, name } => {
            let created = hubspot.now();
            let closed = pivotal::stamp(created);
            let properties = [("dealname", name.as_str()), ("dealstage", "closedwon"), ("closedate", &closed)];
            let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let deal = hubspot.add_deal(DealSeed { properties, company: Some(company), created });
            return Ok(json!({ "ok": true, "id": deal }));
        }
        _ => Ok(()),
    };
    done(made.map_err(|why| why.to_string()))
}

fn done(made: Result<(), String>) -> Result<Value, String> {
    made.map(|()| json!({ "ok": true }))
}

fn found(found: bool, id: &str) -> Result<Value, String> {
    if found { Ok(json!({ "ok": true })) } else { Err(format!("there is no such customer or field: {id}")) }
}

fn open<World>(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_change_is_told_as_it_is_taken() {
        let lines = WRITTEN.lines().map(str::trim).filter(|line| line.starts_with('{'));
        let told: Vec<Change> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: BTreeSet<String> =
            told.iter().map(|change| format!("{:?}", std::mem::discriminant(change))).collect();
        let unknown = serde_json::from_str::<Change>(r#"{"change":"no-such"}"#).unwrap_err().to_string();
        let names: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
        assert_eq!((kinds.len(), told.len()), (names.len(), names.len()), "{unknown}");
    }
}
