//! A credential that belongs elsewhere knows none of our records (hubspot-api.md trap 40, stripe-api.md trap 51): what it says
//! of their ids, nothing at all follows from. Guards and grace are off here: they are not what keeps the records.

use pivotal_sync::domain::RunStatus;

use super::bench::Bench;
use super::state::{forget_cursor, tell_deleted};
use super::subjects;

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_credential_says_nothing_of_the_records_that_are_nudged() {
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(3);
        bench.sync().await;
        let (there, writes) = (bench.records().await, bench.writes());

        subject.rename(&ids[0], "Renamed");
        subject.swap();
        bench.nudge(subject.accounts(), &ids).await;
        for full in [false, true] {
            let report = bench.try_sync(full).await.unwrap();
            let said = format!("{}: {:?} {:?}", subject.source(), report.streams, report.notes);
            assert!(report.streams.values().all(|counts| counts.deleted == 0), "{said}");
            assert!(report.notes.iter().any(|note| note.contains("wait for the next run")), "{said}");
            assert_ne!(report.status, RunStatus::Complete, "{said}");
            assert!(said.contains("put the right") && !said.contains("expired or revoked"), "{said}");
            assert_eq!(bench.records().await, there, "{said}");
            assert_eq!((bench.writes(), bench.nudges().await), (writes, 3), "{said}");
        }

        subject.swap();
        assert_eq!(bench.sync().await.status, RunStatus::Complete);
        assert_eq!((bench.writes(), bench.nudges().await), (writes + 1, 0), "the new name, and nothing else");
        bench.agrees_with_the_source().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_known_by_what_another_stream_holds() {
    // The stream itself holds nothing yet, as one that a new rule has just switched on.
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(2);
        bench.sync().await;
        let (there, writes) = (bench.records().await, bench.writes());
        forget_cursor(&bench.store(), subject.accounts()).await;
        subject.swap();
        bench.nudge(subject.accounts(), &ids).await;
        let run = bench.try_sync(false).await;
        assert!(run.is_err_and(|error| error.to_string().contains("never read in full")));
        assert_eq!(bench.records().await, there);
        assert_eq!((bench.writes(), bench.nudges().await), (writes, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_told_deleted_and_is_there_comes_back_when_it_is_nudged() {
    // Nothing changes at the source: no delta shows it.
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(3);
        bench.sync().await;
        tell_deleted(&bench.store(), subject.accounts()).await;
        bench.sync().await;
        assert!(bench.deletes() >= 3, "what is gone at its source goes");
        assert!(bench.of_accounts().await.values().all(|row| row.state == "deleted"), "no delta brings it back");

        bench.nudge(subject.accounts(), &ids).await;
        let report = bench.sync().await;
        assert_eq!((report.status, bench.nudges().await), (RunStatus::Complete, 0), "{:?}", report.streams);
        assert!(report.operations.create >= 3, "{:?}", report.plan);
        bench.agrees_with_the_source().await;
    }
}
