//! The sources, a TOML file and the environment, and the errors found in them: collected, not stopped at.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::error::{ConfigError, ConfigErrors, Place};
use super::section::Section;

/// What variables of ours begin with.
const PREFIX: &str = "EXEUNT__";

/// The sources, and the errors found so far.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    text: &'a str,
    pub(super) environment: BTreeMap<String, String>,
    /// The variables that could have been set, as far as the sections have asked.
    pub(super) variables: RefCell<Vec<String>>,
    errors: RefCell<Vec<(usize, ConfigError)>>,
}

impl<'a> Reader<'a> {
    /// Takes the file's text and the variables that are ours.
    pub(super) fn new(
        path: &'a Path,
        text: &'a str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Self {
        Self {
            path,
            text,
            environment: environment
                .filter(|(name, _)| name.starts_with(PREFIX))
                .collect(),
            variables: RefCell::default(),
            errors: RefCell::default(),
        }
    }

    /// Parses the file. Errors of syntax are all found, and nothing is read from a file that has some.
    pub(super) fn root(&self) -> Section<'_, 'a> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let sound = errors.is_empty();
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.push(at, self.place(at), "", error.message(), "");
        }
        let table = if sound {
            table
        } else {
            Spanned::new(0..0, DeTable::new())
        };
        Section::new(self, table, Some(PREFIX.to_owned()), String::new())
    }

    /// Refuses the variables that nobody asked for, and gives the errors, in the file's order.
    pub(super) fn finish(self) -> Result<(), ConfigErrors> {
        let known = self.variables.take();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for variable in self.environment.keys() {
            if !known.contains(&variable.as_str()) {
                let place = Place::Environment(variable.clone());
                let mend = nearest(variable, &known);
                self.push(usize::MAX, place, "", "is not a variable we know", &mend);
            }
        }
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|(offset, _)| *offset);
        if errors.is_empty() {
            return Ok(());
        }
        Err(ConfigErrors(
            errors.into_iter().map(|(_, error)| error).collect(),
        ))
    }

    /// The place of the byte at `offset` of the file.
    pub(super) fn place(&self, offset: usize) -> Place {
        let before = &self.text[..offset.min(self.text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// Notes an error; `offset` is its place in the order of the file.
    pub(super) fn push(&self, offset: usize, place: Place, key: &str, problem: &str, mend: &str) {
        let error = ConfigError {
            place,
            key: key.to_owned(),
            problem: problem.to_owned(),
            mend: mend.to_owned(),
        };
        self.errors.borrow_mut().push((offset, error));
    }
}

/// The known name that `name` was probably meant to be.
pub(super) fn meant<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, known)| *distance * 3 <= known.len().max(4))
        .min()
        .map(|(_, known)| known)
}

/// What to do about a name that nobody knows: the one that was [`meant`]; failing that, all known names.
pub(super) fn nearest(name: &str, known: &[&str]) -> String {
    meant(name, known).map_or_else(
        || {
            let mut known = known.to_vec();
            known.sort_unstable();
            format!("Known are {}.", known.join(", "))
        },
        |known| format!("Did you mean {known}?"),
    )
}
