mod addresses;
mod answers;
mod metadata;
mod oauth2;
mod person;

use serde_json::Value;

use super::*;

pub(super) fn house() -> Upstream {
    Upstream {
        id: "house".to_owned(),
        issuer: "https://id.house.example".to_owned(),
        oauth2: None,
        client_id: "exeunt".to_owned(),
        auth_method: AuthMethod::ClientSecretBasic,
        scope: SCOPE.to_owned(),
        request_claims: RequestedClaims::default(),
        label: "The other house".to_owned(),
        logo: None,
        domains: vec!["house.example".to_owned()],
        admits: Admits::Domains,
        refreshes_claims: true,
        claims: BTreeMap::new(),
        private_networks: Vec::new(),
        sign_out: SignOut::default(),
    }
}

fn said(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("no object"),
    }
}
