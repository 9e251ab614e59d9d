//! Durations as people write them: `30s`, `5m`, `24h`, `90d`, `0s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time that reads and prints the way people write it in configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

impl Span {
    /// For arithmetic with instants. Saturates at a length nobody configures.
    pub fn delta(self) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(self.0).unwrap_or(chrono::TimeDelta::MAX)
    }
}

impl Span {
    /// In one unit, as a length is set in configuration: `90d`, `36h`.
    pub fn as_set(self) -> String {
        let seconds = self.0.as_secs();
        // Weeks are seldom meant, and one day is a grace of 24 hours.
        let units = UNITS.into_iter().filter(|(unit, _)| *unit != "w" && (*unit != "d" || seconds != 86_400));
        let whole = units.filter(|(_, length)| seconds >= *length && seconds.is_multiple_of(*length));
        let (unit, length) = whole.max_by_key(|(_, length)| *length).unwrap_or(("s", 1));
        format!("{}{unit}", seconds / length)
    }
}

const UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is no length of time; write it like 30s, 5m, 24h or 90d");
        let mut seconds = 0_u64;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
            let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
            let (_, length) = UNITS.into_iter().find(|(unit, _)| rest[digits..].starts_with(unit)).ok_or_else(bad)?;
            seconds = number.checked_mul(length).and_then(|n| seconds.checked_add(n)).ok_or_else(bad)?;
            rest = rest[digits + 1..].trim_start();
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// The two largest units, e.g. `1h 25m`; what people need of an estimate.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_secs();
        let mut shown = 0;
        for (unit, length) in UNITS {
            let count = left / length;
            left %= length;
            if count > 0 && shown < 2 {
                write!(f, "{}{count}{unit}", if shown > 0 { " " } else { "" })?;
                shown += 1;
            } else if shown > 0 {
                break;
            }
        }
        if shown == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print() {
        for (text, seconds, shown) in [
            ("0s", 0, "0s"),
            ("30s", 30, "30s"),
            ("5m", 300, "5m"),
            ("24h", 86_400, "1d"),
            ("1h 25m", 5100, "1h 25m"),
            ("90d", 7_776_000, "12w 6d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.0.as_secs(), span.to_string().as_str()), (seconds, shown));
        }
        for set in ["90d", "24h", "36h", "5m", "90s", "0s", "14d"] {
            assert_eq!(set.parse::<Span>().unwrap().as_set(), set);
        }
        for text in ["", "5", "m", "5 m", "5x", "-5m", "1.5h", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
