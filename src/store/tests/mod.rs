//! The store on real files. What several tests need to set the scene stands here.

mod backup;
mod bind;
mod explain;
mod journal;
mod look;
mod nudge;
mod open;
mod operations;
mod prune;
mod pull;
mod remote;
mod runs;
mod settle;
mod trouble;

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::domain::{
    AccountFacts, AccountLink, Action, Cursor, EntityId, Facts, Fields, IdempotencyKey, Kept, Kind, Mirror,
    MirrorState, Operation, Origin, PersonFacts, PivotalId, Pulled, Record, RunId, RunKind, SourceKey, Standing,
    Stream, Timestamp, Value,
};
use crate::ports::{Heard, Prepared};

const COMPANIES: Stream = Stream::HubspotCompanies;
const CONTACTS: Stream = Stream::HubspotContacts;
const CUSTOMERS: Stream = Stream::StripeCustomers;

/// A store in a folder of its own, with its lock and one run begun.
struct Scene {
    store: Store,
    lock: RunLock,
    run: RunId,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let lock = RunLock::acquire(&path).unwrap();
        let store = Store::open(&path).await.unwrap();
        let run = store.begin_run(&lock, RunKind::Sync, "command", at(0)).await.unwrap();
        Self { store, lock, run, folder }
    }

    /// Saves records read by id: no cursor, no listing.
    async fn save(&self, rows: &[PageRow]) -> PageEffect {
        self.save_at(rows, at(1)).await
    }

    async fn save_at(&self, rows: &[PageRow], now: Timestamp) -> PageEffect {
        let stream = rows[0].pulled.key().stream;
        let page = PageToSave { stream, rows, cursor: None, keeps: "k1", listing: None, ends_listing: false, now };
        self.store.save_page(page).await.unwrap()
    }

    /// Saves a company, binds it to a new entity, and answers that.
    async fn account(&self, id: &str) -> EntityId {
        let row = company(id, id);
        let key = row.pulled.key().clone();
        self.save(&[row]).await;
        self.store.bind(&[bound(&key, Place::New(0), Kind::Customer)], at(1)).await.unwrap();
        self.entity(&key).await.unwrap()
    }

    async fn entity(&self, key: &SourceKey) -> Option<EntityId> {
        self.store.entities_of(std::slice::from_ref(key)).await.unwrap().get(key).copied()
    }

    /// Has the entity look settled, so that what becomes dirty afterwards shows.
    async fn look(&self, entity: EntityId, unwanted: Option<&str>) {
        let unwanted = unwanted.map(str::to_owned);
        let look =
            Look { entity, name: "x".to_owned(), unwanted, settled: true, later: None, again: None, notes: Vec::new() };
        self.store.save_looks(&[look], at(2)).await.unwrap();
    }

    async fn due(&self, kind: Kind) -> Vec<EntityId> {
        let rows = self.store.to_look_at(kind, false, at(3), None, 100).await.unwrap();
        rows.into_iter().map(|row| row.entity.id).collect()
    }

    async fn plan(&self, operation: Operation) -> OperationId {
        self.store.record_operations(self.run, &[operation], at(3)).await.unwrap()[0]
    }

    async fn send(&self, operation: OperationId, action: &Operation) -> AttemptId {
        let intent = Intent { operation, run: self.run, action: action.clone(), prepared: post(), before: None };
        self.store.intend(&[intent], at(4)).await.unwrap()[0]
    }

    /// Plans, sends and settles a create.
    async fn create(&self, entity: EntityId, kind: Kind, pivotal_id: &str) {
        let action = creating(entity, kind);
        let operation = self.plan(action.clone()).await;
        let attempt = self.send(operation, &action).await;
        let settlement = settlement(Some(attempt), operation, entity, written(pivotal_id));
        self.store.settle(vec![settlement]).await.unwrap();
    }

    async fn one<T>(&self, sql: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite> + Send + Unpin,
    {
        sqlx::query_scalar(sql).fetch_one(self.store.read()).await.unwrap()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_000_000 + seconds, 123_000_000).unwrap()
}

fn key(stream: Stream, id: &str) -> SourceKey {
    SourceKey::new(stream, id)
}

fn live(key: SourceKey, facts: Facts, tokens: &[&str]) -> PageRow {
    let properties = BTreeMap::from([("name".to_owned(), Value::text("n"))]);
    let record = Record { key, facts, properties, changed_at: Some(at(-60)) };
    PageRow { pulled: Pulled::Live(record), tokens: tokens.iter().map(|t| (*t).to_owned()).collect() }
}

fn company(id: &str, name: &str) -> PageRow {
    let facts = Facts::Account(AccountFacts { name: Some(name.to_owned()), ..AccountFacts::default() });
    live(key(COMPANIES, id), facts, &[&format!("domain:{id}.com"), &format!("is:hubspot:company:{id}")])
}

fn customer(id: &str) -> PageRow {
    live(key(CUSTOMERS, id), Facts::Account(AccountFacts::default()), &[&format!("is:stripe:customer:{id}")])
}

fn contact(id: &str, account: &SourceKey) -> PageRow {
    let link = AccountLink { account: account.clone(), primary: true };
    let facts = Facts::Person(PersonFacts { accounts: vec![link], ..PersonFacts::default() });
    live(key(CONTACTS, id), facts, &[&format!("of:{account}"), &format!("email:{id}@x.com")])
}

fn gone(key: SourceKey, how: crate::domain::Gone) -> PageRow {
    PageRow { pulled: Pulled::Gone(key, how), tokens: Vec::new() }
}

fn malformed(key: SourceKey, why: &str) -> PageRow {
    PageRow { pulled: Pulled::Malformed(key, why.to_owned()), tokens: Vec::new() }
}

fn bound(key: &SourceKey, place: Place, kind: Kind) -> Bound {
    Bound { key: key.clone(), place, kind, parent: None, problem: None, rift: None }
}

fn fields(slug: &str) -> Fields {
    Fields::from([("name", Value::text("Acme")), ("slug", Value::text(slug))])
}

fn creating(entity: EntityId, kind: Kind) -> Operation {
    Operation {
        entity,
        kind,
        subject: key(COMPANIES, "1"),
        name: "Acme".to_owned(),
        action: Action::Create { parent: None, fields: fields("acme") },
        standing: Standing::Ready,
        reason: "no customer yet".to_owned(),
        hold: None,
    }
}

fn post() -> Prepared {
    Prepared {
        method: "POST".to_owned(),
        path: "/customers".to_owned(),
        body: Some("{\"name\":\"Acmé \\\"x\\\"\"}".to_owned()),
        key: Some(IdempotencyKey::new("k-1")),
    }
}

fn mirror(pivotal_id: &str) -> Mirror {
    Mirror {
        id: PivotalId::new(pivotal_id),
        display_id: Some(42),
        parent: None,
        origin: Origin::Created,
        state: MirrorState::Live,
        written: fields(pivotal_id),
        found: Fields::default(),
    }
}

fn written(pivotal_id: &str) -> Settled {
    Settled::Written { mirror: mirror(pivotal_id), kept: Kept::default() }
}

fn settlement(attempt: Option<AttemptId>, operation: OperationId, entity: EntityId, outcome: Settled) -> Settlement {
    let heard = Heard { status: attempt.map(|_| 201), request_id: None };
    Settlement { attempt, heard, operation, entity, outcome, now: at(5) }
}
