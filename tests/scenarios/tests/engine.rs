//! Every scenario, played by the engine in virtual time.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use polymqtt_scenarios::{EngineStage, Scenario, play, scenarios};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let files = match scenarios() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("the scenarios can't be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let trials = files.into_iter().map(|(name, path)| {
        Trial::test(name, move || {
            let scenario = Scenario::parse(&std::fs::read_to_string(&path)?)?;
            play(&scenario, &mut EngineStage::default()).map_err(Failed::from)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
