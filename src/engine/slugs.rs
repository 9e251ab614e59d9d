//! Under which slugs customers would be created, and who is called the same already.

use std::collections::{HashMap, HashSet};

use crate::domain::{EntityId, Kind, MirrorState, PivotalId};
use crate::reconcile::{Adoption, Candidate, Desired, Subject, Wanted};
use crate::store::RemoteQuery;

use super::candidates::{candidate, exists};
use super::plan::{Asking, Drafting};
use super::{Engine, EngineError};

/// What is known of the names of accounts that may be created.
#[derive(Debug, Default)]
pub(super) struct Slugs {
    /// Of their slugs, those that others have.
    pub(super) taken: HashSet<String>,
    /// By account: customers in Pivotal that might be it, as far as the name goes.
    namesakes: HashMap<EntityId, Vec<Candidate>>,
}

impl Slugs {
    /// Tells of customers that have the name of one that is created, but for those that are taken over for others.
    pub(super) fn tell_namesakes(
        &self,
        subject: &Subject,
        desired: &mut Desired,
        taken: &HashMap<PivotalId, EntityId>,
    ) {
        let alike = self.namesakes.get(&subject.entity.id).into_iter().flatten();
        alike.filter(|other| !taken.contains_key(&other.id)).for_each(|other| desired.tell_namesake(other));
    }
}

impl Engine {
    /// Who has the slugs, and the names, of customers that would be created.
    pub(super) async fn slugs_taken(
        &self,
        kind: Kind,
        subjects: &[Subject],
        desired: &[Desired],
        draft: &mut Drafting,
    ) -> Result<Slugs, EngineError> {
        let created: Vec<(&Subject, &Desired)> =
            subjects.iter().zip(desired).filter(|(subject, desired)| creates(kind, subject, desired, None)).collect();
        let slugs: Vec<String> =
            created.iter().map(|(subject, desired)| self.reconciler.slug(subject, &desired.name, &|_| false)).collect();
        if slugs.is_empty() {
            return Ok(Slugs::default());
        }
        // What comes back after a person deleted it: who has its slug by now nobody was asked yet.
        let comes_back = |subject: &Subject| exists(subject) && !subject.entity.approval.0.is_empty();
        if draft.asking == Asking::Everything && created.iter().any(|(subject, _)| comes_back(subject)) {
            self.walk_news(Kind::Customer).await?;
            draft.asking = Asking::NoNews;
        }
        let lost = created.iter().map(|(subject, _)| *subject).filter(|subject| exists(subject));
        let own: Vec<EntityId> = lost.map(|subject| subject.entity.id).collect();
        let taken = self.store.slugs_in_use(&slugs, &own).await?;
        let namesakes = self.namesakes(&created, &slugs, &taken).await?;
        Ok(Slugs { taken, namesakes })
    }

    /// Customers that nothing here stands for, with the names of these accounts. A name is no evidence, so it holds nothing
    /// (design: settled points).
    async fn namesakes(
        &self,
        created: &[(&Subject, &Desired)],
        slugs: &[String],
        taken: &HashSet<String>,
    ) -> Result<HashMap<EntityId, Vec<Candidate>>, EngineError> {
        let (accounts, queries): (Vec<_>, Vec<_>) = created
            .iter()
            .zip(slugs)
            .filter(|(_, slug)| taken.contains(*slug))
            .map(|(account, slug)| (account, RemoteQuery::Slugs(vec![slug.clone()])))
            .unzip();
        let mut namesakes = HashMap::new();
        if queries.is_empty() {
            return Ok(namesakes);
        }
        for ((subject, desired), rows) in accounts.into_iter().zip(self.store.remote(&queries).await?) {
            let rows = rows.into_iter().filter(|row| row.owner.is_none());
            let alike = rows.map(|row| candidate(row, &HashMap::new())).filter(|other| desired.is_namesake(other));
            namesakes.insert(subject.entity.id, alike.collect());
        }
        Ok(namesakes)
    }
}

/// Whether a customer is created, unless it turns out to be there.
pub(super) fn creates(kind: Kind, subject: &Subject, desired: &Desired, adoption: Option<&Adoption>) -> bool {
    let lost = subject.entity.mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Lost);
    kind == Kind::Customer
        && (lost || !exists(subject))
        && matches!(desired.wanted, Wanted::Yes(_))
        && !matches!(adoption, Some(Adoption::Take(_)))
}
