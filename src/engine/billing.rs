//! Billing contacts: records made of what paying customers show, and who takes whose place.

use std::collections::{BTreeSet, HashMap};

use chrono::Utc;

use crate::domain::{EntityId, Kind, Pulled, SourceKey};
use crate::store::{Bound, KnownRow, PageRow, PageToSave, Place, Placed};

use super::{Engine, EngineError};

/// What decided who is a billing contact when binding last looked; absent while there are none.
const BILLING: &str = "billing";

/// Persons that take the place of billing contacts.
#[derive(Default)]
pub(super) struct Handover {
    /// The entity each takes over.
    pub(super) heirs: HashMap<SourceKey, EntityId>,
    /// The billing contacts that leave it, each with its account.
    ousted: Vec<(SourceKey, EntityId)>,
}

impl Engine {
    /// Other rules for billing contacts than at the last look, or none at all: binding looks at everybody they concern.
    pub(super) async fn notice_billing(&self) -> Result<(), EngineError> {
        let now = self.reconciler.billing_rules();
        if self.store.fact(BILLING).await?.unwrap_or_default() == now {
            return Ok(());
        }
        if !now.is_empty() {
            self.store.touch_for_billing().await?;
        }
        Ok(self.store.set_fact(BILLING, &now).await?)
    }

    /// Stores the billing contacts that touched account records show.
    pub(super) async fn show_billing(&self, accounts: &[Placed<KnownRow>]) -> Result<(), EngineError> {
        if self.reconciler.billing_rules().is_empty() {
            return Ok(());
        }
        let shown = accounts.iter().filter_map(|placed| {
            let KnownRow { record, gone, .. } = &placed.known;
            let account = match gone {
                Some((gone, _)) => Pulled::Gone(record.key.clone(), gone.clone()),
                None => Pulled::Live(record.clone()),
            };
            let pulled = self.reconciler.billing_contact(&account)?;
            let tokens = match &pulled {
                Pulled::Live(record) => self.reconciler.tokens(record),
                _ => Vec::new(),
            };
            Some(PageRow { pulled, tokens })
        });
        let rows: Vec<PageRow> = shown.collect();
        let Some(stream) = rows.first().map(|row| row.pulled.key().stream) else { return Ok(()) };
        let page = PageToSave {
            stream,
            rows: &rows,
            cursor: None,
            keeps: "",
            listing: None,
            ends_listing: false,
            now: Utc::now(),
        };
        self.store.save_page(page).await?;
        Ok(())
    }

    /// Which of the touched persons take the place of a billing contact of their account.
    pub(super) async fn handover(
        &self,
        touched: &[Placed<KnownRow>],
        accounts: &[Option<SourceKey>],
        entities: &HashMap<SourceKey, EntityId>,
    ) -> Result<Handover, EngineError> {
        let mut handover = Handover::default();
        if self.reconciler.billing_rules().is_empty() {
            return Ok(handover);
        }
        let newcomers: Vec<(&Placed<KnownRow>, EntityId)> = touched
            .iter()
            .zip(accounts)
            .filter(|(placed, _)| {
                let KnownRow { gone, chosen, .. } = &placed.known;
                placed.object.is_none() && gone.is_none() && chosen.is_none()
            })
            .filter_map(|(placed, account)| Some((placed, *entities.get(account.as_ref()?)?)))
            .collect();
        let asked: Vec<EntityId> = newcomers.iter().map(|(_, account)| *account).collect();
        let billing = self.store.billing_contacts(&asked).await?;
        let mut taken = BTreeSet::new();
        for (person, account) in newcomers {
            let given = billing.iter().find(|(of, old)| {
                let entity = old.entity.filter(|entity| !taken.contains(entity));
                *of == account
                    && entity.is_some()
                    && old.known.chosen.is_none()
                    && self.reconciler.takes_place_of(&person.known.record, &old.known.record)
            });
            let Some((_, old)) = given else { continue };
            let Some(entity) = old.entity else { continue };
            taken.insert(entity);
            handover.heirs.insert(person.known.record.key.clone(), entity);
            handover.ousted.push((old.known.record.key.clone(), account));
        }
        Ok(handover)
    }

    /// Whoever shares an account with these persons is looked at again.
    pub(super) async fn look_beside(&self, bound: &[Bound]) -> Result<(), EngineError> {
        if self.reconciler.billing_rules().is_empty() {
            return Ok(());
        }
        let persons = bound.iter().filter(|bound| bound.kind == Kind::Contact).map(|bound| bound.key.clone());
        Ok(self.store.look_beside(&persons.collect::<Vec<_>>()).await?)
    }
}

impl Handover {
    /// Adds those who leave to what is bound: into entities of their own, which take numbers from `next` on.
    pub(super) fn oust(self, bound: &mut Vec<Bound>, next: usize) {
        for (number, (key, account)) in self.ousted.into_iter().enumerate() {
            bound.retain(|other| other.key != key);
            let place = Place::New(next + number);
            bound.push(Bound { key, place, kind: Kind::Contact, parent: Some(account), problem: None, rift: None });
        }
    }
}
