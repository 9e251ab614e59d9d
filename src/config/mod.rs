//! Layers, validation (all problems at once), secrets.
