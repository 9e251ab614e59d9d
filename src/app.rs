//! The only wiring: configuration to store, sources, target. What plans gets no writer; only [`App::for_writing`] hands one out.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Secrets, Settings};
use crate::engine::{Engine, Watch};
use crate::http::BuildError;
use crate::pivotal::{self, PivotalWriter};
use crate::ports::{Source, Target};
use crate::reconcile::{Reconciler, RuleProblem};
use crate::sources::hubspot::Hubspot;
use crate::sources::stripe::{self, Stripe};
use crate::store::{RunLock, Store, StoreError};

/// A configuration with its credentials: everything commands are made from.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub settings: Settings,
    /// The credentials of the enabled sources and of Pivotal.
    pub secrets: Secrets,
}

/// Why nothing could be wired.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A client cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rules that cannot be used.
    #[error("the rules cannot be used")]
    Rules(Vec<RuleProblem>),
}

/// What an engine needs of a configuration besides its store.
pub struct Wired {
    /// The rules, compiled.
    pub reconciler: Reconciler,
    /// The enabled sources.
    pub sources: Vec<Arc<dyn Source>>,
    /// Pivotal, for reading.
    pub target: Arc<dyn Target>,
    /// Pivotal, for writing.
    pub writer: PivotalWriter,
}

impl App {
    /// The rules, compiled.
    pub fn reconciler(&self) -> Result<Reconciler, AppError> {
        Reconciler::new(&self.settings.reconcile(), self.settings.pivotal.mrr_unit).map_err(AppError::Rules)
    }

    /// The enabled sources. A third source is registered here and nowhere else.
    pub fn sources(&self, reconciler: &Reconciler) -> Result<Vec<Arc<dyn Source>>, AppError> {
        let reads = reconciler.reads();
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        if let Some(credentials) = self.secrets.hubspot.clone().filter(|_| self.settings.hubspot.enabled) {
            let with_deals = self.settings.onboardings.enabled;
            sources.push(Arc::new(Hubspot::new(&self.settings.hubspot, credentials, &reads, with_deals)?));
        }
        let unknown =
            stripe::unknown(&reads).map(|(name, message)| RuleProblem { key: format!("stripe.{name}"), message });
        let unknown: Vec<RuleProblem> = unknown.filter(|_| self.settings.stripe.enabled).collect();
        if !unknown.is_empty() {
            return Err(AppError::Rules(unknown));
        }
        if let Some(key) = self.secrets.stripe.clone().filter(|_| self.settings.stripe.enabled) {
            sources.push(Arc::new(Stripe::new(&self.settings.stripe, key, &reads)?));
        }
        Ok(sources)
    }

    /// Pivotal, for reading only.
    pub fn target(&self) -> Result<Arc<dyn Target>, AppError> {
        let (reader, _) = pivotal::connect(&self.settings.pivotal, self.secrets.pivotal.clone())?;
        Ok(Arc::new(reader))
    }

    /// An engine that can plan: there is no writer in it and none beside it.
    pub async fn for_planning(&self, watch: Arc<dyn Watch>, stop: CancellationToken) -> Result<Engine, AppError> {
        let (engine, _) = self.for_writing(watch, stop).await?;
        Ok(engine)
    }

    /// An engine, and the writer that its `sync` is handed.
    pub async fn for_writing(
        &self,
        watch: Arc<dyn Watch>,
        stop: CancellationToken,
    ) -> Result<(Engine, PivotalWriter), AppError> {
        let Wired { reconciler, sources, target, writer } = self.wire()?;
        let path = &self.settings.store.path;
        let lock = RunLock::acquire(path)?;
        let store = Store::open(path).await?;
        let engine = Engine {
            store,
            lock,
            reconciler,
            sources,
            target,
            workspace: self.settings.pivotal.workspace.clone(),
            retention: self.settings.store.retention,
            concurrency: usize::from(self.settings.pivotal.concurrency),
            watch,
            stop,
            hurry: CancellationToken::new(),
            again: Arc::default(),
        };
        Ok((engine, writer))
    }

    /// What an engine needs of this configuration besides its store.
    pub fn wire(&self) -> Result<Wired, AppError> {
        let reconciler = self.reconciler()?;
        let sources = self.sources(&reconciler)?;
        let (reader, writer) = pivotal::connect(&self.settings.pivotal, self.secrets.pivotal.clone())?;
        Ok(Wired { reconciler, sources, target: Arc::new(reader), writer })
    }

    /// Gives an engine this configuration. Its store stays: another one takes another process.
    pub fn rewire(&self, engine: &mut Engine, wired: Wired) -> PivotalWriter {
        let Wired { reconciler, sources, target, writer } = wired;
        engine.reconciler = reconciler;
        engine.sources = sources;
        engine.target = target;
        engine.workspace = self.settings.pivotal.workspace.clone();
        engine.concurrency = usize::from(self.settings.pivotal.concurrency);
        writer
    }
}
