//! Customers that a person had kept beside another when their records were merged, as a store knows them that never saw the
//! merge because an earlier one was lost: by the id they carry, and by what the survivor says of itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::{Choice, EntityId, ExternalId, Fields, PivotalId, Role, SourceKey};
use crate::store::RemoteQuery;

use super::{Engine, EngineError};

/// By account, the customers beside its own: which, and what they say.
pub(super) type Beside = HashMap<EntityId, BTreeMap<PivotalId, Fields>>;

impl Engine {
    /// Those that nothing here stands for, of the accounts whose records they were merged into.
    pub(super) async fn beside(&self) -> Result<Beside, EngineError> {
        let decisions = self.store.decisions().await?.into_iter();
        let ignored =
            decisions.filter(|row| row.chosen.choice == Choice::Ignore && row.key.stream.role() == Role::Account);
        let ignored: BTreeSet<SourceKey> = ignored.map(|row| row.key).collect();
        let mut beside = Beside::new();
        if ignored.is_empty() {
            return Ok(beside);
        }
        let tokens: Vec<String> = ignored.iter().map(|key| self.reconciler.names(key)).collect();
        for survivor in self.store.sharing(&tokens).await?.into_iter().filter(|placed| placed.known.gone.is_none()) {
            let Some(account) = survivor.entity else { continue };
            let record = &survivor.known.record;
            let merged: Vec<&SourceKey> =
                record.facts.merged().iter().filter(|old| **old != record.key && ignored.contains(old)).collect();
            if merged.is_empty() {
                continue;
            }
            let of = |field: &str| -> Vec<ExternalId> {
                let keys = merged.iter().filter(|key| key.stream.customer_field() == Some(field));
                keys.map(|key| key.id.clone()).collect()
            };
            let query = RemoteQuery::Customers {
                hubspot_company_ids: of("hubspot_company_id"),
                stripe_customer_ids: of("stripe_customer_id"),
                domains: Vec::new(),
            };
            let found = self.store.remote(&[query]).await?.into_iter().flatten().filter(|row| row.owner.is_none());
            beside.entry(account).or_default().extend(found.map(|row| (row.id, row.fields)));
        }
        Ok(beside)
    }
}
