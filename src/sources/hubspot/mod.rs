//! HubSpot companies, contacts and deals, read (hubspot-api.md; section 10 is the loop).
//!
//! Rules: search tells where to look, never what is there: what it finds is read by id. Windows are cut by the server's clock
//! and frozen. A delta proves no absence: a record is gone when the archived list or a read by id says so, and an error or a
//! lost scope is an error. Ids are unique per type only and become [`SourceKey`]s at once.
//!
//! What a pull costs, in requests at least:
//!
//! | pull | companies | contacts, deals |
//! | --- | --- | --- |
//! | complete listing of n records, a archived | n / 100 + a / 100 | n / 100 + n / 1,000 + a / 100 |
//! | what changed meanwhile, in the same run | 2: one archived list, one search; and what changed | the same, no stretch |
//! | run in which nothing changed | 2: one archived list, one search | 2, and the stretch |
//! | run with c changes and a archived in all | c / 200 + a / 100 + c / 100 | … + c / 1,000, and the stretch |
//! | the stretch of s records (`link_sweep`, at most all) | none | s / 100 + s / 1,000 |
//!
//! each at least once, besides: one question a process, whose portal this is; the property definitions (and for deals the
//! pipelines), read before the first record and then at most once an hour; an OAuth app's token, once in its life. "Now" costs
//! nothing: the archived list goes first, and its `Date` header cuts the window. When the property list is too long for a URL,
//! a listing reads its records by id: n / 100 more. Owners, if a rule reads them and a record has one, cost a request for each
//! hundred, active and deactivated apart, at most once an hour, and once more for an id not met before. The tests in
//! `tests/it/hubspot` count requests against this table, those in `costs.rs` of whole runs.
//!
//! What only a full listing finds: records purged without being archived first, or archived for longer than the portal shows
//! them (trap 8); links that moved silently, until the stretch comes round to them (trap 12); and a restored company whose
//! modified date stood still (trap 9), if 500 others were archived after it, or if it was put away while the last listing ran and
//! brought back before the next run. An owner's new address reaches contacts and deals with the stretch, companies with the next
//! full listing, for no record's stamp tells of it (trap 27).
//!
//! Not settled by the reference sheet, and so only assumed: that an asked property is answered, if only with null (one that is
//! missing keeps its last known value and is told; only a record without the domain or address it is known by rests), that deals
//! merge as companies do, and that archived records still name what was merged into them.
//!
#![doc = include_str!("traps.md")]

mod access;
mod api;
mod by_id;
mod check;
mod cursor;
mod facts;
mod home;
mod notes;
mod owners;
mod pull;
mod refusal;
mod settings;
pub mod webhook;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use crate::domain::{ApiError, Cursor, ExternalId, Fault, Keeps, Pulled, SourceKey, SourceName, Span, Stream};
use crate::http::BuildError;
use crate::ports::{Finding, Page, PullRequest, Source, Spent};

use api::Api;
use cursor::State;
use facts::{Known, Shape};
use home::Home;
use notes::Notes;
use owners::Owners;

pub use access::{AppKeys, Credentials};
pub use settings::*;

/// Most records of a page, besides what merges add.
const PAGE_MOST: usize = 1_000;
/// How long the portal's definitions are believed (trap 25).
const KNOWN_FOR: Duration = Duration::from_secs(3_600);

/// HubSpot as a source.
pub struct Hubspot {
    api: Api,
    overlap: Span,
    lag: Span,
    link_sweep: u32,
    shapes: Vec<Shape>,
    known: Mutex<BTreeMap<Stream, (Instant, Arc<Known>)>>,
    owners: Mutex<Option<(Instant, Arc<Owners>)>>,
    notes: Notes,
    home: OnceCell<Option<Home>>,
    spent_today: home::Spent,
}

impl Hubspot {
    /// Builds the source; no request is made. `reads` names the properties that rules read, by namespace (`company`,
    /// `contact`, `deal`): they are asked for and kept, nothing else is kept. Deals are a stream only `with_deals`.
    pub fn new(
        settings: &Settings,
        credentials: Credentials,
        reads: &BTreeMap<&'static str, BTreeSet<String>>,
        with_deals: bool,
    ) -> Result<Self, BuildError> {
        let streams = [Stream::HubspotCompanies, Stream::HubspotContacts, Stream::HubspotDeals];
        let shapes = streams
            .into_iter()
            .filter(|stream| with_deals || *stream != Stream::HubspotDeals)
            .filter_map(|stream| Shape::new(stream, reads))
            .map(|shape| shape.paid_by(&settings.stripe_id_properties))
            .collect();
        Ok(Self {
            api: Api::new(settings, credentials)?,
            overlap: settings.overlap,
            lag: settings.lag,
            link_sweep: settings.link_sweep,
            shapes,
            known: Mutex::new(BTreeMap::new()),
            owners: Mutex::new(None),
            notes: Notes::default(),
            home: OnceCell::new(),
            spent_today: home::Spent::default(),
        })
    }

    fn shape(&self, stream: Stream) -> Result<&Shape, ApiError> {
        self.shapes.iter().find(|shape| shape.stream == stream).ok_or_else(|| ApiError {
            fault: Fault::Invalid,
            api: api::API,
            endpoint: stream.to_string(),
            status: None,
            code: None,
            field: None,
            message: "this configuration does not read that stream".to_owned(),
            request_id: None,
        })
    }

    /// What the portal says of a stream's properties. A property that a rule reads and the portal does not know would read as
    /// an empty field for ever (trap 19), so it is an error.
    async fn known(&self, shape: &Shape) -> Result<Arc<Known>, ApiError> {
        let mut all = self.known.lock().await;
        if let Some((at, known)) = all.get(&shape.stream)
            && at.elapsed() < KNOWN_FOR
        {
            return Ok(Arc::clone(known));
        }
        let known = self.ask_known(shape).await?;
        let unknown = shape.unknown(&known);
        if !unknown.is_empty() {
            let names = unknown.iter().map(|name| format!("{}.{name}", shape.stream.namespace()));
            let field = names.collect::<Vec<_>>().join(", ");
            let all: Vec<String> = unknown.iter().map(|name| unknown_property(shape, name, &known)).collect();
            return Err(self.api.refused(shape, field, all.join("; ")));
        }
        let known = Arc::new(known);
        all.insert(shape.stream, (Instant::now(), Arc::clone(&known)));
        Ok(known)
    }

    async fn ask_known(&self, shape: &Shape) -> Result<Known, ApiError> {
        let properties = self.api.properties(shape).await?;
        let pipelines = match shape.stream {
            Stream::HubspotDeals => Some(self.api.pipelines().await?),
            _ => None,
        };
        let mut known = Known::new(properties, pipelines);
        // Only a name that is not in the plain list is worth asking for.
        for level in ["sensitive", "highly_sensitive"] {
            if !shape.unknown(&known).is_empty() {
                known.add_sensitive(self.api.sensitive_properties(shape, level).await?);
            }
        }
        Ok(known)
    }
}

/// What to say of a property that the portal does not know, with the remedy.
fn unknown_property(shape: &Shape, name: &str, known: &Known) -> String {
    let noun = shape.stream.namespace();
    let meant = known.near(name).map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"));
    let (who, what) = match shape.reads(name) {
        true => (format!("a rule reads {noun}.{name}"), "the rule"),
        false => (format!("hubspot.stripe_id_properties names {name}"), "that"),
    };
    format!(
        "{who}, but the portal has no {noun} property of the internal name '{name}'{meant}: correct {what}, or create the \
         property in HubSpot"
    )
}

#[async_trait]
impl Source for Hubspot {
    fn name(&self) -> SourceName {
        SourceName::Hubspot
    }

    fn streams(&self) -> Vec<Stream> {
        self.shapes.iter().map(|shape| shape.stream).collect()
    }

    fn keeps(&self, stream: Stream) -> Keeps {
        self.shapes.iter().find(|shape| shape.stream == stream).map(Shape::keeps).unwrap_or_default()
    }

    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ApiError> {
        self.page(self.shape(request.stream)?, request).await
    }

    fn is_listing(&self, _stream: Stream, cursor: &Cursor) -> bool {
        matches!(State::read(cursor), Ok((State::Listing(_), _)))
    }

    async fn read(&self, stream: Stream, ids: &[ExternalId], cursor: Option<&Cursor>) -> Result<Vec<Pulled>, ApiError> {
        let shape = self.shape(stream)?;
        let (_, home) = self.place(cursor).await?;
        let asked: BTreeSet<SourceKey> = ids.iter().map(|id| shape.key(id.as_str())).collect();
        let texts = asked.iter().map(|key| key.id.as_str().to_owned()).collect();
        let looked = self.look(shape, texts, &BTreeSet::new()).await;
        let mut answers = by_id::each_once(looked.map_err(|error| self.noted(error, home.as_ref()))?);
        // The survivor of a merge is answered as well, but was not asked for.
        answers.retain(|pulled| asked.contains(pulled.key()));
        if answers.len() != asked.len() {
            return Err(self.api.nonsense(shape, "a read by id did not answer for every id"));
        }
        Ok(answers)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.take()
    }

    async fn unknown(&self) -> Result<Vec<(String, String)>, ApiError> {
        let mut unknown = Vec::new();
        for shape in &self.shapes {
            match self.known(shape).await {
                Ok(_) => {}
                Err(ApiError { field: Some(field), message, fault: Fault::Invalid, .. }) => {
                    unknown.push((field, message))
                }
                Err(error) => return Err(error),
            }
        }
        Ok(unknown)
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }

    fn spent(&self) -> Spent {
        self.api.spent()
    }
}
