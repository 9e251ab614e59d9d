//! Records that somebody says have changed are read by id, before anything else is read.

use std::collections::BTreeMap;

use crate::domain::{Cursor, ExternalId, Fault, SourceKey, Stream, StreamCounts};
use crate::ports::Source;
use crate::store::Nudge;

use super::{Ask, Engine, EngineError, Run};

/// Ids read at once.
const BATCH: usize = 500;

/// What reading one stream's nudged records came to.
pub(super) type Told = (Stream, StreamCounts, Option<String>);

impl Engine {
    /// The nudges whose records must be read.
    pub(super) async fn nudges_to_read(&self, run: &mut Run) -> Result<Vec<Nudge>, EngineError> {
        // The number first: what comes in between is seen again, never missed.
        run.turns.seen = self.store.newest_nudge().await?;
        let mut nudges = self.store.nudges().await?;
        nudges.retain(|nudge| !nudge.known);
        Ok(nudges)
    }

    /// Reads what was nudged and nothing else.
    pub(super) async fn read_nudged(&self, ask: &Ask, run: &mut Run) -> Result<(), EngineError> {
        let nudges = self.nudges_to_read(run).await?;
        for source in self.sources.iter().filter(|source| ask.only.is_none_or(|only| only == source.name())) {
            let told = self.read_nudged_of(&**source, &nudges).await?;
            run.learn(told);
        }
        self.check_stop()
    }

    /// Reads those of the nudged records that are this source's. What cannot be read now stays nudged; what its source refuses
    /// for what it is (an id no record can have) is told and forgotten.
    pub(super) async fn read_nudged_of(&self, source: &dyn Source, nudges: &[Nudge]) -> Result<Vec<Told>, EngineError> {
        let mut told = Vec::new();
        for stream in source.streams() {
            let own: BTreeMap<&ExternalId, i64> =
                nudges.iter().filter(|n| n.key.stream == stream).map(|n| (&n.key.id, n.id)).collect();
            let ids: Vec<ExternalId> = own.keys().map(|id| (*id).clone()).collect();
            let numbers: Vec<i64> = own.into_values().collect();
            let (mut counts, mut note) = (StreamCounts::default(), None);
            if ids.is_empty() {
                continue;
            }
            let before = source.spent().requests;
            let cursor = self.cursor_of(source, stream).await?;
            for (ids, numbers) in ids.chunks(BATCH).zip(numbers.chunks(BATCH)) {
                let read = self.read_some(source, stream, ids, numbers, cursor.as_ref(), &mut counts);
                note = read.await?.or(note);
            }
            counts.requests = source.spent().requests - before;
            told.push((stream, counts, note));
        }
        Ok(told)
    }

    /// What tells a source whose records are kept: the stream's cursor, or where it has none another's of the same source.
    pub(super) async fn cursor_of(&self, source: &dyn Source, stream: Stream) -> Result<Option<Cursor>, EngineError> {
        for stream in std::iter::once(stream).chain(source.streams()) {
            if let Some(state) = self.store.stream_state(stream).await? {
                return Ok(Some(state.cursor));
            }
        }
        Ok(None)
    }

    async fn read_some(
        &self,
        source: &dyn Source,
        stream: Stream,
        ids: &[ExternalId],
        numbers: &[i64],
        cursor: Option<&Cursor>,
        counts: &mut StreamCounts,
    ) -> Result<Option<String>, EngineError> {
        let error = match self.or_stop(source.read(stream, ids, cursor)).await? {
            Ok(records) => {
                counts.read += records.len() as u64;
                self.keep_read(source, stream, records, counts).await?;
                self.store.nudges_read(numbers).await?;
                return Ok(None);
            }
            Err(error) => error,
        };
        if error.fault != Fault::Invalid {
            return Ok(Some(format!(
                "{stream}: {} that somebody said have changed could not be read and wait for the next run: {error}",
                ids.len()
            )));
        }
        if let ([id], [number]) = (ids, numbers) {
            self.store.nudges_read(&[*number]).await?;
            let key = SourceKey::new(stream, id.as_str());
            return Ok(Some(format!("{key} was said to have changed, but its source refuses to show it: {error}")));
        }
        let mut note = None;
        for (id, number) in ids.iter().zip(numbers) {
            let ids = std::slice::from_ref(id);
            note = Box::pin(self.read_some(source, stream, ids, &[*number], cursor, counts)).await?.or(note);
        }
        Ok(note)
    }

    /// Forgets the nudges whose records are known by now; what they speak of goes first from here on.
    pub(super) async fn heed(&self) -> Result<(), EngineError> {
        let mut nudges = self.store.nudges().await?;
        nudges.retain(|nudge| nudge.known);
        if nudges.is_empty() {
            return Ok(());
        }
        let keys: Vec<SourceKey> = nudges.iter().map(|nudge| nudge.key.clone()).collect();
        let entities: Vec<_> = self.store.entities_of(&keys).await?.into_values().collect();
        let numbers: Vec<i64> = nudges.iter().map(|nudge| nudge.id).collect();
        Ok(self.store.heed(&numbers, &entities).await?)
    }
}
