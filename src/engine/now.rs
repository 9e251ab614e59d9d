//! What Pivotal says now of what a run wrote, and what lives under the customers that would go.
//!
//! One request per customer, or one per 100 where that is less; one per customer whose contacts are concerned; and the same
//! for onboardings, or one per 100 of all. That may take long under a limit: it is told from the start how much it is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use crate::domain::{Fault, Fields, Kind, Mirror, PivotalId, Verb};
use crate::ports::RemoteObject;
use crate::reconcile::Past;

use super::{Engine, EngineError, Event, RATE};

/// Up to so many customers are asked for one by one, and so many lists.
const ONE_BY_ONE: usize = 20;
/// Objects a page of Pivotal holds at most.
const PAGE: u64 = 100;

/// What Pivotal says now.
#[derive(Default)]
pub(super) struct Now {
    pub(super) objects: HashMap<PivotalId, Fields>,
    /// By customer, what lives under it.
    pub(super) children: HashMap<PivotalId, HashSet<PivotalId>>,
    /// Requests made, and to be made as far as is known.
    asked: u64,
    of: u64,
    /// Requests a minute.
    rate: Option<u32>,
}

impl Now {
    fn take_in(&mut self, parent: Option<&PivotalId>, objects: Vec<RemoteObject>) {
        for object in objects {
            if let Some(parent) = parent {
                self.children.entry(parent.clone()).or_default().insert(object.id.clone());
            }
            self.objects.insert(object.id, object.fields);
        }
    }
}

/// What is asked for.
struct Questions {
    customers: BTreeSet<PivotalId>,
    /// The customers whose contacts, and whose onboardings, are listed.
    parents: [(Kind, BTreeSet<PivotalId>); 2],
    /// Whether all customers are walked, and all onboardings.
    walks: [bool; 2],
    /// Pages of those that are ours.
    pages: [u64; 2],
}

impl Questions {
    fn of(pasts: &[Past], population: [(Kind, u64); 3]) -> Self {
        let of = |kind: Kind| {
            let live = pasts.iter().filter(move |past| past.entity.kind == kind);
            live.filter_map(|past| past.entity.mirror.as_ref().map(|mirror: &Mirror| (past, mirror)))
        };
        let customers: BTreeSet<PivotalId> = of(Kind::Customer).map(|(_, mirror)| mirror.id.clone()).collect();
        let going = of(Kind::Customer).filter(|(past, _)| past.done.iter().any(|done| done.verb == Verb::Create));
        let going: BTreeSet<PivotalId> = going.map(|(_, mirror)| mirror.id.clone()).collect();
        let parents = [Kind::Contact, Kind::Onboarding].map(|kind| {
            let touched = of(kind).filter_map(|(_, mirror)| mirror.parent.clone());
            (kind, going.iter().cloned().chain(touched).collect::<BTreeSet<_>>())
        });
        let pages = [Kind::Customer, Kind::Onboarding].map(|kind| {
            let live = population.iter().find(|(of, _)| *of == kind).map_or(0, |(_, live)| *live);
            live.div_ceil(PAGE).max(1)
        });
        let many = |number: usize, pages: u64| number > ONE_BY_ONE && number as u64 > pages;
        let walks = [many(customers.len(), pages[0]), many(parents[1].1.len(), pages[1])];
        Self { customers, parents, walks, pages }
    }

    fn requests(&self) -> u64 {
        let one = |walks: bool, pages: u64, number: usize| if walks { pages } else { number as u64 };
        one(self.walks[0], self.pages[0], self.customers.len())
            + self.parents[0].1.len() as u64
            + one(self.walks[1], self.pages[1], self.parents[1].1.len())
    }
}

impl Engine {
    /// Asks Pivotal whose key this is, what it says of the objects concerned, and what lives under the customers that would go.
    pub(super) async fn now(&self, pasts: &[Past]) -> Result<Now, EngineError> {
        let questions = Questions::of(pasts, self.store.population().await?);
        // Before the first answer only the last run knows what the limit is.
        let rate = self.store.fact(RATE).await?.and_then(|rate| rate.parse().ok());
        let mut now = Now { of: questions.requests() + 1, rate, ..Now::default() };
        self.tell_asked(&mut now, 0);
        self.identify().await?;
        now.rate = self.target.rate_per_minute();
        self.tell_asked(&mut now, 1);
        self.ask_customers(&questions, &mut now).await?;
        for (kind, parents) in &questions.parents {
            // A customer that is gone has no list (pivotal-api.md 10.2).
            let gone = |id: &PivotalId| questions.customers.contains(id) && !now.objects.contains_key(id);
            let there: BTreeSet<&PivotalId> = parents.iter().filter(|id| !gone(id)).collect();
            let walks = *kind == Kind::Onboarding && questions.walks[1];
            if walks && self.walk_children(*kind, &there, &mut now).await? {
                continue;
            }
            for parent in there {
                self.ask_list(*kind, parent, &mut now).await?;
            }
        }
        Ok(now)
    }

    fn tell_asked(&self, now: &mut Now, more: u64) {
        now.asked += more;
        // What is there is more than what is ours: then it takes longer than was thought.
        now.of = now.of.max(now.asked);
        let left = now.of - now.asked;
        let wait = |rate: u32| Duration::from_secs(left.saturating_sub(1) / u64::from(rate.max(1)) * 60);
        self.watch.tell(Event::Asked { asked: now.asked, of: now.of, estimate: now.rate.map(wait) });
    }

    async fn ask_customers(&self, questions: &Questions, now: &mut Now) -> Result<(), EngineError> {
        if questions.walks[0] {
            self.walk(Kind::Customer, now, |now, objects| now.take_in(None, objects)).await?;
        }
        // A walk may hide rows of one millisecond (pivotal-api.md 6).
        for id in &questions.customers {
            if now.objects.contains_key(id) {
                continue;
            }
            let found = self.or_stop(self.target.get(Kind::Customer, id)).await?;
            self.tell_asked(now, 1);
            match found {
                Ok(found) => now.take_in(None, vec![found]),
                Err(error) if error.fault == Fault::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Walks all there is of a kind for what lives under some customers. Whether nothing can have been hidden.
    async fn walk_children(
        &self,
        kind: Kind,
        parents: &BTreeSet<&PivotalId>,
        now: &mut Now,
    ) -> Result<bool, EngineError> {
        self.walk(kind, now, |now, objects| {
            for object in objects {
                let parent = object.parent.clone().filter(|parent| parents.contains(parent));
                if parent.is_some() {
                    now.take_in(parent.as_ref(), vec![object]);
                }
            }
        })
        .await
    }

    async fn walk(
        &self,
        kind: Kind,
        now: &mut Now,
        take_in: impl Fn(&mut Now, Vec<RemoteObject>),
    ) -> Result<bool, EngineError> {
        let (mut cursor, mut whole) = (None, true);
        loop {
            let page = self.or_stop(self.target.list(kind, None, cursor.as_ref())).await??;
            self.tell_asked(now, 1);
            whole &= !page.possibly_incomplete;
            take_in(now, page.objects);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(whole),
            }
        }
    }

    async fn ask_list(&self, kind: Kind, parent: &PivotalId, now: &mut Now) -> Result<(), EngineError> {
        let mut cursor = None;
        loop {
            let page = self.or_stop(self.target.list(kind, Some(parent), cursor.as_ref())).await?;
            self.tell_asked(now, 1);
            let page = match page {
                // Its customer is gone, and so is it.
                Err(error) if error.fault == Fault::NotFound => return Ok(()),
                page => page?,
            };
            now.take_in(Some(parent), page.objects);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}
