//! What a person decides, typed as a person types it: the real binary against the whole sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use chrono::{TimeDelta, Utc};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ObjectType};
use pivotal_sync::sandbox::pivotal::{self, Object};
use pivotal_sync::sandbox::stripe::CustomerSeed;
use pivotal_sync::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::rig::{KEYS, binary};

/// A desk with both sources and Pivotal, empty but for what a test puts there.
struct Desk {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    more: &'static str,
}

/// One command's end: exit code, what it printed, and that as JSON where it is.
struct Said {
    code: i32,
    text: String,
    json: Value,
}

impl Desk {
    async fn with(more: &'static str) -> Self {
        let sandbox = Sandbox::start(Options { size: 0, ..Options::default() }).await.unwrap();
        sandbox.lift_limits();
        let desk = Self { sandbox, folder: tempfile::tempdir().unwrap(), more };
        std::fs::write(desk.folder.path().join("config.toml"), desk.configuration()).unwrap();
        desk
    }

    fn configuration(&self) -> String {
        format!(
            "[store]\npath = \"state.db\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"acme\"\n\
             [hubspot]\nbase_url = \"{}\"\nlag = \"0s\"\n[stripe]\nbase_url = \"{}\"\nlag = \"0s\"\n\
             [onboardings]\nenabled = false\n[customers]\nwhere = \"company.name or stripe.name\"\n\
             delete_grace = \"0s\"\n{}",
            self.sandbox.pivotal_url(),
            self.sandbox.hubspot_url(),
            self.sandbox.stripe_url(),
            self.more
        )
    }

    fn company(&self, name: &str, domain: &str) -> String {
        let id = self.sandbox.hubspot().add_company(CompanySeed {
            name: name.to_owned(),
            domain: Some(domain.to_owned()),
            properties: BTreeMap::new(),
            created: Utc::now() - TimeDelta::days(30),
        });
        format!("hubspot:company:{id}")
    }

    fn payer(&self, name: &str, email: &str) -> String {
        let seed = CustomerSeed {
            id: None,
            name: Some(name.to_owned()),
            email: Some(email.to_owned()),
            metadata: BTreeMap::new(),
            created: Utc::now() - TimeDelta::days(30),
            test_clock: None,
        };
        format!("stripe:customer:{}", self.sandbox.stripe().add_customer(seed))
    }

    async fn run(&self, words: &[&str]) -> Said {
        let mut command = std::process::Command::new(binary());
        command.args(["--config", "config.toml"]).args(words).current_dir(self.folder.path());
        command.env_clear().envs(KEYS).stdin(std::process::Stdio::null());
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        let json = serde_json::from_str(&out).unwrap_or_default();
        Said { code: status.code().unwrap(), text: format!("{out}{err}"), json }
    }

    /// Runs a command that must end with this code.
    async fn ends(&self, code: i32, line: &str) -> Said {
        let said = self.run(&line.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(said.code, code, "{line}\n{}", said.text);
        said
    }

    /// The customer a field names, as `pivotal:customer:42` and as the row.
    fn customer(&self, field: &str, reference: &str) -> Option<(String, Value)> {
        let id = reference.rsplit(':').next().unwrap();
        let pivotal = self.sandbox.pivotal();
        let row = pivotal.customer_with(field, id)?;
        Some((format!("pivotal:customer:{}", row.display_id), json!({ "id": row.id, "name": row.text("name") })))
    }

    fn customers(&self) -> usize {
        self.sandbox.pivotal().visible(Object::Customer).count()
    }

    /// What a person does in Pivotal's own screen.
    async fn in_pivotal(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.sandbox.pivotal_url()));
        let request = request.bearer_auth(pivotal::TEST_KEY).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap_or_default()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    /// In step: nothing is written and nothing waits.
    async fn is_quiet(&self) {
        self.sandbox.log.clear();
        let said = self.ends(0, "sync --json").await;
        assert_eq!(said.json["requests"]["pivotal"], 1, "{}", said.text);
    }
}

const BY_COMPANY: &str = "hubspot_company_id";
const BY_PAYER: &str = "stripe_customer_id";

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_customer_of_two_companies_waits_until_a_link_says_which() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Acme Europe", "acme.com"), desk.company("Acme America", "acme.com"));
    let payer = desk.payer("Acme", "billing@acme.com");
    let said = desk.ends(3, "sync").await;
    for part in [&one, &two, &payer, &format!("pivotal-sync link {payer} PIVOTAL-REF")] {
        assert!(desk.ends(0, "plan").await.text.contains(part.as_str()), "{part}: {}", said.text);
    }
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer)), (2, None));

    let (american, _) = desk.customer(BY_COMPANY, &two).unwrap();
    let said = desk.ends(0, &format!("link {payer} {american}")).await;
    assert!(said.text.contains(&payer) && said.text.contains("next: pivotal-sync plan"), "{}", said.text);
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer).unwrap().0), (2, american.clone()));
    desk.is_quiet().await;

    // The other one, after all.
    let (european, _) = desk.customer(BY_COMPANY, &one).unwrap();
    desk.ends(0, &format!("link {payer} {european}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer).unwrap().0), (2, european));
    desk.is_quiet().await;

    // Neither: it stands alone, and is nobody's again once that is taken back.
    desk.ends(0, &format!("unlink {payer}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 3);
    let (alone, row) = desk.customer(BY_PAYER, &payer).unwrap();
    assert_eq!(row["name"], "Acme");
    assert!(alone != american, "{alone}");
    desk.is_quiet().await;
    desk.ends(0, "sync --full").await;
    desk.is_quiet().await;
    assert!(desk.sandbox.pivotal().duplicates().is_empty(), "{:?}", desk.sandbox.pivotal().duplicates());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_is_left_out_until_that_is_taken_back() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Acme Europe", "acme.com"), desk.company("Acme America", "acme.com"));
    let payer = desk.payer("Acme", "billing@acme.com");
    desk.ends(3, "sync").await;
    desk.ends(0, &format!("ignore {payer}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_PAYER, &payer)), (2, None));
    assert!(desk.ends(0, &format!("why {payer}")).await.text.contains("left out by a person"));
    desk.is_quiet().await;

    // A customer that is in Pivotal rests there: its company is renamed, archived, and nothing follows.
    let (european, before) = desk.customer(BY_COMPANY, &one).unwrap();
    desk.ends(0, &format!("ignore {european}")).await;
    let id = one.rsplit(':').next().unwrap();
    desk.sandbox.hubspot().set_property(ObjectType::Company, id, "name", "Acme Old World").unwrap();
    desk.is_quiet().await;
    desk.sandbox.hubspot().archive(ObjectType::Company, id).unwrap();
    desk.is_quiet().await;
    assert_eq!(desk.customer(BY_COMPANY, &one).unwrap().1, before);

    // The one company that is left is no longer one of two.
    desk.ends(0, &format!("ignore --undo {payer}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, desk.customer(BY_COMPANY, &two).unwrap().0);
    let said = desk.ends(1, &format!("ignore --undo {payer}")).await;
    assert!(said.text.contains("nothing was decided about"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_lets_through_what_was_seen_and_nothing_that_came_since() {
    let desk = Desk::with("[guard]\nmax_deletes = 2\nmax_delete_percent = 100\n").await;
    let companies: Vec<String> =
        (0..12).map(|n| desk.company(&format!("Company {n}"), &format!("company{n}.com"))).collect();
    desk.ends(0, "sync").await;
    let archive = |numbers: std::ops::Range<usize>| {
        for company in &companies[numbers] {
            desk.sandbox.hubspot().archive(ObjectType::Company, company.rsplit(':').next().unwrap()).unwrap();
        }
    };
    archive(0..4);
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["held"], desk.customers()), (&json!(4), 12), "{}", said.text);

    let said = desk.ends(0, &format!("approve {} --json", companies[0])).await;
    assert_eq!(said.json["taken"][0]["ref"], json!(companies[0]), "{}", said.text);
    desk.ends(3, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_COMPANY, &companies[0])), (11, None), "one, and no other");

    desk.ends(0, "approve --all").await;
    archive(4..6);
    let said = desk.ends(3, "sync --json").await;
    assert_eq!((&said.json["operations"]["delete"], &said.json["operations"]["held"]), (&json!(3), &json!(2)));
    assert_eq!(desk.customers(), 8);
    // Two are no more than may go unasked.
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 6);
    desk.is_quiet().await;
    let said = desk.ends(1, &format!("approve {}", companies[11])).await;
    assert!(said.text.contains("nothing is held for"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_somebody_deleted_in_pivotal_comes_back_only_when_approved() {
    let desk = Desk::with("").await;
    let (acme, beta) = (desk.company("Acme", "acme.com"), desk.company("Beta", "beta.com"));
    desk.ends(0, "sync").await;
    for company in [&acme, &beta] {
        let (_, row) = desk.customer(BY_COMPANY, company).unwrap();
        desk.in_pivotal(reqwest::Method::DELETE, &format!("/customers/{}", row["id"].as_str().unwrap()), json!({}))
            .await;
        let id = company.rsplit(':').next().unwrap();
        desk.sandbox.hubspot().set_property(ObjectType::Company, id, "name", "Renamed").unwrap();
    }
    desk.ends(3, "sync").await;
    desk.ends(3, "sync").await;
    assert_eq!(desk.customers(), 0, "creating it again every night would be war");

    desk.ends(0, &format!("ignore {beta}")).await;
    desk.ends(0, &format!("approve {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!((desk.customers(), desk.customer(BY_COMPANY, &acme).unwrap().1["name"].clone()), (1, json!("Renamed")));
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_approved_is_told_with_what_settles_it() {
    let desk = Desk::with("").await;
    for name in ["Acme Europe", "Acme America"] {
        desk.company(name, "acme.com");
    }
    let payer = desk.payer("Acme", "billing@acme.com");
    desk.ends(3, "sync").await;
    let said = desk.ends(3, "approve --all").await;
    assert!(said.text.contains("need another decision first") && said.text.contains(&payer), "{}", said.text);
    assert!(said.text.contains("pivotal-sync link"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_makes_no_sense_is_refused_with_the_reason() {
    let desk = Desk::with("").await;
    let acme = desk.company("Acme", "acme.com");
    desk.ends(0, "sync").await;
    for (line, code, part) in [
        (format!("link {acme} pivotal:customer:9999"), 1, "Pivotal has no customer pivotal:customer:9999"),
        (format!("link {acme} pivotal:contact:1"), 2, "becomes a customer in Pivotal"),
        (format!("link {acme} {acme}"), 2, "is no Pivotal object"),
        ("link hubspot:company:404404 pivotal:customer:1".to_owned(), 1, "nothing here is known as"),
        ("unlink nowhere.com".to_owned(), 1, "nothing here is known as"),
    ] {
        let said = desk.ends(code, &line).await;
        assert!(said.text.contains(part) && said.text.contains("hint:"), "{line}: {}", said.text);
    }
    assert!(desk.ends(0, "export decisions").await.text.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_outlive_a_lost_store() {
    let desk = Desk::with("").await;
    let (one, two) = (desk.company("Acme Europe", "acme.com"), desk.company("Acme America", "acme.com"));
    let (payer, other) = (desk.payer("Acme", "billing@acme.com"), desk.payer("Other", "pay@other.com"));
    desk.ends(3, "sync").await;
    let (american, _) = desk.customer(BY_COMPANY, &two).unwrap();
    desk.ends(0, &format!("link {payer} {american}")).await;
    desk.ends(0, &format!("ignore {other}")).await;
    desk.ends(0, "sync").await;
    let before = desk.customers();
    for format in ["jsonl", "csv"] {
        desk.ends(0, &format!("export decisions --format {format} --out kept.{format}")).await;
        for file in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(desk.folder.path().join(file));
        }
        assert!(!desk.store().exists());
        let said = desk.ends(0, &format!("import kept.{format} --json")).await;
        assert_eq!((&said.json["decisions"], &said.json["new"]), (&json!(2), &json!(2)), "{}", said.text);
        desk.sandbox.log.clear();
        let said = desk.ends(0, "backfill --json").await;
        assert_eq!(said.json["operations"]["create"], 0, "{}", said.text);
        let writes = desk.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET").count();
        assert_eq!((desk.customers(), writes), (before, 0), "{format}");
        assert_eq!(desk.customer(BY_PAYER, &payer).unwrap().0, american);
        desk.is_quiet().await;
    }
    assert!(desk.customer(BY_COMPANY, &one).is_some());
    std::fs::write(desk.folder.path().join("bad.csv"), "ref,choice\nhubspot:company:1,burn\n").unwrap();
    let said = desk.ends(1, "import bad.csv").await;
    assert!(said.text.contains("row 1") && said.text.contains("burn"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_in_pivotal_that_carries_both_ids_ties_them() {
    // Design, section 5: a lost store is rebuilt from Pivotal's own ids. Nothing else says that these two are one.
    let desk = Desk::with("").await;
    let (acme, payer) = (desk.company("Acme", "acme.com"), desk.payer("Zeta Holding", "zeta@gmail.com"));
    let id = |reference: &str| reference.rsplit(':').next().unwrap().to_owned();
    let body = json!({ "name": "Acme", "domain": "acme.com", BY_COMPANY: id(&acme), BY_PAYER: id(&payer) });
    desk.in_pivotal(reqwest::Method::POST, "/customers", body).await;
    let said = desk.ends(0, "sync --json").await;
    assert_eq!((desk.customers(), &said.json["operations"]["adopt"]), (1, &json!(1)), "{}", said.text);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_names_its_stripe_customer_is_one_with_it() {
    let desk = Desk::with("").await;
    let (acme, rival) = (desk.company("Acme", "acme.com"), desk.company("Rival", "zeta.com"));
    let payer = desk.payer("Zeta Holding", "billing@zeta.com");
    let (id, named) = (acme.rsplit(':').next().unwrap(), payer.rsplit(':').next().unwrap());
    desk.sandbox.hubspot().set_property(ObjectType::Company, id, "billing_account", named).unwrap();
    let more = "[hubspot]\nstripe_id_properties = [\"billing_account\"]\n";
    std::fs::write(desk.folder.path().join("config.toml"), desk.configuration().replace("[hubspot]\n", more)).unwrap();
    desk.ends(0, "sync").await;
    let (customer, _) = desk.customer(BY_PAYER, &payer).unwrap();
    assert_eq!(desk.customer(BY_COMPANY, &acme).unwrap().0, customer, "an explicit id beats a domain");
    assert_ne!(desk.customer(BY_COMPANY, &rival).unwrap().0, customer);
    let why = desk.ends(0, &format!("why {payer}")).await;
    assert!(why.text.contains(&format!("{acme} names {payer}")), "{}", why.text);
    desk.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pivotal_refused_is_tried_again_when_asked() {
    let desk = Desk::with("[customers.fields]\nstatus = \"company.industry\"\n").await;
    let acme = desk.company("Acme", "acme.com");
    let id = acme.rsplit(':').next().unwrap();
    desk.sandbox.hubspot().set_property(ObjectType::Company, id, "industry", "vip").unwrap();
    desk.ends(3, "sync").await;
    desk.sandbox.log.clear();
    desk.ends(3, "sync").await;
    let writes = || desk.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET").count();
    assert_eq!((writes(), desk.customers()), (0, 0), "it rests");
    desk.sandbox.pivotal().switches.statuses.push("vip".to_owned());
    desk.ends(0, &format!("retry {acme}")).await;
    desk.ends(0, "sync").await;
    assert_eq!(desk.customers(), 1);
    let said = desk.ends(1, &format!("retry {acme}")).await;
    assert!(said.text.contains("nothing is quarantined for"), "{}", said.text);
    assert!(desk.ends(0, "retry --all").await.text.contains("0 operations"));
}
