//! A plan from what is known already: no request leaves, so it shows what a changed rule alone would do.

use tracing::Instrument as _;

use crate::domain::{Keeps, Report, RunKind};

use super::plan::{Asking, Scope};
use super::{Ask, Engine, EngineError, tell};

impl Engine {
    /// Reconciles what the store holds and says what would be done, as of the last pull.
    ///
    /// # Errors
    /// [`EngineError::Offline`] when that cannot be said without reading: nothing was read yet, a rule reads a property not
    /// kept so far, or the store is another workspace's. When the store cannot be read or written.
    pub async fn plan_offline(&self, asked_by: &str) -> Result<Report, EngineError> {
        let as_of = self.known().await?;
        let ask = Ask { kind: RunKind::Plan, asked_by: asked_by.to_owned(), full: false, only: None };
        let mut run = self.begin(&ask).await?;
        let span = tell::span(&run.report);
        let result = async {
            tell::began(&ask);
            run.note(as_of);
            self.bind(Asking::Nothing).await?;
            self.make_plan(Scope::Due, Asking::Nothing, &mut run).await?;
            self.tell_plan(&mut run).await
        }
        .instrument(span.clone())
        .await;
        self.finish(run, result).instrument(span).await
    }

    /// Whether enough is known, and as of when.
    async fn known(&self) -> Result<String, EngineError> {
        if self.store.fact("filled_at").await?.is_none() {
            return Err(EngineError::Offline("nothing is known yet: this store was never filled".to_owned()));
        }
        let slug = self.store.fact("workspace_slug").await?.unwrap_or_default();
        let id = self.store.fact("workspace_id").await?.unwrap_or_default();
        if self.workspace != slug && self.workspace != id {
            let why =
                format!("the store belongs to workspace '{slug}', but pivotal.workspace says '{}'", self.workspace);
            return Err(EngineError::Offline(why));
        }
        let mut oldest = None;
        for source in &self.sources {
            for stream in source.streams() {
                let Some(state) = self.store.stream_state(stream).await? else {
                    return Err(EngineError::Offline(format!("{stream} was never read")));
                };
                if !Keeps::read(&state.keeps).covers(&source.keeps(stream)) {
                    let why = format!("{stream} must be read anew: a rule reads a property that was not kept so far");
                    return Err(EngineError::Offline(why));
                }
                oldest = Some(oldest.map_or(state.pulled_at, |at| state.pulled_at.min(at)));
            }
        }
        let when = oldest.map_or_else(String::new, |at| format!(" of {}", at.format("%Y-%m-%d %H:%M UTC")));
        Ok(format!("made offline from the last reading{when}; what changed since is not in it"))
    }
}
