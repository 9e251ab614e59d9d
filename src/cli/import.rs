//! `import FILE`: decisions taken in again, so that they outlive a lost store.

use chrono::Utc;
use serde::Deserialize;

use crate::config::Settings;
use crate::domain::{Choice, Chosen, PivotalId, SourceKey, Timestamp};
use crate::store::{DecisionRow, Store};

use super::render::render_imported;
use super::{Exit, Failure, ImportArgs, print};

/// Takes decisions in, in place of older ones about the same records. All of a file or nothing of it.
pub(super) async fn run(settings: &Settings, args: &ImportArgs) -> Result<Exit, Failure> {
    let file = &args.file;
    let text = std::fs::read_to_string(file).map_err(|why| {
        let message = format!("{} cannot be read: {why}", file.display());
        Failure::new("input", message, "name a file that `pivotal-sync export decisions` wrote")
    })?;
    let rows = read(&text).map_err(|places| {
        let message = format!("{} cannot be taken in; nothing was", file.display());
        let hint = "mend these lines, or export the decisions again";
        Failure::new("input", message, hint).at(places.into_iter().take(20))
    })?;
    let path = &settings.store.path;
    // After a loss there is none: the decisions are there before the first load.
    let made = Store::is_to_be_made(path)?.then_some(path.as_path());
    let store = Store::open(path).await?;
    let known = store.decisions().await;
    let filled = store.fact("filled_at").await;
    let done = store.decide(&rows).await;
    store.close().await;
    done?;
    let (known, is_filled) = (known?, filled?.is_some());
    let fresh = rows.iter().filter(|row| !known.iter().any(|old| old.key == row.key)).count();
    // Decisions that come late cannot undo what was done without them.
    let late = is_filled && fresh > 0;
    if args.json {
        let object = serde_json::json!({ "decisions": rows.len(), "new": fresh, "late": late, "store_made": made });
        print::show_json(&object)?;
    } else {
        print::show(&render_imported(rows.len(), fresh, late, made))?;
    }
    Ok(Exit::Done)
}

/// One decision as a file has it; a person may write one without saying when or why.
#[derive(Deserialize)]
struct Row {
    r#ref: String,
    choice: String,
    pivotal_id: Option<String>,
    decided_at: Option<String>,
    said: Option<String>,
}

/// Reads either format. The error names every line that is no decision.
fn read(text: &str) -> Result<Vec<DecisionRow>, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<Result<DecisionRow, String>> = if text.trim_start().starts_with('{') {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |line| serde_json::from_str(line).map_err(|why| why.to_string()).and_then(decision);
        lines.map(|(at, line)| read(line).map_err(|why| format!("line {}: {why}", at + 1))).collect()
    } else {
        let mut table = csv::Reader::from_reader(text.as_bytes());
        let heading = table.headers().map_err(|why| vec![why.to_string()])?;
        let lacks = |column: &&str| !text.trim().is_empty() && !heading.iter().any(|found| found == *column);
        if let Some(column) = ["ref", "choice"].iter().find(|column| lacks(column)) {
            return Err(vec![format!("row 0, the heading: there is no column '{column}'")]);
        }
        let rows = table.deserialize::<Row>().enumerate();
        rows.map(|(at, row)| {
            row.map_err(|why| why.to_string()).and_then(decision).map_err(|why| format!("row {}: {why}", at + 1))
        })
        .collect()
    };
    let problems: Vec<String> = lines.iter().filter_map(|line| line.as_ref().err().cloned()).collect();
    if problems.is_empty() { Ok(lines.into_iter().flatten().collect()) } else { Err(problems) }
}

fn decision(row: Row) -> Result<DecisionRow, String> {
    let said = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let key: SourceKey = row.r#ref.trim().parse().map_err(|why| format!("{why}"))?;
    let choice = match (row.choice.trim(), said(row.pivotal_id).map(PivotalId::new)) {
        ("link", Some(pivotal_id)) => Choice::Link { pivotal_id },
        ("link", None) => return Err("a link needs a pivotal_id".to_owned()),
        ("unlink", pivotal_id) => Choice::Unlink { pivotal_id },
        ("ignore", _) => Choice::Ignore,
        (other, _) => return Err(format!("'{other}' is no decision; it is link, unlink or ignore")),
    };
    let decided_at: Timestamp = match said(row.decided_at) {
        None => Utc::now(),
        Some(text) => text.parse().map_err(|_| format!("'{text}' is no time like 2026-11-25T09:00:00Z"))?,
    };
    Ok(DecisionRow { key, chosen: Chosen { choice, decided_at }, said: said(row.said) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_no_decision_is_named() {
        let table =
            "ref,choice,pivotal_id\nhubspot:company:1,link,\nhubspot:thing:1,ignore,\nhubspot:company:2,burn,x\n";
        let problems = read(table).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("row 1") && problems[0].contains("pivotal_id"), "{problems:?}");
        assert!(problems[2].contains("burn"), "{problems:?}");
        assert_eq!(read("{\"ref\":\"hubspot:company:1\",\"choice\":\"link\"}\n{}").unwrap_err().len(), 2);
        assert_eq!(read("name,city\n").unwrap_err(), ["row 0, the heading: there is no column 'ref'"]);
        assert!(read("ref;choice\nhubspot:company:1;ignore\n").is_err());
    }

    #[test]
    fn a_table_made_by_hand_will_do() {
        let rows = read("\u{feff}choice,ref\nignore,hubspot:company:1\n").unwrap();
        assert_eq!((rows.len(), &rows[0].chosen.choice), (1, &Choice::Ignore));
        let line = read("{\"ref\":\"hubspot:company:1\",\"choice\":\"unlink\",\"pivotal_id\":null}").unwrap();
        assert_eq!(line[0].chosen.choice, Choice::Unlink { pivotal_id: None });
        assert!(read("").unwrap().is_empty() && read("ref,choice\n").unwrap().is_empty());
    }
}
