//! Plays every input of the corpora, and those that once broke a promise.

use std::path::Path;

#[test]
fn frames() {
    play("frames", polymqtt_fuzz::frames::check);
}

#[test]
fn packets() {
    play("packets", polymqtt_fuzz::packets::check);
}

#[test]
fn options() {
    play("options", polymqtt_fuzz::options::check);
}

#[test]
fn engine() {
    play("engine", polymqtt_fuzz::engine::check);
}

fn play(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut played = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(&path).unwrap());
        played += 1;
    }
    assert!(played >= 10, "only {played} inputs in {}", folder.display());
}
