use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn a_backup_is_whole_private_and_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("state.db"), dir.path().join("copy.db"));
    let store = Store::open(&from).await.unwrap();
    store.set_fact("color", "green").await.unwrap();
    store.backup(&to).await.unwrap();
    store.set_fact("color", "red").await.unwrap();
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

#[tokio::test]
async fn a_backup_replaces_a_backup_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let path = at("state.db");
    let lock = RunLock::acquire(&path).unwrap();
    let store = Store::open(&path).await.unwrap();
    store.set_fact("color", "red").await.unwrap();
    std::fs::write(at("config.toml"), "[pivotal]").unwrap();
    std::fs::hard_link(&path, at("hard.db")).unwrap();
    std::os::unix::fs::symlink("state.db-wal", at("soft.db")).unwrap();
    std::os::unix::fs::symlink("nightly.db", at("latest.db")).unwrap();
    let foreign = sqlx::sqlite::SqliteConnectOptions::new().filename(at("foreign.db")).create_if_missing(true);
    let foreign = sqlx::SqlitePool::connect_with(foreign).await.unwrap();
    sqlx::query("CREATE TABLE fact (name TEXT)").execute(&foreign).await.unwrap();
    foreign.close().await;
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let other = Store::open(&at("other.db")).await.unwrap();
    let named = ["", "-wal", "-shm", "-journal", ".lock"].map(|ending| format!("state.db{ending}"));
    let others = ["config.toml", "hard.db", "soft.db", "foreign.db", "other.db", "../", "socket"];
    for name in named.iter().map(String::as_str).chain(others) {
        let before = std::fs::read(at(name)).ok();
        let error = store.backup(&at(name)).await.unwrap_err();
        assert!(matches!(error, StoreError::Taken { .. }), "{name}: {error}");
        assert_eq!(std::fs::read(at(name)).ok(), before, "{name}");
    }
    // Every night to one name, by a link as well; and to a file that was made for it.
    std::fs::write(at("nightly.db"), "").unwrap();
    for name in ["nightly.db", "nightly.db", "latest.db"] {
        store.backup(&at(name)).await.unwrap();
    }
    assert!(std::fs::symlink_metadata(at("latest.db")).unwrap().is_symlink());
    store.set_fact("color", "blue").await.unwrap();
    assert_eq!(store.fact("color").await.unwrap().as_deref(), Some("blue"), "the store is as it was");
    other.close().await;
    store.close().await;
    drop(lock);
}
