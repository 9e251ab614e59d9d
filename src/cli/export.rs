//! `export KIND`: what the store holds, for other programs and for safe keeping.

use std::path::Path;

use chrono::SecondsFormat;

use crate::config::Settings;
use crate::store::{DecisionRow, Store};

use super::{Exit, ExportArgs, ExportFormat, ExportKind, Failure, plan, print};

/// Writes the rows to a file, or to stdout.
pub(super) async fn run(settings: &Settings, args: &ExportArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let text = match args.kind {
        ExportKind::Decisions => decisions(&store.decisions().await?, args.format),
    };
    store.close().await;
    let text = text.map_err(|why| cannot(args.out.as_deref(), &why))?;
    match &args.out {
        None => print::show_as_is(&text)?,
        Some(file) => {
            plan::write_private(file, &text).map_err(|why| cannot(Some(file), &why.to_string()))?;
            print::say(&format!("written to {}\n", file.display()));
        }
    }
    Ok(Exit::Done)
}

fn cannot(file: Option<&Path>, why: &str) -> Failure {
    let file = file.map_or_else(|| "stdout".to_owned(), |file| file.display().to_string());
    Failure::new("output", format!("the export cannot be written to {file}: {why}"), "name another file")
}

/// The columns of the table, in order.
const COLUMNS: [&str; 5] = ["ref", "choice", "pivotal_id", "decided_at", "said"];

fn decisions(rows: &[DecisionRow], format: ExportFormat) -> Result<String, String> {
    match format {
        ExportFormat::Jsonl => rows
            .iter()
            .map(|row| serde_json::to_string(row).map(|line| line + "\n"))
            .collect::<Result<String, _>>()
            .map_err(|why| why.to_string()),
        ExportFormat::Csv => {
            let mut table = csv::Writer::from_writer(Vec::new());
            table.write_record(COLUMNS).map_err(|why| why.to_string())?;
            for row in rows {
                let choice = &row.chosen.choice;
                let cells = [
                    row.key.to_string(),
                    choice.as_str().to_owned(),
                    choice.object().map(ToString::to_string).unwrap_or_default(),
                    // As the lines of JSON say it.
                    row.chosen.decided_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
                    row.said.clone().unwrap_or_default(),
                ];
                table.write_record(cells).map_err(|why| why.to_string())?;
            }
            let bytes = table.into_inner().map_err(|why| why.to_string())?;
            String::from_utf8(bytes).map_err(|why| why.to_string())
        }
    }
}
