//! Idempotency keys: what was answered under each, for as long as it is remembered (sheet section 8).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::refusal::Answer;
use super::switches::BodyHash;
use crate::domain::Timestamp;

/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 255;

/// Fingerprint of a request body.
pub type Hash = [u8; 32];

/// Method and path (its values included) and the key: one workspace, so that is the whole scope.
pub type Scope = (String, String);

#[derive(Debug)]
struct Slot {
    hash: Hash,
    /// `None` while the first request is still running.
    answer: Option<Answer>,
    since: Timestamp,
}

/// What a key meets.
#[derive(Debug)]
pub enum Met {
    /// Nobody used it: the request goes on, and must be settled or released.
    Fresh,
    /// The stored answer.
    Replay(Answer),
    /// It was used with another body.
    Mismatch,
    /// Its first request is still running.
    InFlight,
}

/// All remembered keys.
#[derive(Debug, Default)]
pub struct Ledger {
    slots: HashMap<Scope, Slot>,
    /// Oldest first, so that forgetting costs nothing.
    ages: VecDeque<(Timestamp, Scope)>,
}

impl Ledger {
    /// Opens a key. The 24 hours run from the first request; at their end the key is fresh again.
    pub fn begin(&mut self, scope: &Scope, hash: Hash, now: Timestamp, ttl: Duration) -> Met {
        self.forget(now, ttl);
        if let Some(slot) = self.slots.get(scope) {
            return match &slot.answer {
                _ if slot.hash != hash => Met::Mismatch,
                Some(answer) => Met::Replay(answer.clone()),
                None => Met::InFlight,
            };
        }
        self.slots.insert(scope.clone(), Slot { hash, answer: None, since: now });
        self.ages.push_back((now, scope.clone()));
        Met::Fresh
    }

    /// Keeps a success; anything else frees the key, because failures are not replayed.
    pub fn settle(&mut self, scope: &Scope, answer: &Answer) {
        if (200..300).contains(&answer.status) {
            if let Some(slot) = self.slots.get_mut(scope) {
                slot.answer = Some(Answer { headers: Vec::new(), ..answer.clone() });
            }
        } else {
            self.slots.remove(scope);
        }
    }

    fn forget(&mut self, now: Timestamp, ttl: Duration) {
        while self.ages.front().is_some_and(|(since, _)| *since + ttl <= now) {
            if let Some((since, scope)) = self.ages.pop_front()
                && self.slots.get(&scope).is_some_and(|slot| slot.since == since)
            {
                self.slots.remove(&scope);
            }
        }
    }
}

/// The fingerprint that tells one body from another.
#[must_use]
pub fn fingerprint(body: &[u8], over: BodyHash) -> Hash {
    let canonical = match over {
        BodyHash::Raw => None,
        // serde_json keeps objects sorted, so that parsing and printing is canonical.
        BodyHash::Canonical => serde_json::from_slice::<serde_json::Value>(body).ok().map(|value| value.to_string()),
    };
    Sha256::digest(canonical.as_ref().map_or(body, |text| text.as_bytes())).into()
}
