//! What a person decided, told back.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::domain::{Choice, Chosen, Hold, PivotalId};
use crate::engine::decide::{Decided, Released};
use crate::store::OperationRow;

use super::text::{BOLD, DIM, GREEN, YELLOW, counted, fit, paint, visible};

const NEXT: &str = "next: pivotal-sync plan  (shows what follows; `pivotal-sync sync` does it)\n";

/// Decisions that were written down, or taken back.
pub fn render_decided(decided: &[Decided], undone: bool) -> String {
    let mut out = String::new();
    for decided in decided {
        let Decided { row, name, .. } = decided;
        let key = visible(&row.key.to_string());
        let who = if name.is_empty() || *name == key { key } else { format!("{key} ({})", visible(name)) };
        let said = said(&row.chosen.choice, decided.object.as_deref());
        let _ = match undone {
            true => writeln!(out, "{} that {who} {said}", paint(YELLOW, "taken back:")),
            false => writeln!(out, "{} {who} {said}", paint(GREEN, "noted:")),
        };
        if let Some(Chosen { choice, decided_at }) = &decided.before {
            let _ = writeln!(
                out,
                "  in place of what was decided on {}: it {}",
                decided_at.date_naive(),
                self::said(choice, None)
            );
        }
        if let (Choice::Unlink { pivotal_id }, false) = (&row.chosen.choice, undone) {
            apart(&mut out, decided, pivotal_id.as_ref().map(PivotalId::as_str));
        }
        if let Some(kept) = decided.kept.as_ref().map(|key| visible(&key.to_string())) {
            let object = decided.row.chosen.choice.object().map_or("the customer", |_| "what is in Pivotal");
            let _ = writeln!(out, "  {kept} keeps {object}; `pivotal-sync unlink {kept}` sets that apart, too");
        }
        for left in &decided.left {
            let left = visible(&left.to_string());
            let _ = writeln!(
                out,
                "  {left} of the same account still makes a customer; `pivotal-sync ignore {left}` leaves that out, too"
            );
        }
        if !decided.along.is_empty() {
            let along: Vec<String> = decided.along.iter().map(|key| visible(&key.to_string())).collect();
            let is = if along.len() == 1 { "is" } else { "are" };
            let along = along.join(" and ");
            let _ = writeln!(
                out,
                "  {along} {is} the same customer in Pivotal and {is} left out with it: nothing more is written to that \
                 customer"
            );
        }
        if let Some(behind) = &decided.behind {
            let behind = visible(behind);
            let _ = writeln!(
                out,
                "  {behind} stays in Pivotal as it is, and nothing stands for it any more; delete it there if it is of no use"
            );
        }
        if !decided.others.is_empty() {
            let others: Vec<String> = decided.others.iter().map(|key| visible(&key.to_string())).collect();
            let stand = if others.len() == 1 { "stands" } else { "stand" };
            let others = others.join(" and ");
            let _ = writeln!(out, "  {others} {stand} for it already: from the next run on they are one there");
        }
    }
    out + NEXT
}

/// What follows for a record that is set apart, and for what it stood for.
fn apart(out: &mut String, decided: &Decided, id: Option<&str>) {
    let key = &decided.row.key;
    let kind = key.stream.kind().map_or_else(|| "object".to_owned(), |kind| kind.to_string());
    let _ = writeln!(out, "  with the next run it becomes a {kind} of its own, where the rules want one");
    if let Some(object) = decided.object.as_deref().or(id) {
        let fate = match decided.last {
            true => "stays in Pivotal and is no longer written to: no other record stands for it",
            false => "stays with the records that are left to it",
        };
        let _ = writeln!(out, "  {object} {fate}");
    }
    let _ = writeln!(out, "  `pivotal-sync unlink --undo {key}` takes that back");
}

fn said(choice: &Choice, shown: Option<&str>) -> String {
    match choice {
        Choice::Link { pivotal_id } => format!("is {} in Pivotal", shown.unwrap_or(pivotal_id.as_str())),
        Choice::Unlink { pivotal_id: Some(object) } => {
            format!("stands alone, and is not {} in Pivotal", shown.unwrap_or(object.as_str()))
        }
        Choice::Unlink { pivotal_id: None } => "stands alone".to_owned(),
        Choice::Ignore => "is left out; what is in Pivotal stays".to_owned(),
    }
}

/// The object that `link`, `unlink` and `ignore` print with `--json`.
pub fn decided_json(decided: &[Decided], undone: bool) -> Json {
    json!({ "undone": undone, "decisions": decided.iter().map(|decided| &decided.row).collect::<Vec<_>>() })
}

/// What goes ahead, and what must be settled in another way. `word` says what became of them, e.g. `approved`.
pub fn render_released(word: &str, released: &Released, width: Option<usize>) -> String {
    let mut out = String::new();
    let shown = width.map_or(usize::MAX, |_| 40);
    let heading = format!("{} {word}", counted(released.taken.len() as u64, "operation"));
    let _ = writeln!(out, "{}", paint(BOLD, heading));
    list(&mut out, &released.taken, shown, width);
    for OperationRow { object, subject, why, .. } in released.taken.iter().filter(|o| o.hold == Some(Hold::Choice)) {
        let why = why.as_deref().map_or_else(String::new, |why| format!(": {}", visible(why)));
        let text = format!("creates another {object} for {} beside what is in Pivotal{why}", visible(subject));
        let _ = writeln!(out, "{} {}", paint(YELLOW, "warning:"), text);
    }
    if !released.left.is_empty() {
        let number = released.left.len() as u64;
        let need = if number == 1 { "needs" } else { "need" };
        let heading = format!("{} {need} another decision first", counted(number, "operation"));
        let _ = writeln!(out, "{}", paint(BOLD, heading));
        for operation in released.left.iter().take(shown) {
            list(&mut out, std::slice::from_ref(operation), 1, width);
            let _ = writeln!(out, "      {}", visible(operation.why.as_deref().unwrap_or(&operation.reason)));
        }
        rest(&mut out, released.left.len(), shown);
    }
    if !released.taken.is_empty() {
        out.push_str(NEXT);
    }
    out
}

fn list(out: &mut String, operations: &[OperationRow], most: usize, width: Option<usize>) {
    for OperationRow { verb, object, name, subject, .. } in operations.iter().take(most) {
        let (name, subject) = (visible(name), visible(subject));
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(subject.len() + 24).max(12));
        let _ = writeln!(out, "  {verb} {object}  {}  {}", fit(&name, room), paint(DIM, subject));
    }
    rest(out, operations.len(), most);
}

fn rest(out: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(out, "{}", paint(DIM, format!("  … and {} more", all - shown)));
    }
}

/// How much of what was approved was taken back.
pub fn render_disapproved(count: u64) -> String {
    format!("{} taken back\n", counted(count, "approval"))
}

/// The object that `approve` and `retry` print with `--json`.
pub fn released_json(released: &Released) -> Json {
    json!({ "taken": released.taken, "left": released.left })
}

/// What `import` took in, how much of it was new, and the store that was made for it, if there was none.
pub fn render_imported(all: usize, fresh: usize, late: bool, made: Option<&Path>) -> String {
    let mut said =
        format!("{} taken in, {fresh} of them new; the next run acts on them\n", counted(all as u64, "decision"));
    if let Some(path) = made {
        said.push_str(&format!(
            "there was no store at {}; a new one was made there. If another was meant, remove it and mend store.path\n",
            path.display()
        ));
    }
    if late {
        said.push_str(
            "this store was filled before they were taken in: what was created or tied without them stays in Pivotal. After a \
             loss, import before the first backfill\n",
        );
    }
    said
}
