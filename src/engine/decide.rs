//! What a person decides: which object a record is, what is left out, what of the held may go ahead, what is tried again.
//!
//! Nothing is sent from here: a decision is written down, and the next run acts on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Approval, Choice, Chosen, EntityId, Facts, Fault, Hold, Kind, MirrorState, PivotalId, SourceKey, Timestamp, Verb,
};
use crate::ports::Target;
use crate::reconcile;
use crate::store::{DecisionRow, OperationId, OperationRow, Reference, Store, Story, StoryEntity, StoryRecord};

use super::EngineError;

mod apart;
mod error;

pub use apart::{take_back, unlink};
pub use error::DecideError;

/// A record that is named, the object it stands for, and what people call it.
type NamedRecord = (Option<PivotalId>, StoryRecord, String);

/// Operations decided upon at once.
const MOST: u32 = 1_000_000;

/// A decision that was written down, or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The decision.
    pub row: DecisionRow,
    /// What people call the record.
    pub name: String,
    /// The records that stand for the same object already.
    pub others: Vec<SourceKey>,
    /// What stood before in its place.
    pub before: Option<Chosen>,
    /// The records of the same account that make a customer all the same, though this one is left out.
    pub left: Vec<SourceKey>,
    /// The records of the same customer in Pivotal that are left out along with this one.
    pub along: Vec<SourceKey>,
    /// The record of the same account that keeps its customer, though this one is set apart.
    #[serde(default)]
    pub kept: Option<SourceKey>,
    /// The object of the decision as people name it: `pivotal:customer:42`.
    #[serde(default)]
    pub object: Option<String>,
    /// Whether no other record is left to stand for that object.
    #[serde(default)]
    pub last: bool,
    /// The object that a linked record stood for until now and that no other record stands for, as people name it. That of a
    /// customer is asked about by the next run.
    #[serde(default)]
    pub behind: Option<String>,
}

impl Decided {
    /// A decision that nothing else is to be said of.
    fn new(row: DecisionRow, name: String) -> Self {
        let (others, left, along) = (Vec::new(), Vec::new(), Vec::new());
        Self { row, name, others, before: None, left, along, kept: None, object: None, last: false, behind: None }
    }
}

/// What `approve` and `retry` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// What goes ahead with the next run.
    pub taken: Vec<OperationRow>,
    /// What must be settled in another way, and how.
    pub left: Vec<OperationRow>,
}

/// Says that a record is a Pivotal object. Asks Pivotal whether it has it, and keeps what it says.
///
/// # Errors
/// [`DecideError`]: then nothing is decided.
pub async fn link(
    store: &Store,
    target: &dyn Target,
    workspace: &str,
    record: &Reference,
    object: &Reference,
    now: Timestamp,
) -> Result<Decided, DecideError> {
    let (record, name) = one_record(store, record).await?;
    let kind = record.key.stream.kind().ok_or_else(|| DecideError::NoObject(record.key.clone()))?;
    let object = &one(store, object).await?;
    let id = match object {
        Reference::Display(found, _) if *found != kind => {
            let (object, found) = (object.clone(), *found);
            return Err(DecideError::OtherKind { record: record.key, wanted: kind, object, found });
        }
        Reference::Display(_, number) => PivotalId::new(number.to_string()),
        Reference::Cuid(id) => id.clone(),
        Reference::Record(_) => object_of(store, object, kind).await?,
        other => return Err(DecideError::NotPivotal(other.clone())),
    };
    super::identify(store, target, workspace).await?;
    let found = target.get(kind, &id).await.map_err(|error| match error.fault {
        Fault::NotFound => DecideError::Missing { kind, object: object.clone() },
        _ => EngineError::from(error).into(),
    })?;
    let choice = Choice::Link { pivotal_id: found.id.clone() };
    let others = others(store, &found.id, &record.key).await?;
    let shown = found.display_id.map(|number| format!("pivotal:{kind}:{number}"));
    store.save_remote(&[found], now).await?;
    let row = decision(&record, choice, now);
    let before = before(&store.decisions().await?, &row);
    let behind = behind(store, &row).await?;
    store.decide(std::slice::from_ref(&row)).await?;
    Ok(Decided { others, before, object: shown, behind, ..Decided::new(row, name) })
}

/// The object of a person or a deal that its record leaves to nobody by being linked to another.
async fn behind(store: &Store, row: &DecisionRow) -> Result<Option<String>, DecideError> {
    let key = &row.key;
    let mine =
        |record: &StoryRecord| record.state != "live" || record.key == *key || record.key.stream.kind().is_none();
    for Story { entity, records, .. } in store.explain(&Reference::Record(key.clone())).await? {
        let Some(StoryEntity { entity, name, .. }) = entity.filter(|it| it.entity.kind != Kind::Customer) else {
            continue;
        };
        let live = entity.mirror.filter(|mirror| mirror.state == MirrorState::Live);
        let left = live.filter(|mirror| Some(&mirror.id) != row.chosen.choice.object());
        if let Some(mirror) = left.filter(|_| records.iter().all(mine)) {
            return Ok(Some(reconcile::named(mirror.id.as_str(), &name)));
        }
    }
    Ok(None)
}

/// The object that a record stands for.
async fn object_of(store: &Store, reference: &Reference, kind: Kind) -> Result<PivotalId, DecideError> {
    let stories = stories(store, reference).await?;
    let entities = stories.into_iter().filter_map(|story| story.entity).filter(|entity| entity.entity.kind == kind);
    let mut objects = entities.filter_map(|entity| entity.entity.mirror).filter(|m| m.state == MirrorState::Live);
    objects.next().map(|mirror| mirror.id).ok_or_else(|| DecideError::NotThere(reference.clone()))
}

/// The live records that stand for an object, besides one.
async fn others(store: &Store, object: &PivotalId, but: &SourceKey) -> Result<Vec<SourceKey>, DecideError> {
    let stories = store.explain(&Reference::Cuid(object.clone())).await?;
    let records = stories.into_iter().flat_map(|story| story.records);
    let standing = records.filter(|record| record.state == "live" && record.key.stream.kind().is_some());
    Ok(standing.map(|record| record.key).filter(|key| key != but).collect())
}

/// Leaves records out.
///
/// # Errors
/// [`DecideError`]: then nothing is decided.
pub async fn ignore(store: &Store, reference: &Reference, now: Timestamp) -> Result<Vec<Decided>, DecideError> {
    let mut decided = write_down(store, records(store, reference).await?, now, |_| Choice::Ignore).await?;
    let ignored: BTreeSet<SourceKey> = decided.iter().map(|decided| decided.row.key.clone()).collect();
    for one in &mut decided {
        (one.along, one.left) = mates(store, &one.row.key, &ignored).await?;
    }
    Ok(decided)
}

/// The other records of an account one of which is left out. What is in Pivotal is left as it is as a whole, so they are left out
/// along with it; of what is not in Pivotal yet, they make a customer all the same. Answers those of the one and the other.
async fn mates(
    store: &Store,
    key: &SourceKey,
    ignored: &BTreeSet<SourceKey>,
) -> Result<(Vec<SourceKey>, Vec<SourceKey>), DecideError> {
    let stories = store.explain(&Reference::Record(key.clone())).await?;
    let there = |story: &Story| story.entity.as_ref().is_some_and(|entity| entity.entity.mirror.is_some());
    let makes = |record: &StoryRecord| record.state == "live" && record.key.stream.kind() == Some(Kind::Customer);
    let (inside, outside): (Vec<Story>, Vec<Story>) = stories.into_iter().partition(there);
    let others = |stories: Vec<Story>| -> Vec<SourceKey> {
        let records = stories.into_iter().flat_map(|story| story.records).filter(makes);
        records.map(|record| record.key).filter(|key| !ignored.contains(key)).collect()
    };
    Ok((others(inside), others(outside)))
}

/// Lets held operations through as they stand: those of what is named; or all that guards hold, that was undone or that
/// somebody else's object was in the way of, but none of which each is a question of its own.
///
/// # Errors
/// [`DecideError`]: then nothing is let through.
pub async fn approve(store: &Store, references: &[Reference]) -> Result<Released, DecideError> {
    let mut released = Released::default();
    let mut approvals: BTreeMap<EntityId, Approval> = BTreeMap::new();
    let held = open(store, "held", references).await?;
    let lost = store.lost_among(&held.iter().map(|operation| operation.entity).collect::<Vec<_>>()).await?;
    for operation in held {
        let anew = lost.get(&operation.entity).map(reconcile::anew);
        let says_nothing = operation.changes.is_empty() && !matches!(operation.verb, Verb::Delete | Verb::Adopt);
        // What guards hold is one question, however many. Which object something is, whether it goes, and whether what a person
        // deleted comes back, is asked of each.
        let guarded = matches!(operation.hold, Some(Hold::Guard(_)));
        let alone = operation.hold == Some(Hold::Choice) || operation.verb == Verb::Delete || anew.is_some();
        let is_own_question = references.is_empty() && !guarded && alone;
        if is_own_question || (anew.is_none() && says_nothing) {
            released.left.push(operation);
            continue;
        }
        let OperationRow { object, verb, pivotal_id, changes, .. } = &operation;
        let seen = reconcile::fingerprint(*object, *verb, pivotal_id.as_ref(), changes);
        approvals.entry(operation.entity).or_default().0.extend([seen].into_iter().chain(anew));
        released.taken.push(operation);
    }
    let operations: Vec<OperationId> = released.taken.iter().map(|operation| operation.id).collect();
    store.approve(&approvals.into_iter().collect::<Vec<_>>(), &operations).await?;
    Ok(released)
}

/// Takes back what was let through and is not done yet: all of it, or that of what is named. Answers of how many things.
///
/// # Errors
/// [`DecideError`]: then nothing is taken back.
pub async fn disapprove(store: &Store, references: &[Reference]) -> Result<u64, DecideError> {
    let mut entities = Vec::new();
    for reference in references {
        entities.extend(stories(store, reference).await?.into_iter().filter_map(|story| Some(story.entity?.entity.id)));
    }
    let all = references.is_empty();
    Ok(store.take_back_approvals((!all).then_some(entities.as_slice())).await?)
}

/// Has what Pivotal refused tried again: all of it, or what is named.
///
/// # Errors
/// [`DecideError`]: then nothing is tried again.
pub async fn retry(store: &Store, references: &[Reference]) -> Result<Released, DecideError> {
    let taken = open(store, "quarantined", references).await?;
    let entities: BTreeSet<EntityId> = taken.iter().map(|operation| operation.entity).collect();
    store.retry(&entities.into_iter().collect::<Vec<_>>()).await?;
    Ok(Released { taken, left: Vec::new() })
}

/// Open operations of one state: all, or those of what is named, each of which must have one.
async fn open(store: &Store, state: &'static str, references: &[Reference]) -> Result<Vec<OperationRow>, DecideError> {
    if references.is_empty() {
        return Ok(store.open_operations(Some(state), MOST).await?);
    }
    let mut found: BTreeMap<i64, OperationRow> = BTreeMap::new();
    for reference in references {
        let stories = stories(store, reference).await?;
        let mut own = stories.into_iter().flat_map(|s| s.operations).filter(|o| o.state == state).peekable();
        if own.peek().is_none() {
            return Err(DecideError::Nothing { state, reference: reference.clone() });
        }
        found.extend(own.map(|operation| (operation.id.0, operation)));
    }
    Ok(found.into_values().collect())
}

/// Decides the same about records.
async fn write_down(
    store: &Store,
    records: Vec<NamedRecord>,
    now: Timestamp,
    choice: impl Fn(Option<PivotalId>) -> Choice,
) -> Result<Vec<Decided>, DecideError> {
    let known = store.decisions().await?;
    let mut decided = Vec::new();
    for (object, record, name) in records {
        let row = decision(&record, choice(object), now);
        let before = before(&known, &row);
        decided.push(Decided { before, ..Decided::new(row, name) });
    }
    let rows: Vec<DecisionRow> = decided.iter().map(|decided| decided.row.clone()).collect();
    store.decide(&rows).await?;
    Ok(decided)
}

/// The other decision that a new one takes the place of.
fn before(known: &[DecisionRow], new: &DecisionRow) -> Option<Chosen> {
    let old = known.iter().find(|old| old.key == new.key)?;
    (old.chosen.choice != new.chosen.choice).then(|| old.chosen.clone())
}

fn decision(record: &StoryRecord, choice: Choice, now: Timestamp) -> DecisionRow {
    let chosen = Chosen { choice, decided_at: now };
    DecisionRow { key: record.key.clone(), chosen, said: record.problem.clone() }
}

/// The one record that a reference names.
async fn one_record(store: &Store, reference: &Reference) -> Result<(StoryRecord, String), DecideError> {
    let mut found = records(store, reference).await?;
    match (found.pop(), found.is_empty()) {
        (Some((_, record, name)), true) => Ok((record, name)),
        (last, _) => {
            let records = found.into_iter().chain(last).map(|(_, record, _)| record.key).collect();
            Err(DecideError::Several { reference: reference.clone(), records })
        }
    }
}

/// The records a reference names that stand for objects, each with the object it stands for and what people call it: a record
/// names itself, anything else all records of the one thing it means.
async fn records(store: &Store, reference: &Reference) -> Result<Vec<NamedRecord>, DecideError> {
    let reference = &one(store, reference).await?;
    let stories = stories(store, reference).await?;
    let several = stories.len() > 1;
    let mut found = Vec::new();
    for story in stories {
        let entity = story.entity.as_ref();
        let object = entity.and_then(|e| e.entity.mirror.as_ref()).map(|mirror| mirror.id.clone());
        let account = entity.map(|e| e.name.clone()).unwrap_or_default();
        for record in story.records {
            let named = match reference {
                Reference::Record(key) => record.key == *key,
                _ => record.key.stream.kind().is_some(),
            };
            if named {
                let name = record.facts.as_ref().and_then(Facts::name).map_or_else(|| account.clone(), str::to_owned);
                found.push((object.clone(), record, name));
            }
        }
    }
    if several && !matches!(reference, Reference::Record(_)) {
        let records = found.into_iter().map(|(_, record, _)| record.key).collect();
        return Err(DecideError::Several { reference: reference.clone(), records });
    }
    match found.first() {
        None => Err(DecideError::Unknown(reference.clone())),
        Some((_, record, _)) if record.key.stream.kind().is_none() => Err(DecideError::NoObject(record.key.clone())),
        Some(_) => Ok(found),
    }
}

/// The one thing that a bare id or an address means.
async fn one(store: &Store, reference: &Reference) -> Result<Reference, DecideError> {
    let mut meant = store.meant(reference).await?;
    match (meant.pop(), meant.is_empty()) {
        (Some(one), true) => Ok(one),
        (last, _) => {
            let key = |reference| if let Reference::Record(key) = reference { Some(key) } else { None };
            let records = meant.into_iter().chain(last).filter_map(key).collect();
            Err(DecideError::Several { reference: reference.clone(), records })
        }
    }
}

async fn stories(store: &Store, reference: &Reference) -> Result<Vec<Story>, DecideError> {
    let stories = store.explain(reference).await?;
    if stories.is_empty() { Err(DecideError::Unknown(reference.clone())) } else { Ok(stories) }
}
