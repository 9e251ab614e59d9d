//! The gate every request passes: a sliding log sized by what the server's headers say.
//!
//! A slot is taken when a request leaves and given back one window after its *answer* arrived. The request reached the server
//! before its answer reached us, so when our slot is free again the server's is too: no window is ever above the limit, and
//! no latency has to be guessed. What the server has counted beyond our own requests is somebody else's use of the key, and
//! takes up slots of ours until a window has passed.
//!
//! Long work would take every slot of a window at once, and whoever comes then with something urgent would wait for the next one.
//! So what is in a hurry may use half of the reserve, and long work leaves it one slot in sixty where no reserve would.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ports::PaceMemory;

/// What one answer's headers say about the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Requests allowed in a window.
    pub limit: u32,
    /// Requests left in it.
    pub remaining: u32,
    /// The window's length, if the answer says.
    pub window: Option<Duration>,
}

/// How a gate paces.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Window of the limit.
    pub window: Duration,
    /// The limit when no header says one; `None` when the server must say (then one probe goes first).
    pub limit: Option<u32>,
    /// Most requests a window, whatever the server allows.
    pub ceiling: Option<u32>,
    /// Share of the server's limit left to other users of the key, 0 to 99.
    pub reserve_percent: u8,
    /// Reads the limit headers of an answer.
    pub read: fn(&HeaderMap) -> Option<Seen>,
}

/// Added to the window before a slot is used again: room for clocks that run at different speed.
const GUARD: Duration = Duration::from_millis(100);
/// How long an answer may be under way and still tell ours from others' requests; beyond it others' use is overestimated.
const LONGEST_TRIP: Duration = Duration::from_secs(60);
/// The pause after a 429 that names none, unless the window is shorter.
const UNTOLD_PAUSE: Duration = Duration::from_secs(5);
/// Of the slots that may be used, one in so many is left to what is in a hurry.
const LANE: u32 = 60;
/// The longest pause a 429 can impose on everybody.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// One limit, shared by every request that counts against it.
#[derive(Debug)]
pub struct Gate {
    pace: Pace,
    /// Only the waiter at the head looks at the clock; the others stand in line, first come first served.
    turnstile: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    changed: Notify,
    /// Whether what leaves now is in a hurry.
    hurried: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Requests a window, from headers or settings; `None` when the server answered without naming any.
    limit: Option<u32>,
    /// Whether the server has answered once (or the settings name the limit).
    known: bool,
    window: Duration,
    /// When requests were answered, oldest first; others' requests included. Those that no longer take up a slot are kept for
    /// as long as an answer under way may still have counted them.
    answered: VecDeque<Instant>,
    in_flight: u32,
    frozen_until: Option<Instant>,
    /// After a pause one request goes alone, to see.
    probe: bool,
}

/// A request under way. Dropped without an answer it counts as answered now: the server may have counted it.
#[derive(Debug)]
pub struct Ticket<'a> {
    gate: &'a Gate,
    left: Instant,
    settled: bool,
}

enum Decision {
    Go,
    WaitUntil(Instant),
    WaitForAnswer,
}

impl Gate {
    /// A gate that has seen nothing yet.
    pub fn new(pace: Pace) -> Self {
        let state = State {
            limit: pace.limit,
            known: pace.limit.is_some(),
            window: pace.window,
            answered: VecDeque::new(),
            in_flight: 0,
            frozen_until: None,
            probe: false,
        };
        Self {
            pace,
            turnstile: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
            changed: Notify::new(),
            hurried: AtomicBool::new(false),
        }
    }

    /// Waits until one more request may leave, and takes its slot.
    pub async fn pass(&self) -> Ticket<'_> {
        let _head = self.turnstile.lock().await;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let decision = self.with(|state| self.decide(state, now));
            match decision {
                Decision::Go => return Ticket { gate: self, left: now, settled: false },
                Decision::WaitForAnswer => changed.await,
                Decision::WaitUntil(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = changed => {}
                    }
                }
            }
        }
    }

    /// Takes in an answer: gives the slot its expiry, and learns the limit and others' use. `refused` says that the server
    /// answered "too many", and the pause it named in whatever unit its API uses.
    pub fn answered(&self, mut ticket: Ticket<'_>, refused: Option<Option<Duration>>, headers: &HeaderMap) {
        ticket.settled = true;
        let now = Instant::now();
        let seen = (self.pace.read)(headers);
        self.with(|state| {
            state.close_one(now);
            if !state.known && seen.is_none() {
                // What an earlier process knew of a limit holds no more.
                state.limit = self.pace.limit;
            }
            state.known = true;
            if let Some(seen) = seen {
                state.limit = Some(seen.limit);
                state.window = seen.window.unwrap_or(state.window);
                let counted = seen.limit.saturating_sub(seen.remaining);
                // The server counted some time after this request left: a slot of ours that came free since was still in it.
                let ours = state.taken(ticket.left);
                for _ in ours..counted {
                    state.answered.push_back(now);
                }
            }
            if let Some(told) = refused {
                let pause = told.unwrap_or(UNTOLD_PAUSE.min(state.window)).min(LONGEST_PAUSE);
                let until = now + pause;
                state.frozen_until = Some(state.frozen_until.map_or(until, |old| old.max(until)));
                state.probe = true;
            } else if state.frozen_until.is_none_or(|until| until <= now) {
                state.probe = false;
                state.frozen_until = None;
            }
        });
        self.changed.notify_waiters();
    }

    /// What still counts.
    pub fn memory(&self) -> PaceMemory {
        let now = Instant::now();
        self.with(|state| {
            let answered = state.answered.iter().skip(state.free(now)).map(|at| now - *at);
            let under_way = std::iter::repeat_n(Duration::ZERO, state.in_flight as usize);
            PaceMemory { limit: state.limit, ages: answered.chain(under_way).collect() }
        })
    }

    /// Goes on from what an earlier process knew. The first request still goes alone: its answer may say otherwise.
    pub fn recall(&self, memory: &PaceMemory) {
        let now = Instant::now();
        self.with(|state| {
            if state.known || memory.limit.is_none() {
                return;
            }
            state.limit = memory.limit;
            state.answered.extend(memory.ages.iter().filter_map(|age| now.checked_sub(*age)));
            state.answered.make_contiguous().sort_unstable();
        });
    }

    /// What an answer's headers say about the limit.
    pub(super) fn seen(&self, headers: &HeaderMap) -> Option<Seen> {
        (self.pace.read)(headers)
    }

    /// Requests a minute that may leave; `None` while unknown or unlimited.
    pub fn per_minute(&self) -> Option<u32> {
        self.with(|state| {
            let allowed = f64::from(self.allowed(state)?);
            Some((allowed * 60.0 / state.window.as_secs_f64()).floor() as u32)
        })
    }

    /// How long the limit keeps the next request from leaving, as far as is known; `None` when nothing waits for it.
    pub fn wait(&self) -> Option<Duration> {
        let now = Instant::now();
        // Whoever stands at the head of the line holds the turnstile.
        let in_line = self.turnstile.try_lock().is_err();
        let until = self.with(|state| match (state.frozen_until, self.full(state, now)) {
            (Some(until), _) if until > now => Some(until),
            (_, Some(Decision::WaitUntil(until))) if in_line => Some(until),
            _ => None,
        })?;
        Some(until.saturating_duration_since(now))
    }

    /// Says whether what leaves from now on is in a hurry: what a person or an event waits for, in the middle of long work.
    pub fn hurry(&self, hurried: bool) {
        if self.hurried.swap(hurried, Ordering::Relaxed) != hurried {
            self.changed.notify_waiters();
        }
    }

    /// The limit the server last named.
    pub fn limit(&self) -> Option<u32> {
        self.with(|state| state.limit)
    }

    /// Slots that long work may use.
    fn allowed(&self, state: &State) -> Option<u32> {
        let most = self.allowed_in_a_hurry(state)?;
        let unreserved = state.limit.map_or(most, |limit| limit - self.reserved(limit));
        Some(unreserved.min(most - most / LANE).max(1))
    }

    /// Slots that may be used at all.
    fn allowed_in_a_hurry(&self, state: &State) -> Option<u32> {
        let limit = state.limit.map(|limit| limit - self.reserved(limit) / 2);
        let allowed = match (limit, self.pace.ceiling) {
            (Some(limit), Some(ceiling)) => Some(limit.min(ceiling)),
            (limit, ceiling) => limit.or(ceiling),
        };
        allowed.map(|n| n.max(1))
    }

    fn reserved(&self, limit: u32) -> u32 {
        (u64::from(limit) * u64::from(self.pace.reserve_percent)).div_ceil(100) as u32
    }

    fn decide(&self, state: &mut State, now: Instant) -> Decision {
        let kept = state.window + GUARD;
        while state.answered.front().is_some_and(|at| *at + kept + LONGEST_TRIP <= now) {
            state.answered.pop_front();
        }
        if let Some(until) = state.frozen_until.filter(|until| *until > now) {
            return Decision::WaitUntil(until);
        }
        if (state.probe || !state.known) && state.in_flight > 0 {
            return Decision::WaitForAnswer;
        }
        if let Some(wait) = self.full(state, now) {
            return wait;
        }
        state.in_flight += 1;
        Decision::Go
    }

    /// What there is to wait for when every slot is taken.
    fn full(&self, state: &State, now: Instant) -> Option<Decision> {
        // The one that goes first to see may use the reserve: what is remembered of the limit may be out of date.
        let allowed = match (state.known, self.hurried.load(Ordering::Relaxed)) {
            (false, _) => state.limit,
            (true, true) => self.allowed_in_a_hurry(state),
            (true, false) => self.allowed(state),
        }?;
        (state.taken(now) >= allowed).then(|| match state.answered.get(state.free(now)) {
            Some(oldest) => Decision::WaitUntil(*oldest + state.window + GUARD),
            None => Decision::WaitForAnswer,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A panic while holding this lock leaves plain numbers behind; they are still usable.
        work(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl State {
    /// Of the answered ones, how many took up no slot any more at that time.
    fn free(&self, at: Instant) -> usize {
        self.answered.partition_point(|answered| *answered + self.window + GUARD <= at)
    }

    /// Slots taken at that time, by answered requests and by those under way.
    fn taken(&self, at: Instant) -> u32 {
        let answered = self.answered.len() - self.free(at);
        u32::try_from(answered).unwrap_or(u32::MAX).saturating_add(self.in_flight)
    }

    fn close_one(&mut self, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // Without any limit the log would only grow; with none known yet it must be kept.
        if self.limit.is_some() || !self.known || self.answered.len() < 10_000 {
            self.answered.push_back(now);
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let now = Instant::now();
            self.gate.with(|state| state.close_one(now));
            self.gate.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
