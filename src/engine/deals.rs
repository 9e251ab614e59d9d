//! Whose a won deal's onboarding is. A deal that moves to another company leaves its onboarding where it was opened, and a store
//! that has not seen that one yet finds it by its notes, before the deal's id is written on the customer of today or taken off
//! the one of then.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use crate::domain::{Kind, PivotalId, SourceKey};
use crate::reconcile::{Adoption, Desired, Known, Subject, Wanted};
use crate::store::RemoteQuery;

use super::candidates::There;
use super::parents::subject;
use super::plan::{Asking, Drafting};
use super::{Engine, EngineError};

/// Where the onboardings live of deals that some customer is about to take on or give up.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// By deal: the customers under which Pivotal shows an onboarding of it that nothing here stands for.
    homes: HashMap<SourceKey, HashSet<PivotalId>>,
    /// Deals that belong to other accounts by now.
    moved: Vec<Known>,
}

impl Homes {
    /// A customer with the deals whose onboardings live under it; nothing where these are its own.
    pub(super) fn settle(
        &self,
        subject: &Subject,
        adoption: Option<&Adoption>,
        beside: &[PivotalId],
    ) -> Option<Subject> {
        let taken = match adoption {
            Some(Adoption::Take(found)) => Some(&found.id),
            _ => None,
        };
        let own = taken.or(subject.entity.mirror.as_ref().map(|mirror| &mirror.id));
        let is_home = |home: &PivotalId| Some(home) == own || beside.contains(home);
        let lives_here = |deal: &SourceKey| Some(self.homes.get(deal)?.iter().any(is_home));
        let leaves = |deal: &SourceKey| lives_here(deal) == Some(false);
        let comes = |known: &&Known| lives_here(&known.record.key) == Some(true);
        let is_own = |known: &Known| subject.records.iter().any(|own| own.record.key == known.record.key);
        let comes: Vec<Known> = self.moved.iter().filter(comes).filter(|known| !is_own(known)).cloned().collect();
        let differs = !comes.is_empty() || subject.records.iter().any(|known| leaves(&known.record.key));
        (subject.entity.kind == Kind::Customer && differs).then(|| subject.with_deals(&leaves, comes))
    }
}

impl Engine {
    /// Where the onboardings live of the deals that customers are about to take on, and of those that they say they have.
    pub(super) async fn homes_of_deals(
        &self,
        subjects: &[Subject],
        desired: &[Desired],
        there: &[There],
        draft: &mut Drafting,
    ) -> Result<Homes, EngineError> {
        let known_by = |record| self.reconciler.onboarding_known_by(record, draft.now);
        let mut asked: HashMap<SourceKey, String> = HashMap::new();
        let mut foreign: Vec<SourceKey> = Vec::new();
        for ((subject, desired), there) in subjects.iter().zip(desired).zip(there) {
            let (Kind::Customer, Wanted::Yes(fields)) = (subject.entity.kind, &desired.wanted) else { continue };
            let deals = subject.deals_to_take_on(fields);
            asked.extend(deals.filter_map(|record| Some((record.key.clone(), known_by(record)?))));
            foreign.extend(there.candidates().filter_map(|candidate| subject.foreign_deal(&candidate.fields)));
        }
        let moved = if foreign.is_empty() { Vec::new() } else { self.deals(&foreign, draft).await? };
        asked.extend(moved.iter().filter_map(|deal| Some((deal.record.key.clone(), known_by(&deal.record)?))));
        if asked.is_empty() {
            return Ok(Homes::default());
        }
        self.know_onboardings(draft).await?;
        let fresh_since = self.fresh_since(draft).await?;
        let (deals, queries): (Vec<_>, Vec<_>) =
            asked.into_iter().map(|(deal, notes)| (deal, RemoteQuery::Notes(vec![notes]))).unzip();
        let mut homes: HashMap<SourceKey, HashSet<PivotalId>> = HashMap::new();
        for (deal, rows) in deals.into_iter().zip(self.store.remote(&queries).await?) {
            for row in rows.into_iter().filter(|row| row.owner.is_none()) {
                let is_stale = fresh_since.is_some_and(|since| row.seen_at < since);
                if !is_stale || self.seen_again(Kind::Onboarding, &row.id).await?.is_some() {
                    homes.entry(deal.clone()).or_default().extend(row.parent);
                }
            }
        }
        Ok(Homes { homes, moved })
    }

    /// What the source says of deals that are there, whoever's they are.
    async fn deals(&self, keys: &[SourceKey], draft: &Drafting) -> Result<Vec<Known>, EngineError> {
        let entities: HashSet<_> = self.store.entities_of(keys).await?.into_values().collect();
        let rows = self.store.subjects(&entities.into_iter().collect::<Vec<_>>()).await?;
        let records = rows.into_iter().flat_map(|row| subject(row, &draft.parents).records);
        Ok(records.filter(|known| keys.contains(&known.record.key) && known.counts()).collect())
    }

    /// Pivotal's newest onboardings, once a plan, and not with every turn of a long run.
    pub(super) async fn know_onboardings(&self, draft: &mut Drafting) -> Result<(), EngineError> {
        if draft.asking != Asking::Nothing && !draft.knows_onboardings {
            self.walk_news(Kind::Onboarding).await?;
            draft.knows_onboardings = true;
            draft.onboardings_at = Some(Instant::now());
        }
        Ok(())
    }
}
