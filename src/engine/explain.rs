//! Why a record is, or is not, in Pivotal as it is: what the store holds of it, and what the rules make of that.

use crate::domain::{Entity, ExternalId, Kind, MirrorState, PivotalId, Stream, Timestamp};
use crate::reconcile::{Explained, Fate, Reconciler};
use crate::store::{FindingRow, Reference, RemoteQuery, RemoteRow, Store, StoreError, Story, StreamState};

use super::parents::{Parents, subject};
use super::strays::tell_strays;

/// Findings of one entity told at most: a field has one.
const MOST: u32 = 100;

/// One thing that a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What the store holds of it.
    pub story: Story,
    /// What the rules make of it; nothing for a record that speaks of no entity yet.
    pub explained: Option<Explained>,
    /// What audits found on it and what still stands of that.
    pub findings: Vec<FindingRow>,
    /// What people call the account it belongs to, and the account's customer.
    pub account: Option<(String, Option<PivotalId>)>,
    /// The customer its object lives under, where that is leaving or has left.
    pub roof: Option<Roof>,
    /// A customer that was seen in Pivotal with an id of its records, though nothing of it was taken over.
    pub carrier: Option<RemoteRow>,
}

/// What becomes of the customer that an object lives under, and so of the object (pivotal-api.md 10.1, DELETE).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roof {
    /// It is no longer wanted.
    Leaving(Fate),
    /// This daemon deleted it then, and the object vanished with it.
    Deleted(Timestamp),
    /// Pivotal no longer has it, though it was not deleted from here, and the object vanished with it.
    Lost,
}

/// What is known of a name that no record bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// Pivotal has it, and no record stands for it.
    OnlyInPivotal(Box<RemoteRow>),
    /// Its stream was read, and it was not there.
    NotShown {
        /// The stream.
        stream: Stream,
        /// How many records were there.
        records: u64,
        /// How the stream stands.
        state: Box<StreamState>,
    },
    /// Its stream was never read.
    NeverRead(Stream),
    /// Nothing bears the name.
    Unknown,
}

/// Everything a reference names. Nothing is asked of the sources or of Pivotal.
///
/// # Errors
/// When the store cannot be read.
pub async fn explain(
    store: &Store,
    reconciler: &Reconciler,
    reference: &Reference,
    now: Timestamp,
) -> Result<Vec<Told>, StoreError> {
    let mut told = Vec::new();
    let mut stories = store.explain(reference).await?;
    if stories.is_empty() {
        stories = carried(store, reconciler, reference).await?;
    }
    for story in stories {
        let Some(entity) = story.entity.as_ref().map(|entity| entity.entity.clone()) else {
            told.push(Told { story, explained: None, findings: Vec::new(), account: None, roof: None, carrier: None });
            continue;
        };
        let row = store.subjects(&[entity.id]).await?.into_iter().next();
        let looked = row.map(|row| subject(row, &Parents::default()));
        let mut explained = looked.as_ref().map(|looked| reconciler.explain(looked, now));
        if let (Some(explained), Some(looked)) = (&mut explained, &looked) {
            let desired = std::slice::from_mut(&mut explained.desired);
            tell_strays(store, reconciler, std::slice::from_ref(looked), desired).await?;
            let is_told = |why: &String| story.operations.iter().any(|operation| operation.why.as_ref() == Some(why));
            let torn = store.torn_about(entity.id).await?;
            explained.evidence.extend(torn.into_iter().filter(|why| !is_told(why)));
        }
        let mut account = match entity.parent {
            Some(parent) => store.called(parent).await?,
            None => None,
        };
        if let Some(home) = home(store, &entity, account.as_ref().and_then(|(_, id)| id.as_ref())).await? {
            let told = format!("in Pivotal it is under {} ({}), not under its account's customer", home.0, home.1);
            explained.iter_mut().for_each(|explained| explained.evidence.push(told.clone()));
            account = Some((home.0, Some(home.1)));
        }
        let findings = store.findings(Some(entity.id), MOST).await?;
        let roof = roof(store, reconciler, &entity, now).await?;
        let carrier = carrier(store, &entity, &story).await?;
        told.push(Told { story, explained, findings, account, roof, carrier });
    }
    Ok(told)
}

/// Of a customer in Pivotal that nothing here stands for: the accounts whose ids it carries, and that became nothing else.
async fn carried(store: &Store, reconciler: &Reconciler, reference: &Reference) -> Result<Vec<Story>, StoreError> {
    let Absent::OnlyInPivotal(row) = absent(store, reference).await? else { return Ok(Vec::new()) };
    let mut stories: Vec<Story> = Vec::new();
    for key in reconciler.carried(&row.fields) {
        for story in store.explain(&Reference::Record(key)).await? {
            let entity = story.entity.as_ref().filter(|entity| entity.entity.mirror.is_none()).map(|e| e.entity.id);
            let is_told = |told: &Story| told.entity.as_ref().map(|entity| entity.entity.id) == entity;
            if entity.is_some() && !stories.iter().any(is_told) {
                stories.push(story);
            }
        }
    }
    Ok(stories)
}

/// The customer in Pivotal that carries an id of an account which has none there, as far as was seen.
async fn carrier(store: &Store, entity: &Entity, story: &Story) -> Result<Option<RemoteRow>, StoreError> {
    if entity.kind != Kind::Customer || entity.mirror.is_some() {
        return Ok(None);
    }
    let ids = |field: &str| -> Vec<ExternalId> {
        let keys = story.records.iter().map(|record| &record.key);
        keys.filter(|key| key.stream.customer_field() == Some(field)).map(|key| key.id.clone()).collect()
    };
    let query = RemoteQuery::Customers {
        hubspot_company_ids: ids("hubspot_company_id"),
        stripe_customer_ids: ids("stripe_customer_id"),
        domains: Vec::new(),
    };
    Ok(store.remote(&[query]).await?.into_iter().flatten().find(|row| row.owner.is_none()))
}

/// The customer that an object lives under, where that is there and is not its account's.
async fn home(
    store: &Store,
    child: &Entity,
    account: Option<&PivotalId>,
) -> Result<Option<(String, PivotalId)>, StoreError> {
    let mirror = child.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
    let parent = mirror.and_then(|mirror| mirror.parent.as_ref()).filter(|parent| Some(*parent) != account);
    let Some(customer) = parent else { return Ok(None) };
    if let Some(entity) = store.standing_for(std::slice::from_ref(customer)).await?.get(customer) {
        return Ok(store.called(*entity).await?.map(|(name, _)| (name, customer.clone())));
    }
    let query = RemoteQuery::Ids(Kind::Customer, vec![customer.clone()]);
    let found = store.remote(&[query]).await?.into_iter().flatten().find(|row| row.owner.is_none());
    Ok(found.map(|row| (row.fields.text("name").unwrap_or_default().to_owned(), customer.clone())))
}

async fn roof(
    store: &Store,
    reconciler: &Reconciler,
    child: &Entity,
    now: Timestamp,
) -> Result<Option<Roof>, StoreError> {
    if let Some(customer) = &child.vanished {
        let at = store.deleted_at(customer, child.parent).await?;
        return Ok(Some(at.map_or(Roof::Lost, Roof::Deleted)));
    }
    let Some(customer) = child.mirror.as_ref().and_then(|mirror| mirror.parent.as_ref()) else { return Ok(None) };
    let standing = store.standing_for(std::slice::from_ref(customer)).await?;
    let Some(entity) = standing.get(customer) else {
        return Ok(store.deleted_at(customer, child.parent).await?.map(Roof::Deleted));
    };
    let row = store.subjects(&[*entity]).await?.into_iter().next();
    Ok(row.and_then(|row| reconciler.explain(&subject(row, &Parents::default()), now).fate).map(Roof::Leaving))
}

/// Why nothing is known under a name.
///
/// # Errors
/// When the store cannot be read.
pub async fn absent(store: &Store, reference: &Reference) -> Result<Absent, StoreError> {
    let meant = store.meant(reference).await?;
    let query = match meant.first().unwrap_or(reference) {
        Reference::Record(key) => {
            let stream = key.stream.shown_by().unwrap_or(key.stream);
            let Some(state) = store.stream_state(stream).await? else { return Ok(Absent::NeverRead(stream)) };
            let records = store.live_count(stream).await?;
            return Ok(Absent::NotShown { stream, records, state: Box::new(state) });
        }
        Reference::Display(kind, number) => match store.remote_number(*kind, *number).await? {
            Some(id) => vec![RemoteQuery::Ids(*kind, vec![id])],
            None => Vec::new(),
        },
        Reference::Cuid(id) => Kind::ALL.map(|kind| RemoteQuery::Ids(kind, vec![id.clone()])).to_vec(),
        Reference::Domain(domain) => {
            let none = Vec::<ExternalId>::new;
            let domains = vec![domain.clone()];
            vec![RemoteQuery::Customers { hubspot_company_ids: none(), stripe_customer_ids: none(), domains }]
        }
        Reference::Email(_) | Reference::Id(_) | Reference::Page { .. } => Vec::new(),
    };
    let found = store.remote(&query).await?.into_iter().flatten().find(|row| row.owner.is_none());
    Ok(found.map_or(Absent::Unknown, |row| Absent::OnlyInPivotal(Box::new(row))))
}
