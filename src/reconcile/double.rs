//! Two objects in Pivotal that turn out to be one: their records were merged at the source. A merge is never a deletion
//! (hubspot-api.md trap 10): both stay, and a person is told of both and of every way out.

use crate::domain::{Gone, Kind, Mirror, MirrorState, Origin, PivotalId, SourceKey, Stream};

use super::identity::key_order;
use super::types::{Known, Subject};

/// Why an object that exists waits for a person: one of its records, of a stream that `speaks` for it, lives on elsewhere.
pub(super) fn doubled(subject: &Subject, speaks: fn(Stream) -> bool) -> Option<String> {
    let mirror = subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live)?;
    let own = || subject.records.iter().filter(|known| speaks(known.record.key.stream) && !known.is_ignored());
    let by_key = |a: &&Known, b: &&Known| key_order(&a.record.key, &b.record.key);
    let left = own().filter(|known| lives_elsewhere(known, subject)).min_by(by_key)?;
    let stays = own().filter(|known| known.gone.is_none()).min_by(by_key).map(|known| &known.record.key);
    Some(words(subject.entity.kind, left, mirror, stays))
}

/// Why a customer that no record speaks of waits for a person: the record that did stands for another one by now, and nobody
/// said that this one is to stay.
pub(super) fn left_behind(subject: &Subject) -> Option<String> {
    let mirror = subject.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live)?;
    let left = subject.left.as_ref().filter(|left| !left.unlinked)?;
    let (kind, key, mine) = (subject.entity.kind, &left.key, shown(subject.entity.kind, &mirror.id, mirror.display_id));
    let now = left.now.as_ref().map(|now| shown(kind, &now.pivotal_id, now.display_id));
    let keep_theirs = match mirror.origin {
        Origin::Created => format!("`pivotal-sync approve {mine}` deletes {mine} (move what is worth keeping first)"),
        _ => format!(
            "delete {mine} in Pivotal (pivotal-sync did not create it, so it never will); `pivotal-sync audit` sees that"
        ),
    };
    let (stands, without) = match now {
        Some(theirs) => (format!("stands for {theirs} now"), format!("keep {theirs}")),
        None => ("no longer does".to_owned(), "do without it".to_owned()),
    };
    Some(format!(
        "{key} stood for {mine} and {stands}, so {mine} is left behind. To {without}: {keep_theirs}; to keep {mine}: \
         `pivotal-sync link {key} {mine}`"
    ))
}

/// Whether a record was merged into one that is not of this entity, and nothing live of its stream is left here.
pub(super) fn lives_elsewhere(known: &Known, subject: &Subject) -> bool {
    let Some((Gone::Merged { into }, _)) = &known.gone else { return false };
    let stream = known.record.key.stream;
    !subject
        .records
        .iter()
        .any(|other| other.record.key.stream == stream && (other.gone.is_none() || other.record.key.id == *into))
}

fn words(kind: Kind, left: &Known, mirror: &Mirror, stays: Option<&SourceKey>) -> String {
    let old = &left.record.key;
    let mine = shown(kind, &mirror.id, mirror.display_id);
    let Some(survivor) = &left.survivor else {
        let into = match &left.gone {
            Some((Gone::Merged { into }, _)) => SourceKey { stream: old.stream, id: into.clone() },
            _ => old.clone(),
        };
        return format!(
            "{old} was merged into {into}, and {mine} stood for it; `pivotal-sync link {into} {mine}` keeps it for {into}, \
             `pivotal-sync ignore {old}` leaves it as it is"
        );
    };
    let (new, theirs) = (&survivor.key, shown(kind, &survivor.pivotal_id, survivor.display_id));
    let keep_theirs = match (stays, mirror.origin) {
        (Some(stays), _) => format!("`pivotal-sync link {stays} {theirs}` moves what is left of {mine} there"),
        (None, Origin::Created) => {
            format!("`pivotal-sync approve {old}` deletes {mine} (move what is worth keeping first)")
        }
        (None, _) => format!("delete {mine} in Pivotal (pivotal-sync did not create it, so it never will)"),
    };
    format!(
        "{old} was merged into {new}, so {mine} and {theirs} are one {kind} now. To keep {theirs}: {keep_theirs}; to keep \
         {mine}: `pivotal-sync link {new} {mine}`; to keep both: `pivotal-sync ignore {old}`"
    )
}

/// An object as people and commands name it.
fn shown(kind: Kind, id: &PivotalId, number: Option<i64>) -> String {
    match (kind, number) {
        (Kind::Customer, Some(number)) => format!("pivotal:customer:{number}"),
        _ => id.to_string(),
    }
}

#[cfg(test)]
#[path = "double_tests.rs"]
mod tests;
