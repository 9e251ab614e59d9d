//! `why REF`: why a record is, or is not, in Pivotal as it is.

use chrono::Utc;

use crate::app::AppError;
use crate::config::Settings;
use crate::domain::SourceName;
use crate::engine::explain::{self, Absent};
use crate::reconcile::Reconciler;
use crate::store::{Reference, Store};

use super::render::{render_why, why_json};
use super::{Exit, Failure, WhyArgs, print};

pub(super) async fn run(settings: &Settings, args: &WhyArgs) -> Result<Exit, Failure> {
    let reconciler = Reconciler::new(&settings.reconcile(), settings.pivotal.mrr_unit).map_err(AppError::Rules)?;
    let store = Store::open_for_reading(&settings.store.path).await?;
    let told = explain::explain(&store, &reconciler, &args.reference, Utc::now()).await?;
    if told.is_empty() {
        let absent = explain::absent(&store, &args.reference).await?;
        store.close().await;
        return Err(not_here(settings, &args.reference, &absent));
    }
    store.close().await;
    if args.json {
        print::show_json(&why_json(&args.reference.to_string(), &told))?;
    } else {
        print::show(&render_why(&told))?;
    }
    Ok(Exit::Done)
}

/// Why nothing is known under a name.
pub(super) fn not_here(settings: &Settings, reference: &Reference, absent: &Absent) -> Failure {
    let off = |source| match source {
        SourceName::Hubspot => !settings.hubspot.enabled,
        SourceName::Stripe => !settings.stripe.enabled,
    };
    let shown = |reference: &Reference| matches!(reference, Reference::Record(key) if key.stream.shown_by().is_some());
    let (message, hint) = match absent {
        Absent::NotShown { .. } if shown(reference) && !settings.contacts.billing.enabled => (
            format!("{reference} is not known here: contacts.billing.enabled is false"),
            "set it to true, and run `pivotal-sync plan`".to_owned(),
        ),
        Absent::NeverRead(stream) if off(stream.source()) => (
            format!(
                "{reference} is not known here: {stream} is not read, because {}.enabled is false",
                stream.source()
            ),
            "set it to true, and run `pivotal-sync backfill`".to_owned(),
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
            format!("`pivotal-sync link REF {}` says which record it is", row.id),
        ),
        Absent::Unknown => (
            format!("nothing here is known as {reference}"),
            "check the spelling; if it is new at its source, run `pivotal-sync plan` first".to_owned(),
        ),
    };
    Failure::new("not_found", message, hint)
}
