//! Where the scenarios are.

use std::io;
use std::path::{Path, PathBuf};

/// The files of all scenarios, by their names such as `publish/qos_1`.
///
/// # Errors
/// When the folders can't be read.
pub fn scenarios() -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")))? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(folder.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "scenario") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                found.push((format!("{}/{name}", folder.file_name().to_string_lossy()), path));
            }
        }
    }
    found.sort();
    Ok(found)
}
