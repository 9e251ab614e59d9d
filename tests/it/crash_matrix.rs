//! The real process killed with SIGKILL at every distinct step of a run (before and after each commit, each request, the
//! migrations, a backup) and at random moments; and each time nothing is doubled, nothing lost, and the next run ends in step.
//!
//! `CRASHES=n cargo test crash_matrix` kills n times, however long that takes, as `.ci/run` does; without it the time is limited.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::floors::scan;
use super::rig::{Rig, portal};

/// Kills in all, unless `CRASHES` says otherwise.
const KILLS: usize = 200;
/// After this no further world is begun, unless `CRASHES` says how many kills there must be.
const WITHIN: Duration = Duration::from_secs(60);
/// However slow the machine, fewer would prove nothing.
const KILLS_LEAST: usize = 30;
/// Longest that a step is waited for; only a process that hangs takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the process is killed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A first load into an empty Pivotal.
    FirstLoad,
    /// A day's changes: created, changed, moved and gone.
    Day,
    /// The same day found by a full pass.
    FullPass,
    /// What somebody changed in Pivotal, found and put back.
    Audit,
    /// A day's changes taken back.
    Undo,
}

const WORKS: [Work; 5] = [Work::FirstLoad, Work::Day, Work::FullPass, Work::Audit, Work::Undo];

/// A command, and the codes it may end with.
type Ending = (&'static [&'static str], &'static [i32]);

/// Where it is killed.
#[derive(Debug, Clone)]
enum Moment {
    /// The so-manieth place that it comes to.
    Step(u64),
    /// The first place of this name.
    Place(String),
    /// When the three systems have been asked so many times.
    Requests(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// The place's name, where it was killed at one.
    Killed(Option<String>),
    /// The run had fewer steps.
    Ended,
}

struct World {
    rig: Rig,
    work: Work,
}

impl World {
    async fn of(work: Work, lossy: bool) -> Self {
        let rig = Rig::with(portal(4, 1)).await;
        rig.configure("[customers]\ndelete_grace = \"0s\"\n[customers.owner]\nname = \"source\"\n");
        if work != Work::FirstLoad {
            rig.backfill().await;
        }
        match work {
            Work::FirstLoad => {}
            Work::Day | Work::FullPass => a_day(&rig),
            Work::Audit => {
                let mut pivotal = rig.pivotal();
                let customers: Vec<String> = pivotal.visible(Object::Customer).map(|row| row.id.clone()).collect();
                for id in &customers {
                    assert!(pivotal.edit_customer(id, "name", json!("Edited by hand")));
                }
            }
            Work::Undo => {
                rename_all(&rig);
                rig.sync().await;
                assert_eq!(names(&rig), [RENAMED; 4]);
            }
        }
        if lossy {
            let method = if matches!(work, Work::Audit | Work::Undo) { "PATCH" } else { "POST" };
            // Carried out there, unknown here.
            rig.faults.inject(Fault::next("pivotal", Effect::DropAfter).on(method, "/api/v1/").after(1).times(2));
        }
        rig.log.clear();
        Self { rig, work }
    }

    fn words(&self) -> &'static [&'static str] {
        match self.work {
            Work::FirstLoad => &["backfill", "--json"],
            Work::Day => &["sync", "--json"],
            Work::FullPass => &["sync", "--full", "--json"],
            Work::Audit => &["audit", "--json"],
            Work::Undo => &["undo", "2", "--yes", "--json"],
        }
    }

    /// What brings the work to its end, whenever it was killed; the last of it finds nothing left to write.
    fn endings(&self) -> Vec<Ending> {
        const SYNC: &[&str] = &["sync", "--json"];
        match self.work {
            // What is not known yet is settled first. What is taken back already is told as written since, and then held, for
            // its source still says so.
            Work::Undo => vec![(SYNC, &[0, 3]), (self.words(), &[0, 3]), (SYNC, &[3])],
            _ => vec![(self.words(), &[0]), (SYNC, &[0])],
        }
    }

    async fn kill_at(&self, moment: Moment) -> Fate {
        self.kill(self.words(), moment).await
    }

    async fn kill(&self, words: &[&str], moment: Moment) -> Fate {
        let reached = self.rig.folder.path().join("reached");
        let _ = std::fs::remove_file(&reached);
        let mut command: Command = self.rig.command(words);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let stop = match &moment {
            Moment::Step(step) => Some(step.to_string()),
            Moment::Place(name) => Some(name.clone()),
            Moment::Requests(_) => None,
        };
        if let Some(stop) = stop {
            command.env("FAILPOINT", stop).env("FAILPOINT_REACHED", &reached);
        }
        let asked = self.rig.log.entries().len();
        let mut child = command.spawn().unwrap();
        let place = || std::fs::read_to_string(&reached).ok().filter(|name| !name.is_empty());
        let come = || match moment {
            Moment::Step(_) | Moment::Place(_) => place().map(Some),
            Moment::Requests(number) => (self.rig.log.entries().len() >= asked + number).then_some(None),
        };
        let fate = self.wait(&mut child, come).await;
        self.sound().await;
        fate
    }

    async fn wait(&self, child: &mut Child, come: impl Fn() -> Option<Option<String>>) -> Fate {
        let begun = Instant::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                return Fate::Ended;
            }
            if let Some(place) = come() {
                child.kill().unwrap();
                child.wait().unwrap();
                return Fate::Killed(place);
            }
            assert!(begun.elapsed() < PATIENCE, "the process gets nowhere");
            tokio::task::yield_now().await;
        }
    }

    /// The file is whole, whenever its maker died.
    async fn sound(&self) {
        let file = self.rig.folder.path().join("state.db");
        if file.exists() {
            assert_eq!(quick_check(&file).await, "ok");
        }
    }

    async fn finish(&self, words: &[&str]) -> Output {
        let mut command = self.rig.command(words);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The next run ends in step, and after it there is nothing to do.
    async fn ends_well(&self, story: &str) {
        let endings = self.endings();
        let last = endings.len() - 1;
        for (at, (words, codes)) in endings.into_iter().enumerate() {
            self.rig.log.clear();
            let output = self.finish(words).await;
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{story}\n{words:?}: {said}");
            assert!(at < last || self.rig.writes().is_empty(), "{story}: the next night is quiet");
        }
        self.sound().await;
        let names = names(&self.rig);
        let pivotal = self.rig.pivotal();
        assert_eq!(pivotal.duplicates(), Vec::<String>::new(), "{story}");
        let there = [Object::Customer, Object::Contact].map(|object| pivotal.visible(object).count());
        let made = &pivotal.create_counts()[..2];
        match self.work {
            Work::FirstLoad => assert_eq!((there, made), ([4, 4], &[4, 4][..]), "{story}"),
            // One company left with its contact; one contact was made anew where it moved to.
            Work::Day | Work::FullPass => {
                assert_eq!((there, made), ([3, 3], &[4, 5][..]), "{story}");
                assert!(names.iter().any(|name| name == RENAMED), "{story}");
            }
            Work::Audit | Work::Undo => {
                assert_eq!((there, made), ([4, 4], &[4, 4][..]), "{story}");
                assert_eq!(names, [0, 1, 2, 3].map(|number| format!("Company {number}")), "{story}");
            }
        }
    }
}

/// What the companies of a day are renamed to.
const RENAMED: &str = "Renamed Inc";

fn a_day(rig: &Rig) {
    let mut hubspot = rig.hubspot();
    let companies: Vec<String> = hubspot.ids(ObjectType::Company).collect();
    let contacts: Vec<String> = hubspot.ids(ObjectType::Contact).collect();
    hubspot.set_property(ObjectType::Company, &companies[0], "name", RENAMED).unwrap();
    hubspot.archive(ObjectType::Company, &companies[1]).unwrap();
    hubspot.move_contact(&contacts[2], &companies[3]).unwrap();
    hubspot.set_property(ObjectType::Contact, &contacts[2], "jobtitle", "New job").unwrap();
}

fn rename_all(rig: &Rig) {
    let mut hubspot = rig.hubspot();
    let companies: Vec<String> = hubspot.ids(ObjectType::Company).collect();
    for company in &companies {
        hubspot.set_property(ObjectType::Company, company, "name", RENAMED).unwrap();
    }
}

/// What the customers in Pivotal are called, sorted.
fn names(rig: &Rig) -> Vec<String> {
    let pivotal = rig.pivotal();
    let mut names: Vec<String> =
        pivotal.visible(Object::Customer).map(|row| row.text("name").unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

async fn quick_check(file: &Path) -> String {
    let options = SqliteConnectOptions::new().filename(file);
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    let said = sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut store).await.unwrap();
    store.close().await.unwrap();
    said
}

/// How many kills: at least so many, or as many as the time allows.
fn asked_for() -> (usize, Option<Duration>) {
    match std::env::var("CRASHES").ok().and_then(|n| n.parse().ok()) {
        Some(kills) => (kills, None),
        None => (KILLS, Some(WITHIN)),
    }
}

/// The names of all places that a run of this work comes to, in order.
async fn places(work: Work) -> Vec<String> {
    let world = World::of(work, false).await;
    let passed = world.rig.folder.path().join("passed");
    let mut command = world.rig.command(world.words());
    command.env("FAILPOINT_PASSED", &passed);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{work:?}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(passed).unwrap().lines().map(str::to_owned).collect()
}

/// Every kind of place that the program has.
fn every_kind() -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for file in scan::house(&["src"]) {
        let names = file.text.split("failpoint::pass(\"").skip(1).filter_map(|rest| rest.split('"').next());
        kinds.extend(names.map(str::to_owned));
    }
    kinds
}

/// Of the kinds of places, those of a backup, and those of a run.
fn kinds() -> (BTreeSet<String>, BTreeSet<String>) {
    every_kind().into_iter().partition(|name| name.contains("the copy"))
}

#[test]
fn no_commit_passes_the_places_by() {
    for file in scan::house(&["src/store"]) {
        let own = file.text.matches(".commit().await").count();
        assert_eq!(
            own,
            usize::from(file.path == "src/store/mod.rs"),
            "{}: super::commit is where a write ends",
            file.path
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_step_and_at_random_moments_it_always_ends_in_step() {
    let (wanted, within) = asked_for();
    let begun = Instant::now();
    let mut dice = StdRng::seed_from_u64(5);
    let mut paths = Vec::new();
    for work in WORKS {
        paths.push(places(work).await);
    }
    let lengths: Vec<u64> = paths.iter().map(|path| path.len() as u64).collect();
    assert!(lengths.iter().all(|steps| *steps > 30), "a run has more steps than that: {lengths:?}");
    // Each kind of place first, in another work each time; then a stride without a common divisor comes to every step, and to
    // far ones early.
    let (_, kinds) = kinds();
    let firsts: Vec<(usize, &String)> =
        kinds.iter().enumerate().map(|(at, kind)| (which(&paths, kind, at), kind)).collect();
    let stride = |steps: u64| (steps * 5 / 13..).find(|stride| gcd(*stride, steps) == 1).unwrap_or(1);
    let (mut kills, mut killed_at) = (0, BTreeSet::new());
    for round in 0.. {
        let spent = within.is_some_and(|within| begun.elapsed() >= within && kills >= KILLS_LEAST);
        if (kills >= wanted || spent) && round >= firsts.len() {
            break;
        }
        let (at, first) = match firsts.get(round) {
            Some((at, kind)) => (*at, Moment::Place((*kind).clone())),
            None => {
                let (at, turn) = ((round - firsts.len()) % WORKS.len(), (round - firsts.len()) / WORKS.len());
                (at, Moment::Step(turn as u64 * stride(lengths[at]) % lengths[at] + 1))
            }
        };
        let world = World::of(WORKS[at], round / WORKS.len() % 3 == 2).await;
        // The run that recovers is killed as well: at a step of its own, then at a random moment.
        let moments =
            [first, Moment::Step(dice.random_range(1..=lengths[at])), Moment::Requests(dice.random_range(1..20))];
        let story = format!("{:?} killed at {moments:?}", WORKS[at]);
        for moment in moments {
            if let Fate::Killed(place) = world.kill_at(moment).await {
                kills += 1;
                killed_at.extend(place);
            }
        }
        world.ends_well(&story).await;
    }
    let least = if within.is_some() { KILLS_LEAST } else { wanted };
    assert!(kills >= least, "{kills} of {least} kills");
    assert_eq!(killed_at, kinds, "each kind of place at least once");
}

/// A work whose run comes to such a place: the so-manieth, where it does.
fn which(paths: &[Vec<String>], kind: &str, at: usize) -> usize {
    let mut turns = (0..paths.len()).map(|turn| (at + turn) % paths.len());
    let found = turns.find(|work| paths[*work].iter().any(|name| name == kind));
    found.unwrap_or_else(|| panic!("no run comes to: {kind}"))
}

/// Killed at every step of a backup: the store is sound, and under the copy's name is the copy of before or a new one, never a part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_the_store_and_the_copy_of_before() {
    let world = World::of(Work::Day, false).await;
    let copy = world.rig.folder.path().join("copy.db");
    let words = ["backup", copy.to_str().unwrap()];
    assert_eq!(world.finish(&words).await.status.code(), Some(0));
    let (mut kills, mut killed_at) = (0, BTreeSet::new());
    for step in 1.. {
        let Fate::Killed(place) = world.kill(&words, Moment::Step(step)).await else { break };
        kills += 1;
        killed_at.extend(place);
        assert_eq!(quick_check(&copy).await, "ok", "step {step}");
    }
    assert!(kills >= 4, "{kills}");
    let (copying, _) = kinds();
    assert!(killed_at.is_superset(&copying), "{killed_at:?}");
    world.ends_well("a backup was killed").await;
    assert_eq!(world.finish(&words).await.status.code(), Some(0));
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
