//! The claims as a CBOR map with short labels: docs/tokens.md has the table.

use serde_json::Value;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::cbor::{self, BYTES, MAP, NEGATIVE, Order, Reader, TEXT, UNSIGNED};
use crate::claims::{Claims, Expected, FIELDS};
use crate::errors::{GenerateError, Refused};

/// Labels of RFC 8392 §4 and RFC 8693.
const SUB: i64 = 2;
const EXP: i64 = 4;
const NBF: i64 = 5;
const IAT: i64 = 6;
const CTI: i64 = 7;
const SCOPE: i64 = 9;
/// Our own. The registry has other meanings for some: a token of this profile is no general CWT, which is why only its
/// key tells what it is.
const SID: i64 = -1;
const GRANT: i64 = -2;
const CLIENT_ID: i64 = -3;
const NAME: i64 = -4;
const PICTURE: i64 = -5;
const AUTH_TIME: i64 = -6;
const ACR: i64 = -7;

/// What has a label goes by no name.
const LABELLED: [&str; 2] = ["name", "picture"];

pub(super) fn write(claims: &Claims) -> Result<Vec<u8>, GenerateError> {
    claims.check_form()?;
    let [name, picture] = LABELLED.map(|name| match claims.more.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(GenerateError::Claims("name or picture is no string")),
    });
    let mut entries = Vec::with_capacity(192);
    let mut count = 0;
    let mut label = |out: &mut Vec<u8>, label: i64| {
        count += 1;
        cbor::integer(out, label);
    };

    label(&mut entries, SUB);
    identifier(&mut entries, &claims.sub);
    label(&mut entries, EXP);
    cbor::integer(&mut entries, claims.exp);
    if let Some(nbf) = claims.nbf {
        label(&mut entries, NBF);
        cbor::integer(&mut entries, nbf);
    }
    label(&mut entries, IAT);
    cbor::integer(&mut entries, claims.iat);
    if let Some(jti) = &claims.jti {
        label(&mut entries, CTI);
        identifier(&mut entries, jti);
    }
    if let Some(scope) = &claims.scope {
        label(&mut entries, SCOPE);
        cbor::text(&mut entries, scope);
    }
    for (of, known) in [(SID, &claims.sid), (GRANT, &claims.grant)] {
        if let Some(known) = known {
            label(&mut entries, of);
            identifier(&mut entries, known);
        }
    }
    if let Some(client_id) = &claims.client_id {
        label(&mut entries, CLIENT_ID);
        identifier(&mut entries, client_id);
    }
    for (of, text) in [(NAME, name?), (PICTURE, picture?)] {
        if let Some(text) = text {
            label(&mut entries, of);
            cbor::text(&mut entries, text);
        }
    }
    if let Some(auth_time) = claims.auth_time {
        label(&mut entries, AUTH_TIME);
        cbor::integer(&mut entries, auth_time);
    }
    if let Some(acr) = &claims.acr {
        label(&mut entries, ACR);
        cbor::text(&mut entries, acr);
    }
    for (name, value) in cbor::sorted(&claims.more) {
        if !LABELLED.contains(&name.as_str()) {
            count += 1;
            cbor::text(&mut entries, name);
            cbor::value(&mut entries, value)?;
        }
    }

    let mut map = Vec::with_capacity(entries.len() + 2);
    cbor::head(&mut map, MAP, count);
    map.append(&mut entries);
    Ok(map)
}

/// Reads the claims; the key has told who issued them and for whom.
pub(super) fn read(map: &[u8], expected: &Expected) -> Result<Claims, Refused> {
    let mut reader = Reader::new(map);
    let mut sub = None;
    let [mut exp, mut iat] = [None; 2];
    let mut claims = Claims {
        iss: expected.issuer.clone(),
        aud: vec![expected.audience.clone()],
        ..Claims::default()
    };
    let mut order = Order::default();
    for _ in 0..reader.number(MAP)? {
        let (kind, number) = reader.head()?;
        if kind == TEXT {
            let name = reader.text_of(number)?;
            order.next((kind, number, name.as_bytes()))?;
            if FIELDS.iter().chain(&LABELLED).any(|known| *known == name) {
                return Err(Refused::Malformed);
            }
            claims.more.insert(name.to_owned(), reader.value()?);
            continue;
        }
        order.next((kind, number, &[]))?;
        let label = match (kind, i64::try_from(number)) {
            (UNSIGNED, Ok(number)) => number,
            (NEGATIVE, Ok(number)) => -1 - number,
            _ => return Err(Refused::Malformed),
        };
        match label {
            SUB => sub = Some(read_identifier(&mut reader)?),
            EXP => exp = Some(time(&mut reader)?),
            NBF => claims.nbf = Some(time(&mut reader)?),
            IAT => iat = Some(time(&mut reader)?),
            CTI => claims.jti = Some(read_identifier(&mut reader)?),
            SCOPE => claims.scope = Some(reader.text()?.to_owned()),
            SID => claims.sid = Some(read_identifier(&mut reader)?),
            GRANT => claims.grant = Some(read_identifier(&mut reader)?),
            CLIENT_ID => claims.client_id = Some(read_identifier(&mut reader)?),
            NAME => {
                let name = reader.text()?.into();
                claims.more.insert("name".to_owned(), name);
            }
            PICTURE => {
                let picture = reader.text()?.into();
                claims.more.insert("picture".to_owned(), picture);
            }
            AUTH_TIME => claims.auth_time = Some(time(&mut reader)?),
            ACR => claims.acr = Some(reader.text()?.to_owned()),
            _ => return Err(Refused::Claims("a label is not known")),
        }
    }
    reader.end()?;
    claims.sub = sub.ok_or(Refused::Claims("sub is missing"))?;
    claims.exp = exp.ok_or(Refused::Claims("exp is missing"))?;
    claims.iat = iat.ok_or(Refused::Claims("iat is missing"))?;
    Ok(claims)
}

fn time(reader: &mut Reader<'_>) -> Result<i64, Refused> {
    i64::try_from(reader.number(UNSIGNED)?).map_err(|_range| Refused::Malformed)
}

/// A UUID as its 16 bytes, anything else as text.
fn identifier(out: &mut Vec<u8>, text: &str) {
    match uuid(text) {
        Some(uuid) => cbor::bytes(out, uuid.as_bytes()),
        None => cbor::text(out, text),
    }
}

fn read_identifier(reader: &mut Reader<'_>) -> Result<String, Refused> {
    match reader.head()? {
        (BYTES, 16) => {
            let bytes = reader.array()?;
            let mut room = Uuid::encode_buffer();
            let text = Hyphenated::from_uuid(Uuid::from_bytes(bytes)).encode_lower(&mut room);
            Ok(text.to_owned())
        }
        (TEXT, length) => {
            let text = reader.text_of(length)?;
            // It has a shorter form.
            match uuid(text) {
                None => Ok(text.to_owned()),
                Some(_) => Err(Refused::Malformed),
            }
        }
        _ => Err(Refused::Malformed),
    }
}

/// A UUID in its usual form, lower case with hyphens (RFC 9562 §4), and in no other: both sides must come back to the
/// same text.
fn uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    let mut room = Uuid::encode_buffer();
    let usual = Hyphenated::from_uuid(uuid).encode_lower(&mut room);
    (usual == text).then_some(uuid)
}
