//! The plan, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::{Change, Kind, Operation, Standing, Value, Verb};

use super::text::{BOLD, CYAN, DIM, GREEN, MAGENTA, RED, YELLOW, count, counted, fit, paint, time_for, visible, wrap};

/// How a plan is looked at.
#[derive(Debug, Clone, Copy)]
pub struct PlanView {
    /// Columns to fit into; `None` cuts nothing.
    pub width: Option<usize>,
    /// Operations shown of each group; `None` shows all.
    pub most: Option<usize>,
    /// Requests a minute Pivotal may be sent, for the estimate.
    pub rate_per_minute: Option<u32>,
}

/// What an operation is listed under, in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Adopt,
    Create,
    Update,
    Delete,
    Held,
    Quarantined,
    Waiting,
}

impl Group {
    const ALL: [Self; 7] =
        [Self::Adopt, Self::Create, Self::Update, Self::Delete, Self::Held, Self::Quarantined, Self::Waiting];

    const fn of(operation: &Operation) -> Self {
        match (&operation.standing, operation.verb()) {
            (Standing::Held(_), _) => Self::Held,
            (Standing::Quarantined(_), _) => Self::Quarantined,
            (Standing::Waiting(_), _) => Self::Waiting,
            (Standing::Ready, Verb::Adopt) => Self::Adopt,
            (Standing::Ready, Verb::Create) => Self::Create,
            (Standing::Ready, Verb::Update) => Self::Update,
            (Standing::Ready, Verb::Delete) => Self::Delete,
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Adopt => "=",
            Self::Create => "+",
            Self::Update => "~",
            Self::Delete => "-",
            Self::Held => "!",
            Self::Quarantined => "z",
            Self::Waiting => "…",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Adopt => CYAN,
            Self::Create => GREEN,
            Self::Update => YELLOW,
            Self::Delete => RED,
            Self::Held | Self::Quarantined => MAGENTA,
            Self::Waiting => DIM,
        }
    }

    /// In a heading: `3 customers to create`.
    const fn heading(self) -> &'static str {
        match self {
            Self::Adopt => "to adopt",
            Self::Create => "to create",
            Self::Update => "to update",
            Self::Delete => "to delete",
            Self::Held => "held until you decide",
            Self::Quarantined => "quarantined: refused by Pivotal",
            Self::Waiting => "waiting",
        }
    }

    /// In the sum at the end.
    const fn sum(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Quarantined => "quarantined",
            _ => self.heading(),
        }
    }
}

/// The plan as a person reads it: by kind and verb, field by field, with counts, and the time it takes.
pub fn render_plan(operations: &[Operation], view: &PlanView) -> String {
    if operations.is_empty() {
        return "nothing to do: Pivotal is in step\n".to_owned();
    }
    let mut groups: BTreeMap<(Kind, Group), Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        groups.entry((operation.kind, Group::of(operation))).or_default().push(operation);
    }
    let mut out = String::new();
    for ((kind, group), mut members) in groups {
        let heading = format!("{} {}", counted(members.len() as u64, kind.as_str()), group.heading());
        let _ = writeln!(out, "{}", paint(BOLD, heading));
        // Equal reasons come together, so that each is told once: a tripped guard holds many for one reason.
        members.sort_by_key(|operation| why(operation).unwrap_or_default().to_owned());
        list(&mut out, group, &members, view);
        out.push('\n');
    }
    sum(&mut out, operations, view);
    out
}

fn list(out: &mut String, group: Group, members: &[&Operation], view: &PlanView) {
    let shown = view.most.unwrap_or(usize::MAX);
    let mut told = None;
    for (at, operation) in members.iter().take(shown).enumerate() {
        let reason = why(operation);
        if reason.is_some() && reason != told {
            let text = wrap(&visible(reason.unwrap_or_default()), view.width.map(|width| width.saturating_sub(2)), 0);
            text.lines().for_each(|line| out.push_str(&format!("  {line}\n")));
            told = reason;
        }
        one(out, group, operation, view.width);
        let next = members.get(at + 1).filter(|_| at + 1 < shown);
        if !next.is_some_and(|next| shares_reason(operation, next)) {
            because(out, operation, view.width);
        }
    }
    let rest = members.len().saturating_sub(shown);
    if rest > 0 {
        let line = format!("  … and {} more (pivotal-sync plan --json lists all)", count(rest as u64));
        let _ = writeln!(out, "{}", paint(DIM, line));
    }
}

pub(super) fn why(operation: &Operation) -> Option<&str> {
    match &operation.standing {
        Standing::Ready => None,
        Standing::Held(why) | Standing::Quarantined(why) | Standing::Waiting(why) => Some(why),
    }
}

fn one(out: &mut String, group: Group, operation: &Operation, width: Option<usize>) {
    let Operation { subject, name, .. } = operation;
    // Where the heading says what is done, the line need not.
    let head = match group {
        Group::Held | Group::Quarantined | Group::Waiting => format!("{} {} ", group.mark(), operation.verb()),
        _ => format!("{} ", group.mark()),
    };
    let subject = visible(&subject.to_string());
    let taken = head.width() + subject.width() + 4;
    let name = fit(&visible(name), width.map_or(usize::MAX, |width| width.saturating_sub(taken).max(12)));
    let _ = writeln!(out, "  {}  {}", paint(group.style(), format!("{head}{name}")), paint(DIM, subject));
    let changes = operation.changes().0;
    let longest = changes.keys().map(|field| field.width()).max().unwrap_or(0);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(longest + 8).max(24));
    for (field, change) in &changes {
        let _ = writeln!(out, "      {field:longest$}  {}", before_and_after(operation.verb(), change, room));
    }
}

fn because(out: &mut String, operation: &Operation, width: Option<usize>) {
    if let Some(reason) = telling(operation) {
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(6).max(24));
        let _ = writeln!(out, "      {}", paint(DIM, fit(&format!("because {}", visible(reason)), room)));
    }
}

/// Whether one reason below both tells of both: nothing but names stands between them.
fn shares_reason(one: &Operation, next: &Operation) -> bool {
    telling(one) == telling(next) && why(one) == why(next) && [one, next].iter().all(|o| o.changes().is_empty())
}

/// The reason, unless it only says what the lines above it show: that the record is new, or which fields differ.
fn telling(operation: &Operation) -> Option<&str> {
    let Operation { reason, subject, .. } = operation;
    let shown = match operation.verb() {
        Verb::Create => reason.contains(&subject.to_string()),
        Verb::Update | Verb::Adopt => reason.ends_with(" differ") || reason.ends_with(" differs"),
        Verb::Delete => false,
    };
    (!reason.is_empty() && !shown).then_some(reason.as_str())
}

/// `Acme → Acme Inc`; of a create, where there is no before, `Acme Inc`.
pub(super) fn before_and_after(verb: Verb, change: &Change, room: usize) -> String {
    if verb == Verb::Create {
        return fit(&shown(&change.to), room);
    }
    let (from, to) = (shown(&change.from), shown(&change.to));
    if from.width() + to.width() + 3 <= room {
        return format!("{from} → {to}");
    }
    // Both ends are worth seeing: the shorter keeps what it needs, the longer gets the rest.
    let half = room.saturating_sub(3) / 2;
    let for_from = from.width().min(half.max(room.saturating_sub(3).saturating_sub(to.width())));
    let from = fit(&from, for_from);
    let left = room.saturating_sub(3).saturating_sub(from.width());
    format!("{from} → {}", fit(&to, left))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(empty)".to_owned(),
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        other => visible(&other.to_string()),
    }
}

fn sum(out: &mut String, operations: &[Operation], view: &PlanView) {
    let parts: Vec<String> = Group::ALL
        .into_iter()
        .map(|group| (group, operations.iter().filter(|operation| Group::of(operation) == group).count()))
        .filter(|(_, number)| *number > 0)
        .map(|(group, number)| format!("{} {}", count(number as u64), group.sum()))
        .collect();
    let _ = writeln!(out, "{}", paint(BOLD, parts.join(", ")));
    let requests: u64 = operations.iter().filter(|operation| operation.is_ready()).map(Operation::requests).sum();
    let time = match view.rate_per_minute {
        Some(rate) if requests > 0 => match time_for(requests, rate) {
            time if time.0.is_zero() => format!(", at once ({} a minute may be sent)", count(u64::from(rate))),
            time => format!(", about {time} at {} a minute", count(u64::from(rate))),
        },
        _ => String::new(),
    };
    let _ = writeln!(out, "{} to Pivotal{time}", counted(requests, "request"));
}
