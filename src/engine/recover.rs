//! What a crash or a lost answer left unknown is settled before anything else is written.
//!
//! A POST may have made an object: within Pivotal's 24 hours the very same bytes under the same key tell (pivotal-api.md 8);
//! after that the key is fresh again, so Pivotal is looked at instead, and the next plan adopts what is found. Of a PATCH or
//! DELETE the object itself tells. To send it again would not do: by now nobody may want it any more, and a difference that
//! nobody sees would stay.

use std::collections::HashSet;

use chrono::{TimeDelta, Utc};

use crate::domain::{
    Action, ApiError, Change, Changes, EntityId, Fault, Fields, Kind, Mirror, MirrorState, Operation, Parent,
    PivotalId, Standing, Value,
};
use crate::ports::{Answer, Heard, Writer};
use crate::store::{OpenAttempt, Settled, Settlement};

use super::outcome::{Verdict, consequence, written};
use super::{Engine, EngineError, Run};

/// Below Pivotal's 24 hours by enough for clocks to differ and for the request to travel.
const KEY_LIFE: TimeDelta = TimeDelta::hours(23);

impl Engine {
    pub(super) async fn recover(&self, writer: &dyn Writer, run: &mut Run) -> Result<(), EngineError> {
        run.unknown.clear();
        let open = self.store.open_attempts().await?;
        if open.is_empty() {
            return Ok(());
        }
        let mut resent = 0_u64;
        let mut look_again = false;
        for attempt in open {
            self.check_stop()?;
            let age = Utc::now() - attempt.planned_at;
            let outcome = match &attempt.action.action {
                Action::Create { .. } if self.is_there(attempt.action.entity).await? => (
                    Heard::default(),
                    Settled::Owed("its answer was lost, and its object was found in Pivotal since".to_owned()),
                ),
                Action::Create { .. } if age < KEY_LIFE => {
                    resent += 1;
                    self.resend(writer, &attempt).await?
                }
                Action::Create { parent: _, .. } => {
                    look_again = true;
                    self.look_before_repeating(&attempt).await?;
                    (
                        Heard::default(),
                        Settled::Owed(
                            "its answer was lost more than 23 hours ago; Pivotal was looked at instead".to_owned(),
                        ),
                    )
                }
                Action::Update { id, .. } | Action::Delete { id } | Action::Adopt { id, .. } => {
                    (Heard::default(), self.look_what_became_of(&attempt.action, id).await?)
                }
            };
            match &outcome.1 {
                Settled::Written { .. } | Settled::Deleted => {
                    run.report.operations.count(attempt.action.verb());
                    run.done.push(attempt.action.clone());
                }
                Settled::Unknown(_) => {
                    run.unknown.insert(attempt.action.entity);
                }
                _ => {}
            }
            self.store.settle(vec![settlement(&attempt, outcome)]).await?;
        }
        if resent > 0 {
            run.note(format!("{resent} creates whose answers were lost were sent again under the same keys"));
        }
        if look_again {
            self.walk_news(Kind::Customer).await?;
        }
        Ok(())
    }

    /// Whether the entity has an object by now: then there is nothing to ask, and the mirror knows more than the old attempt.
    async fn is_there(&self, entity: EntityId) -> Result<bool, EngineError> {
        let found = self.store.subjects(&[entity]).await?;
        Ok(found.iter().any(|row| row.entity.mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Live)))
    }

    async fn resend(&self, writer: &dyn Writer, attempt: &OpenAttempt) -> Result<(Heard, Settled), EngineError> {
        let sent = tokio::select! {
            biased;
            sent = writer.send(&attempt.prepared, &self.stop) => sent,
            () = self.hurry.cancelled() => return Err(EngineError::Interrupted),
        };
        match sent {
            Ok(answer) => {
                let settled = written(&attempt.action, None, &answer);
                Ok((answer.heard, settled))
            }
            // What an earlier run left unknown stays so.
            Err(error) if error.fault == Fault::Stopped => Err(EngineError::Interrupted),
            Err(error) if error.fault == Fault::KeyInUse => {
                // Pivotal knows the key under another body, or never lets go of it: it must be looked at.
                self.look_before_repeating(attempt).await?;
                Ok((Heard::from(&error), Settled::Owed(format!("{error}; Pivotal was looked at instead"))))
            }
            Err(error) => self.resend_failed(attempt, error),
        }
    }

    fn resend_failed(&self, attempt: &OpenAttempt, error: ApiError) -> Result<(Heard, Settled), EngineError> {
        match consequence(&attempt.action, &error) {
            Verdict::Stop => Err(error.into()),
            Verdict::Settle(settled) => Ok((Heard::from(&error), settled)),
            // Somebody has the slug or the email by now: the next plan looks for the owner.
            Verdict::Conflict => Ok((Heard::from(&error), Settled::Owed(error.to_string()))),
        }
    }

    /// How a change of an object ended, by what the object says now.
    async fn look_what_became_of(&self, operation: &Operation, id: &PivotalId) -> Result<Settled, EngineError> {
        let mut mirrors = self.store.mirrors(&[operation.entity]).await?;
        let mirror = mirrors.remove(&operation.entity);
        if !is_as_planned(operation, mirror.as_ref()) {
            return Ok(Settled::Owed("its answer was lost; the object was written to, or let go, since".to_owned()));
        }
        match self.or_stop(self.target.get(operation.kind, id)).await? {
            Ok(object) => {
                self.store.save_remote(std::slice::from_ref(&object), Utc::now()).await?;
                if was_carried_out(&operation.changes(), &object.fields) {
                    let answer = Answer { object: Some(object), heard: Heard::default() };
                    return Ok(written(operation, mirror.as_ref(), &answer));
                }
                Ok(Settled::Owed("its answer was lost; Pivotal says that it was not carried out".to_owned()))
            }
            Err(error) if error.fault == Fault::NotFound && matches!(operation.action, Action::Delete { .. }) => {
                Ok(Settled::Deleted)
            }
            Err(error) if error.fault == Fault::NotFound => {
                Ok(Settled::Owed("its answer was lost; Pivotal says that it is not there".to_owned()))
            }
            Err(error) if error.fault.is_passing() => Ok(Settled::Unknown(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    async fn look_before_repeating(&self, attempt: &OpenAttempt) -> Result<(), EngineError> {
        if let Action::Create { parent: Some(Parent::Known(customer)), .. } = &attempt.action.action {
            self.read_children(attempt.action.kind, customer).await?;
        }
        Ok(())
    }
}

fn settlement(attempt: &OpenAttempt, (heard, outcome): (Heard, Settled)) -> Settlement {
    Settlement {
        attempt: Some(attempt.attempt),
        heard,
        operation: attempt.operation,
        entity: attempt.action.entity,
        outcome,
        now: Utc::now(),
    }
}

/// Whether nothing else was written since: only then does what the object says tell of this write.
fn is_as_planned(operation: &Operation, mirror: Option<&Mirror>) -> bool {
    let live = mirror.filter(|mirror| mirror.state == MirrorState::Live);
    match (&operation.action, live) {
        (Action::Adopt { .. }, None) => mirror.is_none(),
        (Action::Update { id, changes }, Some(mirror)) => {
            let before =
                |(field, change): (&String, &Change)| *mirror.written.get(field).unwrap_or(&Value::Null) == change.from;
            mirror.id == *id && changes.0.iter().all(before)
        }
        (Action::Delete { id }, Some(mirror)) => mirror.id == *id,
        _ => false,
    }
}

/// A PATCH is carried out as a whole: then nothing says any more what it said before. What Pivotal wrote in its own way says
/// neither the one nor the other, what somebody typed meanwhile as well.
fn was_carried_out(changes: &Changes, shown: &Fields) -> bool {
    let says = |field: &String, value: &Value| shown.get(field).unwrap_or(&Value::Null) == value;
    changes.0.iter().any(|(field, change)| says(field, &change.to))
        && !changes.0.iter().any(|(field, change)| says(field, &change.from))
}

/// What may have been made already is not made again before that is known.
pub(super) fn wait_for_lost_answers(operations: &mut [Operation], unknown: &HashSet<EntityId>) {
    for operation in operations.iter_mut().filter(|o| o.is_ready() && unknown.contains(&o.entity)) {
        if matches!(operation.action, Action::Create { .. }) {
            operation.standing =
                Standing::Waiting("it may be there already: an answer was lost, and asking again failed".to_owned());
        }
    }
}
