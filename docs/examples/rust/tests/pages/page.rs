//! A page as text: its fenced blocks, and where they stand.

use std::path::PathBuf;

/// One page of `docs/mqtt`.
pub(crate) struct Page {
    path: PathBuf,
    lines: Vec<String>,
    changed: bool,
}

/// A fenced block.
#[derive(Clone)]
pub(crate) struct Block {
    /// What stands behind the opening fence.
    pub(crate) info: String,
    /// The summary of the `<details>` that it is in.
    pub(crate) details: Option<String>,
    /// The number of the line behind the opening fence, from 0.
    start: usize,
    pub(crate) lines: Vec<String>,
}

impl Block {
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// The folder of the pages.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../mqtt"))
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let path = folder().join(format!("{name}.md"));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, lines: text.lines().map(str::to_owned).collect(), changed: false }
    }

    /// The file's name without `.md`.
    pub(crate) fn name(&self) -> &str {
        self.path.file_stem().and_then(|name| name.to_str()).unwrap()
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut details = None;
        let mut lines = self.lines.iter().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(summary) = line.trim().strip_prefix("<summary>") {
                details = Some(summary.trim_end_matches("</summary>").to_owned());
            } else if line.trim() == "</details>" {
                details = None;
            } else if let Some(info) = line.strip_prefix("```") {
                let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
                let (info, details) = (info.to_owned(), details.clone());
                blocks.push(Block { info, details, start: number + 1, lines: body.cloned().collect() });
            }
        }
        blocks
    }

    /// The first block of this kind in the details with this summary.
    pub(crate) fn block(&self, details: &str, info: &str) -> Option<Block> {
        self.blocks()
            .into_iter()
            .find(|block| block.details.as_deref() == Some(details) && block.info == info)
    }

    /// Fails where the block is not this text; with `UPDATE_PAGES` in the environment, makes it so.
    pub(crate) fn expect(&mut self, block: &Block, text: &str) {
        if block.text() == text {
            return;
        }
        if std::env::var_os("UPDATE_PAGES").is_none() {
            let (name, line) = (self.name(), block.start + 1);
            assert_eq!(block.text(), text, "{name}.md, line {line}: left is the page (see UPDATE_PAGES)");
        }
        let end = block.start + block.lines.len();
        self.lines.splice(block.start..end, text.lines().map(str::to_owned));
        self.changed = true;
    }

    pub(crate) fn write_if_changed(&self) {
        if self.changed {
            std::fs::write(&self.path, self.lines.join("\n") + "\n").unwrap();
        }
    }
}
