//! The daemon as a process: the real binary, heard through the socket systemd would listen on. Nothing here sleeps: every wait is
//! for a word of the daemon's, or for its end.

mod away;
mod crowds;
mod deliveries;
mod door;
mod events;
mod host;
mod lifecycle;
mod looks_back;
mod midway;
mod mishaps;
