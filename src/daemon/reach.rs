//! A start waits a while for a Pivotal that cannot be reached: after a boot the network may come up later than the daemon, and a
//! service that fails at once pages somebody for nothing. What Pivotal answers, good or bad, is never asked for twice.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Fault;
use crate::engine::EngineError;

/// After so long no further attempt begins. With one attempt's own three minutes it stays below the unit's `TimeoutStartSec`.
const WITHIN: Duration = Duration::from_secs(2 * 60);

/// The pause between two attempts; each tries a few times by itself.
const PAUSE: Duration = Duration::from_secs(10);

/// Asks until there is an answer, or patience ends; `waiting` is told each time there is none.
pub(super) async fn reached<T, F>(
    mut ask: impl FnMut() -> F,
    mut waiting: impl FnMut(&EngineError),
) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let began = Instant::now();
    loop {
        match ask().await {
            Err(error) if is_out_of_reach(&error) && began.elapsed() + PAUSE < WITHIN => {
                waiting(&error);
                tokio::time::sleep(PAUSE).await;
            }
            answered => return answered,
        }
    }
}

fn is_out_of_reach(error: &EngineError) -> bool {
    matches!(error, EngineError::Api(error)
        if matches!(error.fault, Fault::Unreachable | Fault::Unavailable | Fault::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ApiError;
    use crate::http::Patience;

    fn failed(fault: Fault) -> EngineError {
        EngineError::Api(ApiError {
            api: "Pivotal",
            endpoint: "GET /me".to_owned(),
            fault,
            status: None,
            code: None,
            field: None,
            message: "no route to host".to_owned(),
            request_id: None,
        })
    }

    /// What came of it, how often was asked, and how often somebody was told to wait.
    async fn asked(answer: impl Fn(u32) -> Result<(), EngineError>) -> (Result<(), EngineError>, u32, u32) {
        let (mut times, mut told) = (0, 0);
        let ask = || {
            times += 1;
            std::future::ready(answer(times))
        };
        let done = reached(ask, |_| told += 1).await;
        (done, times, told)
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_comes_up_late_is_waited_for() {
        let (done, times, told) = asked(|n| if n < 5 { Err(failed(Fault::Unreachable)) } else { Ok(()) }).await;
        assert!(done.is_ok());
        assert_eq!((times, told), (5, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_up_ends_the_start() {
        let began = Instant::now();
        let (done, times, told) = asked(|_| Err(failed(Fault::TimedOut))).await;
        assert!(is_out_of_reach(&done.unwrap_err()));
        assert_eq!((times, told), (12, 11));
        assert!(began.elapsed() < WITHIN);
    }

    #[test]
    fn systemd_waits_longer_than_a_start_may_take() {
        let longest = WITHIN + Patience::default().within;
        for unit in
            [include_str!("../../deploy/pivotal-sync.service"), include_str!("../../deploy/pivotal-sync@.service")]
        {
            let minutes = unit.lines().find_map(|line| line.strip_prefix("TimeoutStartSec=")?.strip_suffix("min"));
            assert!(longest < Duration::from_secs(60) * minutes.unwrap().parse().unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_an_answer() {
        for fault in [Fault::Unauthorised, Fault::Unexpected, Fault::Stopped] {
            let (done, times, told) = asked(|_| Err(failed(fault.clone()))).await;
            assert!(done.is_err());
            assert_eq!((times, told), (1, 0), "a refused key is not shown again");
        }
    }
}
