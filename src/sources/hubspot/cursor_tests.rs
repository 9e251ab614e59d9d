use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn rest() -> Resting {
    Resting {
        watermark: at("2026-11-20T10:00:00Z"),
        swept: at("2026-11-20T10:00:30Z"),
        seen: Seen::empty(),
        archived: Archived::default(),
        rolled: Some("77".to_owned()),
        listed: false,
    }
}

fn window(rest: Resting, now: &str, overlap: &str, lag: &str) -> Changing {
    let sweep = Sweeping { began: Some(at(now)), ..rest.sweep() };
    sweep.window(at(now), span(overlap), span(lag))
}

#[test]
fn every_state_survives_its_stored_text() {
    let mut seen = Seen::empty();
    seen.add("7", at("2026-11-20T09:59:00.123Z"));
    let mut archived = Archived::default();
    archived.add("8", Some(at("2026-11-20T09:59:00.123Z")));
    archived.add("9", None);
    let rest = Resting { seen: seen.clone(), archived: archived.clone(), ..rest() };
    let window = window(rest.clone(), "2026-11-20T11:00:00Z", "5m", "30s");
    let states = [
        State::start(),
        State::Listing(Listing {
            after: Some("991".to_owned()),
            before: Before::Done,
            archived: archived.clone(),
            ..Listing::default()
        }),
        State::Resting(rest.clone()),
        State::Resting(Resting { seen: Seen::default(), ..rest.clone() }),
        State::Sweeping(rest.clone().sweep()),
        State::Sweeping(Sweeping {
            rest,
            began: Some(at("2026-11-20T11:00:00Z")),
            after: Some("12".to_owned()),
            met: archived,
        }),
        State::Changing(window.clone()),
        State::Changing(Changing { last: Some("123456789012345678901".to_owned()), met: seen, ..window.clone() }),
        window.finished(2_500),
    ];
    let home = Home { portal: "62515".to_owned(), zone: Some("US/Eastern".to_owned()) };
    for state in states {
        assert_eq!(State::read(&state.to_cursor(None)), Ok((state.clone(), None)));
        assert_eq!(State::read(&state.to_cursor(Some(&home))), Ok((state, Some(home.clone()))));
    }
}

#[test]
fn a_text_of_another_version_asks_for_a_new_listing() {
    for text in ["", "{}", "12", r#"{"v":2,"at":"listing"}"#, r#"{"v":1,"at":"flying"}"#, r#"{"v":1,"at":"resting"}"#] {
        let error = State::read(&Cursor(text.to_owned())).expect_err(text);
        assert_eq!(error.fault, Fault::Expired, "{text}: {error}");
    }
}

#[test]
fn the_watermark_of_a_listing_is_its_first_answer() {
    // Trap 2: what changed while the listing ran has a later stamp and is met by the first window.
    let (first, last) = (at("2026-11-20T10:00:00Z"), at("2026-11-20T12:00:00Z"));
    for (since, watermark) in [(Some(first), first), (None, last)] {
        let listing = Listing { since, ..Listing::default() };
        let State::Resting(rest) = listing.finished(last) else { panic!("a finished listing rests") };
        assert_eq!((rest.watermark, rest.swept), (watermark, watermark));
    }
}

#[test]
fn a_window_overlaps_the_last_one_and_never_ends_before_it() {
    // Traps 1, 2 and 30.
    for (now, overlap, lag, from, to) in [
        ("2026-11-20T11:00:00Z", "5m", "30s", "2026-11-20T09:55:00Z", "2026-11-20T10:59:31Z"),
        ("2026-11-20T10:00:10Z", "5m", "30s", "2026-11-20T09:55:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T09:00:00Z", "5m", "30s", "2026-11-20T09:55:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T11:00:00Z", "0s", "0s", "2026-11-20T09:59:59Z", "2026-11-20T11:00:01Z"),
        ("2026-11-20T11:00:00Z", "52000w", "1s", "1970-01-01T00:00:00Z", "2026-11-20T11:00:00Z"),
    ] {
        let window = window(rest(), now, overlap, lag);
        assert_eq!((window.from, window.to), (at(from), at(to)), "{now} {overlap} {lag}");
        let State::Resting(next) = window.finished(0) else { panic!("a finished window rests") };
        assert_eq!((next.watermark, next.swept), (at(to), at(now)), "the end of the window, never now");
    }
}

#[test]
fn only_the_very_stamp_that_was_read_is_skipped() {
    // Trap 1: many records share one millisecond, and some of them are indexed after the others were read.
    let overlap = span("5m");
    let mut first = window(rest(), "2026-11-20T11:00:30Z", "5m", "30s");
    let tie = at("2026-11-20T10:58:00.007Z");
    assert!(first.take("1", Some(tie), overlap));
    assert!(first.take("2", Some(at("2026-11-20T10:30:00Z")), overlap));
    assert!(first.take("3", None, overlap), "a hit without a stamp is read");
    let State::Resting(rest) = first.finished(0) else { panic!("a finished window rests") };

    let mut second = window(rest, "2026-11-20T12:00:00Z", "5m", "30s");
    assert!(second.from <= tie);
    assert!(!second.take("1", Some(tie), overlap), "already read under this stamp");
    assert!(second.take("4", Some(tie), overlap), "indexed late under the same stamp");
    assert!(second.take("1", Some(at("2026-11-20T10:58:00.008Z")), overlap), "touched again");
    assert!(second.take("2", Some(at("2026-11-20T10:30:00Z")), overlap), "outside the overlap nothing is remembered");
}

#[test]
fn too_much_to_remember_is_read_again() {
    let mut seen = Seen::empty();
    let stamp = at("2026-11-20T10:00:00Z");
    for id in 0..Seen::MOST {
        seen.add(&id.to_string(), stamp);
    }
    assert!(seen.holds("0", stamp));
    seen.add("one more", stamp);
    assert!(!seen.holds("0", stamp) && !seen.holds("one more", stamp));
    seen.add("0", stamp);
    assert!(!seen.holds("0", stamp), "what was forgotten is not half remembered");
}

#[test]
fn an_archived_record_is_news_until_a_sweep_that_began_later() {
    // Traps 7 and 8: the list has no filter, so the adapter compares.
    for (archived_at, news) in [
        (Some("2026-11-20T10:30:00Z"), true),
        (Some("2026-11-20T10:00:30Z"), true),
        (Some("2026-11-20T09:55:30Z"), true),
        (Some("2026-11-20T09:55:29Z"), false),
        (None, true),
    ] {
        assert_eq!(rest().is_news(archived_at.map(at), span("5m")), news, "{archived_at:?}");
    }
}

#[test]
fn the_latest_archived_records_are_watched() {
    // Trap 9: one that leaves the archived list was restored, even if nothing else tells.
    let mut archived = Archived::default();
    archived.add("first", Some(at("2026-11-20T10:00:00Z")));
    archived.add("untold", None);
    for n in 0..Archived::MOST {
        archived.add(&n.to_string(), Some(at("2026-11-20T11:00:00Z")));
    }
    assert_eq!(archived.ids().count(), Archived::MOST);
    assert!(!archived.ids().any(|id| id == "first" || id == "untold"));
    archived.without(&(1..Archived::MOST).map(|n| n.to_string()).collect());
    assert_eq!(archived.ids().collect::<Vec<_>>(), ["0"]);
}

#[test]
fn a_round_goes_on_where_the_last_run_stopped() {
    // Trap 12: so many records a run, page by page, and past the end from the beginning.
    let roll = |state: State| match state {
        State::Rolling(rolling) => rolling,
        other => panic!("{other:?}"),
    };
    let begun = roll(window(rest(), "2026-11-20T11:00:00Z", "5m", "30s").finished(1_500));
    assert_eq!((begun.rest.rolled.as_deref(), begun.left), (Some("77"), 1_500));
    let on = roll(begun.clone().went_on(1_000, Some("1077".to_owned())));
    assert_eq!((on.rest.rolled.as_deref(), on.left), (Some("1077"), 500));
    let State::Resting(spent) = on.went_on(500, Some("1577".to_owned())) else { panic!("the budget is spent") };
    assert_eq!(spent.rolled.as_deref(), Some("1577"));
    let State::Resting(round) = begun.went_on(3, None) else { panic!("the round is over") };
    assert_eq!(round.rolled, None);
}

#[test]
fn what_has_just_been_listed_is_not_read_again() {
    // Every page of the first delta passes through a stored text.
    let stored = |state: State| State::read(&state.to_cursor(None)).unwrap().0;
    let listing = Listing { since: Some(at("2026-11-20T10:00:00Z")), ..Listing::default() };
    let State::Resting(rest) = stored(listing.finished(at("2026-11-20T10:30:00Z"))) else { panic!("it is over") };
    let State::Sweeping(sweep) = stored(State::Sweeping(rest.sweep())) else { panic!("it has begun") };
    let window = sweep.window(at("2026-11-20T10:30:05Z"), span("5m"), span("30s"));
    let State::Changing(window) = stored(State::Changing(window)) else { panic!("it is read") };
    let State::Resting(rest) = window.finished(1_000) else { panic!("a stretch of what was just read") };
    let next = self::window(rest, "2026-11-20T11:00:00Z", "5m", "30s").finished(1_000);
    assert!(matches!(next, State::Rolling(Rolling { left: 1_000, rest: Resting { rolled: None, .. } })), "{next:?}");
}
