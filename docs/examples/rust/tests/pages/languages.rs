//! The languages that the pages have examples in, and how an example is run.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use polymqtt_broker_tests::bounded;
use tokio::process::Command;

use crate::brokers;
use crate::page::Page;
use crate::recorder::{Recorder, Recording};

/// One language.
pub(crate) struct Language {
    /// The summary of its part of a page.
    summary: &'static str,
    /// The name of its code blocks.
    fence: &'static str,
    /// Where the examples are, from `docs/examples`; `{}` stands for the page's name.
    file: &'static str,
    /// The command that runs the example of a page.
    command: fn(&str) -> Command,
}

/// Those there are.
pub(crate) const ALL: &[Language] = &[
    Language { summary: "Rust", fence: "rust", file: "rust/src/bin/{}.rs", command: rust },
    Language { summary: "Python", fence: "python", file: "python/{}.py", command: python },
];

/// Cargo has built the examples, since these tests need them.
fn rust(page: &str) -> Command {
    Command::new(crate::shell::programs().join(page))
}

fn python(page: &str) -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", python_package()).args(["-W", "error"]);
    command.arg(examples().join(format!("python/{page}.py")));
    command
}

/// The folder of the Python package, which this builds.
fn python_package() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = std::process::Command::new(examples().join("../../scripts/python-module"));
        let built = crate::shell::without_cargo(&mut build).output().unwrap();
        let (folder, errors) =
            (String::from_utf8(built.stdout).unwrap(), String::from_utf8_lossy(&built.stderr));
        assert!(built.status.success(), "Python's package can't be built: {errors}");
        folder.trim().into()
    })
}

/// The folder of all languages.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Language {
    /// Checks the code and the output that the page shows. Gives the packets of each run.
    pub(crate) async fn check(&self, page: &mut Page) -> Vec<Recording> {
        let file = self.file.replace("{}", page.name());
        let path = examples().join(&file);
        let code = page.block(self.summary, self.fence);
        assert_eq!(code.is_some(), path.exists(), "{file} and the page's block of {}", self.summary);
        let Some(code) = code else {
            return Vec::new();
        };
        page.expect(&code, &std::fs::read_to_string(&path).unwrap());

        let embedded = brokers::embedded(page.name()).await;
        let mosquitto = brokers::mosquitto(page.name());
        let mosquitto = mosquitto.as_ref().map(|broker| ("mosquitto", broker.port()));
        let mut recordings = Vec::new();
        for (broker, port) in [("embedded", embedded.port())].into_iter().chain(mosquitto) {
            let name = format!("{file}, {broker}");
            let recorder = Recorder::to(port).await;
            // What it is built from is built before its time begins.
            let command = (self.command)(page.name());
            let printed = bounded(&name, run(page.name(), command, &recorder.url())).await;
            let output = page.block(self.summary, "text").unwrap_or_else(|| panic!("{name} has no output"));
            page.expect(&output, &printed);
            recordings.push(bounded(&name, recorder.recording(name.clone())).await);
        }
        recordings
    }
}

async fn run(page: &str, mut command: Command, url: &str) -> String {
    let output = command.arg(url).kill_on_drop(true).output().await.unwrap();
    let (printed, errors) = (String::from_utf8(output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{page}: {} {errors}", output.status);
    printed.unwrap()
}
