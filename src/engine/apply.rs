//! Makes the difference go away: write-ahead, send, settle.
//!
//! Three futures side by side in one task: a feeder that commits attempts before they may leave, senders that put them on the
//! wire, a settler that commits what came back. Commits are grouped on both sides, so durability does not cost throughput.
//! Stages keep the order: parents before children, deletes last; the operations of one entity follow each other.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;

use crate::domain::{Action, ApiError, Fault, Kind, Operation, Parent};
use crate::ports::{Answer, Heard, Writer};
use crate::store::{Intent, OperationId, Settled};

use super::again::Turn;
use super::armed::{Armed, Outcome, after, hurried, leave, settle_as};
use super::halt::Shared;
use super::outcome::{Verdict, adopted_as_is, consequence, unread, written};
use super::plan::Planned;
use super::settled::sends;
use super::stages::{Group, clearing, group, is_urgent};
use super::{Engine, EngineError, Event, NOT_REACHED, Run};

/// Why an operation that was committed was not sent, though the run goes on.
pub(super) const MADE_WAY: &str = "not sent: it made way for something more urgent";

impl Engine {
    /// Applies a plan. Answers what the run is to take in before it goes on, when it made way for that: then what was not sent
    /// is as it was. With `heed` false it makes way for nothing.
    pub(super) async fn apply(
        &self,
        writer: &dyn Writer,
        planned: Vec<Planned>,
        heed: bool,
        run: &mut Run,
    ) -> Result<Option<Turn>, EngineError> {
        // Taken out while the run's counts are written to, and put back whatever happens.
        let plan = std::mem::take(&mut run.report.plan);
        let numbers: Vec<OperationId> = planned.iter().map(|planned| planned.id).collect();
        run.settled.clear();
        let applied = self.apply_all(writer, &plan, planned, heed, run).await;
        run.close_pass(plan, &numbers, matches!(applied, Ok(Some(_))));
        applied
    }

    async fn apply_all(
        &self,
        writer: &dyn Writer,
        plan: &[Operation],
        planned: Vec<Planned>,
        heed: bool,
        run: &mut Run,
    ) -> Result<Option<Turn>, EngineError> {
        let ready = || plan.iter().filter(|operation| operation.is_ready());
        let requests: u64 = ready().map(Operation::requests).sum();
        let estimate = self
            .target
            .rate_per_minute()
            .map(|rate| Duration::from_secs(requests.saturating_sub(1) / u64::from(rate.max(1)) * 60));
        let operations = ready().filter(|operation| sends(operation)).count() as u64;
        let taken_over = ready().count() as u64 - operations;
        if taken_over > 0 {
            self.watch.tell(Event::TakingOver { operations: taken_over });
        }
        run.tried = run.done.iter().filter(|operation| sends(operation)).count() as u64;
        self.watch.tell(Event::Applying { done: run.tried, operations, estimate });
        self.begin_to_write(operations, run).await?;
        let clearing = clearing(plan, &planned);
        let shared = Shared::new(writer, plan, &planned, clearing, run.report.run, self.stop.child_token());
        let mut groups = group(plan, planned, shared.clearing(), run);
        self.prove_metadata(&shared, &mut groups, run).await?;
        let (pass, turns) = (shared.pass.clone(), run.turns);
        let turn = {
            let work = self.apply_stages(&shared, groups, run);
            tokio::pin!(work);
            tokio::select! {
                biased;
                done = &mut work => done.map(|()| None)?,
                turn = self.asked_again(turns), if heed => {
                    pass.cancel();
                    work.await?;
                    Some(turn)
                }
            }
        };
        if let Some(turn) = turn
            && !self.stop.is_cancelled()
            && !shared.halted()
        {
            return Ok(Some(turn));
        }
        self.store.close_planned(run.report.run, NOT_REACHED).await?;
        match shared.verdict() {
            (_, Some(error)) => Err(error),
            (Some(why), None) => {
                run.halted = true;
                run.note(why);
                Ok(None)
            }
            (None, None) => Ok(None),
        }
    }

    async fn apply_stages(
        &self,
        shared: &Shared<'_>,
        mut groups: VecDeque<Group>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let mut stages: Vec<u16> = groups.iter().map(|g| g.stage).collect();
        stages.dedup();
        for stage in stages {
            let count = groups.iter().take_while(|g| g.stage == stage).count();
            let rest = groups.split_off(count);
            self.target.hurry(is_urgent(stage));
            self.apply_stage(shared, std::mem::replace(&mut groups, rest), run).await?;
        }
        self.target.hurry(false);
        self.try_again(shared, run).await
    }

    pub(super) async fn apply_stage(
        &self,
        shared: &Shared<'_>,
        groups: VecDeque<Group>,
        run: &mut Run,
    ) -> Result<(), EngineError> {
        let (arm, armed) = mpsc::channel(self.ahead());
        let armed = tokio::sync::Mutex::new(armed);
        let (settle, settled) = mpsc::unbounded_channel();
        let senders: Vec<_> =
            (0..self.concurrency.max(1)).map(|_| self.send_all(shared, &armed, settle.clone())).collect();
        let feed = self.feed(shared, groups, arm, settle.clone());
        let work = async {
            let (fed, _) = tokio::join!(feed, futures::future::join_all(senders));
            // The last sender of outcomes: the settler ends when all are in.
            drop(settle);
            fed
        };
        let (fed, kept) = tokio::join!(work, self.settle_all(shared, settled, run));
        kept?;
        fed
    }

    /// Commits attempts in groups, a little ahead of the senders, and passes them on.
    async fn feed(
        &self,
        shared: &Shared<'_>,
        mut groups: VecDeque<Group>,
        arm: mpsc::Sender<Armed>,
        settle: mpsc::UnboundedSender<Outcome>,
    ) -> Result<(), EngineError> {
        let ahead = self.ahead();
        while !groups.is_empty() {
            let mut batch = Vec::new();
            while batch.len() < ahead
                && let Some(group) = groups.pop_front()
            {
                if shared.stopping() {
                    self.leave(shared, group.operations, &settle);
                    continue;
                }
                batch.extend(self.ready(shared, group, &settle));
            }
            let batch = self.whole(shared, batch, &settle).await;
            let intents: Vec<Intent> = batch.iter().map(|armed| armed.intent(shared.run)).collect();
            let attempts = match self.store.intend(&intents, Utc::now()).await {
                Ok(attempts) => attempts,
                Err(error) => {
                    shared.fail(error.into());
                    return Ok(());
                }
            };
            for (mut armed, attempt) in batch.into_iter().zip(attempts) {
                armed.attempt = Some(attempt);
                if arm.send(armed).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The first request of a group; an adoption that agrees already needs none, a child without its parent waits.
    fn ready(&self, shared: &Shared<'_>, group: Group, settle: &mpsc::UnboundedSender<Outcome>) -> Option<Armed> {
        let mut operations = group.operations;
        if operations.iter().any(|planned| shared.lacks_parent(&shared.plan[planned.at])) {
            // Not even the first half of a move: the person would be lost between the two.
            let how = shared.without_parent(&operations);
            leave(shared.plan, operations, &how, settle);
            return None;
        }
        if operations.iter().any(|planned| shared.went_along(planned)) {
            let how = Settled::Waits("its customer is no longer in Pivotal".to_owned());
            leave(shared.plan, operations, &how, settle);
            return None;
        }
        if let Some(how) = operations.iter().find_map(|planned| shared.until_given_up(&shared.plan[planned.at])) {
            leave(shared.plan, operations, &how, settle);
            return None;
        }
        while let Some(planned) = operations.pop_front() {
            let Planned { id: number, at, mirror, .. } = planned;
            let mut operation = shared.plan[at].clone();
            if shared.leaves_metadata() && operation.leave_metadata() {
                let why = Settled::Owed("Pivotal was found not to keep metadata, and nothing else differs".to_owned());
                settle_as(settle, None, Heard::default(), number, operation, why);
                continue;
            }
            if let Action::Create { parent: Some(parent), .. } = &mut operation.action
                && let Parent::Planned(entity) = parent
            {
                *parent = Parent::Known(shared.created_by(*entity)?);
            }
            if operation.requests() == 0 {
                let settled = adopted_as_is(&operation);
                settle_as(settle, None, Heard::default(), number, operation, settled);
                continue;
            }
            return Armed::new(shared.writer, number, operation, mirror, operations);
        }
        None
    }

    async fn send_all(
        &self,
        shared: &Shared<'_>,
        armed: &tokio::sync::Mutex<mpsc::Receiver<Armed>>,
        settle: mpsc::UnboundedSender<Outcome>,
    ) {
        loop {
            let next = armed.lock().await.recv().await;
            let Some(mut next) = next else { return };
            loop {
                if shared.stopping() {
                    let rest = std::mem::take(&mut next.rest);
                    next.settle(&settle, Heard::default(), self.unsent(shared));
                    self.leave(shared, rest, &settle);
                    break;
                }
                match self.carry_out(shared, next, &settle).await {
                    Some(following) => next = following,
                    None => break,
                }
            }
        }
    }

    /// Sends one attempt. Answers with the entity's next operation, its attempt committed, when there is one.
    async fn carry_out(
        &self,
        shared: &Shared<'_>,
        armed: Armed,
        settle: &mpsc::UnboundedSender<Outcome>,
    ) -> Option<Armed> {
        let mut armed = armed;
        match self.send(shared, &armed).await {
            Ok(answer) => {
                shared.answered();
                let settled = written(&armed.operation, armed.mirror.as_ref(), &answer);
                if let (Settled::Written { mirror, .. }, Kind::Customer) = (&settled, armed.operation.kind) {
                    shared.remember(armed.operation.entity, mirror.id.clone());
                }
                self.following(shared, armed, answer.heard, settled, settle).await
            }
            Err(error) if error.fault == Fault::Stopped => {
                self.leave(shared, std::mem::take(&mut armed.rest), settle);
                armed.settle(settle, Heard::default(), self.unsent(shared));
                None
            }
            Err(error) => {
                shared.failed(&error);
                match consequence(&armed.operation, &error) {
                    // What was to go is gone: the other half of a move goes ahead.
                    Verdict::Settle(settled @ Settled::Deleted) => {
                        self.following(shared, armed, Heard::from(&error), settled, settle).await
                    }
                    Verdict::Settle(settled) => {
                        shared.note_rest(&armed.operation, &settled);
                        leave(shared.plan, std::mem::take(&mut armed.rest), &after(&settled), settle);
                        armed.settle(settle, Heard::from(&error), settled);
                        None
                    }
                    Verdict::Stop => {
                        self.leave(shared, std::mem::take(&mut armed.rest), settle);
                        let settled = unread(&error);
                        armed.settle(settle, Heard::from(&error), settled);
                        shared.fail(error.into());
                        None
                    }
                    Verdict::Conflict => match self.resolve(shared, armed, &error, settle).await {
                        Ok(next) => next,
                        Err(failure) => {
                            shared.fail(failure);
                            None
                        }
                    },
                }
            }
        }
    }

    async fn following(
        &self,
        shared: &Shared<'_>,
        mut armed: Armed,
        heard: Heard,
        settled: Settled,
        settle: &mpsc::UnboundedSender<Outcome>,
    ) -> Option<Armed> {
        let operations = std::mem::take(&mut armed.rest);
        let group = Group { stage: 0, operations };
        armed.settle(settle, heard, settled);
        let next = self.ready(shared, group, settle)?;
        let mut next = self.whole(shared, vec![next], settle).await.pop()?;
        match self.store.intend(&[next.intent(shared.run)], Utc::now()).await {
            Ok(attempts) => {
                next.attempt = attempts.first().copied();
                Some(next)
            }
            Err(error) => {
                shared.fail(error.into());
                None
            }
        }
    }

    /// Sends, unless hurried: then the answer is not waited for, and what became of the request is not known.
    async fn send(&self, shared: &Shared<'_>, armed: &Armed) -> Result<Answer, ApiError> {
        tokio::select! {
            biased;
            answer = shared.writer.send(&armed.prepared, &shared.pass) => answer,
            () = self.hurry.cancelled() => Err(hurried(armed)),
        }
    }

    /// How an operation ends that was committed and not sent.
    fn unsent(&self, shared: &Shared<'_>) -> Settled {
        let why = if self.makes_way(shared) { MADE_WAY } else { "the run stopped before it was sent" };
        Settled::Unsent(why.to_owned())
    }

    /// Leaves operations undone. When the pass only makes way they are planned again at once, so nothing is said of them.
    fn leave(&self, shared: &Shared<'_>, rest: VecDeque<Planned>, settle: &mpsc::UnboundedSender<Outcome>) {
        if !self.makes_way(shared) {
            leave(shared.plan, rest, &Settled::Owed("the run stopped before it".to_owned()), settle);
        }
    }

    fn makes_way(&self, shared: &Shared<'_>) -> bool {
        shared.pass.is_cancelled() && !self.stop.is_cancelled() && !shared.halted()
    }
}
