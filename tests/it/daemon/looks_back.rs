//! `audit` and `undo` typed while a daemon runs: it does them for people who have no credentials.

use std::process::Stdio;

use pivotal_sync::domain::RunId;
use pivotal_sync::engine::{Silent, UndoPlan};
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::door::{asked, asked_with};
use super::host::Host;
use crate::rig::{Rig, portal};

/// What may differ between two stores, or with the time. Objects are numbered as their creates, several at once, come in.
const OWN: [&str; 8] =
    ["display_id", "started_at", "finished_at", "streams", "requests", "pivotal_id", "first_seen_at", "changed_at"];

fn bare(json: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.retain(|key, _| !OWN.contains(&key.as_str()));
                object.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut json = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    strip(&mut json);
    json
}

/// Two worlds that are alike, one with a daemon.
struct Both {
    alone: Rig,
    handed: Rig,
}

impl Both {
    async fn with(companies: usize, contacts: usize, more: &str) -> Self {
        let (alone, handed) =
            (Rig::with(portal(companies, contacts)).await, Rig::with(portal(companies, contacts)).await);
        let both = Self { alone, handed };
        both.each(|rig| rig.configure(more));
        both
    }

    fn each(&self, act: impl Fn(&Rig)) {
        [&self.alone, &self.handed].into_iter().for_each(act);
    }

    /// Types it in both. It must end with the code, say the same, and send Pivotal as many writes.
    fn type_in(&self, code: i32, line: &str, writes: usize) -> (String, String) {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.each(|rig| drop(rig.writes()));
        let output = self.alone.command(&words).output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{line}: {out}{err}");
        let (code_handed, out_handed, err_handed) = asked(&self.handed, &words);
        assert_eq!(code_handed, Some(code), "{line}: {out_handed}{err_handed}");
        if line.ends_with("--json") {
            assert_eq!(bare(&out_handed), bare(&out), "{line}");
        }
        assert_eq!(err_handed, err, "{line}");
        assert_eq!([&self.alone, &self.handed].map(|rig| rig.writes().len()), [writes; 2], "{line}");
        (out_handed, err_handed)
    }
}

fn edit(rig: &Rig, field: &str, value: &str) {
    let id = rig.pivotal().customer_with("slug", "company-0").unwrap().id.clone();
    assert!(rig.pivotal().edit_customer(&id, field, value.into()));
}

fn rename(rig: &Rig, name: &str) {
    let mut hubspot = rig.hubspot();
    for company in hubspot.ids(ObjectType::Company).collect::<Vec<_>>() {
        hubspot.set_property(ObjectType::Company, &company, "name", &format!("{name} {company}")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_says_and_does_the_same_with_and_without_a_daemon() {
    let both = Both::with(3, 1, "[customers.owner]\ndomain = \"source\"\n").await;
    let host = Host::ready(&both.handed);
    // The daemon has made its store by now; alone nothing makes one for a look.
    let store = both.alone.folder.path().join("state.db");
    pivotal_sync::store::Store::open(&store).await.unwrap().close().await;
    let (out, _) = both.type_in(1, "audit --json", 0);
    assert_eq!(bare(&out)["error"]["kind"], "audit", "nothing was written yet");
    both.type_in(0, "backfill --json", 6);
    both.each(|rig| edit(rig, "name", "By hand"));
    both.each(|rig| edit(rig, "domain", "hand.com"));

    let (out, _) = both.type_in(3, "audit --dry-run --json", 0);
    assert_eq!(bare(&out)["findings"].as_array().unwrap().len(), 2);
    let (out, _) = both.type_in(0, "audit company1.com --json", 0);
    assert_eq!((&bare(&out)["findings"], &bare(&out)["audit"]["customers"]), (&json!([]), &json!(1)));
    let (out, _) = both.type_in(0, "audit --json", 1);
    assert_eq!(bare(&out)["findings"][0]["kind"], "edited", "left as somebody made it");
    let (out, _) = both.type_in(0, "audit --deep --json", 0);
    assert_eq!(bare(&out)["audit"]["contacts"], 3);

    // A name that nothing bears: the same words, and no trace of them where others read.
    let (_, err) = both.type_in(1, "audit ann@nowhere.com", 0);
    assert!(err.contains("nothing here is known as ann@nowhere.com"), "{err}");
    let (_, err) = both.type_in(1, "audit company1.com stripe:customer:cus_1", 0);
    assert!(err.contains("stripe.enabled is false"), "{err}");
    both.type_in(1, "audit ann@nowhere.com --json", 0);
    let (status, log) = host.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("nowhere.com") && log.contains("asked for by command"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_is_shown_agreed_to_and_done_the_same_with_and_without_a_daemon() {
    let both = Both::with(3, 0, "").await;
    let host = Host::ready(&both.handed);
    both.type_in(0, "backfill --json", 3);
    both.each(|rig| rename(rig, "Renamed"));
    both.type_in(0, "sync --json", 3);

    let (out, err) = both.type_in(2, "undo 2", 0);
    assert!(out.starts_with("to take back run 2") && out.contains("Company 0"), "{out}");
    assert!(err.contains("nobody said yes"), "{err}");
    let (out, _) = both.type_in(2, "undo 2 --json", 0);
    assert_eq!((bare(&out)["plan"].as_array().unwrap().len(), &bare(&out)["error"]["kind"]), (3, &json!("usage")));
    let (out, _) = both.type_in(0, "undo 2 --yes --json", 3);
    assert_eq!((&bare(&out)["undone"], &bare(&out)["run"]), (&json!(2), &json!(3)));
    both.each(|rig| assert!(rig.pivotal().customer_with("name", "Company 0").is_some()));

    // A second time there is nothing left to take back, and nothing is written for it.
    both.type_in(0, "undo 2 --yes --json", 0);
    let (_, err) = both.type_in(1, "undo 99 --yes", 0);
    assert!(err.contains("run 99 cannot be undone"), "{err}");
    both.type_in(3, "sync --json", 0);
    let (status, log) = host.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_says_how_much_may_be_taken_back_at_once() {
    let rig = Rig::with(portal(3, 0)).await;
    const MOST: &str = "PIVOTAL_SYNC__GUARD__MAX_DELETES";
    let there = || rig.pivotal().visible(Object::Customer).count();
    let mut host = Host::start(&rig, &[(MOST, "2")]);
    host.hear("READY=1");
    assert_eq!(asked(&rig, &["backfill"]).0, Some(0));
    let (code, _, err) = asked_with(&rig, &["undo", "1", "--yes"], &[(MOST, "2")]);
    assert!(code == Some(1) && err.contains(&format!("`{MOST}=3 pivotal-sync undo 1 ")), "{err}");
    assert_eq!(there(), 3);
    let (code, _, err) = asked_with(&rig, &["undo", "1", "--yes"], &[(MOST, "3")]);
    assert_eq!((code, there()), (Some(0), 0), "{err}");
    assert_eq!(host.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_after_it_was_shown_is_not_taken_back() {
    let rig = Rig::with(portal(2, 0)).await;
    rig.backfill().await;
    rename(&rig, "Renamed");
    let run = rig.sync().await.run;
    assert_eq!(run, RunId(2));
    let app = rig.app();
    let guard = &app.settings.guard;
    let (engine, writer) = app.for_writing(std::sync::Arc::new(Silent), CancellationToken::new()).await.unwrap();
    let plan = engine.plan_undo(run, guard).await.unwrap();
    // As it comes back from whoever was shown it.
    let shown: UndoPlan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    let renamed = rig.pivotal().customer_with("slug", "company-0").unwrap().text("name").unwrap().to_owned();
    edit(&rig, "name", "By hand");
    rig.writes();
    let error = engine.undo_as_shown(&writer, &shown, guard, "test").await.unwrap_err();
    assert_eq!(error.kind(), "undo");
    assert!(error.to_string().contains("what Pivotal says changed since the plan was shown"), "{error}");
    assert!(error.hint().starts_with("run the same command again"), "{}", error.hint());
    assert_eq!((rig.writes().len(), engine.store.runs(9).await.unwrap().len()), (0, 2), "no run was begun for it");
    edit(&rig, "name", &renamed);
    let report = engine.undo_as_shown(&writer, &shown, guard, "test").await.unwrap();
    assert_eq!((report.operations.update, rig.writes().len()), (2, 2));
    engine.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_wait_leaves_an_audit_to_the_daemon() {
    let rig = Rig::with(portal(2, 0)).await;
    let mut host = Host::ready(&rig);
    assert_eq!(asked(&rig, &["backfill"]).0, Some(0));
    rig.faults.inject(Fault::next("hubspot", Effect::SlowBody(400)).on("GET", "/").times(10_000));
    rig.faults.inject(Fault::next("pivotal", Effect::SlowBody(400)).on("GET", "/").times(10_000));
    let mut command = rig.command(&["audit"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    host.hear("STATUS=Running audit for command");
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("the run goes on in the daemon"), "{said}");
    rig.faults.clear();
    host.hear("STATUS=Last audit complete");
    assert_eq!(host.stop().0.code(), Some(0));
}
