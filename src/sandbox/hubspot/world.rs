//! The portal's records and how they are made and edited.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::Duration;

use super::account::{Account, OAuth, Owner};
use super::admit::Meter;
use super::links::Links;
use super::pipelines::Pipeline;
use super::schema::{self, Property};
use super::switches::Switches;
use crate::domain::Timestamp;

/// The object types of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectType {
    /// `companies`, `0-2`.
    Company,
    /// `contacts`, `0-1`.
    Contact,
    /// `deals`, `0-3`.
    Deal,
}

impl ObjectType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Company, Self::Contact, Self::Deal];

    /// Reads the name of a path: plural, singular or type id.
    #[must_use]
    pub fn from_path(name: &str) -> Option<Self> {
        match name {
            "companies" | "company" | "0-2" => Some(Self::Company),
            "contacts" | "contact" | "0-1" => Some(Self::Contact),
            "deals" | "deal" | "0-3" => Some(Self::Deal),
            _ => None,
        }
    }

    /// `companies`, `contacts`, `deals`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Company => "companies",
            Self::Contact => "contacts",
            Self::Deal => "deals",
        }
    }

    /// `company`, `contact`, `deal`.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Contact => "contact",
            Self::Deal => "deal",
        }
    }

    /// The last-modified property: contacts have one of their own (trap 4).
    #[must_use]
    pub fn modified_property(self) -> &'static str {
        match self {
            Self::Contact => "lastmodifieddate",
            Self::Company | Self::Deal => "hs_lastmodifieddate",
        }
    }
}

/// A company to be added.
#[derive(Debug, Clone)]
pub struct CompanySeed {
    /// `name`.
    pub name: String,
    /// `domain`; not unique (trap 43).
    pub domain: Option<String>,
    /// Further properties by internal name.
    pub properties: BTreeMap<String, String>,
    /// Created and last modified at.
    pub created: Timestamp,
}

/// A contact to be added.
#[derive(Debug, Clone)]
pub struct ContactSeed {
    /// Properties by internal name.
    pub properties: BTreeMap<String, String>,
    /// Created and last modified at.
    pub created: Timestamp,
    /// Id of an associated company, and whether it is the primary one.
    pub company: Option<(String, bool)>,
}

/// A deal to be added.
#[derive(Debug, Clone)]
pub struct DealSeed {
    /// Properties by internal name; `hs_is_closed_won` and its like are worked out from `pipeline` and `dealstage`.
    pub properties: BTreeMap<String, String>,
    /// Id of the primary company.
    pub company: Option<String>,
    /// Created and last modified at.
    pub created: Timestamp,
}

/// There is no such record to act on (or it is archived, purged, or merged away).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {} {id}", .object.singular())]
pub struct NoSuchRecord {
    /// Its type.
    pub object: ObjectType,
    /// Its id.
    pub id: String,
}

/// One record as it stands now.
#[derive(Debug, Clone)]
pub struct Record {
    /// Numeric id, unique within its type only (trap 16).
    pub id: u64,
    /// When it was created.
    pub created: Timestamp,
    /// Its last-modified stamp.
    pub modified: Timestamp,
    /// When it was archived, if it is.
    pub archived: Option<Timestamp>,
    /// Stored values by internal name; `""` is a cleared one.
    pub properties: BTreeMap<String, String>,
    /// Ids merged into it, oldest first.
    pub merged: Vec<u64>,
    /// When the last edit happened, for the search index.
    pub(super) edited: Timestamp,
    /// What search shows until that edit is indexed; `None` for a record that never was.
    pub(super) indexed: Option<Box<Indexed>>,
}

/// A record as the search index last saw it.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    pub(super) modified: Timestamp,
    pub(super) properties: BTreeMap<String, String>,
}

/// All records of one type.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) records: BTreeMap<u64, Record>,
    pub(super) archived: BTreeSet<u64>,
    /// Id merged away → the id it went into, one step.
    pub(super) survivors: HashMap<u64, u64>,
    pub(super) schema: BTreeMap<String, Property>,
    last: u64,
}

impl Shelf {
    /// Every type counts from the same number, so that ids collide across types (trap 16); it is close under 1,000, so
    /// that comparing ids as text goes wrong soon.
    fn next_id(&mut self) -> u64 {
        self.last = self.last.max(950) + 1;
        self.last
    }

    /// The id that answers for `id` now, merges followed to the end (trap 11).
    pub(super) fn survivor(&self, mut id: u64) -> u64 {
        while let Some(next) = self.survivors.get(&id) {
            id = *next;
        }
        id
    }
}

/// The portal. See the module's rules.
pub struct World {
    /// What can be switched.
    pub switches: Switches,
    /// Portal facts.
    pub account: Account,
    /// Deal pipelines; edit them through [`World::edit_pipelines`] so that deals follow.
    pub(super) pipelines: Vec<Pipeline>,
    /// Account users.
    pub(super) owners: Vec<Owner>,
    pub(super) token: String,
    pub(super) oauth: OAuth,
    pub(super) scopes: BTreeSet<String>,
    pub(super) meter: Meter,
    pub(super) links: Links,
    companies: Shelf,
    contacts: Shelf,
    deals: Shelf,
    clock: Box<dyn Fn() -> Timestamp + Send>,
}

impl World {
    /// An empty portal that accepts `token`, has every read scope, the default pipeline and the standard properties.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let shelf = |object| Shelf { schema: schema::standard(object), ..Shelf::default() };
        let mut world = Self {
            switches: Switches::default(),
            account: Account::default(),
            pipelines: Vec::new(),
            owners: Vec::new(),
            token: token.to_owned(),
            oauth: OAuth::default(),
            scopes: super::admit::all_scopes(),
            meter: Meter::default(),
            links: Links::default(),
            companies: shelf(ObjectType::Company),
            contacts: shelf(ObjectType::Contact),
            deals: shelf(ObjectType::Deal),
            clock: Box::new(chrono::Utc::now),
        };
        world.add_default_pipeline();
        world
    }

    /// Now, by the world's clock. The `Date` header of every answer follows it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Replaces the clock, which is the real one at first. Rate windows always run on real time.
    pub fn set_clock(&mut self, clock: impl Fn() -> Timestamp + Send + 'static) {
        self.clock = Box::new(clock);
    }

    /// Stops the clock at `now`.
    pub fn pin(&mut self, now: Timestamp) {
        self.set_clock(move || now);
    }

    /// Accepts another token instead: the old one is a 401 from now on.
    pub fn set_token(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    pub(super) fn shelf(&self, object: ObjectType) -> &Shelf {
        match object {
            ObjectType::Company => &self.companies,
            ObjectType::Contact => &self.contacts,
            ObjectType::Deal => &self.deals,
        }
    }

    pub(super) fn shelf_mut(&mut self, object: ObjectType) -> &mut Shelf {
        match object {
            ObjectType::Company => &mut self.companies,
            ObjectType::Contact => &mut self.contacts,
            ObjectType::Deal => &mut self.deals,
        }
    }

    /// The record that answers for `id` now, archived or not, merges followed.
    #[must_use]
    pub fn record(&self, object: ObjectType, id: &str) -> Option<&Record> {
        let shelf = self.shelf(object);
        shelf.records.get(&shelf.survivor(id.parse().ok()?))
    }

    /// Ids of the live records, ascending.
    pub fn ids(&self, object: ObjectType) -> impl Iterator<Item = String> + '_ {
        self.shelf(object)
            .records
            .values()
            .filter(|record| record.archived.is_none())
            .map(|record| record.id.to_string())
    }

    /// The id of a live record, or why not.
    pub(super) fn live(&self, object: ObjectType, id: &str) -> Result<u64, NoSuchRecord> {
        let live = id.parse().ok().and_then(|id| self.shelf(object).records.get(&id));
        let live = live.filter(|record| record.archived.is_none()).map(|record| record.id);
        live.ok_or_else(|| NoSuchRecord { object, id: id.to_owned() })
    }

    /// Adds a company and returns its id.
    pub fn add_company(&mut self, seed: CompanySeed) -> String {
        let mut properties = seed.properties;
        properties.insert("name".to_owned(), seed.name);
        properties.extend(seed.domain.map(|domain| ("domain".to_owned(), domain)));
        self.add(ObjectType::Company, properties, seed.created).to_string()
    }

    /// Adds a contact and returns its id. A company that does not exist is not linked.
    pub fn add_contact(&mut self, seed: ContactSeed) -> String {
        let id = self.add(ObjectType::Contact, seed.properties, seed.created);
        if let Some((company, primary)) = seed.company
            && let Ok(company) = self.live(ObjectType::Company, &company)
        {
            self.links.add_company(ObjectType::Contact, id, company, primary);
        }
        id.to_string()
    }

    /// Adds a deal and returns its id. A company that does not exist is not linked.
    pub fn add_deal(&mut self, seed: DealSeed) -> String {
        let mut properties = seed.properties;
        self.follow_stage(&mut properties, seed.created);
        let id = self.add(ObjectType::Deal, properties, seed.created);
        if let Some(company) = seed.company
            && let Ok(company) = self.live(ObjectType::Company, &company)
        {
            self.links.add_company(ObjectType::Deal, id, company, true);
        }
        id.to_string()
    }

    pub(super) fn add(&mut self, object: ObjectType, properties: BTreeMap<String, String>, at: Timestamp) -> u64 {
        for name in properties.keys() {
            self.know_property(object, name);
        }
        let shelf = self.shelf_mut(object);
        let id = shelf.next_id();
        let record = Record {
            id,
            created: at,
            modified: at,
            archived: None,
            properties,
            merged: Vec::new(),
            edited: at,
            indexed: None,
        };
        shelf.records.insert(id, record);
        id
    }

    /// Sets one property of a live record and moves its last-modified. `""` clears. A name that the portal does not know
    /// becomes a custom text property.
    ///
    /// # Errors
    /// [`NoSuchRecord`].
    pub fn set_property(&mut self, object: ObjectType, id: &str, name: &str, value: &str) -> Result<(), NoSuchRecord> {
        let id = self.live(object, id)?;
        self.know_property(object, name);
        let now = self.now();
        let mut properties = self.edit(object, id).map(|record| record.properties.clone()).unwrap_or_default();
        properties.insert(name.to_owned(), value.to_owned());
        if object == ObjectType::Deal && matches!(name, "dealstage" | "pipeline") {
            self.follow_stage(&mut properties, now);
        }
        if let Some(record) = self.shelf_mut(object).records.get_mut(&id) {
            record.properties = properties;
        }
        Ok(())
    }

    /// Moves last-modified and changes nothing that anybody maps, as scores and counters do (trap 29).
    ///
    /// # Errors
    /// [`NoSuchRecord`].
    pub fn touch(&mut self, object: ObjectType, id: &str) -> Result<(), NoSuchRecord> {
        let id = self.live(object, id)?;
        self.edit(object, id);
        Ok(())
    }

    /// Opens a record for an edit now: moves last-modified and leaves its present state to the search index.
    pub(super) fn edit(&mut self, object: ObjectType, id: u64) -> Option<&mut Record> {
        let now = self.now();
        let lag = self.index_lag(id);
        let record = self.shelf_mut(object).records.get_mut(&id)?;
        if !lag.is_zero() && record.edited + lag <= now {
            let indexed = Indexed { modified: record.modified, properties: record.properties.clone() };
            record.indexed = Some(Box::new(indexed));
        }
        record.edited = now;
        record.modified = now;
        Some(record)
    }

    /// How long the search index is behind for this record.
    pub(super) fn index_lag(&self, id: u64) -> Duration {
        let jitter = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (self.switches.index_jitter_ms + 1);
        Duration::milliseconds(i64::try_from(self.switches.index_lag_ms + jitter).unwrap_or(i64::MAX / 4))
    }
}
