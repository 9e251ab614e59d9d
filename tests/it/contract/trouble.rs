//! A source that is too busy, forgets what changed, or is down.

use chrono::TimeDelta;
use pivotal_sync::cli::Exit;
use pivotal_sync::domain::RunStatus;
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::pivotal::Object;

use super::bench::Bench;
use super::state::{key, replace_cursors};
use super::subjects;

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_source_is_waited_for_and_no_record_is_lost() {
    // The pauses are real: side by side.
    futures::future::join_all(subjects().into_iter().map(|subject| async move {
        let bench = Bench::of(subject).await;
        let (subject, api) = (bench.subject(), bench.subject().source().as_str());
        let ids = bench.seed(6);
        // While everything is listed, and again while changes are followed: at the first request, and further on.
        for round in 0..2 {
            bench.faults.inject(Fault::next(api, Effect::Throttle { retry_after: 1 }));
            bench.faults.inject(Fault::next(api, Effect::Throttle { retry_after: 0 }).after(3));
            let report = bench.sync().await;
            assert_eq!((report.status, report.requests.throttled), (RunStatus::Complete, 2), "{:?}", report.streams);
            assert!(bench.faults.waiting().is_empty());
            bench.agrees_with_the_source().await;
            subject.rename(&ids[round], "Renamed");
            subject.remove(&ids[round + 2]);
            subject.add("New", subject.now());
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_too_old_leads_to_a_complete_reading_that_is_told() {
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(6);
        bench.sync().await;
        subject.rename(&ids[0], "Renamed");
        subject.remove(&ids[1]);
        let erased = key(subject.accounts(), &ids[2]);
        subject.erase(&ids[2]);
        if let Some(text) = subject.expire() {
            replace_cursors(&bench.store(), text).await;
        }
        subject.add("New", subject.now() - TimeDelta::days(1));
        let report = bench.sync().await;
        assert_eq!(report.status, RunStatus::Complete, "{:?}", report.streams);
        let said = |notes: &[String]| {
            let of = |note: &&String| {
                note.starts_with(subject.accounts().as_str()) && note.contains("everything was listed")
            };
            notes.iter().filter(of).count()
        };
        assert_eq!(said(&report.notes), 1, "{}: {:?}", subject.source(), report.notes);
        assert_ne!(bench.records().await[&erased].state, "live");
        bench.agrees_with_the_source().await;
        assert_eq!(said(&bench.sync().await.notes), 0, "told once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_stops_alone_and_its_older_facts_stay_valid() {
    let count = subjects().len();
    // The pauses between its tries are real: side by side.
    futures::future::join_all((0..count).map(|down| async move {
        let mut both = subjects();
        both.rotate_left(down);
        let bench = Bench::with(both, true).await;
        let (subject, other) = (bench.subject(), bench.other());
        let ids = bench.seed(3);
        let there = other.add("There", other.now());
        bench.sync().await;
        let before = bench.records().await;
        subject.rename(&ids[0], "Renamed meanwhile");
        subject.remove(&ids[1]);
        other.rename(&there, "Renamed there");
        other.add("New there", other.now());
        bench.faults.inject(Fault::next(subject.source().as_str(), Effect::Status(503)).times(u32::MAX));
        let report = bench.sync().await;
        assert_eq!((report.status, Exit::of_run(&report)), (RunStatus::Partial, Exit::Failed), "{:?}", report.streams);
        let failed: Vec<_> = report.streams.iter().filter(|(_, counts)| counts.error.is_some()).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].0.source() == subject.source() && failed[0].1.error.as_ref().unwrap().contains("503"));
        assert_eq!(
            (report.operations.create, report.operations.update, report.operations.delete),
            (1 + u64::from(bench.pivotal_contacts_of_new()), 1, 0),
            "{:?}",
            report.plan
        );
        let after = bench.records().await;
        for (key, row) in before.iter().filter(|(key, _)| key.starts_with(subject.source().as_str())) {
            assert_eq!(after.get(key), Some(row));
        }
        bench.faults.clear();
        assert_eq!(bench.sync().await.status, RunStatus::Complete);
        bench.agrees_with_the_source().await;
    }))
    .await;
}

impl Bench {
    /// People who came with the last account that was added at the source beside the one under test.
    fn pivotal_contacts_of_new(&self) -> bool {
        let pivotal = pivotal_sync::sandbox::pivotal::lock(&self.pivotal);
        let new = pivotal.visible(Object::Customer).find(|row| row.text("name") == Some("New there")).unwrap();
        pivotal.visible(Object::Contact).any(|row| row.customer_id.as_deref() == Some(new.id.as_str()))
    }
}
