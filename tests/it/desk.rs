//! A desk with the whole sandbox and the real binary on it: what a person types, and what comes of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use chrono::{TimeDelta, Utc};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ContactSeed, DealSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::{self, Object};
use pivotal_sync::sandbox::stripe::CustomerSeed;
use pivotal_sync::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::foreseen::{Foreseen, reads_all};
use super::rig::{KEYS, binary, text};

pub const BY_COMPANY: &str = "hubspot_company_id";
pub const BY_PAYER: &str = "stripe_customer_id";

/// A desk with both sources and Pivotal, empty but for what a test puts there.
pub struct Desk {
    pub sandbox: Sandbox,
    pub folder: tempfile::TempDir,
    more: &'static str,
}

/// One command's end: exit code, what it printed, and that as JSON where it is.
pub struct Said {
    pub code: i32,
    pub text: String,
    pub json: Value,
}

impl Desk {
    pub async fn with(more: &'static str) -> Self {
        let sandbox = Sandbox::start(Options { size: 0, ..Options::default() }).await.unwrap();
        sandbox.lift_limits();
        let desk = Self { sandbox, folder: tempfile::tempdir().unwrap(), more };
        std::fs::write(desk.folder.path().join("config.toml"), desk.configuration()).unwrap();
        desk
    }

    pub fn configuration(&self) -> String {
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

    pub fn company(&self, name: &str, domain: &str) -> String {
        let id = self.sandbox.hubspot().add_company(CompanySeed {
            name: name.to_owned(),
            domain: Some(domain.to_owned()),
            properties: BTreeMap::new(),
            created: Utc::now() - TimeDelta::days(30),
        });
        format!("hubspot:company:{id}")
    }

    /// A contact of a company.
    pub fn person(&self, company: &str, name: &str, email: &str) -> String {
        let id = self.sandbox.hubspot().add_contact(ContactSeed {
            properties: text([("firstname", name), ("lastname", "Lee"), ("email", email), ("jobtitle", "Buyer")]),
            created: Utc::now() - TimeDelta::days(30),
            company: Some((company.rsplit(':').next().unwrap().to_owned(), true)),
        });
        format!("hubspot:contact:{id}")
    }

    /// A deal, won so many days ago, of a company or of none; its id.
    pub fn win(&self, company: Option<&str>, days: i64) -> String {
        let created = Utc::now() - TimeDelta::days(days);
        let properties = text([
            ("dealname", "Big one"),
            ("pipeline", "default"),
            ("dealstage", "closedwon"),
            ("closedate", &created.to_rfc3339()),
        ]);
        let company = company.map(|company| company.rsplit(':').next().unwrap().to_owned());
        self.sandbox.hubspot().add_deal(DealSeed { properties, company, created })
    }

    /// Won deals open onboardings from now on.
    pub fn open_onboardings(&self) {
        let file = self.folder.path().join("config.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, config.replace("[onboardings]\nenabled = false", "[onboardings]\nenabled = true"))
            .unwrap();
    }

    /// A property of a company changes at its source.
    pub fn set(&self, company: &str, property: &str, value: &str) {
        let id = company.rsplit(':').next().unwrap();
        self.sandbox.hubspot().set_property(ObjectType::Company, id, property, value).unwrap();
    }

    pub fn payer(&self, name: &str, email: &str) -> String {
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

    /// Runs a command. A `sync` or a `backfill` makes exactly the calls that a plan announces just before.
    pub async fn run(&self, words: &[&str]) -> Said {
        let Some(full) = reads_all(words) else { return self.run_alone(words).await };
        let Sandbox { log, faults, .. } = &self.sandbox;
        let foreseen = Foreseen::by_plan(self.folder.path(), full, log, faults).await;
        let said = self.run_alone(words).await;
        foreseen.came_true(&self.sandbox.log, &self.sandbox.pivotal());
        said
    }

    /// Runs a command, whatever a plan would say.
    pub async fn run_alone(&self, words: &[&str]) -> Said {
        let mut command = std::process::Command::new(binary());
        command.args(["--config", "config.toml"]).args(words).current_dir(self.folder.path());
        command.env_clear().envs(KEYS).stdin(std::process::Stdio::null());
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        let json = serde_json::from_str(&out).unwrap_or_default();
        let text = format!("{out}{err}");
        can_be_typed(&text);
        Said { code: status.code().unwrap(), text, json }
    }

    /// Runs a command that must end with this code.
    pub async fn ends(&self, code: i32, line: &str) -> Said {
        let said = self.run(&line.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(said.code, code, "{line}\n{}", said.text);
        said
    }

    /// The customer a field names, as `pivotal:customer:42` and as the row.
    pub fn customer(&self, field: &str, reference: &str) -> Option<(String, Value)> {
        let id = reference.rsplit(':').next().unwrap();
        let pivotal = self.sandbox.pivotal();
        let row = pivotal.customer_with(field, id)?;
        Some((format!("pivotal:customer:{}", row.display_id), json!({ "id": row.id, "name": row.text("name") })))
    }

    /// A field of the customer of a company, as Pivotal has it.
    pub fn says(&self, company: &str, field: &str) -> Value {
        let pivotal = self.sandbox.pivotal();
        pivotal.customer_with(BY_COMPANY, company.rsplit(':').next().unwrap()).unwrap().value(field).clone()
    }

    /// A person edits the customer of a company in Pivotal's own screen.
    pub fn edit(&self, company: &str, field: &str, value: impl Into<Value>) {
        let (_, row) = self.customer(BY_COMPANY, company).unwrap();
        assert!(self.sandbox.pivotal().edit_customer(row["id"].as_str().unwrap(), field, value.into()));
    }

    /// Writes that Pivotal was sent since the log was cleared.
    pub fn writes(&self) -> usize {
        self.sandbox.log.entries().into_iter().filter(|e| e.api == "pivotal" && e.method != "GET").count()
    }

    /// Starts a command and does not wait for it.
    pub fn begin(&self, words: &[&str]) -> std::process::Child {
        let mut command = std::process::Command::new(binary());
        command.args(["--config", "config.toml"]).args(words).current_dir(self.folder.path());
        command.env_clear().envs(KEYS).stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
    }

    /// Waits until something is so.
    pub async fn until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }

    /// What Ctrl-C does; how the command ended.
    pub async fn interrupt(&self, mut child: std::process::Child) -> i32 {
        let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().code().unwrap()
    }

    /// Has all that the store remembers of runs be so many days older.
    pub async fn age(&self, days: u32) {
        let back = format!("-{days} days");
        let sql = [
            "UPDATE run SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, ?1), \
             finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, ?1)",
            "UPDATE attempt SET planned_at = strftime('%Y-%m-%dT%H:%M:%fZ', planned_at, ?1), \
             answered_at = strftime('%Y-%m-%dT%H:%M:%fZ', answered_at, ?1)",
            "UPDATE fact SET value = strftime('%Y-%m-%dT%H:%M:%fZ', value, ?1) WHERE name = 'pruned_at'",
        ];
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        for sql in sql {
            sqlx::query(sql).bind(&back).execute(&pool).await.unwrap();
        }
        pool.close().await;
    }

    /// So many days pass for what rests because Pivotal refused it.
    pub async fn rest(&self, days: u32) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let sql = "UPDATE entity SET refused = json_set(refused, '$.at',
                       strftime('%Y-%m-%dT%H:%M:%fZ', refused ->> '$.at', ?1)) WHERE refused IS NOT NULL";
        sqlx::query(sql).bind(format!("-{days} days")).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// One value of the store.
    pub async fn query(&self, sql: &'static str) -> String {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store());
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let value = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        pool.close().await;
        value
    }

    pub fn customers(&self) -> usize {
        self.sandbox.pivotal().visible(Object::Customer).count()
    }

    /// What a person does in Pivotal's own screen.
    pub async fn in_pivotal(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.sandbox.pivotal_url()));
        let request = request.bearer_auth(pivotal::TEST_KEY).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap_or_default()
    }

    /// Loses the store and all it knew.
    pub fn lose_store(&self) {
        for file in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(file));
        }
        assert!(!self.store().exists());
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    /// In step: nothing is written and nothing waits.
    pub async fn is_quiet(&self) {
        self.sandbox.log.clear();
        let said = self.ends(0, "sync --json").await;
        assert_eq!(said.json["requests"]["pivotal"], 1, "{}", said.text);
    }
}

/// Every command that is printed to be typed is whole: it is understood, and nothing in it stands for something else.
fn can_be_typed(text: &str) {
    for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("pivotal-sync ")) {
        let words: Vec<&str> = quoted.split_whitespace().collect();
        let stands_in = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        let stands_in = words.iter().any(stands_in) && words[1] != "help";
        let taken = pivotal_sync::cli::typed(words.iter().map(Into::into));
        let taken = matches!(taken, Ok(_) | Err(pivotal_sync::cli::Exit::Done));
        assert!(taken && !stands_in, "`{quoted}` cannot be typed: {text}");
    }
}
