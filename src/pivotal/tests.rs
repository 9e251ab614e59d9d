//! Both halves against a scripted server on loopback: every error path, both `/me` shapes, ties, exact bytes.

use std::collections::VecDeque;

use axum::body::Bytes;
use axum::extract::{Request as Incoming, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::*;
use crate::domain::{ApiError, Cursor, Fault, Fields, IdempotencyKey, Kind, PivotalId, Value};
use crate::ports::{Call, Prepared, Target, Writer};

/// One request as it arrived.
struct Arrived {
    method: String,
    uri: String,
    key: Option<String>,
    authorization: String,
    body: Bytes,
}

type Answer = (u16, Vec<(&'static str, String)>, String);

/// A server that gives the answers it was told to, in order, the last one again and again.
struct Scripted {
    answers: Mutex<VecDeque<Answer>>,
    arrived: Mutex<Vec<Arrived>>,
}

impl Scripted {
    async fn serve(State(me): State<Arc<Self>>, request: Incoming) -> Response {
        let (parts, body) = request.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        me.arrived.lock().unwrap().push(Arrived {
            method: parts.method.to_string(),
            uri: parts.uri.to_string(),
            key: header("idempotency-key"),
            authorization: header("authorization").unwrap_or_default(),
            body,
        });
        let mut answers = me.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let (status, headers, body) = answer.unwrap();
        let mut response = (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }

    fn uris(&self) -> Vec<String> {
        self.arrived.lock().unwrap().iter().map(|a| format!("{} {}", a.method, a.uri)).collect()
    }
}

async fn pivotal(answers: Vec<Answer>) -> (Arc<Scripted>, PivotalReader, PivotalWriter) {
    let server = Arc::new(Scripted { answers: Mutex::new(answers.into()), arrived: Mutex::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = Url::parse(&format!("http://{}/api/v1", listener.local_addr().unwrap())).unwrap();
    let router = axum::Router::new().fallback(Scripted::serve).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = Settings {
        base_url,
        workspace: "acme".to_owned(),
        requests_per_minute: None,
        reserve_percent: 10,
        concurrency: 4,
        mrr_unit: None,
        api_key_file: None,
        webhook_secret_file: None,
    };
    let patience = Patience { first: Duration::from_millis(1), attempts: 3, ..Patience::default() };
    let (reader, writer) = connect_with(&settings, "pivotal_k".to_owned().into(), patience).unwrap();
    (server, reader, writer)
}

impl PivotalReader {
    fn told(&self) -> Vec<String> {
        self.api.deprecations_told.lock().unwrap().iter().cloned().collect()
    }
}

fn ok(body: &Json) -> Answer {
    (200, Vec::new(), body.to_string())
}

fn refused(status: u16, kind: &str, code: &str) -> Answer {
    let error = json!({"error": {"type": kind, "code": code, "message": "why", "field": "slug", "new": 1}});
    (status, Vec::new(), error.to_string())
}

fn create() -> Call {
    Call::Create { kind: Kind::Customer, parent: None, fields: [("name", "Acme".into())].into() }
}

async fn sending(answer: Answer, call: &Call) -> (usize, Result<crate::ports::Answer, ApiError>) {
    let (server, _, writer) = pivotal(vec![answer]).await;
    let result = writer.send(&writer.prepare(call, IdempotencyKey::new("k")), &CancellationToken::new()).await;
    (server.uris().len(), result)
}

#[tokio::test]
async fn both_shapes_of_me_are_read_3() {
    let specified = json!({"object": "me",
        "api_key": {"id": "1", "name": "sync", "prefix": "pivotal_ab", "scopes": ["x"], "rate_limit_tier": "odd"},
        "organization": {"id": "org1", "slug": "acme", "name": "Acme"}});
    let guide = json!({"object": "api_key_identity", "key_name": "sync", "key_prefix": "pivotal_ab",
        "organization": {"id": "org1", "slug": "acme", "name": "Acme", "plan": null}, "api_key": null});
    for shape in [specified, guide] {
        let limit = vec![("x-ratelimit-limit", "600".to_owned()), ("x-ratelimit-remaining", "599".to_owned())];
        let (server, reader, _) = pivotal(vec![(200, limit, shape.to_string())]).await;
        let me = reader.identify().await.unwrap();
        assert_eq!((me.workspace_id.as_str(), me.workspace_slug.as_str()), ("org1", "acme"));
        assert_eq!((me.key_name.as_str(), me.key_prefix.as_str()), ("sync", "pivotal_ab"));
        assert_eq!((me.limit_per_minute, reader.rate_per_minute()), (Some(600), Some(540)));
        assert_eq!(server.uris(), ["GET /api/v1/me"]);
        assert_eq!(server.arrived.lock().unwrap()[0].authorization, "Bearer pivotal_k");
    }
    let (_, reader, _) = pivotal(vec![ok(&json!({"object": "api_key_identity", "key_name": "sync"}))]).await;
    assert_eq!(reader.identify().await.unwrap_err().fault, Fault::Unexpected, "nobody's workspace");
}

#[tokio::test]
async fn each_error_has_its_fault_5_and_8() {
    let taken = |code: &str| Fault::Taken { code: code.to_owned() };
    let forbidden = Fault::Forbidden { scopes: Vec::new() };
    for (answer, fault, attempts) in [
        (refused(400, "invalid_request_error", "too_small"), Fault::Invalid, 1),
        (refused(401, "authentication_error", "api_key_revoked"), Fault::Unauthorised, 1),
        (refused(403, "permission_error", "x"), forbidden, 1),
        (refused(404, "not_found", "customer_not_found"), Fault::NotFound, 1),
        (refused(409, "conflict", "slug_taken"), taken("slug_taken"), 1),
        (refused(409, "conflict", "email_taken"), taken("email_taken"), 1),
        (refused(409, "conflict", "whatever_they_call_it"), Fault::KeyInUse, 3),
        (refused(500, "internal_error", "x"), Fault::Unavailable, 3),
    ] {
        let (made, result) = sending(answer, &create()).await;
        let error = result.unwrap_err();
        assert_eq!((&error.fault, made), (&fault, attempts), "{error}");
        assert_eq!((error.field.as_deref(), error.message.as_str()), (Some("slug"), "why"));
        assert!(error.code.is_some());
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_tolerated_5() {
    let html = |status| (status, Vec::new(), "<html>Bad gateway</html>".to_owned());
    for (status, fault) in [(502, Fault::Unavailable), (503, Fault::Unavailable), (409, Fault::KeyInUse)] {
        let (made, result) = sending(html(status), &create()).await;
        assert_eq!((result.unwrap_err().fault, made), (fault, 3));
    }
    for status in [200, 404] {
        let (_, result) = sending(html(status), &create()).await;
        assert_eq!(result.unwrap_err().fault, Fault::Unexpected, "{status}");
    }
}

#[tokio::test]
async fn a_429_is_waited_out_and_counted_4() {
    let mut answer = refused(429, "rate_limit_error", "rate_limited");
    answer.1.push(("retry-after", "0".to_owned()));
    let (server, reader, _) =
        pivotal(vec![answer, ok(&json!({"object": "customer", "id": "c1", "display_id": "7"}))]).await;
    let object = reader.get(Kind::Customer, &PivotalId::new("c1")).await.unwrap();
    assert_eq!((object.display_id, server.uris().len()), (Some(7), 2));
    assert_eq!((reader.spent().requests, reader.spent().throttled), (2, 1));
}

#[tokio::test]
async fn a_clash_without_a_key_is_no_key_clash_8() {
    let call = Call::Update { kind: Kind::Customer, id: PivotalId::new("c1"), fields: [("name", "A".into())].into() };
    let (_, result) = sending(refused(409, "conflict", "odd"), &call).await;
    assert_eq!(result.unwrap_err().fault, Fault::Invalid);
}

#[tokio::test]
async fn an_in_flight_key_passes_when_the_first_is_done_8() {
    let created = json!({"object": "customer", "id": "c1", "display_id": 1, "name": "Acme"});
    let (server, _, writer) = pivotal(vec![refused(409, "conflict", "busy"), ok(&created)]).await;
    let prepared = writer.prepare(&create(), IdempotencyKey::new("k"));
    let answer = writer.send(&prepared, &CancellationToken::new()).await.unwrap();
    assert_eq!(answer.object.unwrap().id, PivotalId::new("c1"));
    let arrived = server.arrived.lock().unwrap();
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|a| a.body == prepared.body.clone().unwrap() && a.key.as_deref() == Some("k")));
}

#[tokio::test]
async fn a_2xx_of_another_shape_is_unexpected() {
    for body in ["", "[]", "{}", r#"{"object":"customer"}"#, r#"{"object":"contact","id":"c1"}"#, r#"{"id":7}"#] {
        let (_, result) = sending((201, Vec::new(), body.to_owned()), &create()).await;
        let error = result.unwrap_err();
        assert_eq!((&error.fault, error.status), (&Fault::Unexpected, Some(201)), "{body}");
    }
    let (_, reader, _) =
        pivotal(vec![ok(&json!({"object": "list", "data": [{"name": "no id"}], "has_more": false}))]).await;
    assert_eq!(reader.list(Kind::Customer, None, None).await.unwrap_err().fault, Fault::Unexpected);
}

#[test]
fn the_same_call_gives_the_same_bytes() {
    let base_url = Url::parse("http://127.0.0.1:9/api/v1").unwrap();
    let settings = Settings {
        base_url,
        workspace: String::new(),
        requests_per_minute: Some(30),
        reserve_percent: 0,
        concurrency: 1,
        mrr_unit: None,
        api_key_file: None,
        webhook_secret_file: None,
    };
    let (_, writer) = connect(&settings, "k".to_owned().into()).unwrap();
    let (parent, id) = (PivotalId::new("cl1"), PivotalId::new("x/1"));
    let fields: Fields = [("b", Value::Null), ("a", "é".into()), ("n", Value::Number(5.into()))].into();
    let key = || IdempotencyKey::new("create customer 1");
    let of = |call: Call| writer.prepare(&call, key());
    let shown = |p: &Prepared| format!("{} {} {}", p.method, p.path, p.body.as_deref().unwrap_or("-"));

    let customer = of(Call::Create { kind: Kind::Customer, parent: None, fields: fields.clone() });
    assert_eq!(shown(&customer), r#"POST /customers {"a":"é","n":5}"#);
    assert_eq!(customer, of(Call::Create { kind: Kind::Customer, parent: None, fields: fields.clone() }));
    assert_eq!(customer.key.as_ref().unwrap().as_str().len(), 64, "a key no header may hold is hashed");
    let contact = of(Call::Create { kind: Kind::Contact, parent: Some(parent.clone()), fields: fields.clone() });
    assert_eq!(shown(&contact), r#"POST /customers/cl1/contacts {"a":"é","n":5}"#);
    let onboarding = of(Call::Create { kind: Kind::Onboarding, parent: Some(parent), fields: fields.clone() });
    assert_eq!(shown(&onboarding), r#"POST /onboardings {"a":"é","customer_id":"cl1","n":5}"#);
    let update = of(Call::Update { kind: Kind::Contact, id: id.clone(), fields });
    assert_eq!(shown(&update), r#"PATCH /contacts/x%2F1 {"a":"é","b":null,"n":5}"#);
    let delete = of(Call::Delete { kind: Kind::Onboarding, id });
    assert_eq!(shown(&delete), "DELETE /onboardings/x%2F1 -");
    assert!(update.key.is_none() && delete.key.is_none());

    for (text, kept) in [("a".repeat(255), true), ("a".repeat(256), false)] {
        let prepared = writer.prepare(&create(), IdempotencyKey::new(text.clone()));
        assert_eq!(prepared.key.unwrap().as_str() == text, kept);
    }
}

#[tokio::test]
async fn a_delete_answers_no_object_and_a_missing_one_is_told() {
    let call = Call::Delete { kind: Kind::Contact, id: PivotalId::new("k1") };
    let (_, result) =
        sending(ok(&json!({"object": "deleted", "id": "k1", "display_id": 3, "deleted": true})), &call).await;
    assert_eq!(result.unwrap().object, None);
    let (_, result) = sending((204, Vec::new(), String::new()), &call).await;
    assert_eq!(result.unwrap().heard.status, Some(204));
    let (_, result) = sending(refused(404, "not_found", "contact_not_found"), &call).await;
    assert_eq!(result.unwrap_err().fault, Fault::NotFound);
}

#[tokio::test]
async fn an_object_keeps_all_it_says_but_its_envelope_10() {
    let contact = json!({"object": "contact", "id": "k1", "display_id": 3, "customer_id": "c1", "name": "Ann",
        "labels": ["a", "b"], "is_primary": true, "title": null, "score": 0.125, "mrr": 125000, "new": {"deep": 1},
        "created_at": "2026-05-26T17:21:09.412Z", "updated_at": "2026-05-26T17:21:09.412Z"});
    let (server, reader, _) = pivotal(vec![ok(&contact)]).await;
    let object = reader.get(Kind::Contact, &PivotalId::new("k1")).await.unwrap();
    assert_eq!(server.uris(), ["GET /api/v1/contacts/k1"]);
    assert_eq!((object.display_id, object.parent), (Some(3), Some(PivotalId::new("c1"))));
    let names: Vec<_> = object.fields.0.keys().map(String::as_str).collect();
    assert_eq!(names, ["is_primary", "labels", "mrr", "name", "new", "score", "title"]);
    assert_eq!(object.fields.get("score"), Some(&Value::Number("0.125".parse().unwrap())));
    assert_eq!(object.fields.get("mrr"), Some(&Value::Number(125_000.into())));
    assert_eq!(object.fields.get("title"), Some(&Value::Null));
    assert_eq!(object.created_at, wire::instant("2026-05-26T17:21:09.412Z"));
}

fn page(created: &[&str], next: Option<&str>) -> Answer {
    let data: Vec<_> = created
        .iter()
        .map(|at| json!({"object": "customer", "id": at, "status": "active", "created_at": at}))
        .collect();
    ok(&json!({"object": "list", "data": data, "has_more": next.is_some(), "next_cursor": next}))
}

/// Tie hazard, pivotal-api.md 6. Request cursor, rows, answered cursor; expected next cursor and doubt, or none for stuck.
#[tokio::test]
async fn ties_are_read_again_and_a_list_that_stands_still_ends() {
    const A: &str = "2026-05-26T17:21:09.412Z";
    const A_AFTER: &str = "2026-05-26T17:21:09.413Z";
    const B: &str = "2026-05-26T17:21:10.000Z";
    const OLDER: &str = "2026-05-25T17:21:10.000Z";
    for (sent, rows, told, expected) in [
        (None, &[B, A][..], A, Some((A_AFTER, false))),
        (Some(B), &[A, "2026-05-26T17:21:09Z"], "2026-05-26T17:21:09Z", Some(("2026-05-26T17:21:09.001Z", false))),
        (None, &[A, A], A, Some(("tied|0|2026-05-26T17:21:09.412Z", false))),
        (Some(A_AFTER), &[A, A], A, Some(("tied|0|2026-05-26T17:21:09.412Z", false))),
        // In parts, one for each status; a part that fills a page leaves a doubt. Then what is older.
        (Some("tied|0|2026-05-26T17:21:09.412Z"), &[A, A], A, Some(("tied|1|2026-05-26T17:21:09.412Z", true))),
        (Some("tied|4|2026-05-26T17:21:09.412Z"), &[A, OLDER], OLDER, Some((A, false))),
        (Some(A), &[A, A], A, None),
        (Some(A), &[B], B, None),
        (Some("p2"), &[A], "p3", Some(("p3", true))),
        (Some("p2"), &[A], "p2", None),
    ] {
        let (server, reader, _) = pivotal(vec![page(rows, Some(told))]).await;
        let sent = sent.map(|text| Cursor(text.to_owned()));
        let answer = reader.list(Kind::Customer, None, sent.as_ref()).await;
        match expected {
            Some((next, doubt)) => {
                let answer = answer.unwrap();
                assert_eq!((answer.next, answer.possibly_incomplete), (Some(Cursor(next.to_owned())), doubt));
            }
            None => assert_eq!(answer.unwrap_err().fault, Fault::Unexpected),
        }
        assert!(server.uris()[0].starts_with("GET /api/v1/customers?limit=100"), "{:?}", server.uris());
    }
}

#[tokio::test]
async fn the_flag_ends_a_list_and_its_path_follows_the_parent_6() {
    let (server, reader, _) = pivotal(vec![page(&["2026-05-26T17:21:09Z"], None)]).await;
    let parent = PivotalId::new("c1");
    let contacts = reader.list(Kind::Contact, Some(&parent), None).await;
    assert_eq!(contacts.unwrap_err().fault, Fault::Unexpected, "customers where contacts were asked for");
    let end = reader.list(Kind::Customer, None, None).await.unwrap();
    assert_eq!((end.objects.len(), end.next, end.possibly_incomplete), (1, None, false));
    assert_eq!(reader.list(Kind::Contact, None, None).await.unwrap_err().fault, Fault::Invalid);
    assert_eq!(server.uris(), ["GET /api/v1/customers/c1/contacts?limit=100", "GET /api/v1/customers?limit=100"]);

    let endless = json!({"object": "list", "data": [], "has_more": true, "next_cursor": null});
    let (_, reader, _) = pivotal(vec![ok(&endless)]).await;
    assert_eq!(reader.list(Kind::Onboarding, None, None).await.unwrap_err().fault, Fault::Unexpected);
}

#[tokio::test]
async fn a_deprecation_is_told_once_per_endpoint_7() {
    let answer = (200, vec![("deprecation", "2027-01-01".to_owned())], json!({"id": "c1"}).to_string());
    let (_, reader, _) = pivotal(vec![answer]).await;
    for id in ["c1", "c2"] {
        reader.get(Kind::Customer, &PivotalId::new(id)).await.unwrap();
    }
    assert_eq!(reader.told(), ["GET /customers/{id}"]);
}
