//! HubSpot as a subject: companies, each with a contact.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{SourceName, Stream, Timestamp};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ContactSeed, ObjectType, Shared, World, router};
use serde_json::json;

use super::subject::{Answer, Spoiled, Subject};
use crate::rig::{KEYS, text};

const COMPANY: ObjectType = ObjectType::Company;
const RIGHT: &str = "crm.objects.companies.read";

pub struct Portal {
    world: Shared,
    elsewhere: Mutex<World>,
}

impl Portal {
    pub fn empty() -> Self {
        let [here, mut elsewhere] = [World::new(KEYS[1].1), World::new(KEYS[1].1)].map(without_limits);
        elsewhere.account.portal = 99;
        Self { world: Arc::new(Mutex::new(here)), elsewhere: Mutex::new(elsewhere) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

fn without_limits(mut world: World) -> World {
    let switches = &mut world.switches;
    (switches.calls_per_ten_seconds, switches.searches_per_second) = (None, None);
    switches.associations_per_ten_seconds = None;
    world
}

impl Subject for Portal {
    fn source(&self) -> SourceName {
        SourceName::Hubspot
    }

    fn router(&self) -> Router {
        router(Arc::clone(&self.world))
    }

    fn settings(&self) -> &'static str {
        "lag = \"0s\""
    }

    fn name_rule(&self) -> &'static str {
        "company.name"
    }

    fn accounts(&self) -> Stream {
        Stream::HubspotCompanies
    }

    fn page(&self) -> usize {
        1_000
    }

    fn lists_from_the_top(&self, asked: &str) -> bool {
        asked.contains("/objects/2026-09/companies?")
            && !["after=", "archived=true"].iter().any(|on| asked.contains(on))
    }

    fn swap(&self) {
        std::mem::swap(&mut *self.world(), &mut *self.elsewhere.lock().unwrap());
    }

    fn key(&self) -> &'static str {
        KEYS[1].1
    }

    fn now(&self) -> Timestamp {
        self.world().now()
    }

    fn run_ahead(&self, by: TimeDelta) {
        self.world().set_clock(move || Utc::now() + by);
    }

    fn add(&self, name: &str, created: Timestamp) -> String {
        let mut world = self.world();
        let properties = BTreeMap::new();
        let company = world.add_company(CompanySeed { name: name.to_owned(), domain: None, properties, created });
        let email = format!("ann@c{company}.com");
        world.add_contact(ContactSeed {
            properties: text([("firstname", "Ann"), ("lastname", "Lee"), ("email", &email)]),
            created,
            company: Some((company.clone(), true)),
        });
        company
    }

    fn rename(&self, id: &str, name: &str) {
        self.world().set_property(COMPANY, id, "name", name).unwrap();
    }

    fn remove(&self, id: &str) {
        self.world().archive(COMPANY, id).unwrap();
    }

    fn restore(&self, id: &str) -> bool {
        self.world().restore(COMPANY, id).unwrap();
        true
    }

    fn erase(&self, id: &str) {
        self.world().purge(COMPANY, id).unwrap();
    }

    fn truth(&self) -> BTreeMap<String, String> {
        let world = self.world();
        let name = |id: &String| world.record(COMPANY, id).unwrap().properties["name"].clone();
        world.ids(COMPANY).map(|id| (id.clone(), name(&id))).collect()
    }

    fn spoil(&self, account: &str) -> Spoiled {
        Spoiled {
            stream: Stream::HubspotCompanies,
            on: "/objects/2026-09/companies",
            id: account.to_owned(),
            how: |company| company["properties"] = json!({}),
            named: "did not answer",
        }
    }

    fn expire(&self) -> Option<&'static str> {
        // A search has no retention: only a text of another version cannot be gone on from.
        Some(r#"{"v":0}"#)
    }

    fn revoke(&self) {
        self.world().revoke(RIGHT);
        self.world().revoke("crm.schemas.companies.read");
    }

    fn permit(&self) {
        self.world().grant(RIGHT);
        self.world().grant("crm.schemas.companies.read");
    }

    fn nothing(&self) -> Answer {
        Answer { status: 200, body: r#"{"results":[]}"#.to_owned(), ..Answer::default() }
    }

    fn refusal(&self, status: u16) -> Answer {
        let category = if status == 401 { "INVALID_AUTHENTICATION" } else { "MISSING_SCOPES" };
        let body = json!({"status": "error", "message": "no", "category": category, "correlationId": "c-1"});
        Answer { status, body: body.to_string(), ..Answer::default() }
    }

    fn failure(&self) -> Answer {
        Answer { status: 525, body: "<html>oops".to_owned(), ..Answer::default() }
    }
}
