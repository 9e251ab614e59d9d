//! What is already in Pivotal and bears on what a plan is about to write: what an entity might be, and who else carries its ids.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    Action, EntityId, ExternalId, Fault, Fields, Kind, Mirror, MirrorState, Origin, PivotalId, SourceKey, Standing,
    Stream, Timestamp,
};
use crate::reconcile::{Adoption, Candidate, Desired, Home, Subject, Wanted, linked_object, unlinked_objects};
use crate::store::{RemoteQuery, RemoteRow};

use super::parents::subject;
use super::plan::{Asking, Drafting};
use super::{Engine, EngineError, LOADED};

/// What is there for one entity.
#[derive(Debug, Default, Clone)]
pub(super) struct There {
    /// What it might be; nothing for one that is there and stays where it is.
    candidates: Option<Vec<Candidate>>,
    /// Customers that carry ids of an account that is there, and that it is about to take on.
    carriers: Vec<Candidate>,
    /// Of the candidates, those that Pivotal showed a while ago: one may be gone since.
    stale: HashSet<PivotalId>,
}

impl There {
    /// What the entity might be.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().flatten()
    }

    /// The same without the ids that another customer keeps, once it is known which one the entity is.
    pub(super) fn without_ids_of_others(&self, desired: Desired, adoption: Option<&Adoption>) -> Desired {
        let none = Vec::new();
        let others = match adoption {
            Some(Adoption::Take(_)) => self.candidates.as_ref().unwrap_or(&none),
            Some(Adoption::Nothing | Adoption::Held(_)) => &none,
            None => &self.carriers,
        };
        let own = |other: &&Candidate| matches!(adoption, Some(Adoption::Take(found)) if found.id == other.id);
        others.iter().filter(|other| !own(other)).fold(desired, Desired::without_ids_of)
    }
}

impl Engine {
    /// What is there for each of these.
    pub(super) async fn there(
        &self,
        kind: Kind,
        subjects: &[Subject],
        desired: &[Desired],
        draft: &mut Drafting,
    ) -> Result<Vec<There>, EngineError> {
        let mut there: Vec<There> = vec![There::default(); subjects.len()];
        let mut queries: Vec<(usize, RemoteQuery)> = Vec::new();
        self.know_linked(kind, subjects).await?;
        for (number, (subject, desired)) in subjects.iter().zip(desired).enumerate() {
            let Wanted::Yes(fields) = &desired.wanted else { continue };
            if !exists(subject) || moves(subject) {
                self.know_parted(kind, subject, draft.asking).await?;
            } else if !takes_on_ids(subject, fields) {
                continue;
            }
            queries.extend(queries_for(kind, subject, fields).into_iter().map(|query| (number, query)));
        }
        if queries.is_empty() {
            return Ok(there);
        }
        if kind == Kind::Customer && draft.asking == Asking::Everything {
            self.walk_news(Kind::Customer).await?;
            draft.asking = Asking::NoNews;
        }
        let fresh_since = self.fresh_since(draft).await?;
        if kind == Kind::Onboarding {
            self.know_onboardings(draft).await?;
        }
        let (numbers, queries): (Vec<usize>, Vec<_>) = queries.into_iter().unzip();
        let found = self.store.remote(&queries).await?;
        let kept = self.staying(&found, draft).await?;
        for (number, rows) in numbers.into_iter().zip(found) {
            let (subject, there) = (&subjects[number], &mut there[number]);
            // What a person had kept beside it is not it, unless a person says so.
            let others = if kind == Kind::Customer { draft.parents.beside(subject.entity.id) } else { Vec::new() };
            let linked = linked_object(subject);
            let is_other = |row: &RemoteRow| others.contains(&row.id) && linked.as_ref() != Some(&row.id);
            let carries_only = exists(subject) && !moves(subject);
            if linked.is_some() && !carries_only {
                // A person said which one it is: that it is not there is no reason to make another.
                there.candidates.get_or_insert_default();
            }
            for row in rows.into_iter().filter(|row| carries_only || !is_other(row)) {
                if fresh_since.is_some_and(|since| row.seen_at < since) && row.owner.is_none() {
                    there.stale.insert(row.id.clone());
                }
                let candidate = candidate(row, &kept);
                match carries_only {
                    true if candidate.owner != Some(subject.entity.id) => there.carriers.push(candidate),
                    true => {}
                    false => there.candidates.get_or_insert_default().push(candidate),
                }
            }
        }
        Ok(there)
    }

    /// Of what the objects say that an entity has, what nothing here takes off them: what was found there, unless the entity's own
    /// records say something else by now.
    async fn staying(
        &self,
        found: &[Vec<RemoteRow>],
        draft: &Drafting,
    ) -> Result<HashMap<EntityId, Fields>, EngineError> {
        let customers: HashMap<EntityId, &Fields> = found
            .iter()
            .flatten()
            .filter(|row| row.kind == Kind::Customer)
            .filter_map(|row| Some((row.owner?, &row.fields)))
            .collect();
        if customers.is_empty() {
            return Ok(HashMap::new());
        }
        let mut kept = HashMap::new();
        for row in self.store.subjects(&customers.keys().copied().collect::<Vec<_>>()).await? {
            let owner = subject(row, &draft.parents);
            let live = owner.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
            let Some((mirror, there)) = live.zip(customers.get(&owner.entity.id)) else { continue };
            let mut fields = mirror.not_set_here(there);
            if draft.put_back {
                // Pivotal was walked since, and what it says otherwise was written by whoever knew more.
                fields.0.extend(
                    there
                        .0
                        .iter()
                        .filter(|(field, value)| mirror.written.get(field) != Some(*value))
                        .map(|(field, value)| (field.clone(), value.clone())),
                );
            }
            if let Wanted::Yes(wanted) = &self.reconciler.desire(&owner, draft.now).wanted {
                let says_another = |field: &str| wanted.text(field).is_some_and(|said| there.text(field) != Some(said));
                fields.0.retain(|field, _| !says_another(field));
            }
            kept.insert(owner.entity.id, fields);
        }
        Ok(kept)
    }

    /// What of it an entity takes over. What Pivotal showed a while ago is read again before it is.
    pub(super) async fn adoption(
        &self,
        subject: &Subject,
        fields: &Fields,
        there: &mut There,
        draft: &Drafting,
    ) -> Result<Option<Adoption>, EngineError> {
        let There { candidates: Some(candidates), stale, .. } = there else { return Ok(None) };
        for candidate in candidates.iter_mut() {
            candidate.owner = candidate.owner.or_else(|| draft.taken.get(&candidate.id).copied());
        }
        if subject.entity.kind == Kind::Contact {
            self.name_holder(subject.entity.id, fields, candidates).await?;
        }
        loop {
            let adoption = self.reconciler.adopt(subject, fields, candidates);
            let Adoption::Take(found) = &adoption else { return Ok(Some(adoption)) };
            if !stale.remove(&found.id) {
                let claimed = self.claimed(subject, found).await?;
                return Ok(Some(claimed.map_or(adoption, Adoption::Held)));
            }
            match self.seen_again(subject.entity.kind, &found.id).await? {
                Some(now) => {
                    let again = candidates.iter_mut().filter(|candidate| candidate.id == found.id);
                    again.for_each(|candidate| (candidate.fields, candidate.kept) = (now.clone(), now.clone()));
                }
                None => candidates.retain(|candidate| candidate.id != found.id),
            }
        }
    }

    /// Why a customer cannot be taken over unasked: it carries the id of a record, too, that another one stands for here.
    async fn claimed(&self, subject: &Subject, found: &Candidate) -> Result<Option<String>, EngineError> {
        if subject.entity.kind != Kind::Customer || linked_object(subject).as_ref() == Some(&found.id) {
            return Ok(None);
        }
        let is_own = |key: &SourceKey| subject.records.iter().any(|known| known.record.key == *key);
        let mut carried = self.reconciler.carried(&found.fields);
        carried.retain(|key| !is_own(key));
        if carried.is_empty() {
            return Ok(None);
        }
        let entities = self.store.entities_of(&carried).await?;
        let others: Vec<(&SourceKey, EntityId)> =
            entities.iter().map(|(key, entity)| (key, *entity)).filter(|(_, it)| *it != subject.entity.id).collect();
        let mirrors = self.store.mirrors(&others.iter().map(|(_, entity)| *entity).collect::<Vec<_>>()).await?;
        let live = |entity: &EntityId| mirrors.get(entity).filter(|mirror| mirror.state == MirrorState::Live);
        let mut claims = others.iter().filter_map(|(key, entity)| Some((*key, live(entity)?)));
        Ok(claims.next().map(|(key, mirror)| self.reconciler.claimed(subject, found, key, mirror)))
    }

    /// Whoever has the address that is asked for is named by a record.
    async fn name_holder(
        &self,
        asks: EntityId,
        fields: &Fields,
        candidates: &mut [Candidate],
    ) -> Result<(), EngineError> {
        let Some(address) = fields.text("email") else { return Ok(()) };
        let has_it = |candidate: &&mut Candidate| {
            let theirs = candidate.fields.text("email");
            theirs.is_some_and(|it| it.eq_ignore_ascii_case(address)) && candidate.owner.is_some_and(|it| it != asks)
        };
        let mut taken = candidates.iter_mut().filter(has_it).peekable();
        if taken.peek().is_none() {
            return Ok(());
        }
        let Some(holder) = self.store.holder_of(address, asks).await? else { return Ok(()) };
        taken.filter(|it| it.owner == Some(holder.entity)).for_each(|it| it.called = Some(holder.called.clone()));
        Ok(())
    }

    /// Reads one object anew, and answers with what it says; nothing when Pivotal no longer has it.
    pub(super) async fn seen_again(&self, kind: Kind, object: &PivotalId) -> Result<Option<Fields>, EngineError> {
        match self.or_stop(self.target.get(kind, object)).await? {
            Ok(found) => {
                let fields = found.fields.clone();
                self.store.save_remote(&[found], chrono::Utc::now()).await?;
                Ok(Some(fields))
            }
            Err(error) if error.fault == Fault::NotFound => {
                self.store.forget_remote(std::slice::from_ref(object)).await?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What Pivotal showed before then may be otherwise by now. While a first load goes on everything counts as just seen, and
    /// where nothing may be asked there is nothing newer.
    pub(super) async fn fresh_since(&self, draft: &Drafting) -> Result<Option<Timestamp>, EngineError> {
        let is_loaded = self.store.fact(LOADED).await?.is_some();
        Ok((is_loaded && draft.asking != Asking::Nothing).then_some(draft.now))
    }

    /// A customer that a person said an account is not: who lives there may be of that account all the same.
    async fn know_parted(&self, kind: Kind, subject: &Subject, asking: Asking) -> Result<(), EngineError> {
        if kind != Kind::Customer || asking == Asking::Nothing {
            return Ok(());
        }
        for object in unlinked_objects(subject) {
            let query = RemoteQuery::Ids(kind, vec![object.clone()]);
            if self.store.remote(&[query]).await?.iter().flatten().any(|row| row.owner.is_none()) {
                self.list_children(&object).await?;
            }
        }
        Ok(())
    }

    /// The contacts of a customer that will be adopted are read now, so that theirs are adopted too and the plan is exact.
    /// One that is gone since it was seen is not taken over: the next run looks again.
    pub(super) async fn list_children_of_adopted(&self, kind: Kind, draft: &mut Drafting) -> Result<(), EngineError> {
        if kind != Kind::Customer || draft.asking == Asking::Nothing {
            return Ok(());
        }
        for operation in &mut draft.operations {
            let (Kind::Customer, Action::Adopt { id, .. }) = (operation.kind, &operation.action) else { continue };
            let mut is_gone = false;
            for customer in draft.parents.beside(operation.entity).iter().chain([id]) {
                match self.list_children(customer).await {
                    Err(EngineError::Api(error)) if error.fault == Fault::NotFound => {
                        self.store.forget_remote(std::slice::from_ref(customer)).await?;
                        is_gone |= customer == id;
                    }
                    listed => listed?,
                }
            }
            if is_gone {
                let why = format!("Pivotal no longer has {id}, which was there a moment ago; the next run looks again");
                draft.parents.block(operation.entity, why.clone());
                operation.standing = Standing::Waiting(why);
            }
        }
        Ok(())
    }
}

/// An object as the reconciler takes it. `kept` is what stays on those that an entity has.
pub(super) fn candidate(row: RemoteRow, kept: &HashMap<EntityId, Fields>) -> Candidate {
    let RemoteRow { id, display_id, parent, fields, owner, .. } = row;
    let kept = match owner {
        None => fields.clone(),
        Some(owner) => kept.get(&owner).cloned().unwrap_or_default(),
    };
    Candidate { id, display_id, parent, fields, kept, owner, called: None }
}

/// Whether it has an object in Pivotal, as far as anybody here knows.
pub(super) fn exists(subject: &Subject) -> bool {
    subject.entity.mirror.as_ref().is_some_and(|mirror| mirror.state != MirrorState::Deleted)
}

/// Whether it is a contact whose account is another customer by now: there, somebody may be it already.
fn moves(subject: &Subject) -> bool {
    let mirror =
        subject.entity.mirror.as_ref().filter(|it| it.state == MirrorState::Live && it.origin != Origin::Linked);
    let home = mirror.filter(|_| subject.entity.kind == Kind::Contact && subject.home == Home::Free);
    let account = subject.parent.as_ref().and_then(|parent| parent.pivotal_id.as_ref());
    home.zip(account).is_some_and(|(mirror, account)| mirror.parent.as_ref().is_some_and(|home| home != account))
}

/// Whether it is a customer on which the id of a record is to be written.
fn takes_on_ids(subject: &Subject, fields: &Fields) -> bool {
    let mirror = subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
    let differs = |mirror: &Mirror| {
        let fields_of_ids = Stream::ALL.into_iter().filter_map(Stream::customer_field);
        let mut differing = fields_of_ids.filter(|field| fields.text(field) != mirror.written.text(field));
        differing.any(|field| fields.text(field).is_some())
    };
    subject.entity.kind == Kind::Customer && mirror.is_some_and(differs)
}

/// What to look for in the last walk for an entity that would be created; of a child, under the customers beside its own, too.
fn queries_for(kind: Kind, subject: &Subject, fields: &Fields) -> Vec<RemoteQuery> {
    let linked = linked_object(subject);
    match kind {
        Kind::Customer => {
            let by_domain = fields.text("domain").filter(|_| linked.is_none());
            let ids = carrying(subject, by_domain.map(str::to_owned).into_iter().collect());
            linked.map(|object| RemoteQuery::Ids(kind, vec![object])).into_iter().chain([ids]).collect()
        }
        Kind::Contact | Kind::Onboarding if linked.is_some() => {
            vec![RemoteQuery::Ids(kind, linked.into_iter().collect())]
        }
        Kind::Contact | Kind::Onboarding => {
            let parent = subject.parent.as_ref();
            let own = parent.and_then(|parent| Some((parent, parent.pivotal_id.as_ref()?)));
            let roofs = own.into_iter().flat_map(|(parent, own)| [own].into_iter().chain(&parent.beside));
            let children = roofs.map(|roof| RemoteQuery::Children { kind, parent: roof.clone() });
            // A deal's onboarding stays where it is, wherever the deal goes.
            let notes = fields.text("notes").filter(|_| kind == Kind::Onboarding).map(|notes| notes.trim().to_owned());
            children.chain(notes.map(|notes| RemoteQuery::Notes(vec![notes]))).collect()
        }
    }
}

/// Asks for the customers that carry an id of an account, or have one of these domains.
fn carrying(subject: &Subject, domains: Vec<String>) -> RemoteQuery {
    let ids = |field: &str| -> Vec<ExternalId> {
        // A store may have been lost before a merge: then what was merged is still what Pivotal knows it by.
        let records = subject.records.iter().map(|known| &known.record);
        let keys = records.flat_map(|record| record.facts.merged().iter().chain([&record.key]));
        keys.filter(|key: &&SourceKey| key.stream.customer_field() == Some(field)).map(|key| key.id.clone()).collect()
    };
    RemoteQuery::Customers {
        hubspot_company_ids: ids("hubspot_company_id"),
        stripe_customer_ids: ids("stripe_customer_id"),
        domains,
    }
}
