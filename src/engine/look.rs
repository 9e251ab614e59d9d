//! What an audit looks at, by the names a person gives, and what it found there; and why a name means nothing here.

use crate::domain::{Kind, Mirror, MirrorState, PivotalId, Role, SourceName};
use crate::store::{FindingRow, Reference, StoreError};

use super::explain::{self, Absent};
use super::{Engine, EngineError};

/// Findings told at most; the view of the store holds all.
const MOST: u32 = 1_000;

/// What an audit looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// All customers.
    Customers,
    /// All customers, contacts and onboardings.
    Deep,
    /// These objects and no others, one request each: for whoever knows already where to look, like a person who names a thing,
    /// or the marks that Pivotal's webhooks leave.
    At(Vec<(Kind, PivotalId)>),
}

impl Look {
    /// Of what all that earlier audits found is found anew, or no longer stands.
    pub(super) const fn kinds(&self) -> &[Kind] {
        match self {
            Self::Customers => &[Kind::Customer],
            Self::Deep => &Kind::ALL,
            Self::At(_) => &[],
        }
    }

    pub(super) fn objects(&self) -> &[(Kind, PivotalId)] {
        if let Self::At(objects) = self { objects } else { &[] }
    }
}

/// A name that nothing here bears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotHere {
    /// Which, and why.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Engine {
    /// What an audit of these looks at: without references everything, contacts and onboardings only when it goes `deep`.
    ///
    /// # Errors
    /// [`EngineError::NotHere`] for a reference of which there is nothing to compare. When the store cannot be read.
    pub async fn look_of(&self, references: &[Reference], deep: bool) -> Result<Look, EngineError> {
        match (references, deep) {
            ([], false) => Ok(Look::Customers),
            ([], true) => Ok(Look::Deep),
            (references, _) => {
                let mut objects = Vec::new();
                for reference in references {
                    objects.extend(self.named(reference).await?);
                }
                Ok(Look::At(objects))
            }
        }
    }

    /// What stands of what audits found there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn found(&self, look: &Look) -> Result<Vec<FindingRow>, StoreError> {
        let mut findings = self.store.findings(None, MOST).await?;
        if let Look::At(objects) = look {
            findings.retain(|row| objects.iter().any(|(_, id)| *id == row.finding.pivotal_id));
        }
        Ok(findings)
    }

    /// The objects that a reference names.
    async fn named(&self, reference: &Reference) -> Result<Vec<(Kind, PivotalId)>, EngineError> {
        let stories = self.store.explain(reference).await?;
        if stories.is_empty() {
            let absent = explain::absent(&self.store, reference).await?;
            let is_off = |source| !self.sources.iter().any(|one| one.name() == source);
            let enabled = Enabled {
                billing_contacts: self.reconciler.has_billing_contacts(),
                onboardings: self.reconciler.opens_onboardings(),
            };
            return Err(not_here(reference, &absent, enabled, is_off).into());
        }
        let entities = stories.into_iter().filter_map(|story| story.entity).map(|entity| entity.entity);
        let there = |mirror: &Mirror| mirror.state == MirrorState::Live;
        let live: Vec<_> = entities.filter_map(|e| Some((e.kind, e.mirror.filter(there)?.id))).collect();
        if live.is_empty() {
            let message = format!("nothing of {reference} is in Pivotal to compare with");
            return Err(NotHere { message, hint: format!("`pivotal-sync why {reference}` tells why") }.into());
        }
        Ok(live)
    }
}

/// Which sections of the configuration that may be switched off are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enabled {
    /// `contacts.billing.enabled`
    pub billing_contacts: bool,
    /// `onboardings.enabled`
    pub onboardings: bool,
}

/// Why nothing is known under a name, given which sections are enabled and which sources are not.
pub fn not_here(
    reference: &Reference,
    absent: &Absent,
    enabled: Enabled,
    is_off: impl Fn(SourceName) -> bool,
) -> NotHere {
    let Enabled { billing_contacts: has_billing_contacts, onboardings: has_onboardings } = enabled;
    let is_shown =
        |reference: &Reference| matches!(reference, Reference::Record(key) if key.stream.shown_by().is_some());
    let (message, hint) = match absent {
        Absent::NotShown { .. } if is_shown(reference) && !has_billing_contacts => (
            format!("{reference} is not known here: contacts.billing.enabled is false"),
            "set it to true, and run `pivotal-sync plan`".to_owned(),
        ),
        Absent::NeverRead(stream) if is_off(stream.source()) => (
            format!(
                "{reference} is not known here: {stream} is not read, because {}.enabled is false",
                stream.source()
            ),
            "set it to true, and run `pivotal-sync backfill`".to_owned(),
        ),
        Absent::NeverRead(stream) if stream.role() == Role::Deal && !has_onboardings => (
            format!("{reference} is not known here: deals are not read, because onboardings.enabled is false"),
            "set it to true, and run `pivotal-sync plan`".to_owned(),
        ),
        Absent::NeverRead(stream) => (
            format!("{reference} is not known here: {stream} was never read"),
            "run `pivotal-sync backfill`".to_owned(),
        ),
        Absent::NotShown { stream, records, state } => (
            format!(
                "{reference} is not known here: it was not among the {records} {stream} that were read, last on {}",
                state.pulled_at.format("%Y-%m-%d %H:%M UTC")
            ),
            "check the id, and that the credential may see it; if it is new, run `pivotal-sync plan`".to_owned(),
        ),
        Absent::OnlyInPivotal(row) => (
            format!(
                "{} '{}' is in Pivotal ({}), and no source record stands for it here",
                row.kind,
                row.fields.text("name").unwrap_or_default(),
                row.id
            ),
            format!("if a record is it, link that to {} (`pivotal-sync link --help` tells how)", row.id),
        ),
        Absent::Unknown => (
            format!("nothing here is known as {reference}"),
            "check the spelling; if it is new at its source, run `pivotal-sync plan` first".to_owned(),
        ),
    };
    NotHere { message, hint }
}
