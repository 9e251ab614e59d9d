//! One list of events for both streams: on a quiet night it is short, and the stream that comes second need not ask again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Stream, Timestamp};

use super::events;
use super::wire::{List, Raw};

/// How long the list is passed on. A stream that comes later asks for itself, or it would end behind the truth.
const FRESH: Duration = Duration::from_secs(5);

/// All events of a window that fitted into one page.
struct Whole {
    asked: Instant,
    from: i64,
    data: Vec<Raw>,
    now: Timestamp,
}

/// What the stream that came first heard. Lost with the process: then the second one asks for itself.
#[derive(Default)]
pub(super) struct Heard(Mutex<Option<Whole>>);

impl Heard {
    /// Keeps what was answered to a question for the types of all streams from an instant on (Unix seconds), if it is all.
    pub fn keep(&self, from: i64, list: &List, now: Timestamp) {
        let whole = (!list.has_more).then(|| Whole { asked: Instant::now(), from, data: list.data.clone(), now });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = whole;
    }

    /// The stream's events from an instant on, and Stripe's clock when they were listed: once, if they are known and reach
    /// beyond `high`, where the stream itself left off.
    pub fn take(&self, stream: Stream, from: i64, high: i64) -> Option<(List, Timestamp)> {
        let whole = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let serves = whole.asked.elapsed() < FRESH && whole.from <= from && whole.now.timestamp() > high;
        let data = whole.data.into_iter().filter(|event| created(event).is_none_or(|at| at >= from)).collect();
        serves.then(|| (of(stream, List { data, has_more: false }), whole.now))
    }
}

/// A list without the events of other streams.
pub(super) fn of(stream: Stream, list: List) -> List {
    let kinds = events::types(stream);
    let kind = |event: &Raw| event.get("type").and_then(serde_json::Value::as_str).map(|kind| kinds.contains(&kind));
    List { data: list.data.into_iter().filter(|event| kind(event).unwrap_or(true)).collect(), has_more: list.has_more }
}

fn created(event: &Raw) -> Option<i64> {
    event.get("created")?.as_i64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(has_more: bool) -> List {
        let event =
            |kind: &str, created: i64| serde_json::from_value(json!({"type": kind, "created": created})).unwrap();
        let data = vec![event("price.updated", 90), event("customer.updated", 80), event("coupon.updated", 70)];
        List { data, has_more }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_whole_and_fresh_list_that_reaches_far_enough_is_passed_on() {
        let (stream, now) = (Stream::StripeSubscriptions, Timestamp::from_timestamp(100, 0).unwrap());
        let heard = Heard::default();
        for (has_more, from, high, later, events) in [
            (false, 60, 99, 0, Some(2)),
            (false, 75, 99, 0, Some(1)),
            (false, 59, 99, 0, None),
            (false, 60, 100, 0, None),
            (false, 60, 99, 5, None),
            (true, 60, 99, 0, None),
        ] {
            heard.keep(60, &list(has_more), now);
            tokio::time::advance(Duration::from_secs(later)).await;
            let taken = heard.take(stream, from, high);
            assert_eq!(taken.map(|(list, _)| list.data.len()), events, "{has_more} {from} {high} {later}");
            assert!(heard.take(stream, from, high).is_none(), "once");
        }
    }
}
