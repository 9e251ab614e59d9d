//! The whole story of one thing.

use std::fmt::Write;

use crate::domain::{
    Change, Changes, Facts, Kind, Later, MirrorState, Origin, PivotalId, Removal, Role, Timestamp, Value, Verb,
};
use crate::engine::explain::{Roof, Told};
use crate::reconcile::{Desired, Explained, Fate, RuleTold, Wanted};
use crate::store::{AttemptRow, FindingRow, MappingRow, OperationRow, Story, StoryEntity, StoryRecord};

use super::plan::before_and_after;
use super::text::{BOLD, DIM, MAGENTA, RED, YELLOW, brief, paint, stamp, visible};

/// What is known of each thing a reference names: where it stands, what the sources say, what was made of it and by which
/// rule, what was written.
pub fn render_why(told: &[Told]) -> String {
    let told: Vec<String> = told.iter().map(one).collect();
    told.join("\n")
}

fn one(told: &Told) -> String {
    let (story, mut out) = (&told.story, String::new());
    match &story.entity {
        Some(entity) => head(&mut out, entity, told),
        None => {
            let _ = writeln!(out, "{}", paint(BOLD, "not yet tied to anything in Pivotal"));
        }
    }
    for operation in &story.operations {
        owed(&mut out, operation);
    }
    // Where no rule is told, they have no other place.
    if let Some(explained) = told.explained.as_ref().filter(|explained| explained.selection.is_none()) {
        notes(&mut out, explained);
    }
    if let Some(explained) = told.explained.as_ref().filter(|explained| !explained.evidence.is_empty()) {
        section(&mut out, "who is who");
        for sentence in &explained.evidence {
            let _ = writeln!(out, "  {}", visible(sentence));
        }
    }
    section(&mut out, "what the sources say");
    for record in &story.records {
        source(&mut out, record, told);
    }
    if let Some(explained) = &told.explained {
        rules(&mut out, explained);
    }
    if let Some(mirror) = story.entity.as_ref().and_then(|entity| entity.entity.mirror.as_ref()) {
        section(&mut out, "what Pivotal holds, as last written");
        pairs(&mut out, mirror.written.0.iter());
    }
    if !told.findings.is_empty() {
        section(&mut out, "what audits found in Pivotal");
    }
    for row in &told.findings {
        let FindingRow { finding, first_seen_at, .. } = row;
        let change = Change { from: finding.written.clone(), to: finding.found.clone() };
        let shown = before_and_after(Verb::Update, &finding.field, &change, usize::MAX);
        let _ =
            writeln!(out, "  {}  {shown}  by somebody, first seen {}", visible(&finding.field), stamp(*first_seen_at));
        let _ = writeln!(out, "      {}", paint(YELLOW, visible(&finding.said)));
    }
    if !story.attempts.is_empty() {
        section(&mut out, "what was sent, newest first");
    }
    for attempt in &story.attempts {
        written(&mut out, attempt);
    }
    out
}

fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{}", paint(BOLD, title));
}

fn head(out: &mut String, story: &StoryEntity, told: &Told) {
    let StoryEntity { entity, name, look_at, written_at, .. } = story;
    let place = match &entity.mirror {
        None => match &told.carrier {
            None if entity.vanished.is_some() => was(entity.kind, told.story.mapping.first()),
            // Nobody looks for what is not wanted: an older one may be there, from before this store.
            None if entity.kind == Kind::Onboarding && story.wanted.as_deref() != Some("yes") => {
                "none was opened by this store, and whether Pivotal has an older one is not looked at".to_owned()
            }
            None => "not in Pivotal".to_owned(),
            Some(row) => {
                let number = row.display_id.map_or_else(String::new, |number| format!(" {number}"));
                format!("in Pivotal as {}{number} ({}), which carries its id and was not taken over", row.kind, row.id)
            }
        },
        Some(mirror) => {
            let number = mirror.display_id.map_or_else(String::new, |number| format!(" {number}"));
            let origin = match mirror.origin {
                Origin::Created => "created by pivotal-sync",
                Origin::Adopted => "adopted",
                Origin::Linked => "linked by hand",
            };
            match mirror.state {
                MirrorState::Live if vanished(told).is_some() => {
                    format!("no longer in Pivotal, was {}{number} ({})", entity.kind, mirror.id)
                }
                MirrorState::Live => format!("in Pivotal as {}{number} ({}), {origin}", entity.kind, mirror.id),
                MirrorState::Deleted => format!("deleted in Pivotal, was {} ({})", entity.kind, mirror.id),
                MirrorState::Lost => format!("lost: Pivotal no longer knows {} ({})", entity.kind, mirror.id),
            }
        }
    };
    let _ = writeln!(out, "{} {}: {place}", entity.kind, paint(BOLD, visible(name)));
    if let Some((account, customer)) = &told.account {
        let customer = customer.as_ref().map_or("not in Pivotal", PivotalId::as_str);
        let _ = writeln!(out, "  of customer {} ({customer})", visible(account));
    }
    if let Some(at) = vanished(told) {
        let _ = writeln!(out, "  it vanished with its customer, which pivotal-sync deleted on {}", stamp(at));
    } else if told.roof == Some(Roof::Lost) {
        let _ = writeln!(out, "  it vanished with its customer, which Pivotal no longer has");
    }
    standing(out, story, told);
    // What rests as held or quarantined says it below.
    if let Some(quarantine) = entity.quarantine.as_ref().filter(|quarantine| !is_owed(told, &quarantine.reason)) {
        let _ = writeln!(out, "  {} {}", paint(RED, "refused by Pivotal:"), visible(&quarantine.reason));
    }
    if !entity.approval.0.is_empty() {
        let _ = writeln!(out, "  approved; the next run sends what was held, if it is still the same");
    }
    if let Some(since) = entity.gone_since {
        let what = if is_shown(&told.story) { "outside the selection" } else { "gone at its source" };
        let _ = writeln!(out, "  {what} since {}", stamp(since));
    }
    let is_told = matches!(told.explained.as_ref().map(|e| &e.fate), Some(Some(Fate::Later(_))));
    if let Some(at) = look_at.as_ref().filter(|_| !is_told) {
        let _ = writeln!(out, "  looked at again {}", stamp(*at));
    }
    if let Some(at) = written_at {
        let _ = writeln!(out, "  last written {}", stamp(*at));
    }
}

/// Whether it is wanted there, as the rules say now; and whether that was carried out.
fn standing(out: &mut String, story: &StoryEntity, told: &Told) {
    let now = told.explained.as_ref().map(|explained| &explained.desired.wanted);
    let is_there = story.entity.mirror.as_ref().is_some_and(|mirror| mirror.state == MirrorState::Live);
    let no = |out: &mut String, why: &str| {
        let _ = writeln!(out, "  {} {}", paint(YELLOW, "not wanted there:"), visible(why));
        if is_there && vanished(told).is_none() {
            fate(out, told);
        }
        if told.carrier.is_some() {
            let _ = writeln!(out, "  it stays in Pivotal as it is");
        }
    };
    match now {
        Some(Wanted::NotSelected(why) | Wanted::Replaced(why)) => no(out, why),
        Some(Wanted::Gone(since)) => no(out, &format!("gone at the source since {}", stamp(*since))),
        // What is held stands below.
        Some(Wanted::Held(why)) if is_owed(told, why) => {}
        Some(Wanted::Held(why) | Wanted::Doubled(why) | Wanted::LeftBehind(why)) => {
            let _ = writeln!(out, "  {} {}", paint(MAGENTA, "waits for a decision:"), visible(why));
        }
        Some(Wanted::Waiting { why, .. }) => {
            let _ = writeln!(out, "  {} {}", paint(YELLOW, "wanted there, and waits:"), visible(why));
        }
        Some(Wanted::Yes(_)) | None => {
            let _ = match story.wanted.as_deref() {
                _ if story.dirty => {
                    writeln!(out, "  wanted there; changed since the last look, the next run looks again")
                }
                None => writeln!(out, "  not looked at yet; the next run will"),
                Some(_) if story.settled => writeln!(out, "  wanted there, and in step"),
                Some(_) => writeln!(out, "  wanted there, not in step"),
            };
        }
    }
}

/// Whether a source still shows a record of it: then it left by the rules.
pub(super) fn is_shown(story: &Story) -> bool {
    let decides = |record: &&StoryRecord| record.key.stream.role() != Role::Subscription;
    story.records.iter().filter(decides).any(|record| record.state == "live")
}

/// What an object was that is no longer there.
fn was(kind: Kind, mapping: Option<&MappingRow>) -> String {
    mapping.map_or_else(
        || "no longer in Pivotal".to_owned(),
        |row| {
            let number = row.display_id.map_or_else(String::new, |number| format!(" {number}"));
            format!("no longer in Pivotal, was {kind}{number} ({})", row.pivotal_id)
        },
    )
}

/// When an object vanished with its customer.
fn vanished(told: &Told) -> Option<Timestamp> {
    match told.roof {
        Some(Roof::Deleted(at)) => Some(at),
        Some(Roof::Leaving(_) | Roof::Lost) | None => None,
    }
}

/// What becomes of an object that is there and no longer wanted.
fn fate(out: &mut String, told: &Told) {
    let will = |fate: &Fate| match fate {
        Fate::Later(Later { removal, at }) => {
            Some(format!("will be {} on {}, unless it comes back", removal.done(), stamp(*at)))
        }
        Fate::Now(removal) => Some(format!("is to be {} by the next run", removal.done())),
        Fate::Archived | Fate::Stays(_) => None,
    };
    // An archived customer keeps its people.
    let goes_along = match &told.roof {
        Some(Roof::Leaving(fate)) => Some(fate).filter(|fate| {
            matches!(fate, Fate::Later(Later { removal: Removal::Delete, .. }) | Fate::Now(Removal::Delete))
        }),
        Some(Roof::Deleted(_) | Roof::Lost) | None => None,
    };
    let own = told.explained.as_ref().and_then(|explained| explained.fate.as_ref());
    let line = match (goes_along.and_then(will), own) {
        (Some(will), _) => format!("it goes with its customer, which {will}"),
        // What is planned stands below.
        (None, Some(Fate::Now(_))) if !told.story.operations.is_empty() => return,
        (None, Some(fate @ (Fate::Later(_) | Fate::Now(_)))) => format!("it {}", will(fate).unwrap_or_default()),
        (None, Some(Fate::Archived)) => "it was archived by pivotal-sync, and stays so until it comes back".to_owned(),
        (None, Some(Fate::Stays(Some(why)))) => visible(why),
        (None, Some(Fate::Stays(None)) | None) => "it stays in Pivotal as it is".to_owned(),
    };
    let _ = writeln!(out, "  {line}");
}

fn owed(out: &mut String, operation: &OperationRow) {
    let OperationRow { verb, object, state, why, reason, changes, .. } = operation;
    let why = why.as_deref().unwrap_or(reason);
    let _ = writeln!(out, "  {} {verb} {object}: {}", paint(MAGENTA, format!("{state}:")), visible(why));
    differences(out, *verb, changes);
}

pub(super) fn differences(out: &mut String, verb: Verb, changes: &Changes) {
    let longest = changes.0.keys().map(|field| field.chars().count()).max().unwrap_or(0);
    for (field, change) in &changes.0 {
        let _ =
            writeln!(out, "      {:longest$}  {}", visible(field), before_and_after(verb, field, change, usize::MAX));
    }
}

/// Whether an operation gives that reason.
fn is_owed(told: &Told, reason: &str) -> bool {
    told.story.operations.iter().any(|operation| operation.why.as_deref() == Some(reason))
}

fn source(out: &mut String, record: &StoryRecord, told: &Told) {
    let StoryRecord { key, state, merged_into, properties, problem, unreadable, tokens, changed_at, gone_at, .. } =
        record;
    let mut said = state.clone();
    if let Some(into) = merged_into {
        let _ = write!(said, " into {into}");
    }
    if let Some(at) = gone_at {
        let _ = write!(said, ", first seen gone {}", stamp(*at));
    } else if let Some(at) = changed_at {
        let _ = write!(said, ", changed {}", stamp(*at));
    }
    let _ = write!(said, ", read {}", stamp(record.seen_at));
    let _ = writeln!(out, "{}  {}", paint(BOLD, visible(&key.to_string())), visible(&said));
    if let Some(figures) = record.facts.as_ref().and_then(figures) {
        let _ = writeln!(out, "  {}", visible(&figures));
    }
    pairs(out, properties.iter());
    if !tokens.is_empty() {
        let _ = writeln!(out, "  {}", paint(DIM, format!("known by {}", visible(&tokens.join(", ")))));
    }
    for (word, text) in [("held:", problem), ("unreadable:", unreadable)] {
        if let Some(text) = text {
            let text = if is_owed(told, text) { "as above".to_owned() } else { visible(text) };
            let _ = writeln!(out, "  {} {text}", paint(RED, word));
        }
    }
}

/// What a record adds that is no property: what a subscription brings, when a deal was won.
fn figures(facts: &Facts) -> Option<String> {
    match facts {
        Facts::Account(_) | Facts::Person(_) => None,
        Facts::Subscription(facts) => {
            let plan = facts.plan.as_ref().map_or_else(String::new, |plan| format!(", plan {plan}"));
            let status = facts.status.as_str();
            Some(format!(
                "{status}, {} {} a month{plan}",
                brief(&Value::Number(facts.mrr)),
                facts.currency.to_uppercase()
            ))
        }
        Facts::Deal(deal) => {
            let day = |at: &Option<Timestamp>| at.map(|at| at.date_naive().to_string());
            let won = if deal.won { "won" } else { "not won" };
            let closed = day(&deal.closed_at).map_or_else(String::new, |day| format!(", close date {day}"));
            let entered = day(&deal.won_stage_at).map_or_else(String::new, |day| format!(", won stage since {day}"));
            Some(format!("{won}{closed}{entered}"))
        }
    }
}

/// A rule that failed: whose words begin with its name, which stands before them already.
fn failed(key: &str, why: &str) -> String {
    let why = why.strip_prefix(key).and_then(|rest| rest.strip_prefix(" failed: ")).unwrap_or(why);
    format!("{} {}", paint(RED, "failed:"), visible(why))
}

/// What each rule made of it, and from what.
fn rules(out: &mut String, explained: &Explained) {
    let Some(selection) = &explained.selection else { return };
    section(out, "what the rules make of it");
    let held = match &selection.outcome {
        Ok(Value::Bool(true)) => "holds".to_owned(),
        Ok(_) => paint(YELLOW, "does not hold"),
        Err(why) => failed(&selection.key, why),
    };
    let _ = writeln!(out, "  {} {held}: {}", selection.key, paint(DIM, visible(&selection.rule)));
    for (name, value) in &selection.read {
        let _ = writeln!(out, "    {} is {}", visible(name), shown(value));
    }
    let short = |rule: &RuleTold| rule.key.rsplit('.').next().unwrap_or_default().to_owned();
    let longest = explained.fields.iter().map(|rule| short(rule).chars().count()).max().unwrap_or(0);
    for rule in &explained.fields {
        let outcome = match &rule.outcome {
            Ok(value) => shown(value),
            Err(why) => failed(&rule.key, why),
        };
        let from = paint(DIM, format!("from {}", visible(&rule.rule)));
        let owner = rule.owner.map_or_else(String::new, |owner| format!("; {}", paint(YELLOW, owner)));
        let then = rule.then.as_ref().map_or_else(String::new, |(at, value)| {
            format!("; {} {}, then {}", paint(YELLOW, "until"), stamp(*at), shown(value))
        });
        let _ = writeln!(out, "  {:longest$}  {outcome}  {from}{owner}{then}", short(rule));
    }
    notes(out, explained);
}

fn notes(out: &mut String, explained: &Explained) {
    let Desired { subject, notes, .. } = &explained.desired;
    for note in notes {
        let who = if note.subject == *subject { String::new() } else { format!("{} ", note.subject) };
        let _ = writeln!(out, "  {} {}", paint(YELLOW, "note:"), visible(&format!("{who}{}", note.message)));
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() { paint(DIM, "(nothing)") } else { visible(&brief(value)) }
}

fn pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a String, &'a Value)> + Clone) {
    let longest = pairs.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in pairs {
        let value = if value.is_null() { paint(DIM, "(empty)") } else { visible(&brief(value)) };
        let _ = writeln!(out, "  {:longest$}  {value}", visible(name));
    }
}

/// How an attempt ended, for people.
pub(super) fn outcome_of(word: &str) -> &str {
    match word {
        "unsent" => "not sent",
        "pending" => "no answer yet",
        "unknown" => "answer unknown",
        other => other,
    }
}

/// What Pivotal's support asks for, and what it said.
pub(super) fn answered(out: &mut String, request_id: Option<&str>, key: Option<&str>, error: Option<&str>) {
    let ids = [("request", request_id), ("idempotency key", key)];
    let ids: Vec<String> =
        ids.into_iter().filter_map(|(word, id)| id.map(|id| format!("{word} {}", visible(id)))).collect();
    if !ids.is_empty() {
        let _ = writeln!(out, "      {}", paint(DIM, ids.join(", ")));
    }
    if let Some(error) = error {
        let _ = writeln!(out, "      {}", paint(RED, visible(error)));
    }
}

fn written(out: &mut String, attempt: &AttemptRow) {
    let AttemptRow { run, verb, changes, method, path, planned_at, outcome, status, error, .. } = attempt;
    let status = status.map_or_else(String::new, |status| format!(" {status}"));
    let _ = writeln!(
        out,
        "  {}  run {run}  {method} {}  {}{status}",
        stamp(*planned_at),
        visible(path),
        outcome_of(outcome)
    );
    differences(out, *verb, changes);
    answered(out, attempt.request_id.as_deref(), attempt.idempotency_key.as_deref(), error.as_deref());
}
