//! Shows the view: redrawn in place on a terminal, else a plain line a second.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::reading::now_us;
use crate::view::View;

/// Reads JSON lines until one says that it was the last. True when all messages came, each once, here and at Python's
/// part. `python` is what to say of that until it takes part.
pub(crate) fn show(python: String) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let terminal = out.is_terminal();
    let mut view = View::of(python);
    let mut start = None;
    let mut second = 0;
    let mut drawn = 0;
    for line in io::stdin().lock().lines() {
        let elapsed = start.get_or_insert_with(Instant::now).elapsed();
        view.take(&line?, now_us()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if terminal {
            drawn = redraw(&mut out, drawn, &view.lines(elapsed))?;
        } else if elapsed.as_secs() > second {
            second = elapsed.as_secs();
            writeln!(out, "{}", view.line(elapsed))?;
        }
        out.flush()?;
        if view.end.is_some() {
            break;
        }
    }
    let elapsed = start.map_or(Duration::ZERO, |start: Instant| start.elapsed());
    writeln!(out, "\n{}", view.summary(elapsed))?;
    Ok(view.is_complete())
}

/// Writes the lines over the ones drawn before; gives back how many they are.
///
/// Two control sequences that every terminal knows do it (cursor up, erase to the end of the line), so no library.
fn redraw(out: &mut impl Write, drawn: usize, lines: &[String]) -> io::Result<usize> {
    if drawn > 0 {
        write!(out, "\x1b[{drawn}A")?;
    }
    for line in lines {
        writeln!(out, "{line}\x1b[K")?;
    }
    Ok(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_drawing_moves_no_cursor() {
        let mut out = Vec::new();
        let drawn = redraw(&mut out, 0, &["a".to_owned(), "b".to_owned()]).unwrap();
        assert_eq!(out, b"a\x1b[K\nb\x1b[K\n");
        redraw(&mut out, drawn, &["c".to_owned()]).unwrap();
        assert!(out.ends_with(b"\x1b[2Ac\x1b[K\n"));
    }
}
