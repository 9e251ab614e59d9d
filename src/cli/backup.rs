//! `backup`: a sound copy of the store, whether a daemon works on it or not.

use crate::config::Settings;
use crate::store::Store;

use super::{BackupArgs, Exit, Failure, print};

pub(super) async fn run(settings: &Settings, args: &BackupArgs) -> Result<Exit, Failure> {
    let store = Store::open_for_reading(&settings.store.path).await?;
    let made = store.backup(&args.file).await;
    store.close().await;
    made?;
    let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    let file = args.file.display();
    print::show(&format!(
        "{file}: {} KiB, whole and checked; it holds names and addresses of people\n",
        size.div_ceil(1024)
    ))?;
    Ok(Exit::Done)
}
