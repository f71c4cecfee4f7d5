//! The brokers that a page's examples run against.

use polymqtt_broker_tests::{Embedded, Mosquitto, Setup};

/// Mosquitto 2.0 closes the older one of two connections with one client identifier without saying why, and offers no
/// enhanced authentication.
const NOT_WITH_MOSQUITTO: &[&str] = &["reason-codes", "enhanced-authentication"];

/// The broker that `polymqtt broker` runs.
pub(crate) async fn embedded(page: &str) -> Embedded {
    let scram = page == "enhanced-authentication";
    Embedded::with(Setup { scram, ..Setup::default() }).await
}

/// Mosquitto, where the page's example can show with it what it shows.
pub(crate) fn mosquitto(page: &str) -> Option<Mosquitto> {
    (!NOT_WITH_MOSQUITTO.contains(&page)).then(|| Mosquitto::start(""))
}
