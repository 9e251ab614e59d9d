use std::time::Duration;

use serde_json::json;

use super::world;
use crate::sandbox::pivotal::{Answer, TEST_KEY, World};

fn limited(limit: u32) -> World {
    let mut world = world();
    world.limit = Some(limit);
    world
}

fn remaining(answer: &Answer) -> &str {
    answer.header("x-ratelimit-remaining").expect("rate headers")
}

/// Sheet 4: a sliding window, so no burst is forgiven at a minute's turn.
#[test]
fn no_sixty_seconds_hold_more_than_the_limit() {
    let mut world = limited(3);
    let statuses: Vec<u16> =
        [0, 20_000, 39_999, 0, 1, 20_000].into_iter().map(|pause| world.after(pause).get("/me").status).collect();
    // Hits at 0, 20 and 59.999 s fill the window; at 59.999 s it is full; at 60.000 s the first is out again; at 80.000 s the next.
    assert_eq!(statuses, [200, 200, 200, 429, 200, 200]);
}

#[test]
fn every_answer_shows_the_bucket_and_a_refusal_says_how_long() {
    let mut world = limited(2);
    let first = world.get("/me");
    assert_eq!((first.header("x-ratelimit-limit"), remaining(&first)), (Some("2"), "1"));
    assert_eq!(remaining(&world.get("/customers/none")), "0");
    let refused = world.after(48_500).get("/me");
    assert_eq!(refused.error(), (429, "rate_limit_error/rate_limited/-".to_owned()));
    assert_eq!((refused.header("retry-after"), remaining(&refused)), (Some("12"), "0"));
    assert_eq!(refused.value()["error"]["message"], json!("Rate limit exceeded. Retry after 12 seconds."));
    // 1_800_000_000.123 + 60 s, rounded up.
    assert_eq!(refused.header("x-ratelimit-reset"), Some("1800000061"));
    world.switches.reset_full_window = true;
    world.after(11_500).get("/me");
    assert_eq!(world.get("/me").header("x-ratelimit-reset"), Some("1800000121"));
}

#[test]
fn refusals_do_not_count_unless_switched() {
    let mut world = limited(1);
    world.get("/me");
    world.after(30_000).get("/me");
    assert_eq!(world.after(30_000).get("/me").status, 200);
    world.switches.count_throttled = true;
    assert_eq!(world.after(30_000).get("/me").status, 429);
    assert_eq!(world.after(30_000).get("/me").status, 429, "the refusal half a minute ago fills the window");
}

#[test]
fn errors_and_replays_count_unless_switched() {
    let mut world = limited(10);
    assert_eq!(remaining(&world.get("/nowhere")), "9");
    let create = super::keyed("/customers", "k", r#"{"name":"A"}"#);
    world.answer(&create);
    assert_eq!(remaining(&world.answer(&create)), "7");
    (world.switches.count_errors, world.switches.count_replays) = (false, false);
    world.get("/nowhere");
    world.answer(&create);
    assert_eq!(remaining(&world.get("/me")), "6");
}

#[test]
fn health_and_bad_keys_have_no_bucket_and_each_key_has_its_own() {
    let mut world = limited(1);
    assert_eq!(world.get("/health").header("x-ratelimit-limit"), None);
    world.get("/me");
    assert_eq!(world.get("/me").status, 429);
    world.add_key("pivotal_other");
    let other = super::Call { authorization: Some("Bearer pivotal_other".to_owned()), ..super::call("GET", "/me") };
    assert_eq!(world.answer(&other).status, 200);
    world.revoke_key(TEST_KEY);
    let refused = world.get("/me");
    assert_eq!((refused.status, refused.header("x-ratelimit-limit")), (401, None));
}

#[test]
fn without_a_limit_there_are_no_headers_and_the_window_can_be_shortened() {
    let mut world = world();
    assert_eq!(world.get("/me").header("x-ratelimit-limit"), None);
    world.limit = Some(1);
    world.switches.rate_window = Duration::from_secs(2);
    world.get("/me");
    assert_eq!(world.after(1_999).get("/me").status, 429);
    assert_eq!(world.after(1).get("/me").status, 200);
}
