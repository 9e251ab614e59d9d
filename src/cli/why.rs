//! `why REF`: why a record is, or is not, in Pivotal as it is.

use crate::config::Settings;
use crate::store::Store;

use super::render::{render_why, why_json};
use super::{Exit, Failure, WhyArgs, print};

pub(super) async fn run(settings: &Settings, args: &WhyArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let stories = store.explain(&args.reference).await?;
    store.close().await;
    if stories.is_empty() {
        let hint = "check the spelling; if it is new at its source, run `pivotal-sync sync` first";
        return Err(Failure::new("not_found", format!("nothing here is known as {}", args.reference), hint));
    }
    if args.json {
        print::show_json(&why_json(&args.reference.to_string(), &stories))?;
    } else {
        print::show(&render_why(&stories))?;
    }
    Ok(Exit::Done)
}
