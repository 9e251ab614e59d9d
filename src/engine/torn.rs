//! Records that a person must place: they stay with their customer while their evidence names another company, and the
//! customers themselves go on being updated; or they could be one with several, while no rule selects them alone.

use std::collections::HashSet;

use crate::domain::{Action, Changes, EntityId, Fields, Kind, Operation, Standing};

use super::plan::Scope;
use super::{Engine, EngineError};

impl Engine {
    /// What stands held for it: one operation for each record, which says nothing, so that it can be neither sent nor let
    /// through; `link` and `unlink` settle it.
    /// `planned` says which customers are about to be taken over.
    pub(super) async fn torn(&self, scope: Scope<'_>, planned: &[Operation]) -> Result<Vec<Operation>, EngineError> {
        let mut torn = self.store.torn().await?;
        if let Scope::These(these) = scope {
            torn.retain(|row| these.contains(&row.entity));
        }
        let taken_over = |entity: EntityId| {
            planned.iter().find_map(|operation| match &operation.action {
                Action::Adopt { id, .. } if operation.entity == entity => Some(id.clone()),
                _ => None,
            })
        };
        let operations = torn.into_iter().filter_map(|row| {
            let id = row.pivotal_id.or_else(|| taken_over(row.entity))?;
            Some(Operation {
                entity: row.entity,
                kind: Kind::Customer,
                subject: row.key,
                name: row.name,
                action: Action::Update { id, changes: Changes::default() },
                standing: Standing::Held(row.why),
                hold: None,
                reason: "its evidence names another account".to_owned(),
            })
        });
        Ok(operations.collect())
    }

    /// What stands held for records that could be one with several accounts, where one of those is wanted: who pays nothing now
    /// may pay tomorrow, and would then be guessed about. What `planned` holds itself needs no second word.
    pub(super) async fn doubted(&self, scope: Scope<'_>, planned: &[Operation]) -> Result<Vec<Operation>, EngineError> {
        let known: HashSet<EntityId> = planned.iter().map(|operation| operation.entity).collect();
        let mut doubted = self.store.doubted().await?;
        doubted.retain(|row| !known.contains(&row.entity));
        if let Scope::These(these) = scope {
            doubted.retain(|row| these.contains(&row.entity));
        }
        let (doubted, over): (Vec<_>, Vec<_>) = doubted.into_iter().partition(|row| row.matters);
        if !over.is_empty() {
            let over: Vec<EntityId> = over.into_iter().map(|row| row.entity).collect();
            self.store.clear_open_operations(&over).await?;
        }
        let held = doubted.into_iter().map(|row| Operation {
            entity: row.entity,
            kind: Kind::Customer,
            subject: row.key,
            name: row.name,
            action: Action::Create { parent: None, fields: Fields::new() },
            standing: Standing::Held(row.why),
            hold: None,
            reason: "cannot be worked out".to_owned(),
        });
        Ok(held.collect())
    }
}
