//! What the log says, and what it never says: the real binary at its most talkative, against the whole sandbox.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use chrono::{TimeDelta, Utc};
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ObjectType};
use pivotal_sync::sandbox::stripe::CustomerSeed;
use pivotal_sync::sandbox::{Options, Sandbox};
use serde_json::Value;

use super::rig::{KEYS, binary, text};

struct Desk {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

/// One run: its report and its log.
struct Run {
    report: Value,
    lines: Vec<Value>,
    raw: String,
}

impl Desk {
    async fn open() -> Self {
        let sandbox = Sandbox::start(Options { size: 30, seed: 5, ..Options::default() }).await.unwrap();
        sandbox.lift_limits();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[store]\npath = \"state.db\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"acme\"\n[hubspot]\nbase_url = \"{}\"\n\
             lag = \"0s\"\n[stripe]\nbase_url = \"{}\"\nlag = \"0s\"\n[customers]\nwhere = \"company.name or stripe.name\"\n\
             delete_grace = \"0s\"\n",
            sandbox.pivotal_url(),
            sandbox.hubspot_url(),
            sandbox.stripe_url(),
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { sandbox, folder }
    }

    fn company(&self, name: &str, domain: &str, properties: &[(&str, &str)]) -> String {
        self.sandbox.hubspot().add_company(CompanySeed {
            name: name.to_owned(),
            domain: Some(domain.to_owned()),
            properties: properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            created: Utc::now() - TimeDelta::days(30),
        })
    }

    /// Somebody who pays and could belong to either of two companies, and a company that Pivotal refuses.
    fn troubles(&self) -> String {
        self.company("Twofold Europe", "twofold.com", &[]);
        self.company("Twofold America", "twofold.com", &[]);
        self.sandbox.stripe().add_customer(CustomerSeed {
            id: None,
            name: Some("Twofold Holding".to_owned()),
            email: Some("billing@twofold.com".to_owned()),
            metadata: text([("note", "call Zacharias")]),
            created: Utc::now() - TimeDelta::days(30),
            test_clock: None,
        });
        self.sandbox.pivotal().switches.longest_text = 100;
        self.company(&format!("Refused {}", "& Sons ".repeat(20)), "refused.com", &[])
    }

    async fn sync(&self, code: i32) -> Run {
        self.ends(code, "sync").await
    }

    async fn ends(&self, code: i32, what: &str) -> Run {
        let mut command = Command::new(binary());
        command.args(["--config", "config.toml", "--log-format", "json", "-vv", what, "--json"]);
        command.current_dir(self.folder.path()).env_clear().envs(KEYS).stdin(Stdio::null());
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let raw = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{raw}");
        let lines = raw.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")));
        Run { report: serde_json::from_slice(&stdout).unwrap(), lines: lines.collect(), raw: raw.clone() }
    }

    /// Every name, address and secret of the three worlds, in lower case.
    fn private(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = KEYS.iter().map(|(_, key)| (*key).to_owned()).collect();
        let hubspot = self.sandbox.hubspot();
        for object in [ObjectType::Company, ObjectType::Contact, ObjectType::Deal] {
            for id in hubspot.ids(object) {
                let properties = &hubspot.record(object, &id).unwrap().properties;
                let names = ["name", "domain", "email", "lastname", "dealname", "phone", "about_us"];
                found.extend(names.iter().filter_map(|name| properties.get(*name)).cloned());
                if let (Some(first), Some(last)) = (properties.get("firstname"), properties.get("lastname")) {
                    found.insert(format!("{first} {last}"));
                }
            }
        }
        let stripe = self.sandbox.stripe();
        for id in stripe.customer_ids() {
            let customer = stripe.customer(&id).unwrap();
            found.extend(customer.name.iter().chain(&customer.email).chain(customer.metadata.values()).cloned());
        }
        let pivotal = self.sandbox.pivotal();
        for row in pivotal.customers().iter().chain(pivotal.contacts()) {
            found.extend(
                ["name", "domain", "email", "slug"].iter().filter_map(|field| row.text(field)).map(str::to_owned),
            );
        }
        // Bare numbers are ids that a customer's metadata repeats.
        found.retain(|text| text.len() > 3 && text.bytes().any(|b| !b.is_ascii_digit()));
        found.into_iter().map(|text| text.to_lowercase()).collect()
    }

    fn keeps_quiet(&self, run: &Run) {
        let log = run.raw.to_lowercase();
        assert!(!log.contains('@'), "{log}");
        let private = self.private();
        assert!(private.len() > 100, "{}", private.len());
        for word in private {
            let at = log.match_indices(&word).find(|(at, _)| {
                let edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
                edge(log[..*at].chars().next_back()) && edge(log[at + word.len()..].chars().next())
            });
            assert!(at.is_none(), "{word}: {}", log.lines().find(|line| line.contains(&word)).unwrap_or_default());
        }
    }
}

impl Run {
    /// The lines that say this.
    fn said(&self, message: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["message"].as_str().is_some_and(|m| m.starts_with(message))).collect()
    }

    fn count(&self, message: &str) -> u64 {
        self.said(message).len() as u64
    }

    fn is_told_under_its_number(&self) {
        for line in &self.lines {
            assert_eq!(line["span"]["run"], self.report["run"], "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_what_was_decided_and_nobodys_name() {
    let desk = Desk::open().await;
    let refused = desk.troubles();
    desk.sandbox
        .faults
        .inject(Fault::next("pivotal", Effect::Throttle { retry_after: 1 }).on("POST", "/api/v1/customers"));
    desk.sandbox.faults.inject(Fault::next("stripe", Effect::Status(503)).on("GET", "/v1/customers"));
    let run = desk.sync(3).await;
    run.is_told_under_its_number();
    desk.keeps_quiet(&run);
    let report = &run.report;
    assert_eq!((run.count("run began"), run.count("run ended")), (1, 1));
    assert_eq!(run.said("run ended")[0]["created"], report["operations"]["create"]);
    assert_eq!(run.count("stream pulled"), report["streams"].as_object().unwrap().len() as u64);
    assert_eq!(
        run.count("done"),
        report["operations"]["create"].as_u64().unwrap() + report["operations"]["adopt"].as_u64().unwrap()
    );
    let subject = format!("hubspot:company:{refused}");
    let quarantined = run.said(&format!("quarantined: create customer {subject} was refused by Pivotal"));
    let line = quarantined[0];
    assert_eq!(line["ref"], subject);
    assert!(line["entity"].is_i64() && line["status"] == 400, "{line}");
    assert!(run.count("held") >= 1 && run.count("planned") == 1);
    assert_eq!(run.said("too many requests")[0]["api"], "Pivotal");
    assert_eq!((run.said("trying again")[0]["fault"].as_str(), run.count("trying again")), (Some("unavailable"), 2));
    // Every request is there, those to Pivotal by their own numbers.
    let sent = |api: &str| run.lines.iter().filter(|line| line["api"] == api && line["took_ms"].is_u64()).count();
    for (api, name) in [("HubSpot", "hubspot"), ("Stripe", "stripe"), ("Pivotal", "pivotal")] {
        assert_eq!(report["requests"][name], sent(api) as u64, "{api}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_it_planned_and_not_that_it_was_done() {
    let plan = Desk::open().await.ends(0, "plan").await;
    let ended = plan.said("run ended: complete, ")[0];
    assert!(ended["planned"].as_u64().unwrap() > 0 && ended["created"].is_null(), "{ended}");
    assert!(ended["message"].as_str().unwrap().ends_with(" planned, nothing written"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_a_guard_and_a_failed_source_are_one_line_each() {
    let desk = Desk::open().await;
    desk.troubles();
    let gone = desk.company("Gone Tomorrow", "gone-tomorrow.com", &[]);
    desk.sync(3).await;
    let row = desk.sandbox.pivotal().customer_with("hubspot_company_id", &gone).unwrap().id.clone();
    desk.sandbox.pivotal().delete_customer(&row);
    desk.sandbox.hubspot().set_property(ObjectType::Company, &gone, "name", "Gone Today").unwrap();
    let mut others: Vec<String> = desk.sandbox.hubspot().ids(ObjectType::Company).filter(|id| *id != gone).collect();
    for id in others.drain(..20) {
        // One that a merge took over is gone already.
        let _ = desk.sandbox.hubspot().archive(ObjectType::Company, &id);
    }
    desk.sandbox.stripe().set_key("rk_test_another");
    let run = desk.sync(1).await;
    run.is_told_under_its_number();
    desk.keeps_quiet(&run);
    let lost = run.said("lost");
    assert_eq!((lost.len(), &lost[0]["pivotal_id"]), (1, &Value::from(row)));
    let tripped = run.said("a guard tripped");
    assert_eq!((tripped.len(), &tripped[0]["kind"], &tripped[0]["verb"]), (1, &"customer".into(), &"deleted".into()));
    let named = run.said("held").iter().filter(|line| line["verb"] == "delete").count();
    assert_eq!(tripped[0]["count"], named, "each of them by its id");
    let stopped = run.said("source stopped");
    assert_eq!(stopped.len(), 1);
    let error = stopped[0]["error"].as_str().unwrap();
    assert!(error.starts_with("Stripe GET /v1/") && error.contains("answered 401"), "{error}");
}
