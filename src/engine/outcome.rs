//! What an answer leads to: the one place that turns faults into behaviour.

use crate::domain::{
    Action, ApiError, Fault, Fields, Kept, Mirror, MirrorState, Operation, Origin, PivotalId, Quarantine, Value,
};
use crate::ports::Answer;
use crate::reconcile::fingerprint_of;
use crate::store::Settled;

/// What follows from a failed write.
pub(super) enum Verdict {
    /// The operation ends like this; the others go on.
    Settle(Settled),
    /// Somebody has the slug or email: find the owner.
    Conflict,
    /// Nothing more may be written.
    Stop,
}

/// What follows from a failed write: the one place that turns a fault into behaviour (design section 4).
pub(super) fn consequence(operation: &Operation, error: &ApiError) -> Verdict {
    let said = error.to_string();
    let creates = matches!(operation.action, Action::Create { .. });
    Verdict::Settle(match &error.fault {
        Fault::Unauthorised | Fault::Forbidden { .. } | Fault::Unexpected | Fault::Expired => return Verdict::Stop,
        Fault::Taken { .. } => return Verdict::Conflict,
        // Deleting what is not there has reached its goal.
        Fault::NotFound if matches!(operation.action, Action::Delete { .. }) => Settled::Deleted,
        Fault::NotFound if creates => Settled::Held(format!("{said}; its customer is no longer in Pivotal")),
        Fault::NotFound => {
            let key = &operation.subject;
            Settled::Lost(format!(
                "{said}; somebody may have deleted it on purpose, so it is not created again unasked. `pivotal-sync approve \
                 {key}` creates it anew, `pivotal-sync ignore {key}` lets it rest"
            ))
        }
        Fault::Invalid => {
            let fingerprint = fingerprint_of(operation);
            let reason = format!(
                "{said}. Once that is mended, `pivotal-sync retry {}` tries it again at once; unasked it is tried again, too, a \
                 day later at first, then less and less often",
                operation.subject
            );
            Settled::Refused(Quarantine { fingerprint, reason, ..Quarantine::default() })
        }
        Fault::Stopped => Settled::Unsent(said),
        Fault::Throttled { .. } | Fault::Unreachable => Settled::Owed(said),
        // A change as well: should nobody want it any more at the next run, nobody would see that it was made.
        Fault::Unavailable | Fault::TimedOut | Fault::KeyInUse => Settled::Unknown(said),
    })
}

/// How a write ends whose failure stops the run. One that was answered 2xx in an unknown shape was carried out.
pub(super) fn unread(error: &ApiError) -> Settled {
    let carried_out = error.status.is_some_and(|status| (200..300).contains(&status));
    if carried_out {
        return Settled::Unknown(error.to_string());
    }
    Settled::Owed(error.to_string())
}

/// The mirror after a write went through: what was sent, under the id Pivotal answered; and what Pivotal made of it.
pub(super) fn written(operation: &Operation, mirror: Option<&Mirror>, answer: &Answer) -> Settled {
    let (id, display_id, parent) = match &answer.object {
        Some(object) => (Some(object.id.clone()), object.display_id, object.parent.clone()),
        None => (None, None, None),
    };
    let fresh = |id: PivotalId, origin, written| Mirror {
        id,
        display_id,
        parent: parent.clone(),
        origin,
        state: MirrorState::Live,
        written,
        found: Default::default(),
    };
    let shown = answer.object.as_ref().map(|object| &object.fields);
    let kept = |sent: &Fields| shown.map(|shown| kept(sent, shown)).unwrap_or_default();
    match &operation.action {
        Action::Delete { .. } => Settled::Deleted,
        Action::Create { fields, .. } => match id {
            Some(id) => {
                let kept = shown.map(|shown| made(fields, shown)).unwrap_or_default();
                Settled::Written { mirror: fresh(id, Origin::Created, fields.clone()), kept }
            }
            None => Settled::Unknown("Pivotal answered a create without the object".to_owned()),
        },
        Action::Adopt { id, origin, found, changes, .. } => {
            let mirror = fresh(id.clone(), *origin, found.with(changes));
            Settled::Written { mirror: Mirror { found: found.clone(), ..mirror }, kept: kept(&changes.after()) }
        }
        Action::Update { id, changes } => {
            let mirror = match mirror {
                Some(mirror) => Mirror { written: mirror.written.with(changes), ..mirror.clone() },
                None => fresh(id.clone(), Origin::Adopted, changes.after()),
            };
            Settled::Written { mirror, kept: kept(&changes.after()) }
        }
    }
}

/// What Pivotal keeps of the fields that were sent. Of the others its answer may show what somebody typed meanwhile, so
/// nothing follows for them.
fn kept(sent: &Fields, shown: &Fields) -> Kept {
    let tells_metadata = !shown.metadata().is_empty();
    let told = sent.0.iter().filter_map(|(name, value)| {
        let left_out = || Some(&Value::Null).filter(|_| tells_metadata && name.starts_with(Fields::METADATA));
        let shown = shown.get(name).or_else(left_out)?;
        Some((name.clone(), Some(shown.clone()).filter(|shown| shown != value)))
    });
    Kept(told.collect())
}

/// The same of a new object, which nobody else can have touched yet: what else it says, Pivotal filled in.
fn made(sent: &Fields, shown: &Fields) -> Kept {
    let mut kept = kept(sent, shown);
    kept.0.retain(|_, value| value.is_some());
    let more = shown.0.iter().filter(|(name, value)| sent.get(name).is_none() && !value.says_nothing());
    kept.0.extend(more.map(|(name, value)| (name.clone(), Some(value.clone()))));
    kept
}

pub(super) fn adopted_as_is(operation: &Operation) -> Settled {
    match &operation.action {
        Action::Adopt { id, display_id, parent, origin, found, .. } => Settled::Written {
            mirror: Mirror {
                id: id.clone(),
                display_id: *display_id,
                parent: parent.clone(),
                origin: *origin,
                state: MirrorState::Live,
                written: found.clone(),
                found: found.clone(),
            },
            kept: Kept::default(),
        },
        _ => Settled::Owed("nothing to send".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_tells_what_pivotal_keeps_of_it() {
        let says = |pairs: &[(&str, &str)]| {
            Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect())
        };
        let shown = says(&[("name", "ACME"), ("plan", "by hand"), ("domain", "a.com"), ("metadata.tier", "1")]);
        let sent = says(&[("name", "Acme"), ("domain", "a.com"), ("metadata.gone", "x"), ("slug", "acme")]);
        let name = || ("name".to_owned(), Some(Value::from("ACME")));
        let gone = || ("metadata.gone".to_owned(), Some(Value::Null));
        assert_eq!(kept(&sent, &shown), Kept([name(), gone(), ("domain".to_owned(), None)].into()));
        let more = [("plan", "by hand"), ("metadata.tier", "1")].map(|(n, v)| (n.to_owned(), Some(Value::from(v))));
        assert_eq!(made(&sent, &shown), Kept([name(), gone()].into_iter().chain(more).collect()));
    }
}
