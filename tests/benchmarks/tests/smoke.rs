//! Every contender does every workload through the sink, the source and the echo, a few messages each.

use std::process::Command;

#[test]
fn every_contender_completes_every_workload() {
    let report = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_polymqtt-benchmarks"))
        .args(["--runs", "1", "--messages", "50", "--no-instructions", "--connections", "20", "--json"])
        .arg(report.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: serde_json::Value = serde_json::from_reader(report.as_file()).unwrap();
    let idle = report["idle_connections"]["contenders"].as_array().unwrap();
    assert!(idle.iter().all(|row| row["runs"][0]["connections"] == 20), "{idle:?}");
    let workloads = report["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), 23);
    for workload in workloads {
        let messages = if workload["payload_bytes"] == 64 { 50 } else { 5 };
        for row in workload["contenders"].as_array().unwrap() {
            let name = format!("{}/{}", workload["workload"], row["contender"]);
            assert_eq!(row["failure"], serde_json::Value::Null, "{name}");
            assert_eq!(row["runs"][0]["count"], messages, "{name}");
            assert!(row["cost"]["allocations"].is_number(), "{name}");
        }
    }
}
