//! What the guards measure by.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{Action, EntityId, Kind, Operation, Timestamp};
use crate::reconcile::{Earlier, Population};
use crate::store::COPIED_AT;

use super::adopt::{INCOMPLETE, read_time};
use super::{Engine, EngineError, LOADED, Run};

impl Engine {
    /// What the guards measure by: as it was before this run wrote anything, and what it has written since.
    pub(super) async fn population(&self, run: &mut Run) -> Result<Population, EngineError> {
        if let Some(population) = &run.population {
            return Ok(Population { done: run.done.clone(), ..population.clone() });
        }
        let population = Population { done: run.done.clone(), ..self.measured().await? };
        run.population = Some(population.clone());
        Ok(population)
    }

    /// The same, with what goes along with the customers that a plan deletes.
    pub(super) async fn population_but(
        &self,
        operations: &[Operation],
        run: &mut Run,
    ) -> Result<Population, EngineError> {
        let goes = |o: &&Operation| o.kind == Kind::Customer && matches!(o.action, Action::Delete { .. });
        let customers: Vec<EntityId> = operations.iter().filter(goes).map(|o| o.entity).collect();
        let mut population = self.population(run).await?;
        if !customers.is_empty() {
            let living = self.store.living_under(&customers).await?;
            population.along.extend(living.into_iter().map(|(child, _, customer)| (child, customer)));
        }
        // Who moved out by now is still no deletion of its own when this run plans again.
        if let Some(kept) = &mut run.population {
            kept.along.clone_from(&population.along);
        }
        Ok(population)
    }

    /// What guards held before this run.
    pub(super) async fn earlier(&self, run: &Run) -> Result<Earlier, EngineError> {
        let run = run.report.run;
        Ok(Earlier { run, guarded: self.store.guarded(run).await? })
    }

    /// What the guards would measure by if a run began now.
    pub(super) async fn measured(&self) -> Result<Population, EngineError> {
        let live: HashMap<Kind, u64> = self.store.population().await?.into_iter().collect();
        let count = |kind| live.get(&kind).copied().unwrap_or_default();
        Ok(Population {
            customers: count(Kind::Customer),
            contacts: count(Kind::Contact),
            onboardings: count(Kind::Onboarding),
            loaded: self.store.fact(LOADED).await?.is_some(),
            along: BTreeMap::new(),
            done: Vec::new(),
            put_back: self.put_back().await?,
            unseen: self.store.fact(INCOMPLETE).await?.is_some(),
        })
    }

    /// When the backup was made that the store was put back from; nothing once an audit compared it with Pivotal.
    pub(super) async fn put_back(&self) -> Result<Option<Timestamp>, EngineError> {
        Ok(read_time(self.store.fact(COPIED_AT).await?))
    }
}
