//! Every scenario can be played, and does what it says.

use polymqtt_instructions::SCENARIOS;

#[test]
fn every_scenario_plays() {
    for scenario in SCENARIOS {
        scenario.play(3).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    }
}
