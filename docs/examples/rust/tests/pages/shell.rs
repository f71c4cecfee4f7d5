//! The commands of the pages: blocks of `$ command` lines, and what the commands print.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use polymqtt_broker_tests::bounded;
use tokio::process::Command;

use crate::brokers;
use crate::page::{Block, Page};

/// Runs each block with a broker of its own.
pub(crate) async fn check(page: &Page) {
    let programs = polymqtt();
    for block in page.blocks().iter().filter(|block| block.info == "console") {
        let broker = brokers::embedded(page.name()).await;
        let name = format!("{}, {}", page.name(), block.lines.first().map_or("", |line| line));
        let output = bounded(&name, run(&block_script(block), &broker.url(), &programs)).await;
        let printed: Vec<_> = block.lines.iter().filter(|line| !line.starts_with("$ ")).collect();
        assert_eq!(sorted(&printed), sorted(&output.lines().collect::<Vec<_>>()), "{name}: left is the page");
    }
}

/// The commands one after the other. Those in the background are subscribers or responders: the next command waits
/// until they are ready, and the end until they have ended.
fn block_script(block: &Block) -> String {
    let mut script = "set -e\nexec 3<>ready\n".to_owned();
    for command in block.lines.iter().filter_map(|line| line.strip_prefix("$ ")) {
        match command.strip_suffix(" &") {
            Some(background) => script += &format!("{background} --ready 2>&3 &\nread -r ready <&3\n"),
            None => script += &format!("{command}\n"),
        }
    }
    script + "wait\n"
}

async fn run(script: &str, url: &str, programs: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let command = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(&folder).env("POLYMQTT_URL", url).env_remove("POLYMQTT_PASSWORD");
        command.env("PATH", format!("{}:{path}", programs.display())).kill_on_drop(true);
        command
    };
    assert!(command("mkfifo").arg("ready").status().await.unwrap().success());
    let mut shell = command("sh");
    let output = shell.args(["-c", script]).stderr(Stdio::piped()).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Commands that run at the same time print in any order.
fn sorted<T: AsRef<str>>(lines: &[T]) -> Vec<&str> {
    let mut lines: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
    lines.sort_unstable();
    lines
}

/// Where cargo puts programs.
pub(crate) fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_publish-and-subscribe")).parent().unwrap().to_owned()
}

/// The folder with `polymqtt` in it. For these tests cargo builds the programs of this package only, so that this builds
/// the command, unless `POLYMQTT_BUILT` says that it is there: testing the whole workspace builds it.
fn polymqtt() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        if std::env::var_os("POLYMQTT_BUILT").is_some() {
            return;
        }
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "polymqtt-cli"]);
        assert!(without_cargo(&mut cargo).status().unwrap().success(), "polymqtt can't be built");
    });
    programs()
}

/// Takes away what cargo says of this package: build scripts of others would run again for it.
pub(crate) fn without_cargo(command: &mut std::process::Command) -> &mut std::process::Command {
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
            command.env_remove(name);
        }
    }
    command
}
