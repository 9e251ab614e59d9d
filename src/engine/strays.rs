//! Accounts that name a record which is not there: told, since they would be one with it if it were.

use std::collections::BTreeMap;

use crate::domain::{Kind, SourceKey};
use crate::reconcile::{Desired, Reconciler, Subject};
use crate::store::{Store, StoreError};

/// Adds to what is desired of these accounts that they name what no source shows.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn tell_strays(
    store: &Store,
    reconciler: &Reconciler,
    subjects: &[Subject],
    desired: &mut [Desired],
) -> Result<(), StoreError> {
    let accounts = subjects.iter().enumerate().filter(|(_, subject)| subject.entity.kind == Kind::Customer);
    let named: Vec<(usize, (SourceKey, SourceKey))> = accounts
        .flat_map(|(at, subject)| reconciler.named_elsewhere(subject).into_iter().map(move |it| (at, it)))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let names: BTreeMap<SourceKey, String> =
        named.iter().map(|(_, (_, named))| (named.clone(), reconciler.names(named))).collect();
    let nobody = store.shown_by_nobody(&names.into_iter().collect::<Vec<_>>()).await?;
    for (at, (namer, named)) in named.iter().filter(|(_, (_, named))| nobody.contains(named)) {
        desired[*at].tell_stray(namer, named);
    }
    Ok(())
}
