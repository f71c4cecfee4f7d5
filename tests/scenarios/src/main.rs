//! `scripted-broker`.

fn main() {}
