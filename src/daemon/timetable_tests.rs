use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::Span;

fn schedule(zone: &str, sync: &str) -> Schedule {
    Schedule {
        timezone: zone.parse().unwrap(),
        sync: sync.to_owned(),
        // Years from now, unless a test says otherwise.
        full: "0 0 0 29 2 *".to_owned(),
        audit: "0 0 0 29 2 *".to_owned(),
        catch_up: CatchUp::Once,
        blackout: Vec::new(),
        jitter: Span::default(),
    }
}

fn table(schedule: &Schedule) -> Timetable {
    Timetable::new(schedule, "seed").unwrap()
}

fn kept(sync: Timestamp, full: Timestamp) -> Kept {
    Kept { sync: Some(sync), full: Some(full), audit: None }
}

fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Looks every so many seconds from one moment to another; answers when something began.
fn watched(table: &Timetable, from: Timestamp, to: Timestamp, every: i64) -> Vec<(Task, Timestamp)> {
    let mut marks = table.start(Kept::default(), from);
    let mut begun = Vec::new();
    let mut now = from;
    while now <= to {
        if let Some(task) = due(&table.next(marks), now) {
            begun.push((task, now));
            marks = marks.answered(task, now);
        }
        now += TimeDelta::seconds(every);
    }
    begun
}

fn wall(table: &Timetable, begun: &[(Task, Timestamp)]) -> Vec<String> {
    begun.iter().map(|(_, at)| at.with_timezone(&table.zone()).format("%m-%d %H:%M %Z").to_string()).collect()
}

#[test]
fn both_clock_changes_of_a_year_in_two_zones() {
    // crates.md 0.1 and 2a: tokio-cron-scheduler keeps the offset of the day its job was made. Half-hour ticks from two days
    // before each change to two days after it.
    for (zone, pattern, from, expected) in [
        (
            "America/New_York",
            "0 0 2 * * *",
            "2026-10-31T00:00:00Z",
            ["10-31 02:00 EDT", "11-01 02:00 EST", "11-02 02:00 EST", "11-03 02:00 EST"].as_slice(),
        ),
        // In the hour that comes twice, once.
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31T00:00:00Z",
            &["10-31 01:30 EDT", "11-01 01:30 EDT", "11-02 01:30 EST", "11-03 01:30 EST"],
        ),
        // In the hour that does not come, as soon as it is over.
        (
            "America/New_York",
            "0 30 2 * * *",
            "2027-03-13T00:00:00Z",
            &["03-13 02:30 EST", "03-14 03:00 EDT", "03-15 02:30 EDT", "03-16 02:30 EDT"],
        ),
        (
            "America/New_York",
            "0 0 3 * * *",
            "2027-03-13T00:00:00Z",
            &["03-13 03:00 EST", "03-14 03:00 EDT", "03-15 03:00 EDT", "03-16 03:00 EDT"],
        ),
        (
            "Europe/Berlin",
            "0 30 2 * * *",
            "2026-10-24T00:00:00Z",
            &["10-24 02:30 CEST", "10-25 02:30 CEST", "10-26 02:30 CET", "10-27 02:30 CET"],
        ),
        (
            "Europe/Berlin",
            "0 30 2 * * *",
            "2027-03-27T00:00:00Z",
            &["03-27 02:30 CET", "03-28 03:00 CEST", "03-29 02:30 CEST", "03-30 02:30 CEST"],
        ),
        (
            "Europe/Berlin",
            "0 3 * * *",
            "2027-03-27T00:00:00Z",
            &["03-27 03:00 CET", "03-28 03:00 CEST", "03-29 03:00 CEST", "03-30 03:00 CEST"],
        ),
    ] {
        let table = table(&schedule(zone, pattern));
        let begun = watched(&table, at(from), at(from) + TimeDelta::hours(96), 1800);
        assert_eq!(wall(&table, &begun), expected, "{zone} {pattern}");
    }
}

#[test]
fn an_hourly_pattern_runs_in_both_passes_of_the_hour_that_comes_twice() {
    let table = table(&schedule("Europe/Berlin", "0 0 * * * *"));
    let begun = watched(&table, at("2026-10-24T22:30:00Z"), at("2026-10-25T02:30:00Z"), 60);
    assert_eq!(wall(&table, &begun), ["10-25 01:00 CEST", "10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET"]);
}

#[test]
fn a_year_of_nights_has_as_many_runs_as_days() {
    for zone in ["America/New_York", "Europe/Berlin"] {
        let mut schedule = schedule(zone, "0 0 3 * * *");
        schedule.full = "0 0 5 * * Sun".to_owned();
        let table = table(&schedule);
        let begun = watched(&table, at("2026-06-01T12:00:00Z"), at("2027-06-01T11:00:00Z"), 600);
        let of = |wanted| begun.iter().filter(|(task, _)| *task == wanted).count();
        assert_eq!((of(Task::Sync), of(Task::Full)), (365, 52), "{zone}");
        assert!(wall(&table, &begun).iter().all(|text| text.contains(" 03:00 ") || text.contains(" 05:00 ")));
    }
}

#[test]
fn what_was_missed_is_made_up_for_once_or_skipped() {
    let mut schedule = schedule("Europe/Berlin", "0 0 3 * * *");
    let (mark, now) = (at("2026-11-01T02:00:00Z"), at("2026-11-08T12:00:00Z"));
    let once = table(&schedule);
    let marks = once.start(kept(mark, mark), now);
    assert_eq!(due(&once.next(marks), now), Some(Task::Sync));
    let marks = marks.answered(Task::Sync, now);
    assert_eq!(due(&once.next(marks), now), None);
    assert_eq!(once.next(marks)[0], (Task::Sync, at("2026-11-09T02:00:00Z")));
    schedule.catch_up = CatchUp::Skip;
    let skip = table(&schedule);
    assert_eq!(due(&skip.next(skip.start(kept(mark, mark), now)), now), None);
}

#[test]
fn a_store_that_knows_no_slot_waits_for_the_next_one() {
    let table = table(&schedule("UTC", "0 0 3 * * *"));
    let now = at("2026-11-08T12:00:00Z");
    assert_eq!(due(&table.next(table.start(Kept::default(), now)), now), None);
}

#[test]
fn a_full_reconcile_is_a_sync_too() {
    let mut schedule = schedule("UTC", "0 0 5 * * *");
    schedule.full = "0 0 5 * * Sun".to_owned();
    // 2026-11-08 is a Sunday.
    let begun = watched(&table(&schedule), at("2026-11-07T00:00:00Z"), at("2026-11-09T12:00:00Z"), 60);
    assert_eq!(begun.iter().map(|(task, _)| *task).collect::<Vec<_>>(), [Task::Sync, Task::Full, Task::Sync]);
}

#[test]
fn windows_put_off_and_never_drop() {
    let mut schedule = schedule("America/New_York", "0 */30 * * * *");
    schedule.blackout = vec!["Mon-Fri 09:00-17:00".parse().unwrap(), "17:00-17:10".parse().unwrap()];
    let table = table(&schedule);
    // 2026-11-25 is a Wednesday.
    let begun = watched(&table, at("2026-11-25T13:00:00Z"), at("2026-11-25T23:00:00Z"), 60);
    assert_eq!(
        wall(&table, &begun),
        ["11-25 08:30 EST", "11-25 17:10 EST", "11-25 17:30 EST", "11-25 18:00 EST"],
        "09:00 itself is in the window, and what it held back is one run"
    );
}

#[test]
fn a_window_that_ends_in_a_gap_ends_with_the_gap() {
    let mut schedule = schedule("America/New_York", "0 0 1 * * *");
    schedule.blackout = vec!["00:30-02:20".parse().unwrap()];
    let table = table(&schedule);
    let begun = watched(&table, at("2027-03-14T04:00:00Z"), at("2027-03-14T12:00:00Z"), 60);
    assert_eq!(wall(&table, &begun), ["03-14 03:00 EDT"]);
}

#[test]
fn jitter_is_the_same_at_each_look_and_another_elsewhere() {
    let mut schedule = schedule("UTC", "0 0 3 * * *");
    schedule.jitter = "1h".parse().unwrap();
    let now = at("2026-11-08T12:00:00Z");
    let slot = at("2026-11-09T03:00:00Z");
    let next = |seed: &str| {
        let table = Timetable::new(&schedule, seed).unwrap();
        table.next(table.start(Kept::default(), now))[0].1
    };
    assert_eq!(next("a"), next("a"));
    let all: std::collections::BTreeSet<_> = (0..20).map(|n| next(&n.to_string())).collect();
    assert!(all.len() > 10 && all.iter().all(|at| (slot..slot + TimeDelta::hours(1)).contains(at)), "{all:?}");
}

#[test]
fn a_clock_that_was_years_ahead_does_not_silence_the_timetable() {
    let table = table(&schedule("UTC", "0 0 3 * * *"));
    let now = at("2026-11-08T12:00:00Z");
    let marks = table.start(Kept { sync: Some(at("2040-01-01T00:00:00Z")), ..Kept::default() }, now);
    assert_eq!(table.next(marks)[0].1, at("2026-11-09T03:00:00Z"));
    // An hour back is a correction: what has run does not run again.
    let marks = table.start(Kept { sync: Some(at("2026-11-08T12:30:00Z")), ..Kept::default() }, now);
    assert_eq!(marks.sync, at("2026-11-08T12:30:00Z"));
}

#[test]
fn an_audit_has_its_own_time_and_waits_for_the_others() {
    let table = table(&Schedule { audit: "0 0 3 * * Sun".to_owned(), ..schedule("UTC", "0 0 3 * * *") });
    // 2026-11-29 is a Sunday.
    let begun = watched(&table, at("2026-11-28T02:00:00Z"), at("2026-11-30T04:00:00Z"), 60);
    assert_eq!(
        begun.iter().map(|(task, _)| *task).collect::<Vec<_>>(),
        [Task::Sync, Task::Sync, Task::Audit, Task::Sync]
    );
    let missed = table.start(kept(at("2026-11-29T02:00:00Z"), at("2026-11-29T02:00:00Z")), at("2026-11-29T04:00:00Z"));
    assert_eq!(missed.audit, at("2026-11-29T04:00:00Z"), "one that was never made is not caught up with");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the zone, the pattern and the rhythm of the looks: what begins begins when it is due, and never twice for one slot.
    #[test]
    fn nothing_is_early_nothing_twice_nothing_forgotten(
        zone in prop::sample::select(vec!["America/New_York", "Europe/Berlin", "UTC", "Asia/Kolkata", "Australia/Lord_Howe"]),
        hour in 0_u32..24,
        minute in 0_u32..60,
        day in 0_i64..365,
        steps in prop::collection::vec(1_i64..10_000, 50..150),
    ) {
        let table = table(&schedule(zone, &format!("0 {minute} {hour} * * *")));
        let start = at("2026-06-01T00:00:00Z") + TimeDelta::days(day);
        let (mut now, mut marks) = (start, table.start(Kept::default(), start));
        let mut days = Vec::new();
        for step in steps {
            now += TimeDelta::seconds(step);
            let next = table.next(marks)[0].1;
            prop_assert_eq!(due(&table.next(marks), now).is_some(), next <= now);
            if let Some(task) = due(&table.next(marks), now) {
                prop_assert!(next > marks.sync);
                let slot = next.with_timezone(&table.zone()).naive_local();
                let given: NaiveDateTime = slot.date().and_hms_opt(hour, minute, 0).unwrap();
                let in_gap = table.zone().from_local_datetime(&given) == LocalResult::None;
                prop_assert!(slot.time() == given.time() || (in_gap && slot.minute().is_multiple_of(30)), "{} {}", slot, given);
                days.push(slot.date());
                marks = marks.answered(task, now);
            }
        }
        let unique: std::collections::BTreeSet<_> = days.iter().collect();
        prop_assert_eq!(unique.len(), days.len());
        // Steps are under three hours, so no day's slot is swallowed by another's.
        let whole: i64 = (now - start).num_days();
        prop_assert!((whole..=whole + 1).contains(&(days.len() as i64)), "{} in {}", days.len(), whole);
        let _: DateTime<Utc> = now;
    }
}

#[test]
fn a_jitter_of_more_than_a_day_is_refused() {
    let jitter = |text: &str| Schedule { jitter: text.parse().unwrap(), ..schedule("UTC", "0 0 3 * * *") };
    assert!(Timetable::new(&jitter("24h"), "seed").is_ok());
    assert!(Timetable::new(&jitter("9999h"), "seed").unwrap_err().contains("schedule.jitter"));
}

/// A zone, the days around one of its changes, and what a nightly 02:30 comes to there.
const CHANGES: [(&str, &str, [&str; 4]); 4] = [
    (
        "America/New_York",
        "2026-10-31T00:00:00Z",
        ["10-31 02:30 EDT", "11-01 02:30 EST", "11-02 02:30 EST", "11-03 02:30 EST"],
    ),
    (
        "America/New_York",
        "2027-03-13T00:00:00Z",
        ["03-13 02:30 EST", "03-14 03:00 EDT", "03-15 02:30 EDT", "03-16 02:30 EDT"],
    ),
    (
        "Europe/Berlin",
        "2026-10-24T00:00:00Z",
        ["10-24 02:30 CEST", "10-25 02:30 CEST", "10-26 02:30 CET", "10-27 02:30 CET"],
    ),
    (
        "Europe/Berlin",
        "2027-03-27T00:00:00Z",
        ["03-27 02:30 CET", "03-28 03:00 CEST", "03-29 02:30 CEST", "03-30 02:30 CEST"],
    ),
];

fn four_days(table: &Timetable, from: &str) -> Vec<String> {
    wall(table, &watched(table, at(from), at(from) + TimeDelta::hours(96), 1800))
}

#[test]
fn five_fields_and_six_say_the_same_across_every_change() {
    for (zone, from, expected) in CHANGES {
        for pattern in ["30 2 * * *", "0 30 2 * * *"] {
            assert_eq!(four_days(&table(&schedule(zone, pattern)), from), expected, "{zone} {pattern}");
        }
    }
}

#[test]
fn a_window_over_a_change_ends_by_the_wall_and_drops_no_night() {
    for (zone, from, nightly) in CHANGES {
        let blackout = vec!["01:15-03:30".parse().unwrap()];
        let table = table(&Schedule { blackout, ..schedule(zone, "30 2 * * *") });
        let ends: Vec<String> =
            nightly.iter().map(|night| night.replace("02:30", "03:30").replace("03:00", "03:30")).collect();
        // In the hour that comes twice the slot is in the first, and the window ends after the second.
        let ends: Vec<String> = ends.iter().map(|end| end.replace("10-25 03:30 CEST", "10-25 03:30 CET")).collect();
        assert_eq!(four_days(&table, from), ends, "{zone}");
    }
}

#[test]
fn jitter_over_a_change_puts_off_by_less_than_itself_and_drops_no_night() {
    for (zone, from, nightly) in CHANGES {
        for jitter in ["45m", "3h"] {
            let exact = table(&schedule(zone, "30 2 * * *"));
            let jittered = table(&Schedule { jitter: jitter.parse().unwrap(), ..schedule(zone, "30 2 * * *") });
            let nights = |table: &Timetable| watched(table, at(from), at(from) + TimeDelta::hours(96), 600);
            let (exact, jittered) = (nights(&exact), nights(&jittered));
            assert_eq!((exact.len(), jittered.len()), (nightly.len(), nightly.len()), "{zone} {jitter}");
            let most: Span = jitter.parse().unwrap();
            let late: Vec<TimeDelta> = jittered.iter().zip(&exact).map(|(late, exact)| late.1 - exact.1).collect();
            // Looked at every ten minutes.
            let within = TimeDelta::zero()..=most.delta() + TimeDelta::minutes(10);
            assert!(late.iter().all(|late| within.contains(late)), "{zone} {late:?}");
            assert!(late.iter().any(|late| *late > TimeDelta::minutes(10)), "{zone} {late:?}");
        }
    }
}
