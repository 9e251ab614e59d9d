//! Pages into the store: the records and the cursor in one transaction, so that a crash re-reads at most one page.

use std::sync::Arc;

use chrono::Utc;

use crate::domain::{ApiError, Cursor, Fault, Keeps, PullMode, Pulled, Stream, StreamCounts};
use crate::ports::{Page, PageEnd, PullRequest, Source};
use crate::store::{Nudge, PageEffect, PageRow, PageToSave, StreamState};

use super::error::{api_hint, api_kind};
use super::nudged::Told;
use super::{Ask, Engine, EngineError, Event, Run, tell};

/// Ids read at once, such as those that a listing did not show.
const CONFIRM_BATCH: u32 = 500;

/// Why a stream stopped.
enum Stopped {
    /// The source's own trouble: this source stops alone, its older facts stay valid.
    Source(ApiError),
    /// Ours.
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Pulls every stream of every source: sources side by side, the streams of one source in order.
    pub(super) async fn pull(&self, ask: &Ask, run: &mut Run) -> Result<(), EngineError> {
        let wanted = self.sources.iter().filter(|s| ask.only.is_none_or(|only| only == s.name()));
        let mode = if ask.full { PullMode::Full } else { PullMode::Changes };
        let nudges = self.nudges_to_read(run).await?;
        let pulls = wanted.map(|source| self.pull_source(source, mode, &nudges));
        let outcomes = futures::future::join_all(pulls).await;
        for note in self.sources.iter().flat_map(|source| source.notes()) {
            run.note(note);
        }
        for outcome in outcomes {
            run.learn(outcome?);
        }
        self.check_stop()
    }

    async fn pull_source(
        &self,
        source: &Arc<dyn Source>,
        mode: PullMode,
        nudges: &[Nudge],
    ) -> Result<Vec<Told>, EngineError> {
        let mut all = self.read_nudged_of(&**source, nudges).await?;
        for stream in source.streams() {
            let (mut counts, mut note) = (StreamCounts::default(), None);
            let before = source.spent().requests;
            let stopped = match self.pull_stream(&**source, stream, mode, &mut counts, &mut note).await {
                Ok(()) => false,
                Err(Stopped::Engine(error)) => return Err(error),
                Err(Stopped::Source(error)) => {
                    tell::stopped(stream, &error);
                    counts.bare = Some(error.bare());
                    let names = error.unknown_names();
                    counts.misnamed = !names.is_empty();
                    counts.trouble = Some(if counts.misnamed { "config" } else { api_kind(&error) });
                    counts.error = Some(match names.as_slice() {
                        [] => format!("{error}; {}", api_hint(&error)),
                        names => self.misnamed(names, &error.message),
                    });
                    true
                }
            };
            counts.requests = source.spent().requests - before;
            if let Some(state) = self.store.stream_state(stream).await? {
                (counts.pulled_at, counts.complete_at) = (Some(state.pulled_at), state.complete_at);
            }
            tell::pulled(stream, &counts);
            all.push((stream, counts, note));
            if stopped {
                break;
            }
        }
        Ok(all)
    }

    /// Which rules read names that their source does not have, and what it says of that.
    fn misnamed(&self, names: &[&str], said: &str) -> String {
        let rules: Vec<String> = names.iter().flat_map(|name| self.reconciler.readers(name)).collect();
        match rules.join(" and ") {
            rules if rules.is_empty() => said.to_owned(),
            rules => format!("{rules}: {said}"),
        }
    }

    async fn pull_stream(
        &self,
        source: &dyn Source,
        stream: Stream,
        mut mode: PullMode,
        counts: &mut StreamCounts,
        note: &mut Option<String>,
    ) -> Result<(), Stopped> {
        let wanted = source.keeps(stream);
        let keeps = wanted.to_string();
        let known = self.store.stream_state(stream).await?;
        // One that never came to its end, and is not under way either, begins anew: else nothing would ever complete it.
        let goes_on = |s: &StreamState| s.complete_at.is_some() || source.is_listing(stream, &s.cursor);
        let state = known.filter(|state| Keeps::read(&state.keeps).covers(&wanted) && goes_on(state));
        let mut anew = state.is_none();
        let mut listing = state.as_ref().filter(|s| source.is_listing(stream, &s.cursor)).and_then(|s| s.listing);
        let mut cursor = state.map(|state| state.cursor);
        let mut listed = false;
        loop {
            let request = PullRequest { stream, cursor: cursor.as_ref(), mode };
            let page = match self.or_stop(source.pull(request)).await? {
                Ok(page) => page,
                Err(error) if error.fault == Fault::Expired && cursor.is_some() => {
                    tell::expired(stream, &error);
                    *note = Some(format!(
                        "{stream}: everything was listed, because its changes cannot be followed: {error}"
                    ));
                    (cursor, listing) = (None, None);
                    continue;
                }
                Err(error) => return Err(Stopped::Source(error)),
            };
            // Not before there is an answer: with a rule that asks for what the source refuses, what is kept stays good.
            if std::mem::take(&mut anew) {
                self.store.forget_complete(stream).await?;
            }
            let lists = page.end == PageEnd::Listing || source.is_listing(stream, &page.cursor);
            if lists && listing.is_none() {
                listing = Some(self.store.begin_listing(stream).await?);
            }
            counts.read += page.records.len() as u64;
            let (end, next) = (page.end, page.cursor.clone());
            if end == PageEnd::Listing {
                let believed = self.end_listing(source, stream, &keeps, listing, page, counts).await?;
                // What happened while it went on is in no page of it: its delta follows at once, so that the run ends at the
                // truth. Once: where a delta ends in another listing each time, the run must still come to its end.
                if !believed || listed {
                    break;
                }
                (listed, listing, mode) = (true, None, PullMode::Changes);
            } else {
                self.keep(stream, page.records, Some(&next), &keeps, listing, false, counts).await?;
                self.watch.tell(Event::Pulled { stream, read: counts.read });
            }
            if end == PageEnd::Delta {
                break;
            }
            cursor = Some(next);
        }
        self.read_outdated(source, stream, &keeps, counts).await
    }

    /// The last page of a complete listing. What it did not show is asked for by id before it counts as gone. The cursor moves
    /// last: a crash in between reads this page again and asks again. Answers whether the listing is believed: one that shows
    /// nothing of what is known moves no cursor, or the changes since the last pull would be passed over for good.
    async fn end_listing(
        &self,
        source: &dyn Source,
        stream: Stream,
        keeps: &str,
        listing: Option<i64>,
        page: Page,
        counts: &mut StreamCounts,
    ) -> Result<bool, Stopped> {
        self.keep(stream, page.records, None, keeps, listing, false, counts).await?;
        self.watch.tell(Event::Pulled { stream, read: counts.read });
        let Some(number) = listing else { return Ok(false) };
        let known = self.store.live_count(stream).await?;
        if known > 0 && !self.store.listing_shows(stream, number).await? {
            // An emptied answer looks like a lost right or a wrong account, not like an order to delete everything.
            let error = format!(
                "{stream} listed nothing although {known} records are known; they stay as they are. Check that the credential still sees them"
            );
            (counts.bare, counts.error, counts.trouble) = (Some(error.clone()), Some(error), Some("permission"));
            return Ok(false);
        }
        self.confirm_unseen(source, stream, keeps, number, &page.cursor, counts).await?;
        self.keep(stream, Vec::new(), Some(&page.cursor), keeps, listing, true, counts).await?;
        Ok(true)
    }

    async fn confirm_unseen(
        &self,
        source: &dyn Source,
        stream: Stream,
        keeps: &str,
        listing: i64,
        cursor: &Cursor,
        counts: &mut StreamCounts,
    ) -> Result<(), Stopped> {
        let mut after = None;
        loop {
            let ids = self.store.unseen(stream, listing, after.as_ref(), CONFIRM_BATCH).await?;
            let Some(last) = ids.last().cloned() else { return Ok(()) };
            let records = self.or_stop(source.read(stream, &ids, Some(cursor))).await?.map_err(Stopped::Source)?;
            self.keep(stream, records, None, keeps, Some(listing), false, counts).await?;
            after = Some(last);
        }
    }

    /// Reads what has changed by itself since it was last read: no source announces that a discount or a trial ran out.
    async fn read_outdated(
        &self,
        source: &dyn Source,
        stream: Stream,
        keeps: &str,
        counts: &mut StreamCounts,
    ) -> Result<(), Stopped> {
        let (by, mut after) = (Utc::now(), None);
        let cursor = self.cursor_of(source, stream).await?;
        loop {
            let ids = self.store.outdated(stream, by, after.as_ref(), CONFIRM_BATCH).await?;
            let Some(last) = ids.last().cloned() else { return Ok(()) };
            let records = self.or_stop(source.read(stream, &ids, cursor.as_ref())).await?.map_err(Stopped::Source)?;
            counts.read += records.len() as u64;
            self.keep(stream, records, None, keeps, None, false, counts).await?;
            after = Some(last);
        }
    }

    /// Keeps records that were read by id.
    pub(super) async fn keep_read(
        &self,
        source: &dyn Source,
        stream: Stream,
        records: Vec<Pulled>,
        counts: &mut StreamCounts,
    ) -> Result<(), EngineError> {
        self.keep(stream, records, None, &source.keeps(stream).to_string(), None, false, counts).await
    }

    #[expect(clippy::too_many_arguments, reason = "one page and everything that is stored with it")]
    async fn keep(
        &self,
        stream: Stream,
        records: Vec<Pulled>,
        cursor: Option<&Cursor>,
        keeps: &str,
        listing: Option<i64>,
        ends_listing: bool,
        counts: &mut StreamCounts,
    ) -> Result<(), EngineError> {
        let rows: Vec<PageRow> = records
            .into_iter()
            .map(|pulled| {
                let tokens = match &pulled {
                    Pulled::Live(record) | Pulled::Partial(record, _) => self.reconciler.tokens(record),
                    Pulled::Gone(..) | Pulled::Malformed(..) => Vec::new(),
                };
                PageRow { pulled, tokens }
            })
            .collect();
        let page = PageToSave { stream, rows: &rows, cursor, keeps, listing, ends_listing, now: Utc::now() };
        let PageEffect { changed, gone, malformed } = self.store.save_page(page).await?;
        counts.changed += changed;
        counts.deleted += gone;
        counts.malformed += malformed;
        Ok(())
    }
}
