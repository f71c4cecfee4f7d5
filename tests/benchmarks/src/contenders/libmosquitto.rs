//! libmosquitto, the C library, in a program of its own: `libmosquitto/client.c`. MQTT 3.1.1, one thread, its loop
//! called by hand: mosquitto_publish() writes by itself then.

use std::path::Path;

pub(super) const PATTERN: &str = "C, 3.1.1, one thread; mosquitto_publish() writes at once; QoS 1 and 2: 100 in \
    flight, mosquitto_loop() called when there are more; messages are taken in a callback; TCP_NODELAY for round trips only";

/// The program, where the library was installed when this was built.
pub(super) fn program() -> Option<&'static Path> {
    option_env!("LIBMOSQUITTO_CLIENT").map(Path::new).filter(|program| program.exists())
}
