//! Text logs say each thing once: a line's message is made for people and often holds a field's words already, which only
//! machines need on their own.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

/// Writes the message, and of the fields what it does not say.
#[derive(Debug)]
pub(super) struct Once;

impl<'writer> FormatFields<'writer> for Once {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut message = Message(String::new());
        fields.record(&mut message);
        let mut rest = Rest { said: message.0, inner: DefaultVisitor::new(writer, true) };
        fields.record(&mut rest);
        rest.inner.finish()
    }
}

/// Finds the message.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Writes fields, but for words that were said.
struct Rest<'writer> {
    said: String,
    inner: DefaultVisitor<'writer>,
}

impl Rest<'_> {
    /// A single word or number may stand in a message by chance.
    fn is_said(&self, field: &Field, words: &str) -> bool {
        field.name() != "message" && words.contains(' ') && self.said.contains(words)
    }
}

impl Visit for Rest<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.is_said(field, value) {
            self.inner.record_str(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !self.is_said(field, &format!("{value:?}")) {
            self.inner.record_debug(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_cause_is_said_once_and_nothing_is_left_out() {
        let page = Page::default();
        let pen = page.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || pen.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(Once)
            .finish();
        tracing::subscriber::with_default(log, || {
            let (error, hint) = ("Pivotal GET /me answered 503: unavailable", "run it again");
            tracing::error!(error, hint, run = 7, "run 7 failed: {error} (hint: {hint})");
            tracing::error!(%error, detail = "other words", "it failed: {error}");
            tracing::error!(error, "it failed");
        });
        let said = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(said, @r#"
        ERROR run 7 failed: Pivotal GET /me answered 503: unavailable (hint: run it again) run=7
        ERROR it failed: Pivotal GET /me answered 503: unavailable detail="other words"
        ERROR it failed error="Pivotal GET /me answered 503: unavailable"
        "#);
    }
}
