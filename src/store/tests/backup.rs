use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn a_backup_is_whole_private_and_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("state.db"), dir.path().join("copy.db"));
    let store = Store::open(&from).await.unwrap();
    store.set_fact("color", "red").await.unwrap();
    std::fs::write(&to, "an older copy").unwrap();
    std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o644)).unwrap();
    // As the command does it: another process's view, while this one has the store open.
    let reader = Store::open_for_reading(&from).await.unwrap();
    reader.backup(&to).await.unwrap();
    store.set_fact("color", "blue").await.unwrap();
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Store::open(&to).await.unwrap();
    assert_eq!(copy.fact("color").await.unwrap().as_deref(), Some("red"));
    for store in [copy, reader, store] {
        store.close().await;
    }
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["copy.db", "state.db"], "nothing is left beside the copy");
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state.db")).await.unwrap();
    let error = store.backup(&dir.path().join("missing/copy.db")).await.unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
    let taken = dir.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(store.backup(&taken).await.is_err());
    assert!(taken.is_dir());
    assert!(std::fs::read_dir(dir.path()).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().contains("part")));
    store.close().await;
}
