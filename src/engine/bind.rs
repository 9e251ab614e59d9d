//! Which records speak of the same entity: gathers what shares evidence, lets the reconciler judge, stores the outcome.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::Utc;

use crate::domain::{
    AccountLink, Binding, Choice, EntityId, ExternalId, Facts, Gone, Kind, MirrorState, PivotalId, Record, Role,
    SourceKey,
};
use crate::reconcile::Bindable;
use crate::store::{Bound, KnownRow, Place, Placed, RemoteQuery, RemoteRow};

use super::billing::Handover;
use super::plan::Asking;
use super::{Engine, EngineError};

/// Account records judged at once, before those that share evidence with them are added.
const ACCOUNTS: u32 = 500;
/// Persons, deals or subscriptions placed at once.
const OTHERS: u32 = 1_000;

type Cluster = BTreeMap<SourceKey, Placed<KnownRow>>;
/// A record that is linked to an object, and the records whose ids that object carries.
type Ties = HashMap<SourceKey, Vec<SourceKey>>;
/// A record, and the tokens of those whose ids a customer in Pivotal carries beside its own; or of those that were unlinked from it.
type Tied = HashMap<SourceKey, BTreeSet<String>>;

/// What is judged together.
#[derive(Default)]
struct Gathered {
    cluster: Cluster,
    ties: Ties,
    tied: Tied,
    parted: Tied,
    /// Whose id a customer carries that nothing here stands for.
    standing: BTreeSet<SourceKey>,
}

impl Engine {
    /// Places every touched record: accounts first, since the others belong to accounts. Answers what is left to ask: before a new
    /// account is placed, Pivotal's news may show that it is there already, and with whom.
    pub(super) async fn bind(&self, mut asking: Asking) -> Result<Asking, EngineError> {
        if asking == Asking::Everything && self.store.has_new_accounts().await? {
            self.walk_news(Kind::Customer).await?;
            asking = Asking::NoNews;
        }
        self.notice_free_mail().await?;
        self.notice_billing().await?;
        self.store.touch_torn().await?;
        loop {
            let touched = self.store.touched(Role::Account, ACCOUNTS).await?;
            if touched.is_empty() {
                break;
            }
            self.show_billing(&touched).await?;
            self.bind_accounts(touched).await?;
            self.check_stop()?;
        }
        for (role, kind) in
            [(Role::Subscription, Kind::Customer), (Role::Person, Kind::Contact), (Role::Deal, Kind::Onboarding)]
        {
            loop {
                let touched = self.store.touched(role, OTHERS).await?;
                if touched.is_empty() {
                    break;
                }
                self.place(role, kind, touched).await?;
                self.check_stop()?;
            }
        }
        Ok(asking)
    }

    async fn bind_accounts(&self, touched: Vec<Placed<KnownRow>>) -> Result<(), EngineError> {
        let asked: BTreeSet<SourceKey> = touched.iter().map(|p| p.known.record.key.clone()).collect();
        let Gathered { cluster, mut ties, mut tied, mut parted, standing } = self.gather(touched).await?;
        let linked = self.linked(cluster.values()).await?;
        let bindables: Vec<Bindable> = cluster
            .values()
            .map(|p| Bindable {
                key: p.known.record.key.clone(),
                name: p.known.record.facts.name().unwrap_or_default().to_owned(),
                tokens: p.tokens.iter().cloned().collect(),
                tied: tied.remove(&p.known.record.key).unwrap_or_default(),
                entity: p.entity,
                object: p.object.clone(),
                choice: choice(p).cloned(),
                linked: choice(p).and_then(Choice::object).and_then(|object| linked.get(object).copied()),
                ties: ties.remove(&p.known.record.key).unwrap_or_default(),
                parted: parted.remove(&p.known.record.key).unwrap_or_default(),
                stands: standing.contains(&p.known.record.key),
                live: p.known.gone.is_none(),
            })
            .collect();
        let mut rifts: HashMap<SourceKey, (Vec<SourceKey>, String)> =
            self.reconciler.rifts(&bindables).into_iter().map(|rift| (rift.key, (rift.rivals, rift.why))).collect();
        let mut bound = Vec::new();
        let mut next_group = bindables.len();
        for (key, binding) in self.reconciler.bind(&bindables) {
            let Some(was) = cluster.get(&key) else { continue };
            let (place, problem) = match binding {
                Binding::Join(entity) => (Place::Existing(entity), None),
                Binding::New(group) => (Place::New(group), None),
                Binding::Ambiguous { candidates, why } => {
                    let shared = |id: EntityId| cluster.values().filter(|p| p.entity == Some(id)).count() > 1;
                    let place = match was.entity.filter(|id| !shared(*id)) {
                        Some(own) => Place::Existing(own),
                        None => {
                            next_group += 1;
                            Place::New(next_group)
                        }
                    };
                    (place, Some((candidates, why)))
                }
            };
            let words = problem.as_ref().map(|(_, why)| why);
            let moved =
                place != was.entity.map_or(Place::Nowhere, Place::Existing) || words != was.known.problem.as_ref();
            let rift = rifts.remove(&key);
            if moved || rift.is_some() || asked.contains(&key) {
                bound.push(Bound { key, place, kind: Kind::Customer, parent: None, problem, rift });
            }
        }
        Ok(self.store.bind(&bound, Utc::now()).await?)
    }

    /// The touched records and all that share evidence or an entity with them, directly or through others: a company that no
    /// longer shows what ties its customer together still has that customer.
    async fn gather(&self, touched: Vec<Placed<KnownRow>>) -> Result<Gathered, EngineError> {
        let Gathered { mut cluster, mut ties, mut tied, mut parted, mut standing } = Gathered::default();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut at_home: BTreeSet<EntityId> = BTreeSet::new();
        let mut news = touched;
        while !news.is_empty() {
            let by_pivotal = self.tied_by_pivotal(&news, &mut standing).await?;
            let by_link = self.carried_by_linked(&news).await?;
            for (key, unlinked) in self.carried_by_unlinked(&news).await? {
                parted.entry(key).or_default().extend(unlinked);
            }
            let mut tokens: BTreeSet<String> = news.iter().flat_map(|p| p.tokens.iter().cloned()).collect();
            tokens.extend(by_pivotal.values().flatten().cloned());
            tokens.extend(by_link.values().flatten().map(|key| self.reconciler.names(key)));
            tied.extend(by_pivotal);
            ties.extend(by_link);
            let evidence = tokens.into_iter().filter(|token| self.reconciler.is_evidence(token));
            let fresh: Vec<String> = evidence.filter(|token| asked.insert(token.clone())).collect();
            let homes_of_news: Vec<EntityId> = news.iter().filter_map(|placed| placed.entity).collect();
            for placed in news {
                cluster.insert(placed.known.record.key.clone(), placed);
            }
            let homes: BTreeSet<EntityId> = homes_of_news.into_iter().filter(|home| at_home.insert(*home)).collect();
            let mut near = self.store.sharing(&fresh).await?;
            near.extend(self.store.accounts_of(&homes.into_iter().collect::<Vec<_>>()).await?);
            let mut seen = BTreeSet::new();
            near.retain(|p| !cluster.contains_key(&p.known.record.key) && seen.insert(p.known.record.key.clone()));
            news = near;
        }
        Ok(Gathered { cluster, ties, tied, parted, standing })
    }

    /// For each record that is linked to a customer: the records whose ids that customer carries.
    async fn carried_by_linked(&self, news: &[Placed<KnownRow>]) -> Result<Ties, EngineError> {
        let mut ties = Ties::new();
        for placed in news {
            let Some(Choice::Link { pivotal_id }) = choice(placed) else { continue };
            let query = RemoteQuery::Ids(Kind::Customer, vec![pivotal_id.clone()]);
            for customer in self.store.remote(&[query]).await?.into_iter().flatten() {
                ties.insert(placed.known.record.key.clone(), self.reconciler.carried(&customer.fields));
            }
        }
        Ok(ties)
    }

    /// For each record whose id a customer carries that nothing here stands for: those that were unlinked from that customer. A
    /// store that saw it happen has the two apart.
    async fn carried_by_unlinked(&self, news: &[Placed<KnownRow>]) -> Result<Tied, EngineError> {
        let mut parted = Tied::new();
        for placed in news {
            let Some(Choice::Unlink { pivotal_id: Some(customer) }) = choice(placed) else { continue };
            let query = RemoteQuery::Ids(Kind::Customer, vec![customer.clone()]);
            let customers = self.store.remote(&[query]).await?.into_iter().flatten();
            for customer in customers.filter(|customer| customer.owner.is_none()) {
                for key in self.reconciler.carried(&customer.fields) {
                    parted.entry(key).or_default().insert(self.reconciler.names(&placed.known.record.key));
                }
            }
        }
        Ok(parted)
    }

    /// A customer in Pivotal that carries ids of both sources says that they are one account: people, or an earlier store, tied
    /// them. What was written there from here says nothing, unless the record is still what it was written for: else a decision
    /// that was taken back, or evidence that is no more, would live on as its own echo.
    async fn tied_by_pivotal(
        &self,
        news: &[Placed<KnownRow>],
        standing: &mut BTreeSet<SourceKey>,
    ) -> Result<Tied, EngineError> {
        let of = |field: &str| -> Vec<ExternalId> {
            let keys = news.iter().map(|placed| &placed.known.record.key);
            keys.filter(|key| key.stream.customer_field() == Some(field)).map(|key| key.id.clone()).collect()
        };
        let query = RemoteQuery::Customers {
            hubspot_company_ids: of("hubspot_company_id"),
            stripe_customer_ids: of("stripe_customer_id"),
            domains: Vec::new(),
        };
        let mut customers: Vec<(RemoteRow, Vec<SourceKey>)> = Vec::new();
        for customer in self.store.remote(&[query]).await?.into_iter().flatten() {
            let carried = self.reconciler.carried(&customer.fields);
            if customer.owner.is_none() {
                standing.extend(carried.iter().cloned());
            }
            if carried.len() > 1 {
                customers.push((customer, carried));
            }
        }
        let owners: Vec<EntityId> = customers.iter().filter_map(|(customer, _)| customer.owner).collect();
        let mirrors = self.store.mirrors(&owners).await?;
        let mut tied = Tied::new();
        for (customer, carried) in &customers {
            let mirror = customer.owner.and_then(|owner| mirrors.get(&owner));
            if mirror.is_some_and(|mirror| mirror.state != MirrorState::Live) {
                continue;
            }
            for placed in news.iter().filter(|placed| carried.contains(&placed.known.record.key)) {
                let key = &placed.known.record.key;
                let at_home = placed.entity.is_some() && placed.entity == customer.owner;
                if at_home || mirror.is_none_or(|mirror| self.reconciler.is_found(mirror, key)) {
                    let others = carried.iter().filter(|other| *other != key).map(|other| self.reconciler.names(other));
                    tied.entry(key.clone()).or_default().extend(others);
                }
            }
        }
        Ok(tied)
    }

    /// Places persons and deals into entities of their own, under their account; subscriptions into their account's.
    async fn place(&self, role: Role, kind: Kind, touched: Vec<Placed<KnownRow>>) -> Result<(), EngineError> {
        let accounts: Vec<Option<SourceKey>> = touched.iter().map(|p| self.account(&p.known.record.facts)).collect();
        let keys: Vec<SourceKey> = accounts.iter().flatten().cloned().collect();
        let entities: HashMap<SourceKey, EntityId> = self.store.entities_of(&keys).await?;
        let mut heirs = self.heirs(&touched).await?;
        let handover = match role {
            Role::Person => self.handover(&touched, &accounts, &entities).await?,
            _ => Handover::default(),
        };
        heirs.extend(handover.heirs.clone());
        let linked = self.linked(touched.iter()).await?;
        let next = touched.len();
        let mut bound: Vec<Bound> = touched
            .into_iter()
            .zip(accounts)
            .enumerate()
            .map(|(number, (placed, account))| {
                let parent = account.as_ref().and_then(|key| entities.get(key).copied());
                let key = &placed.known.record.key;
                let merged_away = matches!(placed.known.gone, Some((Gone::Merged { .. }, _)));
                let place = match (role, placed.entity, parent) {
                    (Role::Person | Role::Deal, Some(_), _) if merged_away => Place::Stays,
                    (Role::Person | Role::Deal, own, _) if choice(&placed).is_some() => {
                        self.decided(&placed, own, &linked).map_or(Place::New(number), Place::Existing)
                    }
                    (Role::Person | Role::Deal, ..) if heirs.contains_key(key) => {
                        heirs.remove(key).map_or(Place::New(number), Place::Existing)
                    }
                    (Role::Subscription, _, Some(account)) => Place::Existing(account),
                    (Role::Subscription, _, None) => Place::Nowhere,
                    (_, Some(own), _) => Place::Existing(own),
                    (_, None, _) => Place::New(number),
                };
                let parent = if role == Role::Subscription { None } else { parent };
                Bound { key: placed.known.record.key, place, kind, parent, problem: None, rift: None }
            })
            .collect();
        handover.oust(&mut bound, next);
        // Those of the account a person leaves, and those of the one it comes to.
        self.look_beside(&bound).await?;
        self.store.bind(&bound, Utc::now()).await?;
        self.look_beside(&bound).await
    }

    /// Where a person's decision puts a person or a deal.
    fn decided(
        &self,
        placed: &Placed<KnownRow>,
        own: Option<EntityId>,
        linked: &HashMap<PivotalId, EntityId>,
    ) -> Option<EntityId> {
        let choice = choice(placed)?;
        let linked = choice.object().and_then(|object| linked.get(object).copied());
        self.reconciler.place(own, placed.object.as_ref(), choice, linked)
    }

    /// The entities that have the objects records are linked to.
    async fn linked(
        &self,
        records: impl Iterator<Item = &Placed<KnownRow>>,
    ) -> Result<HashMap<PivotalId, EntityId>, EngineError> {
        let objects: Vec<PivotalId> = records
            .filter_map(|placed| match choice(placed)? {
                Choice::Link { pivotal_id } => Some(pivotal_id.clone()),
                Choice::Unlink { .. } | Choice::Ignore => None,
            })
            .collect();
        Ok(self.store.standing_for(&objects).await?)
    }

    /// Survivors of merges without an object of their own take over the object of a record that was merged into them, the
    /// oldest of several: a merge never makes a second one (hubspot-api.md trap 10).
    async fn heirs(&self, touched: &[Placed<KnownRow>]) -> Result<HashMap<SourceKey, EntityId>, EngineError> {
        let heirs: Vec<_> = touched.iter().filter(|p| p.object.is_none() && p.known.gone.is_none()).collect();
        let old: Vec<SourceKey> = heirs.iter().flat_map(|p| p.known.record.facts.merged()).cloned().collect();
        if old.is_empty() {
            return Ok(HashMap::new());
        }
        let mapped = self.store.mapped_entities(&old).await?;
        let mut taken = BTreeSet::new();
        let mut inherited = HashMap::new();
        for heir in heirs {
            let Record { key, facts, .. } = &heir.known.record;
            let left = facts.merged().iter().filter(|old| *old != key).filter_map(|old| mapped.get(old).copied());
            if let Some(entity) = left.filter(|entity| !taken.contains(entity)).min() {
                taken.insert(entity);
                inherited.insert(key.clone(), entity);
            }
        }
        Ok(inherited)
    }

    fn account(&self, facts: &Facts) -> Option<SourceKey> {
        let of = |links: &[AccountLink]| self.reconciler.account_of(links);
        match facts {
            Facts::Person(person) => of(&person.accounts),
            Facts::Deal(deal) => of(&deal.accounts),
            Facts::Subscription(subscription) => Some(subscription.account.clone()),
            Facts::Account(_) => None,
        }
    }
}

fn choice(placed: &Placed<KnownRow>) -> Option<&Choice> {
    placed.known.chosen.as_ref().map(|chosen| &chosen.choice)
}
