//! Runs: begun, finished, listed.

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::error::Trouble;
use super::{RunLock, Store, StoreError, json, rows, time};
use crate::domain::{OperationCounts, Report, RunId, RunKind, RunStatus, Timestamp};

/// One run as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// Why it was made.
    pub kind: RunKind,
    /// Who asked: `command`, `schedule`, `webhook`, `signal`.
    pub asked_by: String,
    /// How it ended, or `running`.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it said of itself; of one that runs, what it last said. One that was killed says no more: what it did is counted
    /// for it.
    pub report: Option<Report>,
}

impl Store {
    /// Begins a run. Since the lock proves that no other process works here, runs that still say `running` were killed: they
    /// are closed as interrupted first, with what they did, and what they had planned and not done is owed.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_run(
        &self,
        _proof: &RunLock,
        kind: RunKind,
        asked_by: &str,
        now: Timestamp,
    ) -> Result<RunId, StoreError> {
        let (kind, begun) = (kind.as_str(), time::text(now));
        self.told(async {
            let mut tx = self.begin().await?;
            close_killed(&mut tx, now).await?;
            let id = sqlx::query!(
                "INSERT INTO run (kind, asked_by, status, started_at) VALUES (?, ?, 'running', ?)",
                kind,
                asked_by,
                begun
            )
            .execute(&mut *tx)
            .await?
            .last_insert_rowid();
            super::commit(tx).await?;
            Ok(RunId(id))
        })
        .await
    }

    /// Stores how far a run is. One that has ended in the meantime stays as it ended.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn run_goes_on(&self, report: &Report) -> Result<(), StoreError> {
        self.told(async {
            let text = json(report)?;
            let mut tx = self.begin().await?;
            sqlx::query!("UPDATE run SET report = ? WHERE id = ? AND status = 'running'", text, report.run.0)
                .execute(&mut *tx)
                .await?;
            super::commit(tx).await
        })
        .await
    }

    /// Stores what a run says of itself.
    ///
    /// # Errors
    /// When the store cannot be written, or there is no such run.
    pub async fn finish_run(&self, report: &Report) -> Result<(), StoreError> {
        let (status, finished_at) = (report.status.as_str(), report.finished_at.map(time::text));
        self.told(async {
            let text = json(report)?;
            let mut tx = self.begin().await?;
            let done = sqlx::query!(
                "UPDATE run SET status = ?, finished_at = ?, report = ? WHERE id = ?",
                status,
                finished_at,
                text,
                report.run.0
            )
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() != 1 {
                return Err(Trouble::bad("run", format_args!("there is no run {}", report.run)));
            }
            super::commit(tx).await
        })
        .await
    }

    /// What the newest run had done when it failed, if it began at that time or later. Where even that cannot be read, the
    /// failure itself says enough.
    pub async fn report_since(&self, begun: Timestamp) -> Option<Report> {
        let mut report = self.runs(1).await.ok()?.pop()?.report.filter(|report| report.started_at >= begun)?;
        if let Ok(counts) = self.did(report.run).await {
            report.operations = counts.at_least(&report.operations);
        }
        Some(report)
    }

    /// What became of the operations that a run planned. A run that ends early has not counted all of it.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn did(&self, run: RunId) -> Result<OperationCounts, StoreError> {
        self.told(async {
            let mut reader = self.read().acquire().await?;
            counted(&mut reader, run).await
        })
        .await
    }

    /// Has runs that say `running`, though no process works here, say what they did: none of them says more by itself.
    ///
    /// # Errors
    /// When the store cannot be read, or a row cannot be understood.
    pub async fn count_cut_off(&self, runs: &mut [RunRow]) -> Result<(), StoreError> {
        self.told(async {
            let mut reader = self.read().acquire().await?;
            for row in runs.iter_mut().filter(|row| row.status == RunStatus::Running) {
                let told = row.report.take().unwrap_or_else(|| Report::begun(row.id, row.kind, row.started_at));
                let counts = counted(&mut reader, row.id).await?;
                row.report = Some(cut_off(told, counts));
            }
            Ok(())
        })
        .await
    }

    /// The newest runs, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs(&self, most: u32) -> Result<Vec<RunRow>, StoreError> {
        self.runs_of(None, most).await
    }

    /// The newest runs of a kind, or of all, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs_of(&self, kind: Option<RunKind>, most: u32) -> Result<Vec<RunRow>, StoreError> {
        let kind = kind.map(RunKind::as_str);
        self.told(async {
            let found = sqlx::query!(
                "SELECT id, kind, asked_by, status, started_at, finished_at, report FROM run
                 WHERE ?1 IS NULL OR kind = ?1 ORDER BY id DESC LIMIT ?2",
                kind,
                most
            )
            .fetch_all(self.read())
            .await?;
            found
                .into_iter()
                .map(|row| {
                    Ok(RunRow {
                        id: RunId(row.id),
                        kind: rows::word("run", &row.kind)?,
                        asked_by: row.asked_by,
                        status: rows::word("run", &row.status)?,
                        started_at: time::instant("run", &row.started_at)?,
                        finished_at: time::maybe("run", row.finished_at.as_deref())?,
                        report: row.report.as_deref().map(|text| rows::parse("run", text)).transpose()?,
                    })
                })
                .collect()
        })
        .await
    }
}

/// Closes the runs that were killed. They could not say how they ended, so the store says it for them.
async fn close_killed(tx: &mut SqliteConnection, now: Timestamp) -> Result<(), Trouble> {
    sqlx::query!(
        "UPDATE operation SET state = 'owed', why = 'run ' || run_id || ' was interrupted'
         WHERE state = 'planned' AND run_id IN (SELECT id FROM run WHERE status = 'running')"
    )
    .execute(&mut *tx)
    .await?;
    let killed = sqlx::query!("SELECT id, kind, started_at, report FROM run WHERE status = 'running'")
        .fetch_all(&mut *tx)
        .await?;
    for row in killed {
        let (id, kind) = (RunId(row.id), rows::word("run", &row.kind)?);
        // What cannot be read was written by another version, and is told anew.
        let told = row.report.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let begun = time::instant("run", &row.started_at)?;
        let told = told.unwrap_or_else(|| Report::begun(id, kind, begun));
        let report = Report { finished_at: Some(now), ..cut_off(told, counted(tx, id).await?) };
        let (status, finished_at, text) = (report.status.as_str(), time::text(now), json(&report)?);
        sqlx::query!(
            "UPDATE run SET status = ?, finished_at = ?, report = ? WHERE id = ?",
            status,
            finished_at,
            text,
            row.id
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What a killed run last said, with what it did.
fn cut_off(told: Report, counts: OperationCounts) -> Report {
    let operations = counts.at_least(&told.operations);
    Report { status: RunStatus::Interrupted, operations, progress: None, ..told }
}

/// What became of the operations that a run planned, by what was really sent: what was to be created may have turned out to
/// be there.
async fn counted(connection: &mut SqliteConnection, run: RunId) -> Result<OperationCounts, Trouble> {
    let found = sqlx::query!(
        r#"WITH told AS (
               SELECT o.state, o.waits, o.verb, (SELECT a.intent ->> '$.action.do' FROM attempt a
                   WHERE a.operation_id = o.id AND a.outcome = 'done' ORDER BY a.id DESC LIMIT 1) AS sent
               FROM operation o WHERE o.run_id = ?)
           SELECT COALESCE(sent, iif(verb = 'create', 'adopt', verb)) AS "verb!: String", state AS "state!: String",
                  waits AS "waits!: bool", count(*) AS "number!: i64"
           FROM told GROUP BY 1, 2, 3"#,
        run.0
    )
    .fetch_all(connection)
    .await?;
    let mut counts = OperationCounts::default();
    for row in found {
        let number = rows::count(row.number);
        match row.state.as_str() {
            "done" => *counts.of(rows::word("operation", &row.verb)?) += number,
            "held" => counts.held += number,
            "quarantined" => counts.quarantined += number,
            "planned" | "owed" => {
                counts.owed += number;
                counts.waiting += if row.waits { number } else { 0 };
            }
            _ => {}
        }
    }
    Ok(counts)
}
