//! As much of CBOR (RFC 8949) as the profile needs, in the one deterministic form (§4.2.1).
//!
//! Reading is as strict as writing: lengths are definite, heads are the shortest, nothing follows what was asked for.
//! Libraries read CBOR in whatever form it comes, and one meaning would have many texts.

use serde_json::{Map, Value};

use crate::errors::{GenerateError, Refused};

/// The kinds of items (RFC 8949 §3.1).
pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
const SIMPLE: u8 = 7;

const FALSE: u64 = 20;
const TRUE: u64 = 21;
const NULL: u64 = 22;

/// How deep values may lie in each other.
const DEEPEST: usize = 8;

/// Writes an item's head: its kind and number.
pub(super) fn head(out: &mut Vec<u8>, kind: u8, number: u64) {
    let kind = kind << 5;
    // Each length of number only for what does not fit the one before (RFC 8949 §4.2.1).
    if let Ok(byte) = u8::try_from(number) {
        match byte {
            0..24 => out.push(kind | byte),
            _ => out.extend([kind | 24, byte]),
        }
    } else if let Ok(number) = u16::try_from(number) {
        out.push(kind | 25);
        out.extend(number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        out.push(kind | 26);
        out.extend(number.to_be_bytes());
    } else {
        out.push(kind | 27);
        out.extend(number.to_be_bytes());
    }
}

pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    match u64::try_from(number) {
        Ok(number) => head(out, UNSIGNED, number),
        // RFC 8949 §3.1: -1 - n.
        Err(_negative) => head(out, NEGATIVE, number.unsigned_abs() - 1),
    }
}

pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, BYTES, length(bytes.len()));
    out.extend_from_slice(bytes);
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// Writes a JSON value. There is no deterministic form here for numbers that are no integers.
pub(super) fn value(out: &mut Vec<u8>, value: &Value) -> Result<(), GenerateError> {
    write_value(out, value, DEEPEST)
}

fn write_value(out: &mut Vec<u8>, value: &Value, deeper: usize) -> Result<(), GenerateError> {
    let Some(deeper) = deeper.checked_sub(1) else {
        return Err(GenerateError::Claims("values lie too deep in each other"));
    };
    match value {
        Value::Null => head(out, SIMPLE, NULL),
        Value::Bool(yes) => head(out, SIMPLE, if *yes { TRUE } else { FALSE }),
        Value::Number(number) => {
            if let Some(number) = number.as_u64() {
                head(out, UNSIGNED, number);
            } else if let Some(number) = number.as_i64() {
                integer(out, number);
            } else {
                return Err(GenerateError::Claims("a number is no integer"));
            }
        }
        Value::String(string) => text(out, string),
        Value::Array(values) => {
            head(out, ARRAY, length(values.len()));
            for value in values {
                write_value(out, value, deeper)?;
            }
        }
        Value::Object(members) => {
            head(out, MAP, length(members.len()));
            for (name, value) in sorted(members) {
                text(out, name);
                write_value(out, value, deeper)?;
            }
        }
    }
    Ok(())
}

/// Members in the order of their encoded names (RFC 8949 §4.2.1): shorter ones first.
pub(super) fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| (name.len(), name.as_bytes()));
    members
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Reads items one after the other.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Refused> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(Refused::Malformed),
        }
    }

    /// An item's kind and number, in the shortest form (RFC 8949 §4.2.1).
    pub(super) fn head(&mut self) -> Result<(u8, u64), Refused> {
        let [first] = self.array()?;
        let (kind, short) = (first >> 5, first & 31);
        let (number, least) = match short {
            0..24 => (u64::from(short), 0),
            24 => (u64::from(u8::from_be_bytes(self.array()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.array()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.array()?), 1 << 32),
            // 28 to 30 mean nothing, and 31 is an indefinite length.
            _ => return Err(Refused::Malformed),
        };
        match number >= least {
            true => Ok((kind, number)),
            false => Err(Refused::Malformed),
        }
    }

    /// The number of an item that must be of this kind.
    pub(super) fn number(&mut self, wanted: u8) -> Result<u64, Refused> {
        match self.head()? {
            (kind, number) if kind == wanted => Ok(number),
            _ => Err(Refused::Malformed),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Refused> {
        let length = self.number(BYTES)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Refused> {
        let length = self.number(TEXT)?;
        self.text_of(length)
    }

    /// The text of this length that follows its head.
    pub(super) fn text_of(&mut self, length: u64) -> Result<&'a str, Refused> {
        str::from_utf8(self.take(length)?).map_err(|_not_text| Refused::Malformed)
    }

    /// A map from texts to values and such, as JSON has it.
    pub(super) fn value(&mut self) -> Result<Value, Refused> {
        self.read_value(DEEPEST)
    }

    fn read_value(&mut self, deeper: usize) -> Result<Value, Refused> {
        let deeper = deeper.checked_sub(1).ok_or(Refused::Malformed)?;
        Ok(match self.head()? {
            (UNSIGNED, number) => number.into(),
            (NEGATIVE, number) => {
                let number = i64::try_from(number).map_err(|_range| Refused::Malformed)?;
                (-1 - number).into()
            }
            (TEXT, length) => self.text_of(length)?.into(),
            (ARRAY, count) => {
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.read_value(deeper)?);
                }
                values.into()
            }
            (MAP, count) => {
                let mut members = Map::new();
                let mut order = Order::default();
                for _ in 0..count {
                    let name = self.text()?;
                    order.next((TEXT, length(name.len()), name.as_bytes()))?;
                    members.insert(name.to_owned(), self.read_value(deeper)?);
                }
                members.into()
            }
            (SIMPLE, FALSE) => false.into(),
            (SIMPLE, TRUE) => true.into(),
            (SIMPLE, NULL) => Value::Null,
            _ => return Err(Refused::Malformed),
        })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Refused> {
        let length = usize::try_from(length).map_err(|_range| Refused::Malformed)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Refused::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes without a head.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Refused::Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// The keys of a map, each of which must come after the one before (RFC 8949 §4.2.1): none can occur twice then.
#[derive(Default)]
pub(super) struct Order<'a> {
    last: Option<(u8, u64, &'a [u8])>,
}

impl<'a> Order<'a> {
    /// A key as its kind, number (or length) and bytes, in which order encoded keys are sorted.
    pub(super) fn next(&mut self, key: (u8, u64, &'a [u8])) -> Result<(), Refused> {
        let follows = self.last.is_none_or(|last| last < key);
        self.last = Some(key);
        match follows {
            true => Ok(()),
            false => Err(Refused::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
            .collect()
    }

    fn read(bytes: &[u8]) -> Result<Value, Refused> {
        let mut reader = Reader::new(bytes);
        let value = reader.value()?;
        reader.end().map(|()| value)
    }

    /// RFC 8949, appendix A.
    #[test]
    fn values_are_written_and_read_as_the_examples_of_the_specification_are() {
        let examples = [
            ("00", "0"),
            ("17", "23"),
            ("1818", "24"),
            ("1864", "100"),
            ("1903e8", "1000"),
            ("1a000f4240", "1000000"),
            ("1b000000e8d4a51000", "1000000000000"),
            ("1bffffffffffffffff", "18446744073709551615"),
            ("20", "-1"),
            ("3863", "-100"),
            ("3903e7", "-1000"),
            ("f4", "false"),
            ("f5", "true"),
            ("f6", "null"),
            ("60", r#""""#),
            ("6449455446", r#""IETF""#),
            ("62c3bc", r#""ü""#),
            ("80", "[]"),
            ("8301820203820405", "[1,[2,3],[4,5]]"),
            (
                "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
                "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]",
            ),
            ("a0", "{}"),
            ("a26161016162820203", r#"{"a":1,"b":[2,3]}"#),
            ("826161a161626163", r#"["a",{"b":"c"}]"#),
        ];
        for (encoded, json) in examples {
            let value: Value = serde_json::from_str(json).unwrap();
            let mut out = Vec::new();
            super::value(&mut out, &value).unwrap();
            assert_eq!(out, hex(encoded), "{json}");
            assert_eq!(read(&out), Ok(value));
        }
    }

    #[test]
    fn only_the_deterministic_form_is_read() {
        let refused = [
            ("1817", "a number in more bytes than it needs"),
            ("190018", "a number in more bytes than it needs"),
            ("1a00000100", "a number in more bytes than it needs"),
            ("1b0000000000010000", "a number in more bytes than it needs"),
            ("7803414243", "a length in more bytes than it needs"),
            ("7f6161ff", "an indefinite length"),
            ("9f01ff", "an indefinite length"),
            ("bf616101ff", "an indefinite length"),
            ("1c", "a head that means nothing"),
            ("a2616101616102", "a name twice"),
            ("a2616201616102", "names out of order"),
            ("a262616101616202", "names out of order"),
            ("a10101", "a name that is no text"),
            ("0000", "trailing bytes"),
            ("f7", "undefined"),
            ("f0", "an unknown simple value"),
            ("fb3ff199999999999a", "a floating-point number"),
            ("f93c00", "a floating-point number"),
            ("c074323031332d30332d32315432303a30343a30305a", "a tag"),
            ("3bffffffffffffffff", "a number out of range"),
            ("61ff", "a text that is no UTF-8"),
            ("6261", "a text that ends too early"),
            ("82", "a list that ends too early"),
            ("9bffffffffffffffff", "a list that never ends"),
            ("bbffffffffffffffff", "a map that never ends"),
            ("7bffffffffffffffff", "a text that never ends"),
            ("818181818181818100", "values too deep in each other"),
            ("", "nothing"),
        ];
        for (encoded, why) in refused {
            assert_eq!(read(&hex(encoded)), Err(Refused::Malformed), "{why}");
        }
    }

    #[test]
    fn what_has_no_deterministic_form_is_not_written() {
        for json in ["1.5", "[[[[[[[[1]]]]]]]]"] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert!(super::value(&mut Vec::new(), &value).is_err(), "{json}");
        }
    }
}
