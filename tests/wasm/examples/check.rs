//! Says what a WebAssembly module imports and how large it is; fails when it imports anything.
//!
//! `cargo run -p polymqtt-wasm-module --example check -- MODULE.wasm`

use std::process::ExitCode;

use wasmparser::{Parser, Payload};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: check MODULE.wasm")?;
    let module = std::fs::read(&path)?;
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                let import = import?;
                imports.push(format!("{}.{}", import.module, import.name));
            }
        }
    }
    println!("the engine as a WebAssembly module: {} KiB", module.len().div_ceil(1024));
    if imports.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("it asks its host for {}", imports.join(", "));
    Ok(ExitCode::FAILURE)
}
