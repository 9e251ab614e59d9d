//! Customers beside another, whose records were merged into that one's, as a store knows them that never saw the merge because
//! an earlier one was lost: by the id they carry, and by what the survivor says of itself. A person had them kept, or said
//! since which of several is the survivor's: the others stay as they are, with their people.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{Choice, EntityId, ExternalId, SourceKey};
use crate::store::{RemoteQuery, RemoteRow, SurvivingRow};

use super::{Engine, EngineError};

/// By account, the customers beside its own.
pub(super) type Beside = HashMap<EntityId, Vec<RemoteRow>>;

impl Engine {
    /// Those that nothing here stands for, of the accounts whose records they were merged into.
    pub(super) async fn beside(&self) -> Result<Beside, EngineError> {
        let survivors = self.store.surviving().await?;
        let mut beside = Beside::new();
        if survivors.is_empty() {
            return Ok(beside);
        }
        let ignored = self.store.decisions().await?.into_iter().filter(|row| row.chosen.choice == Choice::Ignore);
        let ignored: BTreeSet<SourceKey> = ignored.map(|row| row.key).collect();
        let queries: Vec<RemoteQuery> = survivors.iter().map(carrying).collect();
        for (survivor, found) in survivors.iter().zip(self.store.remote(&queries).await?) {
            let found = found.into_iter().filter(|row| row.owner.is_none() && stays_beside(survivor, row, &ignored));
            for row in found {
                let others = beside.entry(survivor.account).or_default();
                if others.iter().all(|other| other.id != row.id) {
                    others.push(row);
                }
            }
        }
        Ok(beside)
    }
}

/// Asks for the customers that carry an id which the survivor has, or had.
fn carrying(survivor: &SurvivingRow) -> RemoteQuery {
    let of = |field: &str| -> Vec<ExternalId> {
        let keys = survivor.merged.iter().chain([&survivor.key]);
        keys.filter(|key| key.stream.customer_field() == Some(field)).map(|key| key.id.clone()).collect()
    };
    RemoteQuery::Customers {
        hubspot_company_ids: of("hubspot_company_id"),
        stripe_customer_ids: of("stripe_customer_id"),
        domains: Vec::new(),
    }
}

/// Whether a customer is not the survivor's: a person wants it left alone, or the survivor has another. Before either, a person
/// is asked, for it could be the one.
fn stays_beside(survivor: &SurvivingRow, row: &RemoteRow, ignored: &BTreeSet<SourceKey>) -> bool {
    let carries = |key: &SourceKey| {
        let field = key.stream.customer_field();
        field.is_some_and(|field| row.fields.text(field) == Some(key.id.as_str()))
    };
    let kept = survivor.merged.iter().any(|old| ignored.contains(old) && carries(old));
    kept || survivor.object.as_ref().is_some_and(|own| *own != row.id)
}
