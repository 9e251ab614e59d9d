//! What a person should know of a pull, collected until the run's report takes it. Each is also logged, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::Stream;

/// Ids named in one note; the others are counted.
const NAMED: usize = 5;

/// Why a delta turned into a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relisted {
    /// The last pull is longer ago than Stripe keeps events (trap 2).
    TooOld,
    /// The cursor is ahead of Stripe's clock, so what happened since is not known.
    Ahead,
    /// The cursor is of another version.
    Unreadable,
    /// More was touched than is worth fetching singly.
    TooMuch,
    /// A coupon changed.
    Coupon,
    /// Coupons can be read again.
    CouponsBack,
}

/// Something that makes a figure doubtful, and of which ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// Prices whose amount cannot be told (traps 30 and 32).
    Unpriced,
    /// Subscriptions with a discount whose coupon is not there any more (trap 23).
    LostCoupon,
    /// Subscriptions whose inclusive tax cannot be taken out (trap 42).
    Taxed,
}

#[derive(Default)]
struct Found {
    relisted: BTreeMap<Stream, Relisted>,
    coupons_hidden: bool,
    foreign_events: bool,
    doubts: BTreeMap<Doubt, BTreeSet<String>>,
}

/// The notes of one adapter.
#[derive(Default)]
pub(super) struct Notes {
    found: Mutex<Found>,
    /// What was logged before: a long-lived process says it once.
    logged: Mutex<BTreeSet<String>>,
}

impl Notes {
    pub fn relisted(&self, stream: Stream, why: Relisted) {
        self.with(|found| _ = found.relisted.insert(stream, why));
    }

    pub fn coupons_hidden(&self) {
        self.with(|found| found.coupons_hidden = true);
    }

    pub fn foreign_event(&self) {
        self.with(|found| found.foreign_events = true);
    }

    pub fn doubt(&self, doubt: Doubt, ids: impl IntoIterator<Item = String>) {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_some() {
            self.with(|found| found.doubts.entry(doubt).or_default().extend(ids));
        }
    }

    /// Everything since the last call, in words.
    pub fn take(&self) -> Vec<String> {
        let found = self.with(std::mem::take);
        let mut notes: Vec<_> =
            found.relisted.iter().map(|(stream, why)| format!("{stream}: {}", why.words())).collect();
        if found.coupons_hidden {
            notes.push(
                "stripe: the key may not read coupons, so discounts are ignored and MRR may be too high; set 'Coupons' to \
                 Read (rak_coupon_read) for this key, and the figures correct themselves"
                    .to_owned(),
            );
        }
        if found.foreign_events {
            notes.push("stripe: events of the other mode (live or test) than the key's were ignored".to_owned());
        }
        notes.extend(found.doubts.iter().map(|(doubt, ids)| doubt.words(ids)));
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        for note in &notes {
            if logged.insert(note.clone()) {
                tracing::warn!("{note}");
            }
        }
        notes
    }

    fn with<T>(&self, change: impl FnOnce(&mut Found) -> T) -> T {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Relisted {
    const fn words(self) -> &'static str {
        match self {
            Self::TooOld => {
                "everything was listed, because the last pull is about as long ago as Stripe keeps events (30 days)"
            }
            Self::Ahead => "everything was listed, because the last pull is dated later than Stripe's own clock",
            Self::Unreadable => "everything was listed, because another version of this program left off there",
            Self::TooMuch => "everything was listed, because more has changed than is worth reading one by one",
            Self::Coupon => "everything was listed, because a coupon's amounts have changed",
            Self::CouponsBack => "everything was listed, because coupons can be read again",
        }
    }
}

impl Doubt {
    fn words(self, ids: &BTreeSet<String>) -> String {
        let mut named: Vec<_> = ids.iter().take(NAMED).map(String::as_str).collect();
        let more = ids.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| format!("{more} more"));
        named.extend(more.as_deref());
        let named = named.join(", ");
        match self {
            Self::Unpriced => format!(
                "stripe: the amount of these prices cannot be told (customer-chosen, or of a shape this version does not \
                 know), so they count nothing and MRR may be too low: {named}"
            ),
            Self::LostCoupon => format!(
                "stripe: a discount of these subscriptions cannot be told, because its coupon was deleted, so MRR may be \
                 too high: {named}"
            ),
            Self::Taxed => format!(
                "stripe: prices of these subscriptions include tax of a rate that is not known here, so MRR holds it: {named}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_name_a_few_ids_and_are_told_once() {
        let notes = Notes::default();
        assert!(notes.take().is_empty());
        notes.relisted(Stream::StripeCustomers, Relisted::TooOld);
        notes.coupons_hidden();
        notes.doubt(Doubt::Unpriced, (1..=7).map(|n| format!("price_{n}")));
        notes.doubt(Doubt::Taxed, []);
        let taken = notes.take();
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken[0].starts_with("stripe.customers: everything was listed") && taken[0].contains("30 days"));
        assert!(taken[1].contains("rak_coupon_read"), "{taken:?}");
        assert!(taken[2].ends_with("price_1, price_2, price_3, price_4, price_5, 2 more"), "{taken:?}");
        assert!(notes.take().is_empty());
    }
}
