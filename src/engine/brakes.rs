//! What a plan is told before it is stored: which guards tripped, and what goes along with what is deleted.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::domain::{Action, EntityId, Kind, Mirror, Operation, Parent, PivotalId, Standing};
use crate::reconcile::{Tripped, fingerprint_of, moves, takes_along};

use super::{Engine, EngineError, Run};

/// By kind and verb, what the guards held last: logged when it changes, not every night anew.
const GUARDS: &str = "guards";

impl Engine {
    /// Notes what tripped, and logs what was not held before.
    pub(super) async fn tell_tripped(
        &self,
        tripped: &[Tripped],
        operations: &[Operation],
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let known = self.store.fact(GUARDS).await?;
        // What cannot be read was written by another version: then it is logged once more.
        let before: BTreeMap<String, String> =
            known.as_ref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut now = BTreeMap::new();
        for Tripped { kind, verb, count, held, limit, why, .. } in tripped {
            let (kind, name, set) = (kind.as_str(), format!("{kind} {verb}"), print(operations, why));
            if before.get(&name) != Some(&set) {
                tracing::warn!(
                    kind,
                    verb,
                    count,
                    held,
                    limit,
                    "a guard tripped: {kind} {verb}: {count} of at most {limit}; all of these are held"
                );
            }
            now.insert(name, set);
            run.note(why.clone());
        }
        if now != before {
            self.store.set_fact(GUARDS, &serde_json::json!(now).to_string()).await?;
        }
        Ok(())
    }

    /// A customer's deletion says what vanishes with it.
    pub(super) async fn tell_who_goes_along(&self, operations: &mut [Operation]) -> Result<(), EngineError> {
        let goes = |o: &&mut Operation| o.kind == Kind::Customer && matches!(o.action, Action::Delete { .. });
        let customers: Vec<EntityId> = operations.iter_mut().filter(goes).map(|o| o.entity).collect();
        if customers.is_empty() {
            return Ok(());
        }
        // Who moves away in the same plan is not taken along: deletions of customers come last.
        let goes_elsewhere = |o: &&Operation| o.is_ready() && matches!(o.action, Action::Delete { .. });
        let elsewhere: HashSet<EntityId> = operations.iter().filter(goes_elsewhere).map(|o| o.entity).collect();
        let mut along: HashMap<EntityId, (u64, u64)> = HashMap::new();
        for (child, kind, customer) in self.store.living_under(&customers).await? {
            let (contacts, onboardings) = along.entry(customer).or_default();
            match kind {
                Kind::Contact if !elsewhere.contains(&child) => *contacts += 1,
                Kind::Onboarding => *onboardings += 1,
                Kind::Contact | Kind::Customer => {}
            }
        }
        for operation in operations.iter_mut().filter(goes) {
            let (contacts, onboardings) = along.get(&operation.entity).copied().unwrap_or_default();
            takes_along(operation, contacts, onboardings);
        }
        Ok(())
    }

    /// A move says between which customers, where both are known.
    pub(super) async fn tell_where_they_move(
        &self,
        operations: &mut [Operation],
        mirrors: &HashMap<EntityId, Mirror>,
    ) -> Result<(), EngineError> {
        let mut told: HashMap<EntityId, String> = HashMap::new();
        for operation in operations.iter().filter(|operation| moves(operation)) {
            let to = match &operation.action {
                Action::Create { parent: Some(Parent::Planned(customer)), .. } => Some(*customer),
                Action::Create { parent: Some(Parent::Known(id)), .. } | Action::Adopt { parent: Some(id), .. } => {
                    self.store.entity_with(id).await?
                }
                _ => None,
            };
            let old = mirrors.get(&operation.entity).and_then(|mirror| mirror.parent.as_ref());
            let from = match old {
                Some(id) => self.store.entity_with(id).await?,
                None => None,
            };
            let (Some(from), Some(to)) = (from, to) else { continue };
            let names = (named(self.store.called(from).await?), named(self.store.called(to).await?));
            if let (Some(from), Some(to)) = names {
                told.insert(operation.entity, format!("moves from {from} to {to}"));
            }
        }
        for operation in operations.iter_mut().filter(|operation| moves(operation)) {
            if let Some(reason) = told.get(&operation.entity) {
                operation.reason.clone_from(reason);
            }
        }
        Ok(())
    }
}

/// `Acme`, or what is left to say of one that nobody knows.
fn named(name: Option<(String, Option<PivotalId>)>) -> Option<String> {
    name.map(|(name, _)| name).filter(|name| !name.is_empty())
}

/// Over all that is held for one reason.
fn print(operations: &[Operation], why: &str) -> String {
    let is_held = |o: &&Operation| matches!(&o.standing, Standing::Held(said) if said == why);
    let mut held: Vec<String> = operations.iter().filter(is_held).map(fingerprint_of).collect();
    held.sort_unstable();
    hex::encode(Sha256::digest(held.concat()))
}
