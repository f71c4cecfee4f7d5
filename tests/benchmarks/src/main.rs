//! Measures MQTT clients side by side on loopback.

use std::process::ExitCode;

fn main() -> ExitCode {
    polymqtt_benchmarks::main(None)
}
