//! What the sources of this project say: which tests there are, and which statements are cited.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that are not sources.
const NO_SOURCES: [&str; 3] = ["target", "node_modules", "corpus"];

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether this source has a test of this name that is run.
#[must_use]
pub fn has_test(source: &str, name: &str) -> bool {
    let declaration = [format!("fn {name}("), format!("async fn {name}(")];
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let attributes = || lines.iter().take(at).rev().take_while(|line| line.starts_with('#'));
        let tested = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        declaration.iter().any(|declaration| line.starts_with(declaration))
            && attributes().any(tested)
            && !attributes().any(|line| line.contains("ignore"))
    })
}

/// Where a statement is cited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The statement.
    pub id: String,
    /// The file, from the root of the project, with the line.
    pub place: String,
}

/// Every statement that a source or page of the project cites.
///
/// # Errors
/// When a file can't be read.
pub fn citations(root: &Path) -> io::Result<Vec<Citation>> {
    let mut citations = Vec::new();
    for folder in ["core", "bindings", "tests", "docs", "examples"] {
        visit(&root.join(folder), &mut |path| {
            let Ok(text) = fs::read_to_string(path) else { return };
            let shown = path.strip_prefix(root).unwrap_or(path).display();
            for (number, line) in text.lines().enumerate() {
                let place = format!("{shown}:{}", number + 1);
                citations.extend(ids(line).map(|id| Citation { id, place: place.clone() }));
            }
        })?;
    }
    Ok(citations)
}

/// The ids in a line.
fn ids(line: &str) -> impl Iterator<Item = String> {
    line.match_indices("MQTT-").filter_map(|(at, start)| {
        let rest = line.get(at + start.len()..)?;
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit() && !".-".contains(letter))
            .unwrap_or(rest.len());
        let (section, number) = rest.get(..end)?.trim_end_matches(['.', '-']).split_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = section.contains('.') && section.split('.').all(is_number) && is_number(number);
        is_id.then(|| format!("MQTT-{section}-{number}"))
    })
}

fn visit(folder: &Path, file: &mut impl FnMut(&Path)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !NO_SOURCES.contains(&&*name) {
            visit(&path, file)?;
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            file(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_function_with_the_attribute() {
        let source = "fn one() {}\n#[test]\nfn two() {}\n#[tokio::test(flavor = \"x\")]\nasync fn three() {}\n\
                      #[test]\n#[ignore]\nfn four() {}\n#[test]\nfn five_and_more() {}";
        let found: Vec<_> = ["one", "two", "three", "four", "five"]
            .into_iter()
            .filter(|name| has_test(source, name))
            .collect();
        assert_eq!(found, ["two", "three"]);
    }

    #[test]
    fn ids_are_found_with_and_without_brackets() {
        let line = "[MQTT-1.5.4-1], \"MQTT-4.2-1\" and MQTT-3.3.4-7. Not MQTT-5, MQTT-1-1 or MQTT-x.";
        assert_eq!(ids(line).collect::<Vec<_>>(), ["MQTT-1.5.4-1", "MQTT-4.2-1", "MQTT-3.3.4-7"]);
    }
}
