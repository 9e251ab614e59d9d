//! `why REF`: why a record is, or is not, in Pivotal as it is.

use chrono::Utc;

use crate::app::AppError;
use crate::config::Settings;
use crate::domain::SourceName;
use crate::engine::explain::{self, Absent};
use crate::engine::{self, Enabled, EngineError};
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
    let is_off = |source| match source {
        SourceName::Hubspot => !settings.hubspot.enabled,
        SourceName::Stripe => !settings.stripe.enabled,
    };
    let enabled =
        Enabled { billing_contacts: settings.contacts.billing.enabled, onboardings: settings.onboardings.enabled };
    let error = EngineError::from(engine::not_here(reference, absent, enabled, is_off));
    Failure::new(error.kind(), error.to_string(), error.hint())
}
