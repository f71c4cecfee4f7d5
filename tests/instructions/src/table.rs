//! The table of counts, as it is kept in a file and as it is shown.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use polymqtt_instructions::Failure;

const HEADING: &str = "\
# Instructions a message

Counted by `make instructions`, rewritten by `make instructions ARGS=--keep`; [README.md](README.md) says what each counts.

Compiled by ";

/// Differences below this, in percent, are not shown; nor are those that rounding makes.
const EQUAL: f64 = 0.1;
const ROUNDED: f64 = 0.06;

#[derive(Debug, Default)]
pub(crate) struct Table {
    compiler: String,
    rows: Vec<(String, f64)>,
}

impl Table {
    pub(crate) fn new(compiler: String) -> Self {
        Self { compiler, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, name: &str, instructions: f64) {
        self.rows.push((name.to_owned(), instructions));
    }

    /// The kept table; an empty one where none was kept yet.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        fs::write(path, self.format()?).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Says so where the kept table is of another compiler.
    pub(crate) fn other_compiler(&self, now: &Self) -> Option<String> {
        let differs = !self.compiler.is_empty() && self.compiler != now.compiler;
        differs.then(|| format!("kept: {}; now: {}", self.compiler, now.compiler))
    }

    pub(crate) fn title() -> String {
        format!("{:<28}{:>10}{:>10}  change", "instructions a message", "kept", "now")
    }

    /// A line that shows a count beside the kept one.
    pub(crate) fn compare(&self, name: &str, now: f64) -> String {
        let Some(kept) = self.rows.iter().find(|(known, _)| known == name).map(|(_, kept)| *kept) else {
            return format!("{name:<28}{:>10}{now:>10.1}  new", "");
        };
        let percent = (now / kept - 1.0) * 100.0;
        let equal = percent.abs() < EQUAL || (now - kept).abs() < ROUNDED;
        let change = if equal { String::new() } else { format!("{percent:+.1} %") };
        format!("{name:<28}{kept:>10.1}{now:>10.1}  {change}").trim_end().to_owned()
    }

    fn parse(text: &str) -> Self {
        let compiler = text.lines().find_map(|line| line.strip_prefix("Compiled by ")?.strip_suffix('.'));
        let rows = text.lines().filter_map(|line| {
            let (name, count) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Self { compiler: compiler.unwrap_or_default().to_owned(), rows: rows.collect() }
    }

    fn format(&self) -> Result<String, Failure> {
        let mut text = format!("{HEADING}{}.\n\n| scenario | instructions |\n|---|---:|\n", self.compiler);
        for (name, count) in &self.rows {
            writeln!(text, "| {name} | {count:.1} |")?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let mut table = Table::new("rustc 1.2.3 (abc)".to_owned());
        table.push("publish-qos0", 123.46);
        let read = Table::parse(&table.format().unwrap());
        assert_eq!(read.compiler, table.compiler);
        assert_eq!(read.rows, [("publish-qos0".to_owned(), 123.5)]);
    }

    #[test]
    fn a_change_is_shown_in_percent() {
        let mut kept = Table::default();
        kept.push("a", 200.0);
        assert!(kept.compare("a", 190.0).ends_with("-5.0 %"));
        assert!(kept.compare("a", 200.1).ends_with("200.1"));
        assert!(kept.compare("b", 1.0).ends_with("new"));
    }
}
