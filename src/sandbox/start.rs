//! Starts and stops the three servers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::faults::{Faults, faulty};
use super::line::{CuttableListener, Line};
use super::log::{RequestLog, logged};
use super::pivotal::{self, Clock};
use super::{control, hubspot, seed, stripe};
use crate::domain::Timestamp;

/// The Pivotal key a sandbox accepts.
pub const PIVOTAL_KEY: &str = pivotal::TEST_KEY;
/// The HubSpot token a sandbox accepts.
pub const HUBSPOT_TOKEN: &str = "pat-na1-sandbox";
/// The Stripe key a sandbox accepts.
pub const STRIPE_KEY: &str = "rk_test_sandbox";
/// The slug of the Pivotal workspace.
pub const WORKSPACE: &str = "acme";

/// TCP ports; 0 takes a free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// HubSpot's.
    pub hubspot: u16,
    /// Stripe's.
    pub stripe: u16,
    /// Pivotal's.
    pub pivotal: u16,
}

/// What a sandbox is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The same seed gives the same companies, people and ids.
    pub seed: u64,
    /// Companies in HubSpot; people and subscriptions grow with it. 0 for three empty worlds.
    pub size: usize,
    /// Companies that are in Pivotal before anybody syncs.
    pub existing_customers: usize,
    /// Requests Pivotal allows a minute; none for no limit and no rate headers.
    pub pivotal_limit: Option<u32>,
    /// Where to listen; loopback unless told otherwise.
    pub bind: IpAddr,
    /// On which ports.
    pub ports: Ports,
    /// Everything in the worlds was made before this; none for now.
    pub start: Option<Timestamp>,
    /// Pivotal's unknowns.
    pub pivotal: pivotal::Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            size: 40,
            existing_customers: 2,
            pivotal_limit: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::default(),
            start: None,
            pivotal: pivotal::Switches::default(),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A port could not be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The seeded records contradict each other: a fault of the sandbox itself.
    #[error("cannot fill the sandbox: {0}")]
    Seed(String),
}

/// The three worlds, shared with their servers.
#[derive(Clone)]
pub struct Worlds {
    /// HubSpot's portal.
    pub hubspot: hubspot::Shared,
    /// Stripe's account.
    pub stripe: stripe::Shared,
    /// Pivotal's workspace.
    pub pivotal: pivotal::SharedState,
}

/// Three running servers. They stop when it is dropped.
pub struct Sandbox {
    /// What is in the three systems.
    pub worlds: Worlds,
    /// What they were asked.
    pub log: RequestLog,
    /// What goes wrong.
    pub faults: Faults,
    addresses: [SocketAddr; 3],
    servers: Vec<JoinHandle<io::Result<()>>>,
    stopping: DropGuard,
}

impl Sandbox {
    /// Fills the worlds and starts the servers.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let worlds = Self::fill(&options)?;
        let (log, faults, stop) = (RequestLog::default(), Faults::default(), CancellationToken::new());
        // Held from here on, so that servers already up stop again if a later port cannot be had.
        let stopping = stop.clone().drop_guard();
        let front = |router: Router, api: &'static str| logged(faulty(router, api, faults.clone()), api, log.clone());
        // Who can reach the desk can do anything: it is for this machine only.
        let desk = match options.bind.is_loopback() {
            true => control::router(worlds.clone(), log.clone(), faults.clone()),
            false => Router::new(),
        };
        let fronts = [
            (options.ports.hubspot, front(hubspot::router(worlds.hubspot.clone()), "hubspot")),
            (options.ports.stripe, front(stripe::router(worlds.stripe.clone()), "stripe")),
            (options.ports.pivotal, front(pivotal::router(worlds.pivotal.clone()), "pivotal").merge(desk)),
        ];
        let mut addresses = [SocketAddr::new(options.bind, 0); 3];
        let mut servers = Vec::with_capacity(3);
        for (slot, (port, router)) in addresses.iter_mut().zip(fronts) {
            let address = SocketAddr::new(options.bind, port);
            let refused = |source| SandboxError::Bind { address, source };
            let listener = CuttableListener::bind(address).await.map_err(refused)?;
            *slot = listener.address().map_err(refused)?;
            let stop = stop.clone();
            servers.push(tokio::spawn(async move {
                let service = router.into_make_service_with_connect_info::<Line>();
                axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
            }));
        }
        Ok(Self { worlds, log, faults, addresses, servers, stopping })
    }

    fn fill(options: &Options) -> Result<Worlds, SandboxError> {
        let start = options.start.unwrap_or_else(chrono::Utc::now);
        let mut hubspot = hubspot::World::new(HUBSPOT_TOKEN);
        let mut stripe = stripe::World::new(STRIPE_KEY);
        let mut pivotal = pivotal::World::new(WORKSPACE, Clock::running(start), options.seed);
        pivotal.switches = options.pivotal.clone();
        pivotal.limit = options.pivotal_limit;
        seed::fill(options, start, &mut hubspot, &mut stripe, &mut pivotal)?;
        // The three clocks tell one time, also when the start is not now.
        let ahead = start - chrono::Utc::now();
        hubspot.set_clock(move || chrono::Utc::now() + ahead);
        stripe.set_clock(move || chrono::Utc::now() + ahead);
        Ok(Worlds {
            hubspot: Arc::new(Mutex::new(hubspot)),
            stripe: Arc::new(Mutex::new(stripe)),
            pivotal: pivotal.shared(),
        })
    }

    /// Lets everybody ask as fast as they can, all three APIs.
    pub fn lift_limits(&self) {
        self.pivotal().limit = None;
        let mut hubspot = self.hubspot();
        hubspot.switches.calls_per_ten_seconds = None;
        hubspot.switches.associations_per_ten_seconds = None;
        hubspot.switches.searches_per_second = None;
        hubspot.switches.calls_per_day = None;
        let mut stripe = self.stripe();
        stripe.switches.calls_per_second = None;
        stripe.switches.endpoint_calls_per_second = None;
    }

    /// HubSpot's base URL.
    #[must_use]
    pub fn hubspot_url(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// Stripe's base URL.
    #[must_use]
    pub fn stripe_url(&self) -> String {
        format!("http://{}", self.addresses[1])
    }

    /// Pivotal's base URL; it ends in `/api/v1` as the real one does.
    #[must_use]
    pub fn pivotal_url(&self) -> String {
        format!("http://{}{}", self.addresses[2], pivotal::BASE)
    }

    /// Where the control API answers: `/_sandbox` on Pivotal's port.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}{}", self.addresses[2], control::BASE)
    }

    /// The Pivotal workspace, locked.
    pub fn pivotal(&self) -> std::sync::MutexGuard<'_, pivotal::World> {
        pivotal::lock(&self.worlds.pivotal)
    }

    /// The HubSpot portal, locked.
    pub fn hubspot(&self) -> std::sync::MutexGuard<'_, hubspot::World> {
        self.worlds.hubspot.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The Stripe account, locked.
    pub fn stripe(&self) -> std::sync::MutexGuard<'_, stripe::World> {
        self.worlds.stripe.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Stops accepting, and waits until the answers under way are out.
    pub async fn stop(self) {
        drop(self.stopping);
        for server in self.servers {
            let _ = server.await;
        }
    }
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
