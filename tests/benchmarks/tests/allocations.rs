//! The client allocates nothing for an ordinary message: neither when it publishes to a topic name that was checked, nor
//! when it receives. The engine's own are counted exactly in `tests/instructions`.

use std::process::Command;

/// Allocations a message that are no message's own: read buffers, and queues that grow.
const SHARED: f64 = 0.5;

#[test]
fn messages_allocate_nothing_of_their_own() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_polymqtt-benchmarks"))
        .args(["qos0/polymqtt", "qos1/polymqtt", "--runs", "1", "--messages", "5000", "--no-instructions"])
        .arg("--json")
        .arg(report.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: serde_json::Value = serde_json::from_reader(report.as_file()).unwrap();
    let workloads = report["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), 4);
    for workload in workloads {
        for row in workload["contenders"].as_array().unwrap() {
            let name = format!("{}/{}", workload["workload"], row["contender"]);
            let allocations = row["cost"]["allocations"].as_f64().unwrap();
            assert!(allocations < SHARED, "{name}: {allocations} allocations a message");
        }
    }
}
