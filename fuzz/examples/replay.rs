//! Plays one input of a target as it is, with an ordinary build: `cargo run -p polymqtt-fuzz --example replay -- TARGET FILE`.
//! For the engine it shows first which steps the bytes stand for.

use polymqtt_fuzz::{engine, frames, options, packets};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, file] = &arguments[..] else {
        eprintln!("usage: replay frames|packets|options|engine FILE");
        std::process::exit(2);
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{file}: {error}");
            std::process::exit(1);
        }
    };
    match target.as_str() {
        "frames" => frames::check(&bytes),
        "packets" => packets::check(&bytes),
        "options" => options::check(&bytes),
        "engine" => {
            println!("{}", engine::describe(&bytes));
            engine::check(&bytes);
        }
        other => {
            eprintln!("there is no target {other}: it must be frames, packets, options or engine");
            std::process::exit(2);
        }
    }
    println!("every promise holds");
}
