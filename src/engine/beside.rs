//! Customers beside another, which carry an id of its account: one that was merged into it, or that a person said is its. A store
//! that never saw that happen, because an earlier one was lost, knows them by the id they carry, by what the survivor of a merge
//! says of itself, and by what the person decided: they stay as they are, with their people.

use std::collections::{BTreeSet, HashMap};

use crate::domain::{Choice, EntityId, ExternalId, SourceKey};
use crate::store::{KinRow, RemoteQuery, RemoteRow};

use super::{Engine, EngineError};

/// By account, the customers beside its own.
pub(super) type Beside = HashMap<EntityId, Vec<RemoteRow>>;

impl Engine {
    /// Those that nothing here stands for, by the account whose ids they carry.
    pub(super) async fn beside(&self) -> Result<Beside, EngineError> {
        let kin = self.store.kin().await?;
        let mut beside = Beside::new();
        if kin.is_empty() {
            return Ok(beside);
        }
        let ignored = self.store.decisions().await?.into_iter().filter(|row| row.chosen.choice == Choice::Ignore);
        let ignored: BTreeSet<SourceKey> = ignored.map(|row| row.key).collect();
        let queries: Vec<RemoteQuery> = kin.iter().map(carrying).collect();
        for (own, found) in kin.iter().zip(self.store.remote(&queries).await?) {
            let found = found.into_iter().filter(|row| row.owner.is_none() && stays_beside(own, row, &ignored));
            for row in found {
                let others = beside.entry(own.account).or_default();
                if others.iter().all(|other| other.id != row.id) {
                    others.push(row);
                }
            }
        }
        Ok(beside)
    }
}

/// Asks for the customers that carry the id of a record, or of one that was merged into it.
fn carrying(own: &KinRow) -> RemoteQuery {
    let of = |field: &str| -> Vec<ExternalId> {
        let keys = own.merged.iter().chain([&own.key]);
        keys.filter(|key| key.stream.customer_field() == Some(field)).map(|key| key.id.clone()).collect()
    };
    RemoteQuery::Customers {
        hubspot_company_ids: of("hubspot_company_id"),
        stripe_customer_ids: of("stripe_customer_id"),
        domains: Vec::new(),
    }
}

/// Whether a customer is not the account's: a person wants it left alone, or the account has another. Before either, a person is
/// asked, for it could be the one.
fn stays_beside(own: &KinRow, row: &RemoteRow, ignored: &BTreeSet<SourceKey>) -> bool {
    let carries = |key: &SourceKey| {
        let field = key.stream.customer_field();
        field.is_some_and(|field| row.fields.text(field) == Some(key.id.as_str()))
    };
    let kept = own.merged.iter().any(|old| ignored.contains(old) && carries(old));
    kept || own.object.as_ref().is_some_and(|object| *object != row.id)
}
