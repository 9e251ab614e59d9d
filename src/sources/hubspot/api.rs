//! The requests, paced and typed (hubspot-api.md 4 and 7). How refusals read is in `refusal`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::domain::{ApiError, Fault, Timestamp};
use crate::http::{BuildError, Client, Gate, Pace, Patience, Profile, Reply, Request, Seen};
use crate::ports::Spent;

use super::access::{Credentials, Trader};
use super::facts::{MERGED, Shape};
use super::owners::Listed;
use super::refusal;
use super::settings::Settings;
use super::wire;

/// The name in errors.
pub(super) const API: &str = "HubSpot";
/// Most records a list answers.
pub(super) const LIST_MOST: usize = 100;
/// Most hits a search answers.
pub(super) const SEARCH_MOST: usize = 200;
/// Most ids a batch takes.
pub(super) const BATCH_MOST: usize = 100;
/// Most ids an association batch takes.
pub(super) const ASSOCIATIONS_MOST: usize = 1_000;
/// Longest property list, as it stands in a URL (trap 37: beyond some 5 kB a 414 answers).
pub(super) const URL_PROPERTIES_MOST: usize = 3_000;

/// The gate of search: five a second for the whole account and no headers that warn (trap 31), so one is left to others.
/// Everything else passes the first gate: the ten-second window, sized by the answered headers.
const SEARCH: usize = 1;

/// HubSpot as typed requests.
pub(super) struct Api {
    client: Client,
    /// Nothing when the profile's token is the credential.
    trader: Option<Trader>,
    version: String,
}

/// An answer with the server's clock when it was given.
pub(super) struct Dated<T> {
    pub now: Timestamp,
    pub body: T,
}

impl Api {
    /// Builds the client. No request is made.
    pub fn new(settings: &Settings, credentials: Credentials) -> Result<Self, BuildError> {
        let (token, trader) = match credentials {
            Credentials::Token(token) => (token, None),
            // No request of an app is signed with the profile's token.
            Credentials::App(keys) => (SecretString::default(), Some(Trader::new(keys))),
        };
        let client = Client::new(Profile {
            api: API,
            base_url: settings.base_url.clone(),
            token,
            headers: Vec::new(),
            gates: vec![
                Arc::new(Gate::new(Pace {
                    window: Duration::from_secs(10),
                    // The smallest plan's, until a header says otherwise.
                    limit: Some(100),
                    ceiling: None,
                    reserve_percent: 10,
                    read: limits,
                })),
                Arc::new(Gate::new(Pace {
                    window: Duration::from_secs(1),
                    limit: Some(4),
                    ceiling: None,
                    reserve_percent: 0,
                    read: |_| None,
                })),
            ],
            patience: Patience::default(),
            read_error: refusal::read,
        })?;
        Ok(Self { client, trader, version: settings.api_version.clone() })
    }

    /// Whether requests are signed for an OAuth app.
    pub fn is_app(&self) -> bool {
        self.trader.is_some()
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        self.client.spent()
    }

    /// Whose token this is.
    pub async fn account(&self) -> Result<wire::Account, ApiError> {
        self.send(Request::get(format!("/account-info/{}/details", self.version))).await
    }

    /// One page of live records, by id.
    pub async fn list(
        &self,
        shape: &Shape,
        after: Option<&str>,
        properties: &str,
        limit: usize,
    ) -> Result<Dated<wire::Listed>, ApiError> {
        self.dated(self.list_request(shape, after, limit).query("properties", properties).query("archived", "false"))
            .await
    }

    /// One page of archived records: there is no filter and no order by time (trap 8).
    pub async fn list_archived(
        &self,
        shape: &Shape,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Dated<wire::Archived>, ApiError> {
        let request = self.list_request(shape, after, limit);
        self.dated(request.query("properties", MERGED).query("archived", "true")).await
    }

    fn list_request(&self, shape: &Shape, after: Option<&str>, limit: usize) -> Request {
        let request = Request::get(self.objects(shape, "")).query("limit", limit.to_string());
        match after {
            Some(after) => request.query("after", after),
            None => request,
        }
    }

    /// Ids and stamps of what changed within the window, above the id given, in the order of ids (traps 1, 5, 6).
    pub async fn search(
        &self,
        shape: &Shape,
        from: Timestamp,
        to: Timestamp,
        above: Option<&str>,
    ) -> Result<wire::Searched, ApiError> {
        let filter = |name: &str, operator: &str, value: &str| json!({"propertyName": name, "operator": operator, "value": value});
        let mut filters = vec![
            filter(shape.modified, "GTE", &from.timestamp_millis().to_string()),
            filter(shape.modified, "LTE", &to.timestamp_millis().to_string()),
        ];
        filters.extend(above.map(|id| filter("hs_object_id", "GT", id)));
        let body = json!({
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id", shape.modified],
            "limit": SEARCH_MOST,
        });
        self.send(Request::post_json(self.objects(shape, "/search"), &body).gate(SEARCH)).await
    }

    /// Reads records by id. A 404 is either "none of these" or "no such object type" (trap 35): a list that answers
    /// proves the former, so nobody takes a wrong path for mass absence.
    pub async fn batch_read(
        &self,
        shape: &Shape,
        ids: &[String],
        properties: &[String],
        archived: bool,
    ) -> Result<wire::Batch, ApiError> {
        let inputs: Vec<Json> = ids.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"inputs": inputs, "properties": properties, "propertiesWithHistory": []});
        let path = self.objects(shape, "/batch/read");
        let request = Request::post_json(path, &body).query("archived", if archived { "true" } else { "false" });
        let reply = match self.ask(request).await {
            Ok(reply) => reply,
            Err(error) if error.fault == Fault::NotFound => {
                self.list(shape, None, "hs_object_id", 1).await?;
                return Ok(wire::Batch::none());
            }
            Err(error) => return Err(error),
        };
        let batch: wire::Batch = reply.json()?;
        check_batch(&reply, &batch)?;
        let silent = batch.errors.is_empty() && batch.results.as_ref().is_none_or(Vec::is_empty);
        match reply.status {
            // The status alone says that none was found (section 4.3).
            207 if silent => Ok(wire::Batch::none()),
            _ if silent && ids.len() == 1 => {
                Err(reply.unexpected("neither the asked record nor a word that it is not there"))
            }
            _ => Ok(batch),
        }
    }

    /// The companies linked with records, one page of links per record: `inputs` are ids with where their links go on.
    pub async fn associations(
        &self,
        shape: &Shape,
        inputs: &[(String, Option<String>)],
    ) -> Result<wire::Associations, ApiError> {
        let inputs: Vec<Json> = inputs
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({"id": id, "after": after}),
                None => json!({"id": id}),
            })
            .collect();
        let path = format!("/crm/associations/{}/{}/companies/batch/read", self.version, shape.object);
        let reply = self.ask(Request::post_json(path, &json!({"inputs": inputs}))).await?;
        let answer: wire::Associations = reply.json()?;
        // "No company is associated with this contact" comes as an error of the record; anything else is one of ours.
        match answer.errors.iter().find(|error| !error.is_absence()) {
            Some(error) => Err(unfinished(&reply, error.message.as_deref())),
            None => Ok(answer),
        }
    }

    /// What properties the portal has.
    pub async fn properties(&self, shape: &Shape) -> Result<wire::Properties, ApiError> {
        self.send(Request::get(format!("/crm/properties/{}/{}", self.version, shape.object))).await
    }

    /// What sensitive properties the portal has: the plain list leaves them out (trap 20).
    pub async fn sensitive_properties(&self, shape: &Shape, level: &str) -> Result<wire::Properties, ApiError> {
        let path = format!("/crm/properties/{}/{}", self.version, shape.object);
        self.send(Request::get(path).query("dataSensitivity", level)).await
    }

    /// The deal pipelines with their stages.
    pub async fn pipelines(&self) -> Result<wire::Pipelines, ApiError> {
        self.send(Request::get(format!("/crm/pipelines/{}/deals", self.version))).await
    }

    /// One page of the account's owners, deactivated or not (trap 27).
    pub async fn owners(&self, archived: bool, after: Option<&str>, limit: usize) -> Result<Listed, ApiError> {
        let request = Request::get(self.owners_path()).query("limit", limit.to_string());
        let request = request.query("archived", if archived { "true" } else { "false" });
        self.send(match after {
            Some(after) => request.query("after", after),
            None => request,
        })
        .await
    }

    fn owners_path(&self) -> String {
        format!("/crm/owners/{}", self.version)
    }

    /// A list of owners that would go on for ever.
    pub fn odd_owners(&self, message: String) -> ApiError {
        self.odd(self.owners_path(), message)
    }

    /// A request that made no sense, named as this room's requests are.
    pub fn refused(&self, shape: &Shape, field: String, message: String) -> ApiError {
        ApiError {
            fault: Fault::Invalid,
            api: API,
            endpoint: format!("GET /crm/properties/{}/{}", self.version, shape.object),
            status: None,
            code: Some(ApiError::UNKNOWN_NAME.to_owned()),
            field: Some(field),
            message,
            request_id: None,
        }
    }

    /// A property that the portal has and this key may not see.
    pub fn withheld(&self, shape: &Shape, name: &str) -> ApiError {
        let scopes = ["sensitive", "highly_sensitive"].map(|how| format!("crm.objects.{}.{how}.read.v2", shape.object));
        ApiError {
            fault: Fault::Forbidden { scopes: scopes.into() },
            api: API,
            endpoint: self.objects(shape, ""),
            status: None,
            code: Some("withheld_property".to_owned()),
            field: Some(format!("{}.{name}", shape.stream.namespace())),
            message: format!(
                "a rule reads the sensitive property '{name}', which the key may not see: it would read as empty"
            ),
            request_id: None,
        }
    }

    /// An answer that would make the pull go wrong: stop.
    pub fn nonsense(&self, shape: &Shape, message: impl Into<String>) -> ApiError {
        self.odd(self.objects(shape, ""), message.into())
    }

    fn odd(&self, endpoint: String, message: String) -> ApiError {
        let (fault, status, code, field, request_id) = (Fault::Unexpected, None, None, None, None);
        ApiError { fault, api: API, endpoint, status, code, field, message, request_id }
    }

    fn objects(&self, shape: &Shape, rest: &str) -> String {
        format!("/crm/objects/{}/{}{rest}", self.version, shape.object)
    }

    async fn ask(&self, request: Request) -> Result<Reply, ApiError> {
        let request = match &self.trader {
            Some(trader) => request.bearer(trader.token(&self.client, &self.version).await?),
            None => request,
        };
        self.client.send(&request).await
    }

    async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, ApiError> {
        self.ask(request).await?.json()
    }

    async fn dated<T: DeserializeOwned>(&self, request: Request) -> Result<Dated<T>, ApiError> {
        let reply = self.ask(request).await?;
        let now = reply.date().ok_or_else(|| reply.unexpected("no readable Date header, by which windows are cut"))?;
        Ok(Dated { now, body: reply.json()? })
    }
}

/// Whether a batch answer may be believed: complete, and with no error but absence (trap 34).
fn check_batch(reply: &Reply, batch: &wire::Batch) -> Result<(), ApiError> {
    if batch.results.is_none() && batch.errors.is_empty() {
        return Err(reply.unexpected("neither results nor errors in a batch answer"));
    }
    if let Some(status) = batch.status.as_deref().filter(|s| !s.eq_ignore_ascii_case("complete")) {
        return Err(unfinished(reply, Some(&format!("the batch is {status}"))));
    }
    match batch.errors.iter().find(|error| !error.is_absence()) {
        Some(error) => Err(unfinished(reply, error.message.as_deref())),
        None => Ok(()),
    }
}

fn unfinished(reply: &Reply, message: Option<&str>) -> ApiError {
    let message = format!("part of a batch failed: {}", message.unwrap_or("no reason given"));
    ApiError { fault: Fault::Unavailable, ..reply.unexpected(message) }
}

/// `X-HubSpot-RateLimit-*`; the `-Secondly` ones are sent but mean nothing any more (section 7).
fn limits(headers: &HeaderMap) -> Option<Seen> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let window = number("x-hubspot-ratelimit-interval-milliseconds").filter(|ms| *ms > 0);
    Some(Seen {
        limit: number("x-hubspot-ratelimit-max")?,
        remaining: number("x-hubspot-ratelimit-remaining")?,
        window: window.map(|ms| Duration::from_millis(ms.into())),
    })
}
