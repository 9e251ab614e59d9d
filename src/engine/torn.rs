//! Records that a person must place: they stay with their customer while their evidence names another company. The customers
//! themselves go on being updated.

use crate::domain::{Action, Changes, EntityId, Kind, Operation, Standing};

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
}
