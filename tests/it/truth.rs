//! Whatever happens at the sources between two runs, and whatever goes wrong while they are read: in the end the store says
//! what they say. Accounts are changed at random (creates, edits, archives, restores, merges,
//! moves, cancellations; late and tied stamps, late and double events, refusals, restarts), and then the store is held
//! against the accounts themselves and against a store that read them once, whole.

mod account;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use account::Account;
use futures::StreamExt;
use pivotal_sync::app::App;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::RunKind;
use pivotal_sync::engine::{Ask, Engine, Silent};
use pivotal_sync::sandbox::faults::{Effect, Fault};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::rig::KEYS;

/// Accounts that are tried; each is another story. To hear one again: `TRUTH_SEED=81 cargo test --test it truth`.
const SEEDS: Range<u64> = 0..200;
/// Accounts tried side by side: what each waits for is mostly the pace of its own searches.
const TOGETHER: usize = 40;
/// Times of change in a story.
const ROUNDS: Range<usize> = 2..5;
/// Quiet runs after which everything must have been noticed, links that moved without a stamp included.
const QUIET: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_ends_equal_to_the_accounts_whatever_happened_on_the_way() {
    let seeds = match std::env::var("TRUTH_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).unwrap(),
        Err(_) => SEEDS,
    };
    let told = futures::stream::iter(seeds).map(|seed| tokio::spawn(story(seed))).buffer_unordered(TOGETHER);
    let told: Vec<Story> = told.map(|story| story.unwrap()).collect().await;
    let failed: Vec<&str> = told.iter().filter_map(|story| story.failed.as_deref()).collect();
    assert!(failed.is_empty(), "{} of {} stories end badly:\n{}", failed.len(), told.len(), failed.join("\n\n"));
    let sum = |of: fn(&Story) -> usize| told.iter().map(of).sum::<usize>();
    assert!(sum(|story| story.changes) >= told.len() * 20, "the accounts did change");
    assert!(told.len() == 1 || sum(|story| story.troubled) >= told.len() / 5, "and things did go wrong");
}

/// How one account's story went.
struct Story {
    /// Things done at the sources.
    changes: usize,
    /// Runs in which a source failed.
    troubled: usize,
    /// The seed, what differs, and what had happened.
    failed: Option<String>,
}

async fn story(seed: u64) -> Story {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut account = Account::open(&mut dice).await;
    let mut troubled = 0;
    let failed = live(&mut dice, &mut account, &mut troubled).await.err();
    let failed = failed.map(|why| format!("seed {seed}, {why}\n{}", account.told()));
    Story { changes: account.changes, troubled, failed }
}

async fn live(dice: &mut StdRng, account: &mut Account, troubled: &mut usize) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = reader(account, folder.path()).await;
    for _ in 0..dice.random_range(ROUNDS) {
        account.live_a_while(dice);
        if dice.random_ratio(1, 3) {
            account.sandbox.faults.inject(trouble(dice));
        }
        // A source that failed leaves the run partial, and what it had stored stays; the next one goes on from there.
        *troubled += usize::from(pull(&engine, false).await.is_err());
        if dice.random_ratio(1, 4) {
            engine.store.close().await;
            drop(engine);
            engine = reader(account, folder.path()).await;
        }
    }
    account.sandbox.faults.clear();
    for _ in 0..QUIET {
        account.wait(dice);
        pull(&engine, false).await?;
    }
    let ours = known(folder.path()).await;
    same(account, &ours).map_err(|why| format!("after quiet runs: {why}"))?;
    let whole = afresh(account).await?;
    let differs = whole.iter().filter(|(key, said)| ours.get(*key) != Some(said));
    let differs: Vec<String> =
        differs.map(|(key, said)| format!("{key:?} is {:?}, read afresh {said:?}", ours.get(key))).collect();
    if !differs.is_empty() {
        return Err(format!("after quiet runs: {}", differs.join("\n")));
    }

    // What is erased for good shows in no delta and no archived list: the full pass finds it.
    account.erase(dice);
    account.wait(dice);
    pull(&engine, true).await?;
    engine.store.close().await;
    same(account, &known(folder.path()).await).map_err(|why| format!("after a full pass: {why}"))
}

/// One thing that goes wrong on the way, without long waits: refusals end a source's pull wherever it stands.
fn trouble(dice: &mut StdRng) -> Fault {
    let effects =
        [Effect::Status(403), Effect::Status(401), Effect::Html(403), Effect::Status(400), Effect::DropBefore];
    let effect = effects[dice.random_range(0..effects.len())];
    let api = if dice.random() { "hubspot" } else { "stripe" };
    Fault::next(api, effect).after(dice.random_range(0..8))
}

async fn reader(account: &Account, folder: &Path) -> Engine {
    let file = folder.join("config.toml");
    std::fs::write(&file, account.configuration(&folder.join("state.db"))).unwrap();
    let settings = config::load(Some(&file), std::iter::empty()).map_err(|e| e.to_string()).unwrap();
    let env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = Secrets::find(&settings, env.into_iter(), None).map_err(|e| e.to_string()).unwrap();
    App { settings, secrets }.for_planning(Arc::new(Silent), CancellationToken::new()).await.unwrap()
}

/// One run that writes nothing: why it failed, if a source did.
async fn pull(engine: &Engine, full: bool) -> Result<(), String> {
    let ask = Ask { kind: RunKind::Plan, asked_by: "test".to_owned(), full, only: None };
    let report = engine.plan(&ask).await.map_err(|error| error.to_string())?;
    let failed: Vec<&str> = report.streams.values().filter_map(|counts| counts.error.as_deref()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// What is known of one record that is there: facts and properties, as the store keeps them.
type Known = BTreeMap<(String, String), (String, String)>;

async fn known(store: &Path) -> Known {
    let options = SqliteConnectOptions::new().filename(store.join("state.db")).read_only(true);
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    let rows: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT stream, external_id, facts, properties FROM record WHERE state = 'live'")
            .fetch_all(&mut store)
            .await
            .unwrap();
    store.close().await.unwrap();
    rows.into_iter().map(|(stream, id, facts, properties)| ((stream, id), (facts, properties))).collect()
}

/// What a store knows that reads the accounts once, whole.
async fn afresh(account: &Account) -> Result<Known, String> {
    let folder = tempfile::tempdir().unwrap();
    let engine = reader(account, folder.path()).await;
    pull(&engine, false).await?;
    engine.store.close().await;
    Ok(known(folder.path()).await)
}

/// Whether the store holds as live what is live in the accounts, no more and no less.
fn same(account: &Account, ours: &Known) -> Result<(), String> {
    let (ours, theirs) = (ours.keys().cloned().collect::<BTreeSet<_>>(), account.there());
    let (missed, imagined): (Vec<_>, Vec<_>) = (theirs.difference(&ours).collect(), ours.difference(&theirs).collect());
    if missed.is_empty() && imagined.is_empty() {
        return Ok(());
    }
    Err(format!("missed {missed:?}, imagined {imagined:?}"))
}
