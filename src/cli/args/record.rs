//! The words of what looks back: `history`, `audit`, `undo`.

use clap::Args;

use crate::domain::RunId;
use crate::store::Reference;

/// `history`
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// hubspot:company:123, stripe:customer:cus_…, pivotal:customer:42, a cuid, a domain or an email
    #[arg(value_name = "REF")]
    pub reference: Reference,
    /// How many, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Leave out so many of the newest
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: u32,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Compare these alone, at one request each; without it all customers, at one request for 100
    #[arg(value_name = "REF", conflicts_with = "deep")]
    pub references: Vec<Reference>,
    /// Only tell: nothing is written to Pivotal, not even where the source has the last word (owner = "source")
    #[arg(long)]
    pub dry_run: bool,
    /// Compare contacts and onboardings too: a request for each customer with contacts, one for 100 onboardings
    #[arg(long)]
    pub deep: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `undo`
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// Which run: its number, as `runs` lists it
    #[arg(value_name = "RUN", value_parser = run_number)]
    pub run: RunId,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn run_number(text: &str) -> Result<RunId, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(RunId(number)),
        _ => Err("expected the number of a run, as `pivotal-sync runs` lists it".to_owned()),
    }
}
