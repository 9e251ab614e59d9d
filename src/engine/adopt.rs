//! What is already in Pivotal: walked once when the store is fresh (one request per 100 customers), and its news before
//! anything is created, so that nothing is created twice.

use chrono::{TimeDelta, Utc};

use crate::domain::{Cursor, Fault, Kind, PivotalId, Timestamp};
use crate::reconcile::{Subject, linked_object};
use crate::store::RemoteQuery;

use super::{Engine, EngineError, Event};

/// How far before the last walk's newest object the next look at the news goes back: room for rows that became visible late.
const NEWS_OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// Set when the walk could not see all of a millisecond (pivotal-api.md 6, the tie hazard).
pub(super) const INCOMPLETE: &str = "walk_incomplete";

impl Engine {
    /// Walks all customers, unless that was done before: then answers false. Resumes where a killed walk stopped.
    pub(super) async fn walk_all(&self) -> Result<bool, EngineError> {
        if self.store.fact("walked_at").await?.is_some() {
            return Ok(false);
        }
        let from_the_start = self.store.fact("walk_cursor").await?.is_none();
        let mut cursor = self.store.fact("walk_cursor").await?.map(Cursor);
        let mut newest: Option<Timestamp> = read_time(self.store.fact("walk_newest").await?);
        let mut seen = 0;
        loop {
            let page = self.or_stop(self.target.list(Kind::Customer, None, cursor.as_ref())).await??;
            seen += page.objects.len() as u64;
            newest = newest.max(page.objects.iter().filter_map(|o| o.created_at).max());
            self.store.save_remote(&page.objects, Utc::now()).await?;
            self.watch.tell(Event::Walked { kind: Kind::Customer, seen });
            if let Some(newest) = newest {
                self.store.set_fact("walk_newest", &newest.to_rfc3339()).await?;
            }
            if page.possibly_incomplete {
                self.store.set_fact(INCOMPLETE, &Utc::now().to_rfc3339()).await?;
            }
            let Some(next) = page.next else { break };
            self.store.set_fact("walk_cursor", &next.0).await?;
            cursor = Some(next);
        }
        self.store.set_fact("walked_at", &Utc::now().to_rfc3339()).await?;
        Ok(from_the_start)
    }

    /// What a person should know before anything is created on the ground of the walk.
    pub(super) async fn doubt_about_the_walk(&self) -> Result<Option<String>, EngineError> {
        let doubt = self.store.fact(INCOMPLETE).await?;
        Ok(doubt.map(|_| {
            "Pivotal holds more customers of one and the same millisecond than it shows on a page, so some may not have been \
             seen, and would be created again: whom this first load would create is held"
                .to_owned()
        }))
    }

    /// Customers or onboardings made in Pivotal since the last look, newest first: one request unless many are new. The first look
    /// at the onboardings sees them all: a deal's is known by its notes, wherever it lives, and Pivotal would take a second one.
    pub(super) async fn walk_news(&self, kind: Kind) -> Result<(), EngineError> {
        let name = match kind {
            Kind::Onboarding => "onboardings_newest",
            Kind::Customer | Kind::Contact => "walk_newest",
        };
        let before = read_time(self.store.fact(name).await?);
        let mut newest = before;
        let mut cursor = None;
        loop {
            let page = self.or_stop(self.target.list(kind, None, cursor.as_ref())).await??;
            let oldest = page.objects.iter().filter_map(|o| o.created_at).min();
            newest = newest.max(page.objects.iter().filter_map(|o| o.created_at).max());
            self.store.save_remote(&page.objects, Utc::now()).await?;
            let reached = before.zip(oldest).is_some_and(|(before, oldest)| oldest < before - NEWS_OVERLAP);
            match page.next {
                Some(next) if !reached => cursor = Some(next),
                _ => break,
            }
        }
        if let Some(newest) = newest {
            self.store.set_fact(name, &newest.to_rfc3339()).await?;
        }
        Ok(())
    }

    /// Objects that a person linked records to, and that no walk has shown yet, are read by id.
    pub(super) async fn know_linked(&self, kind: Kind, subjects: &[Subject]) -> Result<(), EngineError> {
        for object in subjects.iter().filter(|subject| subject.entity.mirror.is_none()).filter_map(linked_object) {
            let query = RemoteQuery::Ids(kind, vec![object.clone()]);
            if self.store.remote(&[query]).await?.iter().any(|rows| !rows.is_empty()) {
                continue;
            }
            match self.or_stop(self.target.get(kind, &object)).await? {
                Ok(found) => self.store.save_remote(&[found], Utc::now()).await?,
                Err(error) if error.fault == Fault::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads the contacts of one customer, once: they are adopted with it.
    pub(super) async fn list_children(&self, customer: &PivotalId) -> Result<(), EngineError> {
        let mark = format!("children_of:{customer}");
        if self.store.fact(&mark).await?.is_some() {
            return Ok(());
        }
        self.read_children(Kind::Contact, customer).await?;
        self.store.set_fact(&mark, &Utc::now().to_rfc3339()).await?;
        Ok(())
    }

    /// Reads the contacts or onboardings of one customer.
    pub(super) async fn read_children(&self, kind: Kind, customer: &PivotalId) -> Result<(), EngineError> {
        let mut cursor = None;
        loop {
            let page = self.or_stop(self.target.list(kind, Some(customer), cursor.as_ref())).await??;
            self.store.save_remote(&page.objects, Utc::now()).await?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}

pub(super) fn read_time(text: Option<String>) -> Option<Timestamp> {
    text.and_then(|t| chrono::DateTime::parse_from_rfc3339(&t).ok()).map(|t| t.to_utc())
}
