//! A checked reader over one table: it knows the place of every value and remembers which keys were asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::error::Place;
use super::fields::field_names;
use super::mistyped;
use super::reader::{Reader, meant, nearest};

/// One table of the file, and the variables that outrank it.
pub(super) struct Section<'r, 'a> {
    reader: &'r Reader<'a>,
    table: Spanned<DeTable<'a>>,
    /// What its variables begin with; none: the environment has no say here.
    prefix: Option<String>,
    /// What comes before a key in an error.
    label: String,
    keys: RefCell<Vec<&'static str>>,
}

/// What a value is not, and what to do about it.
pub(super) struct Mistake {
    pub(super) problem: String,
    pub(super) mend: String,
}

impl Mistake {
    pub(super) fn new(problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    /// For where no key stands before it.
    pub(super) fn into_sentence(self) -> String {
        format!("it {}. {}", self.problem, self.mend)
    }
}

impl<'r, 'a> Section<'r, 'a> {
    pub(super) fn new(
        reader: &'r Reader<'a>,
        table: Spanned<DeTable<'a>>,
        prefix: Option<String>,
        label: String,
    ) -> Self {
        Self {
            reader,
            table,
            prefix,
            label,
            keys: RefCell::default(),
        }
    }

    /// The table `[key]`; an empty one if it is absent.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let prefix = self
            .prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{}__", key.to_uppercase()));
        let table = match self.value(key) {
            Some(value) => match value.get_ref() {
                DeValue::Table(table) => Spanned::new(value.span(), table.clone()),
                other => {
                    let problem = format!("is {}, not a table", kind(other));
                    self.refuse(key, &problem, &format!("Begin a table with [{key}]."));
                    Spanned::new(0..0, DeTable::new())
                }
            },
            None => Spanned::new(0..0, DeTable::new()),
        };
        Self::new(self.reader, table, prefix, format!("[{key}] "))
    }

    /// The tables `[[key]]`, in the file's order.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Self> {
        let mend = format!("Begin each with [[{key}]].");
        let values = match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::Array(values)) => values.iter().collect(),
            Some(other) => {
                self.refuse(
                    key,
                    &format!("is {}, not an array of tables", kind(other)),
                    &mend,
                );
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut tables = Vec::new();
        for value in values {
            if let DeValue::Table(table) = value.get_ref() {
                let table = Spanned::new(value.span(), table.clone());
                tables.push(Self::new(self.reader, table, None, format!("[[{key}]] ")));
            } else {
                self.refuse(key, "holds something that is not a table", &mend);
            }
        }
        tables
    }

    /// Whether the file has anything here.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.variable(key).is_some() || self.table.get_ref().contains_key(key)
    }

    /// From now on errors call this table so.
    pub(super) fn call(&mut self, label: String) {
        self.label = label;
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        self.reader.place(self.table.span().start)
    }

    /// The folder from which a relative path in `key` starts: the file's, or the current one for variables.
    pub(super) fn folder(&self, key: &str) -> &'a Path {
        match (self.variable(key), self.reader.path.parent()) {
            (None, Some(folder)) => folder,
            _ => Path::new(""),
        }
    }

    /// Reads a text with `parse`. None: it is absent, or its mistake has been noted.
    pub(super) fn text<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Option<T> {
        let value = self.value(key);
        let text = match (self.ask(key), value.map(Spanned::get_ref)) {
            (Some((_, text)), _) => text.as_str(),
            (None, Some(DeValue::String(text))) => text,
            (None, Some(other)) => {
                let problem = format!("is {}, not a text", kind(other));
                self.refuse(key, &problem, "Write it between quotation marks.");
                return None;
            }
            (None, None) => return None,
        };
        parse(text)
            .inspect_err(|mistake| self.refuse(key, &mistake.problem, &mistake.mend))
            .ok()
    }

    /// Reads true or false. None: it is absent, or its mistake has been noted.
    pub(super) fn switch(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key);
        match (self.ask(key), value.map(Spanned::get_ref)) {
            (Some((_, text)), _) if text == "true" => Some(true),
            (Some((_, text)), _) if text == "false" => Some(false),
            (None, Some(DeValue::Boolean(value))) => Some(*value),
            (None, None) => None,
            _ => {
                self.refuse(
                    key,
                    "is neither true nor false",
                    "Write one of them, without quotation marks.",
                );
                None
            }
        }
    }

    /// Reads a whole number in this range. None: it is absent, or its mistake has been noted.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<usize>) -> Option<usize> {
        let value = self.value(key);
        let text = match (self.ask(key), value.map(Spanned::get_ref)) {
            (Some((_, text)), _) => text.as_str(),
            (None, Some(DeValue::Integer(number))) => number.as_str(),
            (None, Some(_)) => "",
            (None, None) => return None,
        };
        let read = text.parse().ok().filter(|number| range.contains(number));
        if read.is_none() {
            let mend = format!(
                "Write a whole number from {} to {}, without quotation marks.",
                range.start(),
                range.end()
            );
            self.refuse(key, "is not a number that does", &mend);
        }
        read
    }

    /// Reads texts with `parse`: an array in the file, separated by commas in the environment.
    pub(super) fn texts<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Mistake>,
    ) -> Vec<T> {
        let value = self.value(key);
        let mut texts: Vec<(Range<usize>, &str)> = Vec::new();
        match (self.ask(key), value.map(Spanned::get_ref)) {
            (Some((_, text)), _) => texts.extend(
                text.split(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .map(|text| (usize::MAX..usize::MAX, text)),
            ),
            (None, Some(DeValue::Array(values))) => {
                for value in values {
                    match value.get_ref() {
                        DeValue::String(text) => texts.push((value.span(), text)),
                        other => {
                            let problem = format!("holds {}, not a text", kind(other));
                            let mend = "Write each between quotation marks.";
                            self.refuse_at(value.span(), key, &problem, mend);
                        }
                    }
                }
            }
            (None, Some(other)) => {
                let problem = format!("is {}, not an array", kind(other));
                self.refuse(key, &problem, "Write it between [ and ].");
            }
            (None, None) => {}
        }
        let mut parsed = Vec::new();
        for (span, text) in texts {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(mistake) if span.start == usize::MAX => {
                    self.refuse(key, &mistake.problem, &mistake.mend);
                }
                Err(mistake) => self.refuse_at(span, key, &mistake.problem, &mistake.mend),
            }
        }
        parsed
    }

    /// Reads a table whose keys are names of the file's own choosing, each with an array of texts.
    pub(super) fn named_texts<T>(
        &self,
        parse: impl Fn(&str) -> Result<T, Mistake>,
    ) -> BTreeMap<String, Vec<T>> {
        let mut named = BTreeMap::new();
        for (name, value) in self.table.get_ref() {
            let name = name.get_ref().as_ref();
            let DeValue::Array(values) = value.get_ref() else {
                let problem = format!("is {}, not an array", kind(value.get_ref()));
                self.refuse_at(value.span(), name, &problem, "Write it between [ and ].");
                continue;
            };
            let mut parsed = Vec::new();
            for value in values {
                let read = match value.get_ref() {
                    DeValue::String(text) => parse(text),
                    other => Err(Mistake::new(
                        format!("holds {}, not a text", kind(other)),
                        "Write each between quotation marks.",
                    )),
                };
                match read {
                    Ok(value) => parsed.push(value),
                    Err(mistake) => {
                        self.refuse_at(value.span(), name, &mistake.problem, &mistake.mend);
                    }
                }
            }
            named.insert(name.to_owned(), parsed);
        }
        named
    }

    /// Reads every key that `T` has for serde, each on its own, so that one mistake does not hide the next. All fields
    /// of `T` must have defaults, which those have whose mistake has been noted: their names come along.
    pub(super) fn fields<T: DeserializeOwned + Default>(&self) -> (T, Vec<&'static str>) {
        let names = field_names::<T>();
        self.keys.borrow_mut().extend(names);
        let mut sound = DeTable::new();
        let mut refused = Vec::new();
        for (key, value) in self.table.get_ref() {
            let Some(name) = names.iter().find(|name| **name == key.get_ref().as_ref()) else {
                continue;
            };
            let mut alone = DeTable::new();
            alone.insert(key.clone(), value.clone());
            let alone = Deserializer::from(Spanned::new(self.table.span(), alone));
            match T::deserialize(alone) {
                Ok(_) => {
                    sound.insert(key.clone(), value.clone());
                }
                Err(error) => {
                    let span = error.span().unwrap_or_else(|| value.span());
                    let inside = span != value.span();
                    let mistake = mistyped::mistake(error.message(), inside);
                    self.refuse_at(span, name, &mistake.problem, &mistake.mend);
                    refused.push(*name);
                }
            }
        }
        let read = T::deserialize(Deserializer::from(Spanned::new(self.table.span(), sound)));
        let read = read
            .inspect_err(|error| self.refuse_whole(error.message(), ""))
            .unwrap_or_default();
        (read, refused)
    }

    /// Notes that the value of `key` is wrong, at its place; the place is the table's when the key is absent.
    pub(super) fn refuse(&self, key: &str, problem: &str, mend: &str) {
        if let Some((variable, _)) = self.variable(key) {
            let label = format!("{}{key}", self.label);
            let place = Place::Environment(variable.clone());
            self.reader.push(usize::MAX, place, &label, problem, mend);
            return;
        }
        let span = self
            .table
            .get_ref()
            .get(key)
            .map_or_else(|| self.table.span(), Spanned::span);
        self.refuse_at(span, key, problem, mend);
    }

    /// Notes that something is wrong with the table as such.
    pub(super) fn refuse_whole(&self, problem: &str, mend: &str) {
        self.refuse_at(self.table.span(), "", problem, mend);
    }

    /// Refuses the keys that nobody asked for; answers those that were probably meant.
    pub(super) fn finish(&self) -> Vec<&'static str> {
        let known = self.keys.borrow();
        let mut slips = Vec::new();
        for key in self.table.get_ref().keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let mend = nearest(key.get_ref(), &known);
                self.refuse_at(key.span(), key.get_ref(), "is not a key we know", &mend);
                slips.extend(meant(key.get_ref(), &known));
            }
        }
        slips
    }

    /// The same, at a place inside it.
    pub(super) fn refuse_at(&self, span: Range<usize>, key: &str, problem: &str, mend: &str) {
        let label = format!("{}{key}", self.label);
        let place = self.reader.place(span.start);
        self.reader
            .push(span.start, place, label.trim_end(), problem, mend);
    }

    /// Asks the file for a key, and remembers that it was asked for.
    pub(super) fn value(&self, key: &'static str) -> Option<&Spanned<DeValue<'a>>> {
        self.keys.borrow_mut().push(key);
        self.table.get_ref().get(key)
    }

    /// Asks the environment for a key, and remembers that it was asked for.
    fn ask(&self, key: &str) -> Option<(&'r String, &'r String)> {
        if let Some(prefix) = &self.prefix {
            let variable = format!("{prefix}{}", key.to_uppercase());
            self.reader.variables.borrow_mut().push(variable);
        }
        self.variable(key)
    }

    fn variable(&self, key: &str) -> Option<(&'r String, &'r String)> {
        let variable = format!("{}{}", self.prefix.as_ref()?, key.to_uppercase());
        self.reader.environment.get_key_value(&variable)
    }
}

/// What people call a value's type.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
