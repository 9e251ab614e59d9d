//! Two contacts of one customer and one address: whoever cannot have it is held while the plan is made.

use crate::domain::{EntityId, Operation};
use crate::reconcile::{Claim, Resident, claims, fingerprint_of, hold_second};
use crate::store::ResidentRow;

use super::plan::Drafting;
use super::{Engine, EngineError};

/// Addresses looked up together.
const LOT: usize = 500;

impl Engine {
    /// Holds those whose address another contact of the same customer has, or comes to have by this plan.
    pub(super) async fn hold_second(&self, draft: &mut Drafting) -> Result<(), EngineError> {
        let mirrors = &draft.mirrors;
        let claims = claims(&draft.operations, &|entity: EntityId| mirrors.get(&entity)?.parent.clone());
        let settled: Vec<&str> = claims.iter().filter(|claim| claim.is_under_a_roof()).map(Claim::address).collect();
        let mut residents = Vec::new();
        for lot in settled.chunks(LOT) {
            residents.extend(self.store.residents(lot).await?.into_iter().map(resident));
        }
        let approvals = &draft.approvals;
        let is_let_through = |operation: &Operation| {
            let approval = approvals.get(&operation.entity);
            approval.is_some_and(|approval| approval.covers(&fingerprint_of(operation)))
        };
        hold_second(&mut draft.operations, claims, &residents, &is_let_through);
        Ok(())
    }
}

/// As the reconciler takes it.
pub(super) fn resident(row: ResidentRow) -> Resident {
    let ResidentRow { entity, parent, address, called, name, .. } = row;
    Resident { entity, roof: parent, address, called, name }
}
