//! The words of the command line.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::domain::SourceName;
use crate::store::Reference;

mod record;

pub use record::{AuditArgs, HistoryArgs, UndoArgs};

/// Keeps Pivotal in step with HubSpot and Stripe.
///
/// Start with `pivotal-sync demo`, which needs no keys and no network. Then: init, check, plan, backfill, and sync every night.
#[derive(Debug, Parser)]
#[command(name = "pivotal-sync", version, arg_required_else_help = true, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Configuration file [default: /etc/pivotal-sync/config.toml, else config/local.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Log more: -v what is done, -vv each request (RUST_LOG says more precisely)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// How log lines look: text or json on stderr, or journald, for systemd's journal with its fields
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, hide_possible_values = true)]
    pub log_format: LogFormat,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done and in step; 1 failed; 2 bad usage or configuration; 3 finished, but records are held, \
quarantined or still owed; 4 another instance holds the store; 130 interrupted.";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// The journal's own protocol, each field one of the journal's: `journalctl RUN=7`.
    Journald,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole thing on a sample company: no keys, no network
    Demo,
    /// Write a commented configuration to fill in
    Init(InitArgs),
    /// Prove configuration, credentials, rights, property names, workspace and store, writing nothing
    Check(CheckArgs),
    /// Show every change that would be made to Pivotal, writing nothing there
    Plan(PlanArgs),
    /// Bring Pivotal into step now
    Sync(SyncArgs),
    /// The first load: adopt what is already in Pivotal, read everything, create the rest. Goes on where it stopped
    Backfill(BackfillArgs),
    /// The daemon: runs when the schedule says so, when asked, and until it is stopped
    Run,
    /// Health at a glance: last run, freshness, what is owed, held and quarantined
    Status(StatusArgs),
    /// The latest runs
    Runs(RunsArgs),
    /// Why a record is, or is not, in Pivotal as it is
    Why(WhyArgs),
    /// Everything that was ever sent for a record: who asked, what was sent, the answer, before and after
    History(HistoryArgs),
    /// Compare Pivotal with what was last written there and with the sources; tell what somebody changed
    Audit(AuditArgs),
    /// Let through what is held, as it stands: all of it, or what you name
    ///
    /// Some questions are answered by name only: which of two something is, a deletion that no guard holds, and whether a
    /// customer that a person deleted comes back. `--all` lists those, and leaves them.
    Approve(ApproveArgs),
    /// Try again what Pivotal refused: all of it, or what you name
    Retry(ReleaseArgs),
    /// Say which Pivotal object a record is
    Link(LinkArgs),
    /// Say that a record stands alone: neither for the Pivotal object nor with the records it is with now
    ///
    /// Of an account that is named as a whole the company's record, or else the first, keeps the customer, and the others stand
    /// alone.
    Unlink(ChoiceArgs),
    /// Leave a record out; what is in Pivotal stays as it is
    Ignore(ChoiceArgs),
    /// Take back what a run wrote, as far as that is possible
    Undo(UndoArgs),
    /// Write what the store holds to a file: decisions
    Export(ExportArgs),
    /// Take in the decisions of an export, e.g. into a new store
    Import(ImportArgs),
    /// Copy the store, checked, while it is in use
    Backup(BackupArgs),
    /// A local HubSpot, Stripe and Pivotal to rehearse against
    Sandbox(SandboxArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

impl Command {
    /// Whether one JSON object on stdout was asked for.
    pub fn json(&self) -> bool {
        match self {
            Self::Check(CheckArgs { json })
            | Self::Plan(PlanArgs { json, .. })
            | Self::Sync(SyncArgs { json, .. })
            | Self::Backfill(BackfillArgs { json })
            | Self::Status(StatusArgs { json })
            | Self::Runs(RunsArgs { json, .. })
            | Self::Approve(ApproveArgs { released: ReleaseArgs { json, .. }, .. })
            | Self::Retry(ReleaseArgs { json, .. })
            | Self::Link(LinkArgs { json, .. })
            | Self::Unlink(ChoiceArgs { json, .. })
            | Self::Ignore(ChoiceArgs { json, .. })
            | Self::Import(ImportArgs { json, .. })
            | Self::History(HistoryArgs { json, .. })
            | Self::Audit(AuditArgs { json, .. })
            | Self::Undo(UndoArgs { json, .. })
            | Self::Why(WhyArgs { json, .. }) => *json,
            Self::Export(_)
            | Self::Backup(_)
            | Self::Demo
            | Self::Run
            | Self::Init(_)
            | Self::Sandbox(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write it; never overwrites
    #[arg(value_name = "FILE", default_value = "config.toml")]
    pub file: PathBuf,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Save the plan for `sync --apply`, which takes it for 24 hours
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Pull this source only
    #[arg(long, value_name = "SOURCE", value_parser = sources())]
    pub source: Option<SourceName>,
    /// Read nothing: reconcile what is known already, e.g. to see what a changed rule touches
    #[arg(long, conflicts_with = "source")]
    pub offline: bool,
    /// Exit with 3 when something would change
    #[arg(long)]
    pub exit_code: bool,
    /// Print one JSON object that lists every operation
    #[arg(long)]
    pub json: bool,
}

/// `sync`
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Apply a saved plan; refused if anything has moved since
    #[arg(long, value_name = "FILE", conflicts_with = "full")]
    pub apply: Option<PathBuf>,
    /// Read everything anew
    #[arg(long)]
    pub full: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `backfill`
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `runs`
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// How many, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `why`
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// hubspot:company:123, stripe:customer:cus_…, pivotal:customer:42, a cuid, a domain or an email
    #[arg(value_name = "REF")]
    pub reference: Reference,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `approve`
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Which, and how to tell it.
    #[command(flatten)]
    pub released: ReleaseArgs,
    /// Take back what was approved and is not done yet
    #[arg(long)]
    pub undo: bool,
}

/// `approve` and `retry`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["references", "all"])))]
pub struct ReleaseArgs {
    /// Which: a record, a Pivotal object, a domain or an email
    #[arg(value_name = "REF")]
    pub references: Vec<Reference>,
    /// All of them
    #[arg(long)]
    pub all: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `link`
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The record: hubspot:company:123, stripe:customer:cus_…
    #[arg(value_name = "REF")]
    pub reference: Reference,
    /// The object: pivotal:customer:42, its id, or a record that stands for it
    #[arg(value_name = "PIVOTAL-REF", required_unless_present = "undo")]
    pub object: Option<Reference>,
    /// Take the decision back
    #[arg(long, conflicts_with = "object")]
    pub undo: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `unlink` and `ignore`
#[derive(Debug, Args)]
pub struct ChoiceArgs {
    /// A record; or a Pivotal object, a domain or an email, for the records of the one thing it names
    #[arg(value_name = "REF")]
    pub reference: Reference,
    /// Take the decision back
    #[arg(long)]
    pub undo: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// What
    #[arg(value_name = "KIND", value_enum)]
    pub kind: ExportKind,
    /// How
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Where to; the screen when left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportKind {
    /// What people decided: links, unlinks and what is left out
    Decisions,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line
    #[default]
    Jsonl,
    /// A table with a heading
    Csv,
}

/// `import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A file that `export decisions` wrote, in either format
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where to; replaces an older backup and nothing else, and is readable by you only
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `sandbox`
#[derive(Debug, Args)]
#[command(after_help = crate::sandbox::change::WRITTEN)]
pub struct SandboxArgs {
    /// Same seed, same sample company
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many companies it knows
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub size: u32,
    /// Requests a minute its Pivotal allows; none lifts HubSpot's and Stripe's limits too
    #[arg(long, value_name = "N|none", default_value = "60", value_parser = rate_limit)]
    pub rate_limit: RateLimit,
    /// First of three ports on 127.0.0.1 (HubSpot, Stripe, Pivotal); 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 8400, value_parser = port_base)]
    pub port_base: u16,
    /// Write a configuration that points at it
    #[arg(long, value_name = "FILE")]
    pub config_out: Option<PathBuf>,
}

/// A limit that may be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<u32>);

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write them to; made if missing
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

fn sources() -> impl clap::builder::TypedValueParser<Value = SourceName> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(SourceName::ALL.map(SourceName::as_str))
        .try_map(|word| word.parse::<SourceName>())
}

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    match text {
        "none" => Ok(RateLimit(None)),
        _ => match text.parse() {
            Ok(limit) if limit > 0 => Ok(RateLimit(Some(limit))),
            _ => Err("expected a number of requests a minute, 1 or more, or none".to_owned()),
        },
    }
}

fn port_base(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port <= u16::MAX - 2 => Ok(port),
        _ => Err(format!("expected a port from 0 to {}; two more follow it", u16::MAX - 2)),
    }
}
