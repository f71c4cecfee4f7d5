//! Every scenario that needs no virtual time, played by the Rust client against the scripted broker.

fn main() {}
