//! SIGTERM and SIGINT stop (twice: in a hurry), SIGHUP reads the configuration anew, SIGUSR1 asks for a run. However many come, each is heard once.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Asker, Door, Errand, Trigger};

/// How long answers under way are waited for after a signal to stop: well below the time after which systemd kills.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

/// What ends, in this order.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    /// Nothing more is sent; what is under way is settled.
    pub(super) stop: CancellationToken,
    /// Answers are not waited for.
    pub(super) hurry: CancellationToken,
    /// Everything is settled.
    pub(super) over: CancellationToken,
}

/// The signals, caught from now on: until then SIGHUP and SIGUSR1 would end the process.
#[derive(Debug)]
pub struct Signals {
    hangup: Signal,
    user: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    /// When the system does not let them be caught.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Passes them on. After the first signal to stop none but the second is heard, which hurries; so does patience's end.
    pub(super) async fn listen(mut self, door: Door, reload: Arc<Notify>, ends: Ends) {
        let Ends { stop, hurry, over } = ends;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = self.terminate.recv() => stop.cancel(),
                _ = self.interrupt.recv() => stop.cancel(),
                _ = self.hangup.recv() => reload.notify_one(),
                _ = self.user.recv() => {
                    if let Err(error) = door.trigger(Trigger::new(Asker::Signal, Errand::Sync)) {
                        tracing::warn!("SIGUSR1 was not heard: {error}");
                    }
                }
            }
        }
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = tokio::time::sleep(SETTLE_WITHIN) => {}
        }
        tracing::warn!("answers under way are not waited for any longer; the next start asks what became of them");
        hurry.cancel();
    }
}
