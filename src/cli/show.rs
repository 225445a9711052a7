//! How answers look: tables and facts for people, JSON for programs.

use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::{Context as _, bail};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::arguments::Output;
use crate::clock::Timestamp;

/// What is true of every notice that a command has caused.
pub(super) const WHO_TELLS: &str = "A running server tells the applications within seconds; without one, the next `exeunt serve` does.";

/// Standard output. That nobody reads it any more is no failure: whoever stopped has read enough, and what a command does
/// must not depend on that.
pub(super) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Prints the items, as a table whose rows are made by `row`; `nothing` is said when there are none.
pub(super) fn list<T: Serialize>(
    output: Output,
    items: &[T],
    nothing: &str,
    headers: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if output.json {
        json(items)
    } else if items.is_empty() {
        say(nothing)
    } else {
        say(table(headers, items.iter().map(row)))
    }
}

/// A table that fits the terminal. Elsewhere each row is one line, however long, so that other programs can cut it.
pub(super) fn table(headers: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headers.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.trim_fmt()
}

/// Prints the item, for people as `facts`: what is called how.
pub(super) fn item<T: Serialize>(
    output: Output,
    item: &T,
    facts: &[(&str, String)],
) -> anyhow::Result<()> {
    if output.json {
        return json(item);
    }
    let widest = facts.iter().map(|(name, _)| name.len()).max();
    let width = widest.unwrap_or_default();
    for (name, value) in facts {
        writeln!(Stdout, "{name:width$}  {}", printable(value))?;
    }
    Ok(())
}

/// Prints one paragraph.
pub(super) fn say(text: impl AsRef<str>) -> anyhow::Result<()> {
    Ok(writeln!(Stdout, "{}", text.as_ref())?)
}

/// Prints one line; false when nobody reads any more. For what would go on until it is stopped.
pub(super) fn is_read(line: &str) -> anyhow::Result<bool> {
    match writeln!(io::stdout().lock(), "{line}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Asks, and answers the line that was typed.
///
/// # Errors
/// When the question can't be printed: whoever does not see it can't mean it.
pub(super) fn ask(question: &str) -> anyhow::Result<String> {
    // Not among the answers: these may go into a file.
    put(question, &mut io::stderr().lock(), &mut io::stdin().lock())
}

fn put(question: &str, out: &mut impl Write, typed: &mut impl BufRead) -> anyhow::Result<String> {
    write!(out, "{question}")
        .and_then(|()| out.flush())
        .context("nobody can read what is asked here; nothing was done")?;
    let mut answer = String::new();
    typed.read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Asks whether that is meant.
///
/// # Errors
/// When it is not, or nobody is there to be asked.
pub(super) fn confirm() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here: say --yes if that is what you want; nothing was done");
    }
    if ask("Type yes to go on: ")? != "yes" {
        bail!("nothing was done");
    }
    Ok(())
}

/// Prints the item as JSON.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}

/// A moment as people read it: UTC, to the second.
pub(super) fn time(time: Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`time`]; what did not happen is a dash.
pub(super) fn time_or_dash(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "-".to_owned(), time)
}

/// Who made it known to us.
pub(super) fn known_by(declared: bool) -> String {
    if declared { "file" } else { "command line" }.to_owned()
}

/// Whether it may be spoken with.
pub(super) fn enabled(disabled_at: Option<Timestamp>) -> String {
    disabled_at.map_or_else(
        || "enabled".to_owned(),
        |at| format!("disabled at {}", time(at)),
    )
}

/// `3 sessions`, `1 session`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What others wrote (a browser's name, an application's) must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a pipe is whose other end is closed.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_nobody_can_read_is_agreed_to_by_nobody() {
        let mut typed = &b"yes\n"[..];
        let refused = put("Go on? ", &mut Closed, &mut typed).unwrap_err();
        assert!(
            refused.to_string().contains("nothing was done"),
            "{refused}"
        );
        assert_eq!(typed, b"yes\n", "the answer is not looked at");
        let mut seen = Vec::new();
        assert_eq!(put("Go on? ", &mut seen, &mut typed).unwrap(), "yes");
        assert_eq!(seen, b"Go on? ");
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let rows = [vec!["\u{1b}[2Jgone\u{9b}".to_owned()]];
        let table = table(&["Browser"], rows.into_iter());
        assert!(table.contains("\u{fffd}[2Jgone\u{fffd}"), "{table:?}");
    }
}
