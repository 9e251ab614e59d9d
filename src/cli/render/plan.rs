//! The plan, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::{Change, Kind, Leaving, Operation, Removal, Report, Standing, Timestamp, Value, Verb};

use super::fold::{Folded, fold};
use super::listed::own_ways;
use super::text::{
    BOLD, CYAN, DIM, GREEN, MAGENTA, RED, YELLOW, count, counted, fit, paint, stamp, time_for, visible, wrap,
};

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

/// The plan as a person reads it: by kind and verb, field by field, with counts, and the time it takes; then what waits out
/// its grace.
pub fn render_plan(report: &Report, view: &PlanView) -> String {
    let operations = &report.plan;
    let mut out = String::new();
    by_kind(&mut out, operations, view);
    leaving(&mut out, &report.later, view);
    // A source that could not be read may hold anything.
    let all_known = report.streams.values().all(|counts| counts.error.is_none());
    out.push_str(match (operations.is_empty(), all_known, report.later.is_empty()) {
        (false, ..) => "",
        (true, true, true) => "nothing to do: Pivotal is in step\n",
        (true, true, false) => "nothing to do now: Pivotal is in step\n",
        (true, false, _) => "nothing to do, as far as is known\n",
    });
    if !operations.is_empty() {
        sum(&mut out, operations, report.later.len(), "request", view);
    }
    out
}

/// Operations alone: by kind and verb, field by field, with counts, and the time that writing takes.
pub(super) fn render_operations(operations: &[Operation], view: &PlanView) -> String {
    let mut out = String::new();
    by_kind(&mut out, operations, view);
    sum(&mut out, operations, 0, "write", view);
    out
}

fn by_kind(out: &mut String, operations: &[Operation], view: &PlanView) {
    let mut groups: BTreeMap<(Kind, Group), Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        groups.entry((operation.kind, Group::of(operation))).or_default().push(operation);
    }
    for ((kind, group), members) in groups {
        let heading = format!("{} {}", counted(members.len() as u64, kind.as_str()), group.heading());
        let _ = writeln!(out, "{}", paint(BOLD, heading));
        list(out, group, &members, view);
        out.push('\n');
    }
}

fn list(out: &mut String, group: Group, members: &[&Operation], view: &PlanView) {
    let shown = view.most.unwrap_or(usize::MAX);
    let mut left = shown;
    for Folded { words, mut members, apart } in fold(members, |operation| why(operation).unwrap_or_default()) {
        if left > 0 && !words.is_empty() {
            let text = wrap(&visible(&words), view.width.map(|width| width.saturating_sub(2)), 0);
            text.lines().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
        let at_the_head = share_reasons(&members);
        if at_the_head {
            members.sort_by_key(|operation| telling(operation));
        }
        let mut told = None;
        for operation in members.iter().take(left) {
            if at_the_head && telling(operation) != told {
                because(out, 2, operation, view.width);
                told = telling(operation);
            }
            one(out, group, operation, view.width);
            if apart {
                own_ways(out, why(operation).unwrap_or_default(), view.width);
            }
            if !at_the_head {
                because(out, 6, operation, view.width);
            }
        }
        left = left.saturating_sub(members.len());
    }
    rest(out, members.len(), shown);
}

fn rest(out: &mut String, all: usize, shown: usize) {
    let rest = all.saturating_sub(shown);
    if rest > 0 {
        let line = format!("  … and {} more (pivotal-sync plan --json lists all)", count(rest as u64));
        let _ = writeln!(out, "{}", paint(DIM, line));
    }
}

/// What waits out its grace, by kind and by what happens then.
fn leaving(out: &mut String, later: &[Leaving], view: &PlanView) {
    let mut groups: BTreeMap<(Kind, Removal), Vec<&Leaving>> = BTreeMap::new();
    for one in later {
        groups.entry((one.object, one.later.removal)).or_default().push(one);
    }
    for ((kind, removal), members) in groups {
        let number = counted(members.len() as u64, kind.as_str());
        let heading = format!("{number} to be {} when the grace is over, unless seen again", removal.done());
        let _ = writeln!(out, "{}", paint(BOLD, heading));
        let shown = view.most.unwrap_or(usize::MAX);
        for Leaving { later, subject, name, .. } in members.iter().take(shown) {
            leaving_one(out, later.at, name, subject, view.width);
        }
        rest(out, members.len(), shown);
        out.push('\n');
    }
}

/// `. Acme  hubspot:company:1  on 2026-11-26 11:02 UTC`; in two lines where the name would be cut in one.
pub(super) fn leaving_one(out: &mut String, at: Timestamp, name: &str, subject: &str, width: Option<usize>) {
    let (subject, at) = (visible(subject), stamp(at));
    let taken = subject.width() + at.width() + 11;
    let name = visible(name);
    let is_short = width.is_none_or(|width| name.width() + taken <= width);
    let name = fit(&name, width.map_or(usize::MAX, |width| width.saturating_sub(4).max(12)));
    let gap = if is_short { "  " } else { "\n      " };
    let _ = writeln!(out, "  {}{gap}{}  on {at}", paint(RED, format!(". {name}")), paint(DIM, subject));
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
        let _ = writeln!(out, "      {field:longest$}  {}", before_and_after(operation.verb(), field, change, room));
    }
}

fn because(out: &mut String, indent: usize, operation: &Operation, width: Option<usize>) {
    if let Some(reason) = telling(operation) {
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(24));
        let line = fit(&format!("because {}", visible(reason)), room);
        let _ = writeln!(out, "{}{}", " ".repeat(indent), paint(DIM, line));
    }
}

/// Whether a reason is shared: below one of several it would read as if it were that one's alone.
fn share_reasons(members: &[&&Operation]) -> bool {
    let mut reasons: Vec<&str> = members.iter().filter_map(|operation| telling(operation)).collect();
    reasons.sort_unstable();
    reasons.windows(2).any(|pair| pair[0] == pair[1])
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

/// A field that is never empty in Pivotal: where the mirror holds nothing of it, what stands there is not known.
const NEVER_EMPTY: &str = "status";

/// `Acme → Acme Inc`; of a create, where there is no before, `Acme Inc`; `→ archived` where the before is not known.
pub(super) fn before_and_after(verb: Verb, field: &str, change: &Change, room: usize) -> String {
    if verb == Verb::Create {
        return fit(&shown(&change.to), room);
    }
    if field == NEVER_EMPTY && change.from.is_null() {
        return fit(&format!("→ {}", shown(&change.to)), room);
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

fn sum(out: &mut String, operations: &[Operation], later: usize, what: &str, view: &PlanView) {
    let mut parts: Vec<String> = Group::ALL
        .into_iter()
        .map(|group| (group, operations.iter().filter(|operation| Group::of(operation) == group).count()))
        .filter(|(_, number)| *number > 0)
        .map(|(group, number)| format!("{} {}", count(number as u64), group.sum()))
        .collect();
    if later > 0 {
        parts.push(format!("{} later", count(later as u64)));
    }
    let _ = writeln!(out, "{}", paint(BOLD, parts.join(", ")));
    let requests: u64 = operations.iter().filter(|operation| operation.is_ready()).map(Operation::requests).sum();
    let time = match view.rate_per_minute {
        Some(rate) if requests > 0 => match time_for(requests, rate) {
            time if time.0.is_zero() => format!(", at once ({} a minute may be sent)", count(u64::from(rate))),
            time => format!(", about {time} at {} a minute", count(u64::from(rate))),
        },
        _ => String::new(),
    };
    let _ = writeln!(out, "{} to Pivotal{time}", counted(requests, what));
}
