//! Records that are set apart from their object and from those they are with; and any decision about a record taken back.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Choice, Facts, PivotalId, SourceKey, Timestamp};
use crate::store::{DecisionRow, Reference, Store};

use super::{DecideError, Decided, one, records, stories, write_down};

/// Says that records stand alone: not for the object they stand for now, nor with the records they are with. Of an account that
/// several records make, and that is named as a whole, the first keeps the object, companies before who pays: what was
/// joined is taken apart, and nothing is left to nobody.
///
/// # Errors
/// [`DecideError`]: then nothing is decided.
pub async fn unlink(store: &Store, reference: &Reference, now: Timestamp) -> Result<Vec<Decided>, DecideError> {
    let mut named = records(store, reference).await?;
    let live: BTreeSet<SourceKey> =
        named.iter().filter(|(_, record, _)| record.state == "live").map(|(_, record, _)| record.key.clone()).collect();
    let kept = live.first().filter(|_| live.len() > 1).cloned();
    if let Some(kept) = &kept {
        named.retain(|(_, record, _)| record.key != *kept && live.contains(&record.key));
    }
    let mut decided = write_down(store, named, now, |object| Choice::Unlink { pivotal_id: object }).await?;
    let decisions = store.decisions().await?;
    for one in &mut decided {
        one.kept.clone_from(&kept);
        tell_object(store, one, &decisions).await?;
    }
    Ok(decided)
}

/// Names the object that a record is set apart from, and whether all of its records are.
async fn tell_object(store: &Store, one: &mut Decided, decisions: &[DecisionRow]) -> Result<(), DecideError> {
    let Choice::Unlink { pivotal_id: Some(object) } = &one.row.chosen.choice else { return Ok(()) };
    for story in store.explain(&Reference::Cuid(object.clone())).await? {
        let Some(entity) = story.entity.as_ref().map(|entity| &entity.entity) else { continue };
        let number = entity.mirror.as_ref().and_then(|mirror| mirror.display_id);
        one.object = number.map(|number| format!("pivotal:{}:{number}", entity.kind));
        let is_apart = |key: &SourceKey| {
            let own = decisions.iter().find(|row| row.key == *key).map(|row| &row.chosen.choice);
            matches!(own, Some(Choice::Unlink { pivotal_id: Some(from) }) if from == object)
        };
        let standing =
            story.records.iter().filter(|record| record.state == "live" && record.key.stream.kind().is_some());
        one.last = standing.map(|record| &record.key).all(is_apart);
    }
    Ok(())
}

/// Takes the decisions about records back. A name that meant one thing when it was decided may mean several since: it is taken
/// for what was decided about at once.
///
/// # Errors
/// [`DecideError`]: then nothing is taken back.
pub async fn take_back(store: &Store, reference: &Reference) -> Result<Vec<Decided>, DecideError> {
    let named: BTreeMap<SourceKey, String> = match one(store, reference).await? {
        // A decision may be about a record that never came.
        Reference::Record(key) => BTreeMap::from([(key, String::new())]),
        other => decided_under(store, &other).await?,
    };
    let keys: Vec<SourceKey> = named.keys().cloned().collect();
    let rows = store.take_back(&keys).await?;
    let mut taken_back = Vec::with_capacity(rows.len());
    for row in rows {
        let name = named.get(&row.key).cloned().unwrap_or_default();
        let mut one = Decided::new(row, name);
        tell_object(store, &mut one, &[]).await?;
        taken_back.push(one);
    }
    Ok(taken_back)
}

/// The records that were decided about under a name: those it names, else those that were set apart from what it names.
async fn decided_under(store: &Store, reference: &Reference) -> Result<BTreeMap<SourceKey, String>, DecideError> {
    let stories = stories(store, reference).await?;
    let is_one = stories.len() == 1;
    let mut names: BTreeMap<SourceKey, String> = BTreeMap::new();
    let mut objects: BTreeSet<PivotalId> = BTreeSet::new();
    for story in stories {
        let entity = story.entity.as_ref();
        objects.extend(entity.and_then(|e| e.entity.mirror.as_ref()).map(|mirror| mirror.id.clone()));
        let account = entity.map(|e| e.name.clone()).unwrap_or_default();
        for record in story.records.into_iter().filter(|record| record.key.stream.kind().is_some()) {
            let name = record.facts.as_ref().and_then(Facts::name).map_or_else(|| account.clone(), str::to_owned);
            names.insert(record.key, name);
        }
    }
    let decisions = store.decisions().await?;
    let about: Vec<&DecisionRow> = decisions.iter().filter(|row| names.contains_key(&row.key)).collect();
    let from = |row: &&DecisionRow| match &row.chosen.choice {
        Choice::Unlink { pivotal_id: Some(object) } => objects.contains(object),
        _ => false,
    };
    let (about, is_one) = match about.is_empty() {
        true => (decisions.iter().filter(from).collect(), false),
        false => (about, is_one),
    };
    let times: BTreeSet<Timestamp> = about.iter().map(|row| row.chosen.decided_at).collect();
    if !is_one && times.len() > 1 {
        let records = about.into_iter().map(|row| row.key.clone()).collect();
        return Err(DecideError::Several { reference: reference.clone(), records });
    }
    Ok(about.into_iter().map(|row| (row.key.clone(), names.remove(&row.key).unwrap_or_default())).collect())
}
