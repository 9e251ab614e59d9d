//! The real process killed with SIGKILL at every distinct step of a run (before and after each commit, each request, the
//! migrations, a backup) and at random moments; and each time nothing is doubled, nothing lost, and the next run ends in step.
//!
//! `CRASHES=n cargo test crash_matrix` kills n times, however long that takes; without it the time is limited.

use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::Object;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

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
}

/// Where it is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The so-manieth place that it comes to.
    Step(u64),
    /// When the three systems have been asked so many times.
    Requests(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Killed,
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
        rig.configure("[customers]\ndelete_grace = \"0s\"\n");
        if work != Work::FirstLoad {
            rig.backfill().await;
            let mut hubspot = rig.hubspot();
            let companies: Vec<String> = hubspot.ids(ObjectType::Company).collect();
            let contacts: Vec<String> = hubspot.ids(ObjectType::Contact).collect();
            hubspot.set_property(ObjectType::Company, &companies[0], "name", "Renamed Inc").unwrap();
            hubspot.archive(ObjectType::Company, &companies[1]).unwrap();
            hubspot.move_contact(&contacts[2], &companies[3]).unwrap();
            hubspot.set_property(ObjectType::Contact, &contacts[2], "jobtitle", "New job").unwrap();
        }
        if lossy {
            // Carried out there, unknown here.
            rig.faults.inject(Fault::next("pivotal", Effect::DropAfter).on("POST", "/api/v1/").after(1).times(2));
        }
        rig.log.clear();
        Self { rig, work }
    }

    fn words(&self) -> &'static [&'static str] {
        match self.work {
            Work::FirstLoad => &["backfill", "--json"],
            Work::Day => &["sync", "--json"],
            Work::FullPass => &["sync", "--full", "--json"],
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
        if let Moment::Step(step) = moment {
            command.env("FAILPOINT", step.to_string()).env("FAILPOINT_REACHED", &reached);
        }
        let asked = self.rig.log.entries().len();
        let mut child = command.spawn().unwrap();
        let come = || match moment {
            Moment::Step(_) => reached.exists(),
            Moment::Requests(number) => self.rig.log.entries().len() >= asked + number,
        };
        let fate = self.wait(&mut child, come).await;
        self.sound().await;
        fate
    }

    async fn wait(&self, child: &mut Child, come: impl Fn() -> bool) -> Fate {
        let begun = Instant::now();
        loop {
            if child.try_wait().unwrap().is_some() {
                return Fate::Ended;
            }
            if come() {
                child.kill().unwrap();
                child.wait().unwrap();
                return Fate::Killed;
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
        for (words, quiet) in [(self.words(), false), (&["sync", "--json"][..], true)] {
            self.rig.log.clear();
            let output = self.finish(words).await;
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(0), "{story}\n{said}");
            assert!(!quiet || self.rig.writes().is_empty(), "{story}: the next night is quiet");
        }
        self.sound().await;
        let pivotal = self.rig.pivotal();
        assert_eq!(pivotal.duplicates(), Vec::<String>::new(), "{story}");
        let there = [Object::Customer, Object::Contact].map(|object| pivotal.visible(object).count());
        let made = &pivotal.create_counts()[..2];
        match self.work {
            Work::FirstLoad => assert_eq!((there, made), ([4, 4], &[4, 4][..]), "{story}"),
            // One company left with its contact; one contact was made anew where it moved to.
            Work::Day | Work::FullPass => {
                assert_eq!((there, made), ([3, 3], &[4, 5][..]), "{story}");
                assert!(pivotal.customer_with("name", "Renamed Inc").is_some(), "{story}");
            }
        }
    }
}

async fn quick_check(file: &Path) -> String {
    let options = SqliteConnectOptions::new().filename(file);
    let mut store = SqliteConnection::connect_with(&options).await.unwrap();
    let said = sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut store).await.unwrap();
    store.close().await.unwrap();
    said
}

/// How many kills: exactly so many, or as many as the time allows.
fn asked_for() -> (usize, Option<Duration>) {
    match std::env::var("CRASHES").ok().and_then(|n| n.parse().ok()) {
        Some(kills) => (kills, None),
        None => (KILLS, Some(WITHIN)),
    }
}

/// How many steps a run of this work has.
async fn steps(work: Work) -> u64 {
    let (mut low, mut high) = (1, 1024);
    // The first step that no run comes to, by halves; each try leaves a world that is half done, so each has a new one.
    while low < high {
        let middle = (low + high) / 2;
        let world = World::of(work, false).await;
        match world.kill_at(Moment::Step(middle)).await {
            Fate::Killed => low = middle + 1,
            Fate::Ended => high = middle,
        }
    }
    low - 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_step_and_at_random_moments_it_always_ends_in_step() {
    let (wanted, within) = asked_for();
    let begun = Instant::now();
    let mut dice = StdRng::seed_from_u64(5);
    let mut kills = 0;
    let works = [Work::FirstLoad, Work::Day, Work::FullPass];
    let lengths = [steps(works[0]).await, steps(works[1]).await, steps(works[2]).await];
    assert!(lengths.iter().all(|steps| *steps > 30), "a run has more steps than that: {lengths:?}");
    // A stride without a common divisor comes to every step, and to far ones early.
    let strides = lengths.map(|steps| (steps * 5 / 13..).find(|stride| gcd(*stride, steps) == 1).unwrap_or(1));
    for round in 0_u64.. {
        let spent = within.is_some_and(|within| begun.elapsed() >= within && kills >= KILLS_LEAST);
        if kills >= wanted || spent {
            break;
        }
        let at = usize::try_from(round % 3).unwrap();
        let turn = round / 3;
        let world = World::of(works[at], turn % 3 == 2).await;
        // The run that recovers is killed as well: at a step of its own, then at a random moment.
        let moments = [
            Moment::Step(turn * strides[at] % lengths[at] + 1),
            Moment::Step(dice.random_range(1..=lengths[at])),
            Moment::Requests(dice.random_range(1..20)),
        ];
        for moment in moments {
            kills += usize::from(world.kill_at(moment).await == Fate::Killed);
        }
        world.ends_well(&format!("{:?} killed at {moments:?}", works[at])).await;
    }
    assert!(kills >= KILLS_LEAST.min(wanted));
}

/// Killed at every step of a backup: the store is sound, and under the copy's name is the copy of before or a new one, never a part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_the_store_and_the_copy_of_before() {
    let world = World::of(Work::Day, false).await;
    let copy = world.rig.folder.path().join("copy.db");
    let words = ["backup", copy.to_str().unwrap()];
    assert_eq!(world.finish(&words).await.status.code(), Some(0));
    let mut kills = 0;
    for step in 1.. {
        if world.kill(&words, Moment::Step(step)).await == Fate::Ended {
            break;
        }
        kills += 1;
        assert_eq!(quick_check(&copy).await, "ok", "step {step}");
    }
    assert!(kills >= 4, "{kills}");
    world.ends_well("a backup was killed").await;
    assert_eq!(world.finish(&words).await.status.code(), Some(0));
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
