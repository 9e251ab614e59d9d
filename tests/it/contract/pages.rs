//! Reading everything, and reading what changed: page by page, killed between pages, and against the truth.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use pivotal_sync::domain::{RunStatus, Stream};
use pivotal_sync::engine::{Event, Watch};

use super::bench::{Bench, Told};
use super::state::{key, live};
use super::subjects;

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_read_exactly_once_over_several_pages() {
    for subject in subjects() {
        let bench = Bench::with(vec![subject], false).await;
        let (subject, accounts) = (bench.subject(), 2 * bench.subject().page() + 5);
        bench.seed(accounts);
        let report = bench.sync().await;
        assert_eq!(report.status, RunStatus::Complete, "{:?}", report.streams);
        assert_eq!(report.streams[&subject.accounts()].read, accounts as u64, "{}", subject.source());
        let kept = live(bench.records().await);
        assert!(subject.truth().keys().all(|id| kept.contains_key(&key(subject.accounts(), id))));
        assert_eq!(kept.keys().filter(|key| key.starts_with(subject.accounts().as_str())).count(), accounts);
        let quiet = bench.sync().await;
        assert!(quiet.streams.values().all(|counts| counts.changed == 0), "{:?}", quiet.streams);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_page_of_a_listing_it_goes_on_from_there_and_ends_equal() {
    for subject in subjects() {
        let bench = Bench::with(vec![subject], false).await;
        let subject = bench.subject();
        let accounts = 2 * subject.page() + 5;
        bench.seed(accounts);
        let kills = until_one_lives(&bench, subject.accounts(), (accounts + subject.page()) as u64).await;
        // Streams are read side by side: how many pages another stream got through before a kill differs.
        assert!(kills >= 3, "{}: {kills}", subject.source());
        assert_eq!(bench.listings(), 1, "{}: never from the top again", subject.source());
        bench.agrees_with_the_source().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_page_of_changes_it_goes_on_and_ends_equal() {
    for subject in subjects() {
        let bench = Bench::with(vec![subject], false).await;
        let subject = bench.subject();
        let ids = bench.seed(2 * subject.page() + 5);
        bench.sync().await;
        for (n, id) in ids.iter().enumerate() {
            subject.rename(id, &format!("Renamed {n}"));
        }
        subject.add("New", subject.now());
        let kills = until_one_lives(&bench, subject.accounts(), u64::MAX).await;
        assert!(kills >= 3, "{}: {kills}", subject.source());
        bench.agrees_with_the_source().await;
    }
}

/// Runs that die, the first after one page, the next after two, and so on, until one lives. At most so many records of the
/// stream are read by all of them. How many died.
async fn until_one_lives(bench: &Bench, stream: Stream, most: u64) -> usize {
    let (mut kills, mut read) = (0, 0);
    loop {
        let told = Arc::new(Told::default());
        let report = bench.killed(false, kills + 1, &told).await;
        read += told.lock().unwrap().iter().filter(|(of, _)| *of == stream).map(|(_, read)| *read).max().unwrap_or(0);
        if let Some(report) = report {
            assert_eq!(report.status, RunStatus::Complete, "{:?}", report.streams);
            assert!(read <= most, "{read} of at most {most} records");
            return kills;
        }
        kills += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_lead_to_what_a_complete_reading_shows() {
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(12);
        bench.sync().await;
        subject.rename(&ids[0], "Renamed");
        subject.rename(&ids[1], "Renamed twice");
        subject.rename(&ids[1], "Renamed, the second time");
        subject.remove(&ids[2]);
        subject.rename(&ids[3], "Renamed and removed");
        subject.remove(&ids[3]);
        let new = subject.add("New", subject.now());
        subject.rename(&new, "New and renamed");
        let (brief, back) = (subject.add("Brief", subject.now()), subject.add("Back", subject.now()));
        subject.remove(&brief);
        subject.remove(&back);
        subject.restore(&back);
        let report = bench.sync().await;
        assert_eq!((report.status, report.operations.delete), (RunStatus::Complete, 2), "{:?}", report.plan);
        bench.agrees_with_the_source().await;
        // And a complete pass has nothing to add.
        let full = bench.full().await;
        assert!(full.plan.is_empty() && full.streams.values().all(|counts| counts.changed + counts.deleted == 0));
    }
}

/// Changes things at the source when the first page of a stream has been stored.
struct Meddler<'a> {
    stream: Stream,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
}

impl Watch for Meddler<'_> {
    fn tell(&self, event: Event) {
        if matches!(event, Event::Pulled { stream, .. } if stream == self.stream)
            && let Some(meddle) = self.meddle.lock().unwrap().take()
        {
            meddle();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_everything_is_listed_is_there_when_the_run_ends() {
    for subject in subjects() {
        let bench = Arc::new(Bench::with(vec![subject], false).await);
        let stream = bench.subject().accounts();
        let ids = bench.seed(bench.subject().page() + 5);
        for full in [false, true] {
            let (meddling, ids) = (Arc::clone(&bench), ids.clone());
            let meddle = move || {
                let subject = meddling.subject();
                // Some of them stood on the first page, some on the last, whatever the order.
                for id in [&ids[0], &ids[1], &ids[ids.len() - 1], &ids[ids.len() - 2]] {
                    subject.rename(id, if full { "Renamed in the full pass" } else { "Renamed in the first pass" });
                }
                let (first, last) = if full { (2, 3) } else { (4, 5) };
                subject.remove(&ids[first]);
                subject.remove(&ids[ids.len() - last]);
                subject.add("Late", subject.now());
            };
            let meddle: Box<dyn FnOnce() + Send> = Box::new(meddle);
            let report = bench.watched(full, Arc::new(Meddler { stream, meddle: Mutex::new(Some(meddle)) })).await;
            assert_eq!(report.status, RunStatus::Complete, "{:?}", report.streams);
            bench.agrees_with_the_source().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_goes_and_what_is_restored_comes_back() {
    for subject in subjects() {
        let bench = Bench::with(vec![subject], false).await;
        let subject = bench.subject();
        let ids = bench.seed(4);
        bench.sync().await;
        let of = |id: &str| key(subject.accounts(), id);
        subject.remove(&ids[0]);
        let report = bench.sync().await;
        assert_eq!(report.streams[&subject.accounts()].deleted, 1, "{:?}", report.streams);
        assert_ne!(bench.records().await[&of(&ids[0])].state, "live");
        assert_eq!(bench.sync().await.streams[&subject.accounts()].deleted, 0, "told once");
        if subject.restore(&ids[0]) {
            bench.sync().await;
            assert_eq!(bench.records().await[&of(&ids[0])].state, "live");
        }
        // Without a trace: no change tells of it, a complete pass finds it and asks by id.
        subject.erase(&ids[1]);
        let report = bench.full().await;
        assert_eq!(report.status, RunStatus::Complete, "{:?}", report.streams);
        assert_ne!(bench.records().await[&of(&ids[1])].state, "live", "{}", subject.source());
        bench.agrees_with_the_source().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_rests_alone_with_its_reason() {
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(5);
        let (known, new) = (subject.spoil(&ids[0]), subject.spoil(&ids[1]));
        // Never read before: nothing is known of it, and the others of its page are there.
        bench.spoil(new.clone());
        let report = bench.sync().await;
        assert_eq!(report.streams[&new.stream].malformed, 1, "{:?}", report.streams);
        let kept = bench.records().await;
        let row = &kept[&key(new.stream, &new.id)];
        assert!(row.state == "malformed" && row.unreadable.as_ref().unwrap().contains(new.named), "{row:?}");
        assert_eq!(kept.keys().filter(|key| key.starts_with(new.stream.as_str())).count(), 5);
        // Known: its older facts stay, by changes and by a complete pass.
        bench.clear();
        bench.full().await;
        bench.spoil(known.clone());
        for full in [false, true] {
            subject.rename(&ids[0], &format!("Renamed {full}"));
            let other = subject.add("Other", subject.now());
            let before = bench.records().await[&key(known.stream, &known.id)].clone();
            let report = bench.try_sync(full).await.unwrap();
            let kept = bench.records().await;
            let row = kept[&key(known.stream, &known.id)].clone();
            assert_eq!(
                (&row.state, &row.facts, &row.properties),
                (&"live".to_owned(), &before.facts, &before.properties)
            );
            let seen = full || known.stream == subject.accounts();
            assert!(!seen || row.unreadable.unwrap().contains(known.named), "{}: {full}", subject.source());
            assert_eq!(report.operations.delete, 0);
            assert_eq!(kept[&key(subject.accounts(), &other)].state, "live");
        }
        bench.clear();
        subject.rename(&ids[0], "Readable");
        bench.full().await;
        assert_eq!(bench.records().await[&key(known.stream, &known.id)].unreadable, None);
        bench.agrees_with_the_source().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_hours_off_loses_nothing() {
    // The source's clock against this machine's, both ways (hubspot-api.md trap 30, stripe-api.md trap 16).
    for hours in [-7, 7] {
        for subject in subjects() {
            let bench = Bench::of(subject).await;
            let subject = bench.subject();
            subject.run_ahead(TimeDelta::hours(hours));
            let ids = bench.seed(4);
            let first = bench.sync().await;
            assert_eq!(first.status, RunStatus::Complete, "{:?}", first.streams);
            for round in 0..3 {
                subject.rename(&ids[0], &format!("Renamed {round}"));
                subject.add(&format!("New {round}"), subject.now());
                subject.remove(&ids[round + 1]);
                let report = bench.sync().await;
                assert_eq!((report.status, report.operations.delete), (RunStatus::Complete, 1), "{:?}", report.plan);
                assert!(report.notes.is_empty(), "changes were followed: {:?}", report.notes);
                bench.agrees_with_the_source().await;
            }
        }
    }
}
