//! Which won deal a customer says is behind its newest onboarding (design: settled points).

use crate::domain::{Fields, MirrorState, Record, Role, SourceKey, Stream};

use super::disown::DEAL;
use super::types::{Known, Subject};

impl Subject {
    /// Its deals, if it is about to take on the id of one.
    pub fn deals_to_take_on(&self, desired: &Fields) -> impl Iterator<Item = &Record> {
        let live = self.entity.mirror.as_ref().filter(|mirror| mirror.state == MirrorState::Live);
        let written = live.and_then(|mirror| mirror.written.text(DEAL));
        let takes_on = desired.text(DEAL).is_some_and(|id| written != Some(id));
        let deals = self.records.iter().filter(move |known| takes_on && is_deal(known) && known.counts());
        deals.map(|known| &known.record)
    }

    /// The deal that a customer in Pivotal names and that is none of this account's.
    pub fn foreign_deal(&self, there: &Fields) -> Option<SourceKey> {
        let stream = Stream::ALL.into_iter().find(|stream| stream.role() == Role::Deal)?;
        let key = SourceKey::new(stream, there.text(DEAL)?.trim());
        self.records.iter().all(|known| known.record.key != key).then_some(key)
    }

    /// The same with other deals: without those that `leaves` names, and with `more`.
    pub fn with_deals(&self, leaves: &dyn Fn(&SourceKey) -> bool, more: impl IntoIterator<Item = Known>) -> Self {
        let mut subject = self.clone();
        subject.records.retain(|known| !is_deal(known) || !leaves(&known.record.key));
        subject.records.extend(more);
        subject
    }
}

fn is_deal(known: &Known) -> bool {
    known.record.key.stream.role() == Role::Deal
}
