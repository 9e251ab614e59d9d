//! How far a stream has been pulled.

use serde::{Deserialize, Serialize};

/// Opaque text owned by one stream of one source adapter. The engine stores it with the records of its page, in one
/// transaction, and never looks inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// How much a pull asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullMode {
    /// What changed since the cursor; everything when there is no cursor.
    Changes,
    /// Everything, whatever the cursor says. A cursor left inside an unfinished full listing goes on from there.
    Full,
}
