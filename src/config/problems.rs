//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, counted from 1; `None` when the file as a whole is meant.
        line: Option<usize>,
    },
    /// In an environment variable.
    Env(String),
    /// In the whole of the layers: a key that no layer sets, or two that do not go together.
    Layers,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Layers => f.write_str("configuration"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The key, e.g. `pivotal.concurrency`; empty when no key is at fault.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What was expected; empty when `what` says it all.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, key, what, expected } = self;
        write!(f, "{place}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(what)?;
        if expected.is_empty() { Ok(()) } else { write!(f, "; expected {expected}") }
    }
}

/// All that is wrong with a configuration, in file order. Never empty when returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl ConfigErrors {
    /// `Ok` when nothing is wrong; else everything that is, sorted by place.
    pub(super) fn check(mut self) -> Result<(), Self> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        Err(self)
    }

    pub(super) fn add(
        &mut self,
        place: Place,
        key: impl Into<String>,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.0.push(Problem { place, key: key.into(), what: what.into(), expected: expected.into() });
    }
}

/// One problem a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
