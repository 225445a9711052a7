//! `request_claims` of an upstream: a JSON object (Core §5.5), written as a table.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::section::Section;
use crate::oidc::upstream::requested_claims::RequestedClaims;

const KEY: &str = "request_claims";
const MEND: &str = "Write for example { userinfo = { email = { essential = true }, nickname = {} }, id_token = { acr = \
                    { essential = true, values = [\"gold\"] } } }.";

/// Reads what an upstream is asked for one by one, and notes the mistakes.
pub(super) fn read(table: &Section<'_, '_>, is_oauth2: bool) -> RequestedClaims {
    let Some(written) = table.value(KEY) else {
        return RequestedClaims::default();
    };
    if is_oauth2 {
        table.refuse(
            KEY,
            "is for an OpenID Provider",
            "Leave it out: what gives no ID tokens is asked by scope alone.",
        );
    }
    let value = match json(written) {
        Ok(value) => value,
        Err((span, problem)) => {
            table.refuse_at(span, KEY, problem, MEND);
            return RequestedClaims::default();
        }
    };
    RequestedClaims::read(&value).unwrap_or_else(|misfits| {
        for misfit in misfits {
            let mut key = KEY.to_owned();
            for name in &misfit.path {
                key = format!("{key}.{name}");
            }
            let span = place(written, &misfit.path);
            table.refuse_at(span, &key, &misfit.problem, MEND);
        }
        RequestedClaims::default()
    })
}

/// The value in JSON; or where it has none, and why.
fn json(written: &Spanned<DeValue<'_>>) -> Result<Value, (Range<usize>, &'static str)> {
    let refuse = |problem| Err((written.span(), problem));
    Ok(match written.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            Err(_) => return refuse("holds a number that is too large"),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => number.into(),
            None => return refuse("holds a number that JSON does not have"),
        },
        DeValue::Datetime(_) => return refuse("holds a date or time without quotation marks"),
        DeValue::Array(values) => values
            .iter()
            .map(json)
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        DeValue::Table(members) => {
            let members = members
                .iter()
                .map(|(name, value)| Ok((name.get_ref().to_string(), json(value)?)));
            members.collect::<Result<Map<_, _>, _>>()?.into()
        }
    })
}

/// Where the member stands to which these names lead.
fn place(written: &Spanned<DeValue<'_>>, path: &[String]) -> Range<usize> {
    let mut found = written;
    for name in path {
        let member = found.get_ref().as_table();
        match member.and_then(|table| table.get(name.as_str())) {
            Some(member) => found = member,
            None => break,
        }
    }
    found.span()
}

#[cfg(test)]
mod tests;
