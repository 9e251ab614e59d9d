//! The only wiring: configuration to store, sources, target. Planning gets no writer.
