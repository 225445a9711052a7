//! How answers look: tables and facts for people, JSON for programs.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::arguments::Output;
use crate::clock::Timestamp;

/// What is true of every notice that a command has caused.
pub(super) const WHO_TELLS: &str = "A running server tells the applications within seconds; without one, the next `exeunt serve` does.";

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
    let mut stdout = io::stdout().lock();
    for (name, value) in facts {
        writeln!(stdout, "{name:width$}  {}", printable(value))?;
    }
    Ok(())
}

/// Prints one paragraph.
pub(super) fn say(text: impl AsRef<str>) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", text.as_ref())?)
}

/// Asks whether that is meant.
///
/// # Errors
/// When it is not, or nobody is there to be asked.
pub(super) fn confirm() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("nobody can be asked here: say --yes if that is what you want; nothing was done");
    }
    let mut stdout = io::stdout().lock();
    write!(stdout, "Type yes to go on: ")?;
    stdout.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("nothing was done");
    }
    Ok(())
}

/// Prints the item as one line of JSON.
pub(super) fn json_line<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    say(serde_json::to_string(value)?)
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

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let rows = [vec!["\u{1b}[2Jgone\u{9b}".to_owned()]];
        let table = table(&["Browser"], rows.into_iter());
        assert!(table.contains("\u{fffd}[2Jgone\u{fffd}"), "{table:?}");
    }
}
