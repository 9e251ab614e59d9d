//! Writing Pivotal: a call becomes bytes, the bytes are sent, the answer is read.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::domain::{ApiError, Fault, Fields, IdempotencyKey, Kind, PivotalId};
use crate::http::{Method, Reply, Request};
use crate::ports::{Answer, Call, Prepared, RemoteObject, Writer};

use super::metadata::folded;
use super::read::{collection, object_path};
use super::{API, Api, wire};

/// Bytes an idempotency key may have; what Pivotal does with longer ones is not known (pivotal-api.md 8).
const KEY_MOST: usize = 255;

/// The half of Pivotal that changes things. Only apply is given one.
#[derive(Clone)]
pub struct PivotalWriter {
    api: Arc<Api>,
}

impl PivotalWriter {
    pub(super) fn new(api: Arc<Api>) -> Self {
        Self { api }
    }
}

#[async_trait]
impl Writer for PivotalWriter {
    /// The body is canonical JSON (sorted keys), because Pivotal may compare repeats byte for byte. A contact that names no
    /// customer gets a path Pivotal does not know: there is no such call.
    fn prepare(&self, call: &Call, key: IdempotencyKey) -> Prepared {
        match call {
            Call::Create { kind, parent, fields } => Prepared {
                method: Method::Post.as_str().to_owned(),
                path: create_path(*kind, parent.as_ref()),
                body: Some(folded(&create_body(*kind, parent.as_ref(), fields)).to_string()),
                key: Some(fitting(key)),
            },
            Call::Update { kind, id, fields } => Prepared {
                method: Method::Patch.as_str().to_owned(),
                path: object_path(*kind, id),
                body: Some(folded(fields).to_string()),
                key: None,
            },
            Call::Delete { kind, id } => Prepared {
                method: Method::Delete.as_str().to_owned(),
                path: object_path(*kind, id),
                body: None,
                key: None,
            },
        }
    }

    /// Errors as pivotal-api.md 5 and 8 name them. A DELETE that answers 404 is reported as such: whether that is "done"
    /// is the engine's to say. A POST answered 2xx without an object is [`Fault::Unexpected`] with its 2xx status: it was
    /// carried out all the same.
    async fn send(&self, prepared: &Prepared, stop: &CancellationToken) -> Result<Answer, ApiError> {
        let method = [Method::Post, Method::Patch, Method::Delete].into_iter().find(|m| m.as_str() == prepared.method);
        let target = target(&prepared.path);
        let (Some(method), Some((kind, under))) = (method, target) else { return Err(not_a_write(prepared)) };
        let mut request = Request::new(method, &prepared.path).until(stop);
        if let Some(body) = &prepared.body {
            request = request.json_text(body.clone());
        }
        if let Some(key) = &prepared.key {
            request = request.header("Idempotency-Key", key.as_str());
        }
        let reply = self.api.send(&request, &prepared.path).await;
        let reply = reply.map_err(|error| without_key(error, prepared.key.is_some()))?;
        Ok(Answer { heard: reply.heard(), object: answered(method, kind, under.as_ref(), &reply)? })
    }
}

fn create_path(kind: Kind, parent: Option<&PivotalId>) -> String {
    match (kind, parent) {
        (Kind::Contact, Some(parent)) => format!("{}/contacts", object_path(Kind::Customer, parent)),
        _ => format!("/{}", collection(kind)),
    }
}

fn create_body(kind: Kind, parent: Option<&PivotalId>, fields: &Fields) -> Fields {
    let mut body = fields.without_nulls();
    if let (Kind::Onboarding, Some(parent)) = (kind, parent) {
        body.set("customer_id", parent.as_str());
    }
    body
}

/// A key Pivotal takes: one that is too long or holds what no header may is replaced by its own hash, always the same.
fn fitting(key: IdempotencyKey) -> IdempotencyKey {
    let text = key.as_str();
    if !text.is_empty() && text.len() <= KEY_MOST && text.bytes().all(|b| b.is_ascii_graphic()) {
        return key;
    }
    IdempotencyKey::new(hex::encode(Sha256::digest(text.as_bytes())))
}

/// Which kind a path writes, and the customer it names above it.
fn target(path: &str) -> Option<(Kind, Option<PivotalId>)> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let named = |word: &str| Kind::ALL.into_iter().find(|kind| collection(*kind) == word);
    match segments.as_slice() {
        [word] | [word, _] => Some((named(word)?, None)),
        ["customers", customer, word] => Some((named(word)?, Some(PivotalId::new(*customer)))),
        _ => None,
    }
}

fn answered(
    method: Method,
    kind: Kind,
    under: Option<&PivotalId>,
    reply: &Reply,
) -> Result<Option<RemoteObject>, ApiError> {
    let silent = reply.body.iter().all(u8::is_ascii_whitespace);
    if method == Method::Delete || (method == Method::Patch && silent) {
        return Ok(None);
    }
    let json: Map<String, Json> = reply.json()?;
    wire::object(kind, under, &json).map(Some).map_err(|message| reply.unexpected(message))
}

/// A 409 that is no known uniqueness rule means the key only where a key was sent.
fn without_key(mut error: ApiError, keyed: bool) -> ApiError {
    if error.fault == Fault::KeyInUse && !keyed {
        error.fault = Fault::Invalid;
    }
    error
}

fn not_a_write(prepared: &Prepared) -> ApiError {
    ApiError {
        fault: Fault::Invalid,
        api: API,
        endpoint: format!("{} {}", prepared.method, prepared.path),
        status: None,
        code: None,
        field: None,
        message: "not a write Pivotal knows; nothing was sent".to_owned(),
        request_id: None,
    }
}
