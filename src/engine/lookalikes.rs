//! Contacts that a plan would create, held against those in Pivotal whom nothing here stands for.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::{EntityId, Fault, Kind, Operation, PivotalId, Timestamp};
use crate::reconcile::{Candidate, Features, features, fingerprint_of, hold_for, lookalike, namesake};
use crate::store::{RemoteQuery, RemoteRow};

use super::candidates::candidate;
use super::plan::{Asking, Drafting, Scope};
use super::{Engine, EngineError, LOADED, Run};

/// Operations looked at together.
const LOT: usize = 500;

/// Customers that nothing here stands for whose contacts are read in a first load, a request each: more would cost it hours.
const STRANGERS: usize = 500;

/// Those whom nothing here stands for, by the address they have and by the customer they live under.
struct Strangers {
    by_email: HashMap<String, Vec<RemoteRow>>,
    by_customer: HashMap<PivotalId, Vec<RemoteRow>>,
}

impl Engine {
    /// Holds whoever may be in Pivotal already, once the whole plan is known: who is taken over by another is no stranger.
    pub(super) async fn hold_lookalikes(
        &self,
        scope: Scope<'_>,
        draft: &mut Drafting,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let is_let_through = |operation: &Operation| {
            let approval = draft.approvals.get(&operation.entity);
            approval.is_some_and(|approval| approval.covers(&fingerprint_of(operation)))
        };
        let created = draft.operations.iter().enumerate().filter(|(_, operation)| !is_let_through(operation));
        let asked: Vec<(usize, Features)> = created.filter_map(|(at, it)| Some((at, features(it)?))).collect();
        if !asked.is_empty() {
            self.list_children_of_strangers(draft, run).await?;
        }
        let since = self.fresh_since(draft).await?;
        for lot in asked.chunks(LOT) {
            let strangers = self.strangers(lot, &draft.taken).await?;
            let entities: Vec<EntityId> = lot.iter().map(|(at, _)| draft.operations[*at].entity).collect();
            // What was held at the last look was looked up then; a full one looks again.
            let known = if matches!(scope, Scope::All) { HashSet::new() } else { self.store.held(&entities).await? };
            for (at, features) in lot {
                let operation = &mut draft.operations[*at];
                let since = since.filter(|_| !known.contains(&operation.entity));
                self.hold_lookalike(operation, strangers.near(features), since).await?;
            }
        }
        Ok(())
    }

    /// During a first load: who lives under customers that nothing here stands for is read once, too. Somebody may have moved away
    /// from there, or been left there, before a store was lost.
    async fn list_children_of_strangers(&self, draft: &Drafting, run: &mut Run) -> Result<(), EngineError> {
        if draft.asking == Asking::Nothing || self.store.fact(LOADED).await?.is_some() {
            return Ok(());
        }
        let mut strangers = self.store.unowned_customers().await?;
        strangers.retain(|customer| !draft.taken.contains_key(customer));
        if strangers.len() > STRANGERS {
            run.note(format!(
                "{} customers in Pivotal have nothing that stands for them here; only who lives under {STRANGERS} of them was looked \
                 at, so a person who moved away from another could be made a second time",
                strangers.len()
            ));
            strangers.truncate(STRANGERS);
        }
        for customer in &strangers {
            self.list_children_there(customer).await?;
        }
        Ok(())
    }

    /// The same of customers beside an account's own: whoever lives there stays there.
    pub(super) async fn list_children_beside(&self, draft: &Drafting) -> Result<(), EngineError> {
        if draft.asking != Asking::Nothing {
            for customer in draft.parents.all_beside() {
                self.list_children_there(customer).await?;
            }
        }
        Ok(())
    }

    async fn list_children_there(&self, customer: &PivotalId) -> Result<(), EngineError> {
        match self.list_children(customer).await {
            Err(EngineError::Api(error)) if error.fault == Fault::NotFound => {
                Ok(self.store.forget_remote(std::slice::from_ref(customer)).await?)
            }
            listed => listed,
        }
    }

    async fn hold_lookalike(
        &self,
        operation: &mut Operation,
        near: Vec<RemoteRow>,
        since: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        let mut stale: HashSet<PivotalId> = near
            .iter()
            .filter(|row| since.is_some_and(|since| row.seen_at < since))
            .map(|row| row.id.clone())
            .collect();
        let mut there: Vec<Candidate> = near.into_iter().map(|row| candidate(row, &HashMap::new())).collect();
        while let Some(other) = lookalike(operation, &there).cloned() {
            if self.store.is_unlinked(operation.entity, &other.id).await? {
                there.retain(|it| it.id != other.id);
            } else if stale.remove(&other.id) {
                match self.seen_again(Kind::Contact, &other.id).await? {
                    Some(now) => {
                        there.iter_mut().filter(|it| it.id == other.id).for_each(|it| it.fields = now.clone());
                    }
                    None => there.retain(|it| it.id != other.id),
                }
            } else {
                let roof = self.roof(other.parent.as_ref()).await?;
                let namesake = namesake(operation, &other, &there).cloned();
                hold_for(operation, &other, &roof, namesake.as_ref());
            }
        }
        Ok(())
    }

    async fn strangers(
        &self,
        lot: &[(usize, Features)],
        taken: &HashMap<PivotalId, EntityId>,
    ) -> Result<Strangers, EngineError> {
        let emails: BTreeSet<&String> = lot.iter().filter_map(|(_, features)| features.email.as_ref()).collect();
        let customers: BTreeSet<&PivotalId> =
            lot.iter().filter_map(|(_, features)| features.customer.as_ref()).collect();
        let mut queries = vec![RemoteQuery::Emails(emails.into_iter().cloned().collect())];
        let children = |parent: &PivotalId| RemoteQuery::Children { kind: Kind::Contact, parent: parent.clone() };
        queries.extend(customers.into_iter().map(children));
        let mut found = self.store.remote(&queries).await?.into_iter();
        let free = |row: &RemoteRow| row.owner.is_none() && !taken.contains_key(&row.id);
        let mut strangers = Strangers { by_email: HashMap::new(), by_customer: HashMap::new() };
        for row in found.next().unwrap_or_default().into_iter().filter(free) {
            let email = row.fields.text("email").unwrap_or_default().to_lowercase();
            strangers.by_email.entry(email).or_default().push(row);
        }
        for row in found.flatten().filter(free) {
            if let Some(customer) = row.parent.clone() {
                strangers.by_customer.entry(customer).or_default().push(row);
            }
        }
        Ok(strangers)
    }

    /// How a person names the customer somebody lives under.
    pub(super) async fn roof(&self, customer: Option<&PivotalId>) -> Result<String, EngineError> {
        let Some(customer) = customer else { return Ok("a customer".to_owned()) };
        let query = RemoteQuery::Ids(Kind::Customer, vec![customer.clone()]);
        let number = self.store.remote(&[query]).await?.into_iter().flatten().find_map(|row| row.display_id);
        // One that was made here no walk may have seen.
        let number = match (number, self.store.standing_for(std::slice::from_ref(customer)).await?.get(customer)) {
            (None, Some(entity)) => {
                let mirror = self.store.mirrors(&[*entity]).await?.remove(entity);
                mirror.and_then(|mirror| mirror.display_id)
            }
            (number, _) => number,
        };
        Ok(number.map_or_else(|| format!("pivotal:customer:{customer}"), |number| format!("pivotal:customer:{number}")))
    }
}

impl Strangers {
    fn near(&self, features: &Features) -> Vec<RemoteRow> {
        let by_email = features.email.as_ref().and_then(|email| self.by_email.get(email));
        let by_customer = features.customer.as_ref().and_then(|customer| self.by_customer.get(customer));
        by_email.into_iter().chain(by_customer).flatten().cloned().collect()
    }
}
