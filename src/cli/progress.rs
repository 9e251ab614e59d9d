//! What a person who waits sees, on stderr: a bar on a terminal, a line a minute otherwise.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::domain::{Kind, Span, Stream};

use super::print::say;

/// Told how a run gets on. Quick, and safe to call from several tasks.
pub trait Progress: Send + Sync {
    /// So many records of a stream have been read.
    fn pulled(&self, stream: Stream, read: u64);
    /// So many objects of Pivotal have been seen.
    fn walked(&self, kind: Kind, seen: u64);
    /// Pivotal was asked so many of so many questions; how long the limit makes the rest take, when that is known.
    fn asked(&self, asked: u64, of: u64, estimate: Option<Duration>);
    /// So many entities have been compared.
    fn compared(&self, entities: u64);
    /// So many are taken over as they are, without a request.
    fn taking_over(&self, operations: u64);
    /// Writing begins, or goes on after `done` were carried out; how long the limit makes it take, when that is known.
    fn applying(&self, done: u64, operations: u64, estimate: Option<Duration>);
    /// One operation was settled.
    fn settled(&self, name: &str, done: bool);
    /// The run ended.
    fn ended(&self);
}

/// The progress that fits stderr: nothing for `quiet`.
pub fn progress(quiet: bool) -> Box<dyn Progress> {
    if quiet {
        Box::new(Silent)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar::new())
    } else {
        Box::new(Lines::new(say, Instant::now))
    }
}

struct Silent;

impl Progress for Silent {
    fn pulled(&self, _: Stream, _: u64) {}
    fn walked(&self, _: Kind, _: u64) {}
    fn asked(&self, _: u64, _: u64, _: Option<Duration>) {}
    fn compared(&self, _: u64) {}
    fn taking_over(&self, _: u64) {}
    fn applying(&self, _: u64, _: u64, _: Option<Duration>) {}
    fn settled(&self, _: &str, _: bool) {}
    fn ended(&self) {}
}

fn reading(stream: Stream, read: u64) -> String {
    format!("reading {stream}: {read}")
}

fn walking(kind: Kind, seen: u64) -> String {
    format!("looking through Pivotal's {kind}s: {seen}")
}

fn asking(asked: u64, of: u64, estimate: Option<Duration>) -> String {
    let left = if asked == 0 { "" } else { " to go" };
    let time = estimate
        .filter(|time| !time.is_zero())
        .map_or_else(String::new, |time| format!(", about {}{left}", Span(time)));
    format!("asking Pivotal what it says now: {asked} of {of} requests{time}")
}

fn taking(operations: u64) -> String {
    format!("taking over {operations} that are in Pivotal already")
}

fn writing(operations: u64, estimate: Option<Duration>) -> String {
    let time =
        estimate.filter(|time| !time.is_zero()).map_or_else(String::new, |time| format!(", about {}", Span(time)));
    format!("writing {operations} to Pivotal{time}")
}

/// A bar that goes away when the work is done.
struct Bar {
    bar: ProgressBar,
}

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(120);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.finish_and_clear();
        Self { bar }
    }

    /// Nothing stands on the terminal before a run begins and after it ended.
    fn say(&self, message: String) {
        if self.bar.is_finished() {
            self.bar.set_style(ProgressStyle::default_spinner());
            self.bar.reset();
            self.bar.enable_steady_tick(TICK);
        }
        self.bar.set_message(message);
    }

    /// The templates are constants; were one wrong, the bar would merely look plain.
    fn style(template: &str) -> ProgressStyle {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

impl Progress for Bar {
    fn pulled(&self, stream: Stream, read: u64) {
        self.say(reading(stream, read));
    }

    fn walked(&self, kind: Kind, seen: u64) {
        self.say(walking(kind, seen));
    }

    fn asked(&self, asked: u64, of: u64, estimate: Option<Duration>) {
        self.say(asking(asked, of, estimate));
    }

    fn compared(&self, entities: u64) {
        self.say(format!("comparing: {entities}"));
    }

    fn taking_over(&self, operations: u64) {
        self.say(taking(operations));
    }

    fn applying(&self, done: u64, operations: u64, estimate: Option<Duration>) {
        if operations == 0 {
            return;
        }
        self.say(String::new());
        // Under a limit the first minute goes out at once and the rest waits: what is left cannot be told from the pace so far.
        self.bar.set_style(match estimate.filter(|time| !time.is_zero()) {
            Some(_) => Self::style("{bar:24} {pos}/{len}  {elapsed} of about {prefix}  {wide_msg}"),
            None => Self::style("{bar:24} {pos}/{len}  {wide_msg}"),
        });
        self.bar.set_prefix(estimate.map_or_else(String::new, |time| Span(time).to_string()));
        self.bar.set_length(done + operations);
        self.bar.set_position(done);
        self.bar.reset_elapsed();
    }

    fn settled(&self, name: &str, done: bool) {
        self.bar.inc(1);
        // Only a name that is safe to print goes near the terminal.
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        self.bar.set_message(if done { name } else { format!("not done: {name}") });
    }

    fn ended(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How long a log is left without a word.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// A line a minute, for logs and pipes.
struct Lines<Say, Clock> {
    say: Say,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    last: Instant,
    all: u64,
    done: u64,
    undone: u64,
}

impl<Say: Fn(&str) + Send + Sync, Clock: Fn() -> Instant + Send + Sync> Lines<Say, Clock> {
    fn new(say: Say, clock: Clock) -> Self {
        let state = State { last: clock(), all: 0, done: 0, undone: 0 };
        Self { say, clock, state: Mutex::new(state) }
    }

    /// Says it, if nothing was said for a minute.
    fn now_and_then(&self, line: impl FnOnce(&mut State) -> String) {
        let now = (self.clock)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = line(&mut state);
        if now.duration_since(state.last) >= BETWEEN_LINES {
            state.last = now;
            (self.say)(&format!("{text}\n"));
        }
    }
}

impl<Say: Fn(&str) + Send + Sync, Clock: Fn() -> Instant + Send + Sync> Progress for Lines<Say, Clock> {
    fn pulled(&self, stream: Stream, read: u64) {
        self.now_and_then(|_| reading(stream, read));
    }

    fn walked(&self, kind: Kind, seen: u64) {
        self.now_and_then(|_| walking(kind, seen));
    }

    fn asked(&self, asked: u64, of: u64, estimate: Option<Duration>) {
        // What is done in a moment needs no announcement.
        if asked == 0 && estimate.is_some_and(|time| !time.is_zero()) {
            (self.say)(&format!("{}\n", asking(asked, of, estimate)));
            self.state.lock().unwrap_or_else(PoisonError::into_inner).last = (self.clock)();
        }
        self.now_and_then(|_| asking(asked, of, estimate));
    }

    fn compared(&self, entities: u64) {
        self.now_and_then(|_| format!("comparing: {entities}"));
    }

    fn taking_over(&self, operations: u64) {
        (self.say)(&format!("{}\n", taking(operations)));
    }

    fn applying(&self, done: u64, operations: u64, estimate: Option<Duration>) {
        // When a run goes on after it made way for something, the next line of the minute tells.
        if operations > 0 && done == 0 {
            (self.say)(&format!("{}\n", writing(operations, estimate)));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if done == 0 {
            state.last = (self.clock)();
        }
        (state.all, state.done, state.undone) = (done + operations, done, 0);
    }

    fn settled(&self, _: &str, done: bool) {
        self.now_and_then(|state| {
            *(if done { &mut state.done } else { &mut state.undone }) += 1;
            let undone = if state.undone > 0 { format!(", {} not done", state.undone) } else { String::new() };
            format!("written {} of {}{undone}", state.done, state.all)
        });
    }

    fn ended(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_a_minute() {
        let said = Mutex::new(Vec::new());
        let now = Mutex::new(Instant::now());
        {
            let lines = Lines::new(|text: &str| said.lock().unwrap().push(text.to_owned()), || *now.lock().unwrap());
            let later = |seconds| *now.lock().unwrap() += Duration::from_secs(seconds);
            lines.pulled(Stream::HubspotCompanies, 100);
            later(60);
            lines.pulled(Stream::HubspotCompanies, 200);
            lines.asked(0, 300, Some(Duration::from_secs(300)));
            lines.asked(1, 300, Some(Duration::from_secs(240)));
            lines.taking_over(7);
            lines.applying(0, 120, Some(Duration::from_secs(120)));
            for i in 0..119 {
                later(1);
                lines.settled("Acme", i != 5);
            }
            lines.ended();
        }
        let said = said.into_inner().unwrap();
        assert_eq!(
            said,
            [
                "reading hubspot.companies: 200\n",
                "asking Pivotal what it says now: 0 of 300 requests, about 5m\n",
                "taking over 7 that are in Pivotal already\n",
                "writing 120 to Pivotal, about 2m\n",
                "written 59 of 120, 1 not done\n"
            ]
        );
    }
}
