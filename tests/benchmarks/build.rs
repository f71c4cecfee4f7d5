//! Compiles the contender that is written in C, where its library is installed; elsewhere it is missing.

use std::env;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "libmosquitto/client.c";
const HEADER: &str = "/usr/include/mosquitto.h";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let Some(folder) = env::var_os("OUT_DIR") else { return };
    if !Path::new(HEADER).exists() {
        return;
    }
    let program = Path::new(&folder).join("libmosquitto-client");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-o"]).arg(&program).args([SOURCE, "-lmosquitto"]);
    if compiler.status().is_ok_and(|status| status.success()) {
        println!("cargo::rustc-env=LIBMOSQUITTO_CLIENT={}", program.display());
    } else {
        println!("cargo::warning=libmosquitto is installed, but {SOURCE} was not compiled");
    }
}
