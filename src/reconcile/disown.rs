//! One id is one customer's: what a customer was given of records that are another's by now goes off it.

use crate::domain::{Action, Fields, Gone, Kind, Mirror, MirrorState, Operation, Role, SourceKey, Stream, Value};

use super::double::lives_elsewhere;
use super::identity::key_order;
use super::plan::Case;
use super::types::Wanted;

/// The field of a customer that carries the won deal behind its newest onboarding (design: settled points).
pub(super) const DEAL: &str = "hubspot_deal_id";

impl Case<'_> {
    /// Takes off a customer that its records left, or were merged away from, the ids that were set here and are not of a record
    /// it still has. In their place goes what it carried before such a merge: by that a lost store knows it again.
    pub(super) fn disown(&self, mirror: &Mirror) -> Option<Operation> {
        self.give_up(mirror, self.left_by()?)
    }

    /// The same of a customer that other records are left to.
    pub(super) fn give_up(&self, mirror: &Mirror, why: String) -> Option<Operation> {
        if self.kind() != Kind::Customer || mirror.state != MirrorState::Live {
            return None;
        }
        let mut own = Fields::new();
        for field in carriers() {
            let carried = mirror.written.text(field).filter(|_| !mirror.is_found(field));
            if carried.is_some_and(|id| !self.owns(field, id)) {
                own.set(field, self.merged_away(field).map_or(Value::Null, |key| Value::text(key.id.as_str())));
            }
        }
        let changes = mirror.written.changes_to(&own);
        (!changes.is_empty()).then(|| self.operation(Action::Update { id: mirror.id.clone(), changes }, why))
    }

    /// Before all else that is owed to a customer that is no longer wanted, or whose fields cannot be worked out: the ids of
    /// records that another one has by now.
    pub(super) fn clear_first(&self, operations: &mut Vec<Operation>) {
        let Some(mirror) = self.subject.entity.mirror.as_ref() else { return };
        let cleared = |operation: &Operation| {
            let changes = operation.changes();
            changes.0.iter().any(|(field, change)| change.from.as_text().is_some() && carriers().any(|it| it == field))
        };
        // What a person let go of is left as it is.
        if self.subject.records.is_empty()
            || matches!(self.desired.wanted, Wanted::Yes(_))
            || operations.iter().any(cleared)
        {
            return;
        }
        let gone = "the record of that id no longer stands for it".to_owned();
        operations.splice(0..0, self.give_up(mirror, gone));
    }

    /// Whether its records went to another customer, in words.
    fn left_by(&self) -> Option<String> {
        if let Some(left) = &self.subject.left {
            return Some(format!("{} no longer stands for it", left.key));
        }
        let accounts = self.subject.records.iter().filter(|known| known.record.key.stream.role() == Role::Account);
        let away = accounts.filter(|known| lives_elsewhere(known, self.subject)).map(|known| &known.record.key);
        away.min_by(|a, b| key_order(a, b)).map(|key| format!("{key} was merged into what is another customer"))
    }

    fn owns(&self, field: &str, id: &str) -> bool {
        let carries = |stream: Stream| match stream.role() {
            Role::Deal => field == DEAL,
            _ => stream.customer_field() == Some(field),
        };
        self.subject.records.iter().any(|known| carries(known.record.key.stream) && known.record.key.id.as_str() == id)
    }

    /// The first of its own records for a field, if all of them were merged away; or the last it had, if that was.
    fn merged_away(&self, field: &str) -> Option<&SourceKey> {
        if let Some(left) = &self.subject.left {
            return Some(&left.key).filter(|key| left.merged && key.stream.customer_field() == Some(field));
        }
        let own = self.subject.records.iter().filter(|known| known.record.key.stream.customer_field() == Some(field));
        let merged = own.filter(|known| matches!(known.gone, Some((Gone::Merged { .. }, _))));
        merged.map(|known| &known.record.key).min_by(|a, b| key_order(a, b))
    }
}

/// The fields of a customer that carry the id of a record.
pub(super) fn carriers() -> impl Iterator<Item = &'static str> {
    Stream::ALL.into_iter().filter_map(Stream::customer_field).chain([DEAL])
}
