//! Reading Pivotal: whose key it is, walks, single objects.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use crate::domain::{ApiError, Cursor, Fault, Kind, PivotalId, Timestamp};
use crate::http::{Reply, Request};
use crate::ports::{Identity, PaceMemory, RemoteObject, RemotePage, Spent, Target};

use super::ties::Tied;
use super::wire::{self, List};
use super::{API, Api};

/// Objects a page; the most Pivotal gives. Always sent, because its default is told in two ways (pivotal-api.md 6).
const PAGE: &str = "100";

/// All that planning ever sees of Pivotal.
#[derive(Clone)]
pub struct PivotalReader {
    pub(super) api: Arc<Api>,
}

impl PivotalReader {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self { api }
    }

    /// One part of a tied millisecond. A word that Pivotal does not know as a status stands for nobody.
    async fn list_tied(&self, request: Request, path: &str, kind: Kind, tied: &Tied) -> Result<RemotePage, ApiError> {
        let request = request.query("cursor", &tied.just_after).query("status", tied.status());
        let objects = match self.api.send(&request, path).await {
            Err(error) if error.fault == Fault::Invalid && error.field.as_deref() == Some("status") => Vec::new(),
            Err(error) => return Err(error),
            Ok(reply) => {
                let list: List = reply.json()?;
                let objects = list.data.iter().map(|json| wire::object(kind, None, json));
                let objects = objects.collect::<Result<_, _>>().map_err(|message| reply.unexpected(message))?;
                return Ok(tied.page(objects, list.has_more));
            }
        };
        Ok(tied.page(objects, false))
    }
}

#[async_trait]
impl Target for PivotalReader {
    async fn identify(&self) -> Result<Identity, ApiError> {
        let reply = self.api.send(&Request::get("/me"), "/me").await?;
        let me: Map<String, Json> = reply.json()?;
        let limit = self.api.client.gate(0).and_then(|gate| gate.limit());
        wire::identity(&me, limit).ok_or_else(|| reply.unexpected("the answer names no workspace"))
    }

    async fn list(
        &self,
        kind: Kind,
        parent: Option<&PivotalId>,
        cursor: Option<&Cursor>,
    ) -> Result<RemotePage, ApiError> {
        let path = list_path(kind, parent).ok_or_else(|| no_such_list(kind))?;
        let mut request = Request::get(&path).query("limit", PAGE);
        if let Some(tied) = cursor.and_then(Tied::read) {
            return self.list_tied(request, &path, kind, &tied).await;
        }
        if let Some(cursor) = cursor {
            request = request.query("cursor", &cursor.0);
        }
        let reply = self.api.send(&request, &path).await?;
        let list: List = reply.json()?;
        let objects = list.data.iter().map(|json| wire::object(kind, parent, json));
        let objects: Vec<_> = objects.collect::<Result<_, _>>().map_err(|message| reply.unexpected(message))?;
        if !list.has_more {
            return Ok(RemotePage { objects, next: None, possibly_incomplete: false });
        }
        let (next, possibly_incomplete) = next_page(&reply, list.next_cursor, cursor, &objects)?;
        if possibly_incomplete && let Some(tied) = Tied::at(kind, &next, &objects) {
            return Ok(RemotePage { objects, next: Some(tied.cursor()), possibly_incomplete: false });
        }
        Ok(RemotePage { objects, next: Some(next), possibly_incomplete })
    }

    async fn get(&self, kind: Kind, id: &PivotalId) -> Result<RemoteObject, ApiError> {
        let path = object_path(kind, id);
        let reply = self.api.send(&Request::get(&path), &path).await?;
        let json: Map<String, Json> = reply.json()?;
        wire::object(kind, None, &json).map_err(|message| reply.unexpected(message))
    }

    fn rate_per_minute(&self) -> Option<u32> {
        self.api.client.gate(0).and_then(|gate| gate.per_minute())
    }

    fn wait(&self) -> Option<Duration> {
        self.api.client.gate(0).and_then(|gate| gate.wait())
    }

    fn hurry(&self, hurried: bool) {
        if let Some(gate) = self.api.client.gate(0) {
            gate.hurry(hurried);
        }
    }

    fn pace(&self) -> PaceMemory {
        self.api.client.gate(0).map(|gate| gate.memory()).unwrap_or_default()
    }

    fn recall(&self, memory: &PaceMemory) {
        if let Some(gate) = self.api.client.gate(0) {
            gate.recall(memory);
        }
    }

    fn spent(&self) -> Spent {
        self.api.client.spent()
    }
}

/// The path of a kind's objects.
pub(super) const fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::Customer => "customers",
        Kind::Contact => "contacts",
        Kind::Onboarding => "onboardings",
    }
}

/// The path of one object.
pub(super) fn object_path(kind: Kind, id: &PivotalId) -> String {
    format!("/{}/{}", collection(kind), Request::segment(id.as_str()))
}

/// The path of a list. There is no list of all contacts (pivotal-api.md 1).
fn list_path(kind: Kind, parent: Option<&PivotalId>) -> Option<String> {
    match (kind, parent) {
        (Kind::Customer, _) => Some("/customers".to_owned()),
        (Kind::Onboarding, None) => Some("/onboardings".to_owned()),
        (Kind::Contact, None) => None,
        (_, Some(parent)) => Some(format!("{}/{}", object_path(Kind::Customer, parent), collection(kind))),
    }
}

fn no_such_list(kind: Kind) -> ApiError {
    ApiError {
        fault: Fault::Invalid,
        api: API,
        endpoint: format!("GET /{}", collection(kind)),
        status: None,
        code: None,
        field: None,
        message: format!("Pivotal lists {kind}s of one customer only"),
        request_id: None,
    }
}

/// Where to go on from, and whether ties may have hidden rows.
///
/// A page ends inside a millisecond whose other rows a strictly older cursor would skip for ever, so the next page begins
/// one millisecond later and shows some rows twice. Only when a whole page holds a single millisecond is that
/// impossible: then the plain cursor is used, and the walk may be incomplete (pivotal-api.md 6).
fn next_page(
    reply: &Reply,
    told: Option<String>,
    sent: Option<&Cursor>,
    objects: &[RemoteObject],
) -> Result<(Cursor, bool), ApiError> {
    let told = told.ok_or_else(|| reply.unexpected("has_more without a next_cursor"))?;
    let stuck = || reply.unexpected(format!("the list does not advance: next_cursor {told} again"));
    let Some(at) = wire::instant(&told) else {
        // No longer a time: nothing is known of ties any more.
        return if sent.is_some_and(|c| c.0 == told) { Err(stuck()) } else { Ok((Cursor(told), true)) };
    };
    let before: Option<Timestamp> = sent.and_then(|cursor| wire::instant(&cursor.0));
    if before.is_some_and(|before| at >= before) {
        return Err(stuck());
    }
    let one_millisecond = objects.iter().all(|o| o.created_at.is_some_and(|t| millisecond(t) == millisecond(at)));
    match wire::just_after(at) {
        Some((after, text)) if !one_millisecond && before.is_none_or(|before| after < before) => {
            Ok((Cursor(text), false))
        }
        _ => Ok((Cursor(told), true)),
    }
}

const fn millisecond(at: Timestamp) -> i64 {
    at.timestamp_millis()
}
