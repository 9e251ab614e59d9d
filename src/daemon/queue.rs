//! Triggers that wait: equal ones become one run, and no storm makes the queue grow.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Asker, Errand, Finished, Trigger};

/// Runs that may wait. Only what is asked for in many ways could ever fill it, like plans.
const MOST: usize = 32;

/// Who waits for one run's end.
const ANSWERS_MOST: usize = 64;

/// A run to be made, and who waits for it.
#[derive(Debug)]
pub(super) struct Order {
    pub by: Asker,
    pub errand: Errand,
    pub answers: Vec<oneshot::Sender<Arc<Finished>>>,
    /// Whether nothing but events asked for it.
    events_only: bool,
}

impl Order {
    /// Whether nobody is left to hear the answer of a run that is made for its answer.
    fn is_pointless(&self) -> bool {
        self.errand.only_tells() && self.answers.iter().all(oneshot::Sender::is_closed)
    }
}

/// The runs to be made, in the order they were first asked for.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Order>);

impl Queue {
    /// Takes a trigger in. Answers whether it was: one that is not has its answer dropped, which tells whoever waits.
    pub(super) fn push(&mut self, trigger: Trigger) -> bool {
        let Trigger { by, errand, answer } = trigger;
        let event = by == Asker::Webhook;
        for order in &mut self.0 {
            if order.answers.len() < ANSWERS_MOST
                && let Some(shared) = shared(&order.errand, &errand, answer.is_some())
            {
                order.errand = shared;
                order.events_only &= event;
                order.answers.extend(answer);
                return true;
            }
        }
        if self.0.len() >= MOST {
            return false;
        }
        self.0.push_back(Order { by, errand, answers: answer.into_iter().collect(), events_only: event });
        true
    }

    pub(super) fn pop(&mut self) -> Option<Order> {
        self.0.retain(|order| !order.is_pointless());
        self.0.pop_front()
    }

    /// Whether somebody waits to see what is to be done, and for nothing else.
    pub(super) fn has_plain_plan(&self) -> bool {
        self.0.iter().any(|order| order.errand.is_plain_plan() && !order.is_pointless())
    }

    /// Takes out the plans that ask for nothing but to see what is to be done.
    pub(super) fn take_plain_plans(&mut self) -> Vec<Order> {
        let (plans, others) = self.0.drain(..).partition(|order| order.errand.is_plain_plan());
        self.0 = others;
        Vec::from(plans)
    }

    /// Takes out what nothing but events asked for. Answers whether there was something.
    pub(super) fn take_events(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|order| !order.events_only || !order.answers.is_empty());
        self.0.len() < before
    }

    /// Forgets what waits; whoever waits for it is told.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The one errand that does for both, if there is one. Whoever waits for an answer gets that of the kind of run asked for.
fn shared(waiting: &Errand, asked: &Errand, awaited: bool) -> Option<Errand> {
    match (waiting, asked) {
        (Errand::Sync, Errand::Sync) => Some(Errand::Sync),
        (Errand::Sync | Errand::Full, Errand::Full) | (Errand::Full, Errand::Sync) => Some(Errand::Full),
        (Errand::Backfill, Errand::Backfill) => Some(Errand::Backfill),
        (Errand::Backfill, Errand::Sync) if !awaited => Some(Errand::Backfill),
        (Errand::Audit(one), Errand::Audit(other)) => (one == other).then(|| waiting.clone()),
        (Errand::Plan { only, offline, keep }, Errand::Plan { only: o, offline: f, keep: k }) => {
            ((only, offline, keep) == (o, f, k)).then(|| waiting.clone())
        }
        // What somebody agreed to is each their own: the second finds that it was done.
        (Errand::Undo { run, seen: None, guard }, Errand::Undo { run: r, seen: None, guard: g }) => {
            ((run, guard) == (r, g)).then(|| waiting.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Audit;
    use super::*;

    fn ask(queue: &mut Queue, errand: Errand) -> oneshot::Receiver<Arc<Finished>> {
        let (trigger, answer) = Trigger::awaited(Asker::Command, errand);
        queue.push(trigger);
        answer
    }

    fn plan(keep: bool) -> Errand {
        Errand::Plan { only: None, offline: false, keep }
    }

    #[test]
    fn a_storm_is_one_run() {
        let mut queue = Queue::default();
        for _ in 0..10_000 {
            assert!(queue.push(Trigger::new(Asker::Signal, Errand::Sync)));
        }
        assert!(queue.pop().is_some() && queue.pop().is_none());
    }

    #[test]
    fn the_wider_errand_answers_the_narrower() {
        let mut queue = Queue::default();
        let _answers = (ask(&mut queue, Errand::Sync), ask(&mut queue, Errand::Full), ask(&mut queue, Errand::Sync));
        let order = queue.pop().unwrap();
        assert_eq!((order.errand.as_str(), order.answers.len()), ("full", 3));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn a_plan_is_shared_by_equals_and_dropped_when_nobody_waits_for_it() {
        let mut queue = Queue::default();
        let kept = (ask(&mut queue, plan(true)), ask(&mut queue, plan(true)));
        drop(ask(&mut queue, plan(false)));
        let order = queue.pop().unwrap();
        assert_eq!(order.answers.len(), 2);
        assert!(queue.pop().is_none());
        drop(kept);
    }

    #[test]
    fn plain_plans_are_taken_out_and_no_others() {
        let mut queue = Queue::default();
        let _answers = (ask(&mut queue, plan(true)), ask(&mut queue, Errand::Sync), ask(&mut queue, plan(false)));
        assert!(queue.has_plain_plan());
        let taken = queue.take_plain_plans();
        assert!(!queue.has_plain_plan() && taken.len() == 1 && taken[0].errand.is_plain_plan());
        assert_eq!([queue.pop(), queue.pop()].map(|order| order.unwrap().errand.as_str()), ["plan", "sync"]);
        assert!(queue.take_plain_plans().is_empty());
    }

    #[test]
    fn an_audit_is_shared_by_equals_only() {
        let mut queue = Queue::default();
        let deep = || Errand::Audit(Audit { deep: true, ..Audit::default() });
        let dry = Errand::Audit(Audit { dry_run: true, ..Audit::default() });
        let _answers = (ask(&mut queue, deep()), ask(&mut queue, deep()));
        assert!(queue.push(Trigger::new(Asker::Schedule, Errand::Audit(Audit::default()))));
        drop(ask(&mut queue, dry));
        assert_eq!(queue.pop().unwrap().answers.len(), 2);
        assert!(queue.pop().unwrap().errand.is_routine());
        assert!(queue.pop().is_none(), "nobody waits to be told");
    }

    #[test]
    fn more_than_can_wait_is_refused_and_told() {
        let mut queue = Queue::default();
        let mut answers: Vec<_> = (0..MOST * ANSWERS_MOST).map(|_| ask(&mut queue, Errand::Sync)).collect();
        assert!(answers[0].try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        let mut refused = ask(&mut queue, Errand::Sync);
        assert_eq!(refused.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        queue.clear();
        assert_eq!(answers[7].try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
    }
}
