//! `[schedule]`: when the daemon runs, and when it does not.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::Span;

/// `[schedule]`: when the daemon runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// IANA zone the times are read in, e.g. `America/New_York`.
    pub timezone: chrono_tz::Tz,
    /// Cron pattern of the ordinary sync: six fields, seconds first, or five.
    pub sync: String,
    /// Cron pattern of the full reconcile.
    pub full: String,
    /// Cron pattern of the audit.
    pub audit: String,
    /// What a start after a missed time does.
    pub catch_up: CatchUp,
    /// Times of the week at which nothing begins by itself, read in `timezone`.
    pub blackout: Vec<Blackout>,
    /// A run begins up to this long after its time, so that many installations do not all begin at once.
    pub jitter: Span,
}

/// What a start after a missed time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// One run, however many were missed.
    Once,
    /// Nothing until the next time.
    Skip,
}

/// A time of the week, like `Mon-Fri 09:00-17:00`, `Sat,Sun 00:00-24:00` or, every day and past midnight, `22:00-02:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blackout {
    text: String,
    /// Days it begins on, Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    begins: u32,
    /// Minutes after that midnight; over 1440 when it ends on the next day.
    ends: u32,
}

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;

impl Blackout {
    /// When the window that covers this moment of the wall clock ends; `None` outside of it.
    pub fn end_of(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let minute = wall.hour() * 60 + wall.minute();
        let on = |day: Weekday| self.days[day.num_days_from_monday() as usize];
        let midnight = |days_ago: i64| wall.date().and_time(NaiveTime::MIN) - TimeDelta::days(days_ago);
        let since_today = on(wall.weekday()) && (self.begins..self.ends).contains(&minute);
        let since_yesterday = on(wall.weekday().pred()) && (self.begins..self.ends).contains(&(minute + DAY));
        let begun = if since_today { midnight(0) } else { midnight(1) };
        (since_today || since_yesterday).then(|| begun + TimeDelta::minutes(i64::from(self.ends)))
    }

    /// Whether windows leave no minute of the week.
    pub fn cover_the_week(windows: &[Self]) -> bool {
        let covers = |window: &Self, minute: u32| {
            [0, WEEK].iter().any(|turn| {
                window.days.iter().zip(0..).any(|(on, day)| {
                    let begun = day * DAY;
                    *on && (begun + window.begins..begun + window.ends).contains(&(minute + turn))
                })
            })
        };
        (0..WEEK).all(|minute| windows.iter().any(|window| covers(window, minute)))
    }
}

impl FromStr for Blackout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is no time of the week; write it like 'Mon-Fri 09:00-17:00' or '22:00-02:00'");
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times) = match words[..] {
            [times] => ([true; 7], times),
            [days, times] => (days_of(days).ok_or_else(bad)?, times),
            _ => return Err(bad()),
        };
        let (begins, ends) = times.split_once('-').ok_or_else(bad)?;
        let (begins, ends) = (minute_of(begins).ok_or_else(bad)?, minute_of(ends).ok_or_else(bad)?);
        if begins == ends || begins == DAY {
            return Err(bad());
        }
        let ends = if ends < begins { ends + DAY } else { ends };
        Ok(Self { text: words.join(" "), days, begins, ends })
    }
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last): (Weekday, Weekday) = (first.parse().ok()?, last.parse().ok()?);
        days[day.num_days_from_monday() as usize] = true;
        while day != last {
            day = day.succ();
            days[day.num_days_from_monday() as usize] = true;
        }
    }
    Some(days)
}

fn minute_of(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u32>().ok()).flatten();
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
}

impl fmt::Display for Blackout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Blackout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Blackout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_knows_when_it_ends() {
        // 2026-11-25 is a Wednesday.
        for (window, wall, end) in [
            ("Mon-Fri 09:00-17:00", "2026-11-25 09:00", Some("2026-11-25 17:00")),
            ("Mon-Fri 09:00-17:00", "2026-11-25 16:59", Some("2026-11-25 17:00")),
            ("Mon-Fri 09:00-17:00", "2026-11-25 17:00", None),
            ("Mon-Fri 09:00-17:00", "2026-11-28 10:00", None),
            ("Fri-Mon 09:00-17:00", "2026-11-29 10:00", Some("2026-11-29 17:00")),
            ("22:00-02:00", "2026-11-25 23:30", Some("2026-11-26 02:00")),
            ("22:00-02:00", "2026-11-26 01:59", Some("2026-11-26 02:00")),
            ("Wed 22:00-02:00", "2026-11-26 01:00", Some("2026-11-26 02:00")),
            ("Wed 22:00-02:00", "2026-11-25 01:00", None),
            ("sat,sun 00:00-24:00", "2026-11-29 23:59", Some("2026-11-30 00:00")),
        ] {
            let at = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            assert_eq!(window.parse::<Blackout>().unwrap().end_of(at(wall)), end.map(at), "{window} {wall}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in
            ["", "Mon", "9:00-17:00", "09:00-09:00", "24:00-02:00", "Mon-Fry 09:00-10:00", "09:60-10:00", "a b c"]
        {
            assert!(text.parse::<Blackout>().is_err(), "{text}");
        }
    }

    #[test]
    fn windows_may_not_leave_nothing() {
        let cover = |texts: &[&str]| {
            Blackout::cover_the_week(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
        };
        assert!(cover(&["00:00-24:00"]));
        assert!(cover(&["09:00-21:00", "21:00-09:00"]));
        assert!(!cover(&["09:00-21:00", "21:00-08:59"]));
        assert!(!cover(&["Mon-Sat 00:00-24:00"]));
        assert!(!cover(&[]));
    }
}
