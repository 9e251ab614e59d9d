//! An audit under way: what it has seen, what follows from each difference, what is worth telling.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::Utc;

use crate::domain::{
    AuditCounts, Change, EntityId, Fields, Finding, FindingKind, Kind, Mirror, PivotalId, PutBack, SourceKey, Stream,
    Timestamp, Value,
};
use crate::ports::{RemoteObject, Writer};
use crate::reconcile::{Drift, DriftVerdict};

use super::Ask;

/// One audit under way.
pub(super) struct Auditing<'a> {
    /// What the owners of fields say is done with this; without one it is only told.
    pub(super) writer: Option<&'a dyn Writer>,
    pub(super) ask: &'a Ask,
    /// Whether something else went first meanwhile.
    pub(super) let_by: bool,
    pub(super) now: Timestamp,
    pub(super) counts: AuditCounts,
    pub(super) findings: Vec<Finding>,
    /// Objects Pivotal showed.
    pub(super) seen: HashSet<PivotalId>,
    /// Mirrors that say what Pivotal says from now on.
    pub(super) corrected: Vec<(EntityId, Fields, Fields)>,
    /// Entities whose operations this audit plans.
    pub(super) concerned: BTreeSet<EntityId>,
    /// By field, on how many customers somebody changed it.
    pub(super) edited: BTreeMap<String, u64>,
    /// Customers that carry the id of a record that is kept here, and were not made here.
    pub(super) made_elsewhere: u64,
}

/// Whose object is compared.
pub(super) struct About {
    pub(super) entity: EntityId,
    pub(super) subject: SourceKey,
    pub(super) name: String,
}

impl<'a> Auditing<'a> {
    pub(super) fn new(writer: Option<&'a dyn Writer>, ask: &'a Ask, deep: bool) -> Self {
        Self {
            writer,
            ask,
            let_by: false,
            now: Utc::now(),
            counts: AuditCounts { deep, ..AuditCounts::default() },
            findings: Vec::new(),
            seen: HashSet::new(),
            corrected: Vec::new(),
            concerned: BTreeSet::new(),
            edited: BTreeMap::new(),
            made_elsewhere: 0,
        }
    }

    pub(super) const fn count(&mut self, kind: Kind, number: u64) {
        match kind {
            Kind::Customer => self.counts.customers += number,
            Kind::Contact => self.counts.contacts += number,
            Kind::Onboarding => self.counts.onboardings += number,
        }
    }

    /// Something else went first, and wrote to these: what was found on them before may not stand any more.
    pub(super) fn let_by(&mut self, written: &BTreeSet<EntityId>) {
        self.let_by = true;
        self.findings.retain(|finding| finding.entity.is_none_or(|entity| !written.contains(&entity)));
    }

    /// What follows from the differences of one object.
    pub(super) fn take_in(&mut self, about: &About, mirror: &Mirror, object: &RemoteObject, drifts: Vec<Drift>) {
        let (mut known, mut found) = (mirror.written.clone(), mirror.found.clone());
        for mut drift in drifts {
            if drift.verdict == DriftVerdict::PutBack
                && drift.wanted.as_ref().is_some_and(Value::is_null)
                && mirror.is_found(&drift.field)
            {
                // Not set here, so not cleared either.
                drift.verdict = DriftVerdict::Left;
            }
            let counter = match drift.verdict {
                DriftVerdict::Left => &mut self.counts.edited,
                DriftVerdict::PutBack => &mut self.counts.put_back,
                DriftVerdict::Taken => &mut self.counts.taken,
                DriftVerdict::Ids => &mut self.counts.ids,
            };
            *counter += 1;
            if drift.verdict == DriftVerdict::Taken || (drift.verdict == DriftVerdict::PutBack && self.writer.is_some())
            {
                known.set(drift.field.clone(), drift.found.clone());
                if mirror.is_found(&drift.field) {
                    found.set(drift.field.clone(), drift.found.clone());
                }
            }
            if drift.verdict == DriftVerdict::PutBack && self.writer.is_some() {
                self.concerned.insert(about.entity);
            }
            if object.kind == Kind::Customer && !drift.kept && drift.verdict != DriftVerdict::Taken {
                *self.edited.entry(drift.field.clone()).or_default() += 1;
            }
            self.findings.extend(finding(about, object, drift));
        }
        if known != mirror.written {
            self.corrected.push((about.entity, known, found));
        }
    }

    pub(super) fn stranger(&mut self, object: &RemoteObject, key: SourceKey, said: String) {
        self.counts.strangers += 1;
        self.findings.push(Finding {
            kind: FindingKind::Stranger,
            object: object.kind,
            pivotal_id: object.id.clone(),
            display_id: object.display_id,
            entity: None,
            name: object.fields.text("name").unwrap_or_default().to_owned(),
            field: key.stream.customer_field().unwrap_or_default().to_owned(),
            written: Value::Null,
            found: Value::text(key.id.as_str()),
            wanted: None,
            subject: Some(key),
            said,
            changed_at: object.updated_at,
        });
    }
}

/// A finding whose field was written since.
pub(super) fn put_back(finding: Finding) -> PutBack {
    let Finding { object, pivotal_id, display_id, subject, name, field, found, wanted, .. } = finding;
    let change = Change { from: found, to: wanted.unwrap_or_default() };
    PutBack { object, pivotal_id, display_id, subject, name, field, change }
}

/// What is worth telling of a difference; nothing of what is taken quietly.
fn finding(about: &About, object: &RemoteObject, drift: Drift) -> Option<Finding> {
    let same = drift.wanted.as_ref() == Some(&drift.written);
    let (kind, said) = match drift.verdict {
        DriftVerdict::Taken => return None,
        DriftVerdict::PutBack => {
            (FindingKind::PutBack, "the source has the last word: an audit that may write puts its value back")
        }
        DriftVerdict::Ids => (
            FindingKind::Ids,
            "it is the tie to its source, and stays as somebody made it; put it right in Pivotal, or",
        ),
        DriftVerdict::Left if drift.kept => {
            (FindingKind::Edited, "nobody changed it since it was written: Pivotal itself keeps it so")
        }
        DriftVerdict::Left if drift.wanted.is_none() => (FindingKind::Edited, "left as it is"),
        DriftVerdict::Left if same => (FindingKind::Edited, "left as it is, until the source's value changes"),
        DriftVerdict::Left => {
            (FindingKind::Edited, "the source's value has changed too: the next sync writes that over it")
        }
    };
    let said = match kind {
        FindingKind::Ids => format!("{said} {}", says_which(about, object, &drift)),
        _ => said.to_owned(),
    };
    Some(Finding {
        kind,
        object: object.kind,
        pivotal_id: object.id.clone(),
        display_id: object.display_id,
        entity: Some(about.entity),
        subject: Some(about.subject.clone()),
        name: about.name.clone(),
        field: drift.field,
        written: drift.written,
        found: drift.found,
        wanted: drift.wanted,
        said,
        changed_at: object.updated_at,
    })
}

/// The command that ties an object to the record whose id somebody gave it; where they took it off, to the one it stands for.
fn says_which(about: &About, object: &RemoteObject, drift: &Drift) -> String {
    let stream = Stream::ALL.into_iter().find(|stream| stream.customer_field() == Some(drift.field.as_str()));
    let given = stream.zip(drift.found.as_text()).map(|(stream, id)| SourceKey::new(stream, id));
    let key = given.as_ref().unwrap_or(&about.subject);
    let name = object.display_id.filter(|_| object.kind == Kind::Customer);
    let name = name.map_or_else(|| object.id.to_string(), |number| format!("pivotal:customer:{number}"));
    format!("`pivotal-sync link {key} {name}` says which record it is")
}
