//! Sign-ins that begin at the provider and go through the client (Core §4).

use crate::oidc::client::Client;
use crate::oidc::issuer::Issuer;
use crate::oidc::uri;

/// Where the client begins a sign-in by itself, if it has such an address: with `iss`, and with its home page as the
/// `target_link_uri` where it registered one. No `login_hint`: the client is told who somebody is when they have signed
/// in, and not before.
pub fn initiate_login(client: &Client, issuer: &Issuer) -> Option<String> {
    let metadata = &client.metadata;
    let mut parameters = vec![("iss", issuer.as_str().to_owned())];
    if let Some(home) = &metadata.client_uri {
        parameters.push(("target_link_uri", home.clone()));
    }
    let initiate_login_uri = metadata.initiate_login_uri.as_deref()?;
    Some(uri::with_query(initiate_login_uri, &parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::{client, issuer};

    #[test]
    fn the_client_is_told_the_issuer_and_where_the_person_is_to_end() {
        let mut client = client();
        assert_eq!(initiate_login(&client, &issuer()), None);
        client.metadata.initiate_login_uri = Some("https://a.example/login?tenant=%2f".to_owned());
        let url = "https://a.example/login?tenant=%2f&iss=https%3A%2F%2Fid.example";
        assert_eq!(initiate_login(&client, &issuer()).unwrap(), url);
        client.metadata.client_uri = Some("https://a.example/home".to_owned());
        assert_eq!(
            initiate_login(&client, &issuer()).unwrap(),
            format!("{url}&target_link_uri=https%3A%2F%2Fa.example%2Fhome")
        );
    }
}
