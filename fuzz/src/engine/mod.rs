//! The engine as it lives: any host, any program and any server, however hostile.
//!
//! The bytes are read as a `Program`: options, then steps of the program that uses the engine, of its host, of time,
//! and of a server that knows the protocol well enough to break it anywhere. After each step the engine is drained, and
//! what it says is looked at: `Peer` reads what the server gets, `Host` what the program gets. In the end every
//! operation must have ended, exactly once.

mod host;
mod peer;
mod program;
mod server;

use arbitrary::{Arbitrary, Unstructured};

use self::host::Host;
use self::program::Program;

/// Plays the program that these bytes stand for.
pub fn check(bytes: &[u8]) {
    let Ok(Program { setup, steps }) = Program::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let Some(mut host) = Host::new(&setup) else {
        return;
    };
    for (number, step) in steps.into_iter().enumerate() {
        if number == usize::from(setup.connects_after % 4) {
            host.connect();
        }
        host.step(step);
        host.settle();
    }
    host.end();
}

/// The program, for people: what `cargo fuzz fmt` would show.
#[must_use]
pub fn describe(bytes: &[u8]) -> String {
    format!("{:#?}", Program::arbitrary_take_rest(Unstructured::new(bytes)))
}
