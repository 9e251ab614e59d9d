//! The pages: listing, sweep, window of changes, and records by id (hubspot-api.md 10).

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{AccountLink, ApiError, Gone, PullMode, Pulled, Timestamp};
use crate::ports::{Page, PageEnd, PullRequest};

use super::api::{ASSOCIATIONS_MOST, BATCH_MOST, LIST_MOST, SEARCH_MOST, URL_PROPERTIES_MOST};
use super::by_id::{Answers, each_once, matched};
use super::cursor::{Before, Changing, Listing, Rolling, State, Sweeping};
use super::facts::{Known, MERGED, Shape, archived_one, in_order, links, pulled, taken_over};
use super::wire::{self, Row, Unreadable, instant, plain};
use super::{Hubspot, PAGE_MOST};

/// The id of a row that has none: it is told, and nothing is known by that name.
const NO_ID: &str = "?";

/// A page but for its cursor's text.
type Turned = (Vec<Pulled>, State, PageEnd);

/// A stretch of the live records.
struct Stretch {
    records: Vec<Pulled>,
    /// Rows answered.
    read: usize,
    /// Where the next stretch begins; nothing at the end.
    after: Option<String>,
    /// The server's clock at the first answer.
    began: Timestamp,
}

impl Hubspot {
    /// One page of a stream.
    pub(super) async fn page(&self, shape: &Shape, request: PullRequest<'_>) -> Result<Page, ApiError> {
        let (state, home) = self.place(request.cursor).await?;
        let state = match (state, request.mode) {
            (Some(listing @ State::Listing(_)), _) => listing,
            (None, _) | (Some(_), PullMode::Full) => State::start(),
            (Some(state), PullMode::Changes) => state,
        };
        let turned = match state {
            State::Listing(listing) => self.listing(shape, listing).await,
            State::Resting(rest) => self.sweep(shape, rest.sweep()).await,
            State::Sweeping(sweep) => self.sweep(shape, sweep).await,
            State::Changing(window) => self.changes(shape, window).await,
            State::Rolling(rolling) => self.roll(shape, rolling).await,
        };
        let (records, state, end) = turned.map_err(|error| self.noted(error, home.as_ref()))?;
        Ok(Page { records, cursor: state.to_cursor(home.as_ref()), end })
    }

    /// Some 1,000 live records with their links, by id; before the first of them, the archived ones.
    async fn listing(&self, shape: &Shape, mut at: Listing) -> Result<Turned, ApiError> {
        self.known(shape).await?;
        if !self.before_listing(shape, &mut at).await? {
            return Ok((Vec::new(), State::Listing(at), PageEnd::More));
        }
        let stretch = self.stretch(shape, at.after.take(), PAGE_MOST).await?;
        at.since = at.since.or(Some(stretch.began));
        at.after = stretch.after;
        Ok(match at.after {
            None => (stretch.records, at.finished(stretch.began), PageEnd::Listing),
            Some(_) => (stretch.records, State::Listing(at), PageEnd::More),
        })
    }

    /// Some 1,000 archived ids, to be watched and not told: what is gone, the listing shows by not showing it. Whether that
    /// was the last of them.
    async fn before_listing(&self, shape: &Shape, at: &mut Listing) -> Result<bool, ApiError> {
        for _ in 0..PAGE_MOST / LIST_MOST {
            let after = match std::mem::replace(&mut at.before, Before::Done) {
                Before::Done => return Ok(true),
                Before::Ahead => None,
                Before::After(after) => Some(after),
            };
            let answer = self.api.list_archived(shape, after.as_deref(), LIST_MOST).await?;
            at.since = at.since.or(Some(answer.now));
            for row in answer.body.results {
                at.archived.add(&row.id, row.archived_at());
            }
            if let Some(next) = self.advanced(shape, after, wire::after(answer.body.paging))? {
                at.before = Before::After(next);
            }
        }
        Ok(at.before == Before::Done)
    }

    /// Some 1,000 live records again, for what moves no date: links (trap 12), and restores at some portals (trap 9). What is
    /// not shown proves nothing.
    async fn roll(&self, shape: &Shape, at: Rolling) -> Result<Turned, ApiError> {
        let most = PAGE_MOST.min(at.left as usize);
        let Stretch { records, read, after, .. } = self.stretch(shape, at.rest.rolled.clone(), most).await?;
        let state = at.went_on(read, after);
        let end = if matches!(state, State::Resting(_)) { PageEnd::Delta } else { PageEnd::More };
        Ok((records, state, end))
    }

    /// Up to `most` live records with their links, by id, above `after`.
    async fn stretch(&self, shape: &Shape, mut after: Option<String>, most: usize) -> Result<Stretch, ApiError> {
        let known = self.known(shape).await?;
        let properties = shape.properties(&known);
        let joined = properties.join(",");
        // A comma takes three characters in a URL. Too long a list would be refused (trap 37): then ids are listed, and read.
        let fits = joined.len() + 2 * properties.len() <= URL_PROPERTIES_MOST;
        let asked = if fits { joined.as_str() } else { "hs_object_id" };
        let (mut rows, mut all, mut began) = (Vec::new(), Vec::new(), None);
        while rows.len() < most {
            let limit = LIST_MOST.min(most - rows.len());
            let answer = self.api.list(shape, after.as_deref(), asked, limit).await?;
            began = began.or(Some(answer.now));
            let empty = answer.body.results.is_empty();
            rows.extend(answer.body.results.into_iter().map(Row::read));
            after = self.advanced(shape, after.take(), wire::after(answer.body.paging))?;
            if after.is_none() {
                break;
            }
            if empty {
                return Err(self.api.nonsense(shape, "a page without records says that more follow"));
            }
        }
        let Some(began) = began else { return Err(self.api.nonsense(shape, "no page was asked for")) };
        let read = rows.len();
        let mut live = Vec::new();
        for row in rows {
            match row {
                Ok(row) => live.push(row),
                Err(Unreadable { id, reason }) => {
                    all.push(Pulled::Malformed(shape.key(id.as_deref().unwrap_or(NO_ID)), reason));
                }
            }
        }
        if fits {
            all.extend(self.live(shape, &known, live).await?);
        } else {
            let ids = live.into_iter().map(|row| row.id).collect();
            all.extend(self.look(shape, ids, &BTreeSet::new()).await?);
        }
        Ok(Stretch { records: each_once(all), read, after, began })
    }

    /// Some 1,000 archived ids; tells those that are news (traps 7, 8). Each of them is looked at before it is told: it may
    /// have been restored meanwhile, or live on in another record. So is each that the sweep before showed and this one does
    /// not (trap 9).
    async fn sweep(&self, shape: &Shape, mut at: Sweeping) -> Result<Turned, ApiError> {
        let (mut news, mut shown, mut end) = (BTreeSet::new(), BTreeSet::new(), None);
        let mut taken = Vec::new();
        for _ in 0..PAGE_MOST / LIST_MOST {
            let answer = self.api.list_archived(shape, at.after.as_deref(), LIST_MOST).await?;
            at.began = at.began.or(Some(answer.now));
            for row in answer.body.results {
                at.met.add(&row.id, row.archived_at());
                if at.rest.is_news(row.archived_at(), self.overlap) {
                    taken.extend(taken_over(shape, &row.id, row.merged()));
                    news.insert(row.id.clone());
                }
                shown.insert(row.id);
            }
            at.after = self.advanced(shape, at.after.take(), wire::after(answer.body.paging))?;
            if at.after.is_none() {
                end = Some(answer.now);
                break;
            }
        }
        at.rest.archived.without(&shown);
        let mut asked: Vec<String> = news.iter().cloned().collect();
        let state = match end {
            Some(now) => {
                asked.extend(at.rest.archived.ids().cloned());
                State::Changing(at.window(now, self.overlap, self.lag))
            }
            None => State::Sweeping(at),
        };
        taken.extend(self.look(shape, asked, &news).await?);
        Ok((each_once(taken), state, PageEnd::More))
    }

    /// Some 1,000 records that changed within the window, read by id: search tells where to look, never what is there.
    async fn changes(&self, shape: &Shape, mut window: Changing) -> Result<Turned, ApiError> {
        let (mut ids, mut ended) = (Vec::new(), false);
        for _ in 0..PAGE_MOST / SEARCH_MOST {
            let answer = self.api.search(shape, window.from, window.to, window.last.as_deref()).await?;
            for hit in answer.results {
                if !is_above(&hit.id, window.last.as_deref()) {
                    let message = format!("search by ascending id answered {} after {:?}", hit.id, window.last);
                    return Err(self.api.nonsense(shape, message));
                }
                let stamp = hit.properties.get(shape.modified).and_then(plain).and_then(|text| instant(&text));
                if window.take(&hit.id, stamp, self.overlap) {
                    ids.push(hit.id.clone());
                }
                window.last = Some(hit.id);
            }
            ended = wire::after(answer.paging).is_none();
            if ended {
                break;
            }
        }
        let records = each_once(self.look(shape, ids, &BTreeSet::new()).await?);
        if !ended {
            return Ok((records, State::Changing(window), PageEnd::More));
        }
        let state = window.finished(if shape.primary_link.is_some() { self.link_sweep } else { 0 });
        let end = if matches!(state, State::Resting(_)) { PageEnd::Delta } else { PageEnd::More };
        Ok((records, state, end))
    }

    /// Reads records by id: live ones and the survivors of merges whole; of the others, `archived` are known to be archived,
    /// and the rest is looked for among the archived before it counts as deleted.
    pub(super) async fn look(
        &self,
        shape: &Shape,
        ids: Vec<String>,
        archived: &BTreeSet<String>,
    ) -> Result<Vec<Pulled>, ApiError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.known(shape).await?;
        let properties = shape.properties(&known);
        let found = self.batches(shape, ids, &properties, false).await?;
        let (told, unsure): (Vec<_>, Vec<_>) = found.missing.into_iter().partition(|id| archived.contains(id));
        let put_away = self.batches(shape, unsure, &[MERGED.to_owned()], true).await?;

        let mut all = self.live(shape, &known, found.rows).await?;
        let gone = |id: &String, how: Gone| Pulled::Gone(shape.key(id), how);
        for (old, new) in found.merged.iter().chain(&put_away.merged) {
            all.push(gone(old, Gone::Merged { into: shape.key(new).id }));
        }
        all.extend(told.iter().map(|id| gone(id, Gone::Archived)));
        all.extend(put_away.rows.iter().flat_map(|row| archived_one(shape, row)));
        all.extend(put_away.missing.iter().map(|id| gone(id, Gone::Deleted)));
        for (id, reason) in found.unreadable.into_iter().chain(put_away.unreadable) {
            all.push(Pulled::Malformed(shape.key(&id), reason));
        }
        Ok(all)
    }

    /// Batch reads, 100 ids at a time; ids that an answer leaves open are asked again alone.
    async fn batches(
        &self,
        shape: &Shape,
        ids: Vec<String>,
        properties: &[String],
        archived: bool,
    ) -> Result<Answers, ApiError> {
        let mut sum = Answers::default();
        let mut waiting: Vec<Vec<String>> = ids.chunks(BATCH_MOST).map(<[String]>::to_vec).collect();
        while let Some(asked) = waiting.pop() {
            let batch = self.api.batch_read(shape, &asked, properties, archived).await?;
            let answers = matched(shape, &asked, batch);
            sum.rows.extend(answers.rows);
            sum.merged.extend(answers.merged);
            sum.missing.extend(answers.missing);
            sum.unreadable.extend(answers.unreadable);
            waiting.extend(answers.open.into_iter().map(|id| vec![id]));
        }
        Ok(sum)
    }

    /// Rows with their links to companies, as records.
    async fn live(&self, shape: &Shape, known: &Known, rows: Vec<Row>) -> Result<Vec<Pulled>, ApiError> {
        if let Some(name) = rows.iter().find_map(|row| known.withheld(shape, row)) {
            return Err(self.api.withheld(shape, name));
        }
        let owners = self.owners(shape, &rows).await?;
        let mut links = self.links(shape, &rows).await?;
        let of = |row: &Row, links: &mut BTreeMap<String, Vec<AccountLink>>| links.remove(&row.id).unwrap_or_default();
        // A survivor may have answered twice: once is enough.
        let mut seen = BTreeSet::new();
        let once = rows.iter().filter(|row| seen.insert(row.id.clone()));
        let all: Vec<Pulled> =
            once.flat_map(|row| pulled(shape, known, &owners, row, in_order(of(row, &mut links)))).collect();
        for pulled in &all {
            if let Pulled::Partial(record, unanswered) = pulled {
                unanswered.iter().for_each(|name| self.notes.unanswered(shape.stream, name, record.key.id.as_str()));
            }
        }
        Ok(all)
    }

    /// Links to companies of up to 1,000 records a request; a record with many goes on by itself (trap 36).
    async fn links(&self, shape: &Shape, rows: &[Row]) -> Result<BTreeMap<String, Vec<AccountLink>>, ApiError> {
        let mut found: BTreeMap<String, Vec<AccountLink>> = BTreeMap::new();
        if shape.primary_link.is_none() {
            return Ok(found);
        }
        let ids: BTreeSet<&str> = rows.iter().filter(|row| !row.archived).map(|row| row.id.as_str()).collect();
        let mut waiting: Vec<(String, Option<String>)> = ids.into_iter().map(|id| (id.to_owned(), None)).collect();
        while !waiting.is_empty() {
            let later = waiting.split_off(waiting.len().min(ASSOCIATIONS_MOST));
            let asked: BTreeMap<String, Option<String>> = waiting.iter().cloned().collect();
            let answer = self.api.associations(shape, &waiting).await?;
            waiting = later;
            for association in answer.results {
                let id = association.from.id.clone();
                let Some(before) = asked.get(&id) else { continue };
                found.entry(id.clone()).or_default().extend(links(shape, &association));
                if let Some(after) = self.advanced(shape, before.clone(), wire::after(association.paging))? {
                    waiting.push((id, Some(after)));
                }
            }
        }
        Ok(found)
    }

    /// The next page's place. One that does not move would be asked for ever.
    fn advanced(&self, shape: &Shape, old: Option<String>, new: Option<String>) -> Result<Option<String>, ApiError> {
        match (&old, &new) {
            (Some(old), Some(new)) if old == new => {
                Err(self.api.nonsense(shape, format!("the page after {old} says that it goes on after {new}")))
            }
            _ => Ok(new),
        }
    }
}

/// Whether an id stands above another in the order of the search: ids are decimal numbers there.
fn is_above(id: &str, last: Option<&str>) -> bool {
    match (id.parse::<u128>(), last.map(str::parse::<u128>)) {
        (Ok(_), None) => true,
        (Ok(id), Some(Ok(last))) => id > last,
        _ => false,
    }
}
