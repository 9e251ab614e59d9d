//! Other settings for what counts as evidence: what the records say is held against them anew, without reading any source.

use std::collections::BTreeSet;

use super::{Engine, EngineError};

/// What counted as free mail when evidence was last told, besides the built-in list.
const FREE_MAIL: &str = "free_mail";
/// Account records gone through at once.
const BATCH: u32 = 1_000;

impl Engine {
    /// Tells the evidence of every account record anew that has other tokens by now, if other domains count as free mail.
    pub(super) async fn notice_free_mail(&self) -> Result<(), EngineError> {
        let now = self.reconciler.free_mail();
        if self.store.fact(FREE_MAIL).await?.unwrap_or_default() == now {
            return Ok(());
        }
        let mut after = None;
        loop {
            self.check_stop()?;
            let page = self.store.accounts(after.as_ref(), BATCH).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.known.record.key.clone());
            let told = page.iter().filter_map(|placed| {
                let tokens = self.reconciler.tokens(&placed.known.record);
                let differ = tokens.iter().collect::<BTreeSet<_>>() != placed.tokens.iter().collect();
                differ.then(|| (placed.known.record.key.clone(), tokens))
            });
            let told: Vec<_> = told.collect();
            if !told.is_empty() {
                self.store.tell_evidence(&told).await?;
            }
        }
        Ok(self.store.set_fact(FREE_MAIL, &now).await?)
    }
}
