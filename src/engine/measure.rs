//! What the guards measure by.

use std::collections::HashMap;

use crate::domain::Kind;
use crate::reconcile::{Earlier, Population};

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

    /// What guards held before this run.
    pub(super) async fn earlier(&self, run: &Run) -> Result<Earlier, EngineError> {
        let run = run.report.run;
        Ok(Earlier { run, guarded: self.store.guarded(run).await? })
    }

    /// What the guards would measure by if a run began now.
    pub(super) async fn measured(&self) -> Result<Population, EngineError> {
        let live: HashMap<Kind, u64> = self.store.population().await?.into_iter().collect();
        let count = |kind| live.get(&kind).copied().unwrap_or_default();
        let vanished = self.store.vanished().await?.into_iter().collect();
        Ok(Population {
            customers: count(Kind::Customer),
            contacts: count(Kind::Contact),
            onboardings: count(Kind::Onboarding),
            loaded: self.store.fact(LOADED).await?.is_some(),
            vanished,
            done: Vec::new(),
        })
    }
}
