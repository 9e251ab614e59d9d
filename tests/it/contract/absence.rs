//! An error, an empty answer or a lost right never looks like deletion (hubspot-api.md traps 38 and 40, stripe-api.md trap 21).
//! Guards and grace are off here: they are not what keeps the records.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use pivotal_sync::domain::{RunStatus, Stream};
use pivotal_sync::engine::{Event, Watch};

use super::bench::Bench;
use super::state::key;
use super::subject::{Answer, Subject};
use super::subjects;

/// Answers that a source gives when something is wrong with it, or with us.
fn troubles(subject: &dyn Subject) -> Vec<(&'static str, Answer)> {
    let object = |body: &str| Answer { status: 200, body: body.to_owned(), ..Answer::default() };
    vec![
        ("failure", subject.failure()),
        ("page", object("<html>a login page</html>")),
        ("empty list", subject.nothing()),
        ("empty object", object("{}")),
        ("401", subject.refusal(401)),
        ("403", subject.refusal(403)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_at_whatever_request_nothing_is_gone_and_nothing_missed() {
    futures::future::join_all(subjects().into_iter().map(|subject| async move {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(4);
        bench.sync().await;
        let there = bench.records().await;
        for (trouble, answer) in troubles(subject) {
            for full in [false, true] {
                for skip in (0..).step_by(if full { 3 } else { 1 }) {
                    let name = format!("{trouble} from request {skip}, full: {full}");
                    subject.rename(&ids[0], &name);
                    bench.answer_after(skip, answer.clone());
                    let report = bench.try_sync(full).await.unwrap();
                    let met = bench.clear();
                    let said = format!("{}: {name}: {:?}", subject.source(), report.streams);
                    assert!(report.streams.values().all(|counts| counts.deleted == 0), "{said}");
                    let kept = bench.records().await;
                    assert!(there.keys().all(|key| kept[key].state == "live"), "{said}: {kept:?}");
                    if met == 0 {
                        break;
                    }
                    let report = bench.sync().await;
                    assert_eq!(report.status, RunStatus::Complete, "{said}, then {:?}", report.streams);
                    let row = bench.records().await[&key(subject.accounts(), &ids[0])].clone();
                    assert!(row.facts.contains(&name), "missed after {said}: {row:?}");
                }
            }
        }
        bench.full().await;
        bench.agrees_with_the_source().await;
        assert_eq!(bench.deletes(), 0);
    }))
    .await;
}

/// Takes the right away when the first page has been stored.
struct Robber {
    bench: Arc<Bench>,
    stream: Stream,
    done: Mutex<bool>,
}

impl Watch for Robber {
    fn tell(&self, event: Event) {
        if matches!(event, Event::Pulled { stream, .. } if stream == self.stream) {
            self.bench.subject().revoke();
            *self.done.lock().unwrap() = true;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_lost_between_two_pages_is_named_and_deletes_nothing() {
    for subject in subjects() {
        let bench = Arc::new(Bench::of(subject).await);
        let subject = bench.subject();
        let ids = bench.seed(subject.page() / 10 + 5);
        bench.sync().await;
        for full in [false, true] {
            subject.remove(&ids[usize::from(full)]);
            let deletes = bench.deletes();
            let robber =
                Arc::new(Robber { bench: Arc::clone(&bench), stream: subject.accounts(), done: Mutex::new(false) });
            let report = bench.watched(full, robber.clone()).await;
            assert!(*robber.done.lock().unwrap());
            let said = format!("{:?}", report.streams);
            assert_eq!(report.status, RunStatus::Partial, "{said}");
            assert!(said.contains("403") && said.contains("read"), "{said}");
            // What was told before the right was lost is true.
            assert!(bench.deletes() - deletes <= 1);
            subject.permit();
            assert_eq!(bench.sync().await.status, RunStatus::Complete);
            assert_eq!(bench.deletes() - deletes, 1, "the one that is gone");
            bench.agrees_with_the_source().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_source_is_not_believed_and_what_changed_meanwhile_arrives() {
    for subject in subjects() {
        let bench = Bench::of(subject).await;
        let subject = bench.subject();
        let ids = bench.seed(5);
        bench.sync().await;
        let first = bench.of_accounts().await;
        subject.rename(&ids[0], "Renamed");
        subject.remove(&ids[1]);
        // Long enough ago that no overlap of windows reaches back to it.
        for hours in 1..=2 {
            subject.run_ahead(TimeDelta::hours(hours));
            bench.empty_listings();
            let report = bench.full().await;
            assert_ne!(report.status, RunStatus::Complete, "{:?}", report.streams);
            bench.clear();
            assert_eq!(bench.of_accounts().await, first);
        }
        subject.run_ahead(TimeDelta::hours(3));
        let report = bench.sync().await;
        assert_eq!((report.status, report.operations.delete), (RunStatus::Complete, 1), "{:?}", report.streams);
        bench.agrees_with_the_source().await;
        // Emptied for good: even where each id is told to be gone, as to the key of another account.
        let last = bench.of_accounts().await;
        let deletes = bench.deletes();
        subject.truth().keys().for_each(|id| subject.erase(id));
        for _ in 0..2 {
            let report = bench.full().await;
            let error = report.streams[&subject.accounts()].error.as_ref().unwrap();
            assert!(error.contains("listed nothing although 4 records are known"), "{error}");
        }
        assert_eq!((bench.of_accounts().await, bench.deletes()), (last, deletes));
    }
}
