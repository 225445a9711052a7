//! The small files beside the database: whoever finds one reads it, so it is whole or not there.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{NamedTempFile, PersistError};

/// Writes a line to a file that is its owner's alone: the whole of it or, when the power goes, what was there before.
/// `put` moves it to `path`, over another one or not.
pub(super) fn write(
    path: &Path,
    line: &str,
    put: impl FnOnce(NamedTempFile) -> Result<File, PersistError>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    writeln!(file, "{line}")?;
    file.as_file().sync_all()?;
    put(file)?;
    File::open(folder)?.sync_all()
}
