//! What an application is told signed as it registered: userinfo (Core §5.3.2), and ID tokens that are not signed at all
//! (Core §2).

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt::oidc::algorithm::{IdTokenAlgorithm, SigningAlgorithm};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::registration::{self, Networks};
use openidconnect::core::{
    CoreClient, CoreJsonWebKeySet, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, ClientId, ClientSecret, HttpResponse, IssuerUrl, Nonce, SubjectIdentifier,
};
use serde_json::{Value, json};

use crate::support::ledger::{ledger_with, open, sign_in};
use crate::support::provider::{Provider, metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty, published_keys, verify};
use crate::support::visitor::Visitor;

fn signed_with(algorithm: SigningAlgorithm) -> ClientMetadata {
    ClientMetadata {
        userinfo_signed_response_alg: Some(algorithm),
        ..metadata(&format!(
            "https://{}.example",
            algorithm.as_str().to_lowercase()
        ))
    }
}

#[actix_web::test]
async fn userinfo_comes_signed_for_its_application_with_the_algorithm_that_it_registered() {
    let mut wish = provider()
        .await
        .client("plain", metadata("https://plain.example"));
    for algorithm in SigningAlgorithm::ALL {
        wish = wish.client(algorithm.as_str(), signed_with(algorithm));
    }
    let provider = wish.start().await;
    let scope = [("scope", "openid email")];
    for algorithm in SigningAlgorithm::ALL {
        let party = RelyingParty::of(&provider, algorithm.as_str());
        let tokens = party.tokens(&Visitor::default(), &scope).await;
        let answer = party.userinfo(&tokens.get("access_token")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/jwt");
        let (header, claims) = verify(&provider.issuer, &answer.body).await;
        assert_eq!(header["alg"], algorithm.as_str());
        let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
        let expected = json!({
            "iss": provider.issuer, "aud": algorithm.as_str(), "sub": sub,
            "email": "ada@example.org", "email_verified": true,
        });
        assert_eq!(claims, expected);
    }
    let plain = RelyingParty::of(&provider, "plain");
    let tokens = plain.tokens(&Visitor::default(), &scope).await;
    let answer = plain.userinfo(&tokens.get("access_token")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    // A refusal is none of the person's data: it is said as to everyone.
    let party = RelyingParty::of(&provider, "RS256");
    let refused = party.userinfo("x").await;
    assert_eq!(refused.status, 401);

    let url = provider.url("/.well-known/openid-configuration");
    let answer = Visitor::default().get(&url).await;
    let published = answer.json();
    let supported = published["userinfo_signing_alg_values_supported"]
        .as_array()
        .unwrap();
    for algorithm in SigningAlgorithm::ALL {
        assert!(
            supported.contains(&json!(algorithm.as_str())),
            "{supported:?}"
        );
    }
    assert!(!supported.contains(&json!("none")), "{supported:?}");
    provider.stop().await;
}

/// The crate's own words about a signed answer, at the strictness that it has unless told otherwise.
async fn read_by_the_crate(
    provider: &Provider,
    client_id: &str,
    body: &str,
) -> Result<CoreUserInfoClaims, Box<dyn Error>> {
    let url = provider.url("/.well-known/openid-configuration");
    let answer = Visitor::default().get(&url).await;
    let metadata: CoreProviderMetadata = serde_json::from_str(&answer.body)?;
    let keys: CoreJsonWebKeySet = published_keys(&provider.issuer).await;
    let client = CoreClient::from_provider_metadata(
        metadata.set_jwks(keys),
        ClientId::new(client_id.to_owned()),
        None::<ClientSecret>,
    );
    let body = body.as_bytes().to_vec();
    let request = client
        .user_info(AccessToken::new("t".to_owned()), None::<SubjectIdentifier>)?
        .require_signed_response(true);
    let answer = move |_| -> Result<HttpResponse, std::io::Error> {
        let mut answer = HttpResponse::new(body.clone());
        answer
            .headers_mut()
            .insert("content-type", "application/jwt".parse().unwrap());
        Ok(answer)
    };
    Ok(request.request(&answer)?)
}

/// Attack 32: one kind of token in the place of another.
#[actix_web::test]
async fn signed_userinfo_is_read_by_a_strict_reader_and_is_no_other_token() {
    let provider = ledger_with(|metadata| {
        metadata.userinfo_signed_response_alg = Some(SigningAlgorithm::RS256);
    })
    .await
    .start()
    .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[("scope", "openid email")]).await;
    let signed = party.userinfo(&tokens.get("access_token")).await.body;
    let read = read_by_the_crate(&provider, "ledger", &signed)
        .await
        .unwrap();
    assert_eq!(read.email().unwrap().as_str(), "ada@example.org");
    assert!(
        read_by_the_crate(&provider, "another", &signed)
            .await
            .is_err()
    );

    // An ID token has a time to live, and this has none; an access token has a type, and this has none.
    let (header, claims) = verify(&provider.issuer, &signed).await;
    assert_eq!(header.get("typ"), None);
    for name in ["exp", "iat", "nonce", "events", "sid", "jti"] {
        assert_eq!(claims.get(name), None, "{name}");
    }
    assert_eq!(party.userinfo(&signed).await.status, 401);
    let keys = published_keys(&provider.issuer).await;
    let issuer = IssuerUrl::new(provider.issuer.clone()).unwrap();
    let client_id = ClientId::new("ledger".to_owned());
    let verifier =
        openidconnect::core::CoreIdTokenVerifier::new_public_client(client_id, issuer, keys);
    let as_id_token: Result<openidconnect::core::CoreIdToken, _> = signed.parse();
    if let Ok(token) = as_id_token {
        let any_nonce = |_: Option<&Nonce>| Ok(());
        assert!(token.claims(&verifier, any_nonce).is_err());
    }
    // As a hint it says nothing: whoever is signed in is answered about, and nobody is signed out unasked.
    let url = party.end_session_url(&[("id_token_hint", &signed)]);
    assert_eq!(ada.get(&url).await.page(), "page-confirm-sign-out");
    provider.stop().await;
}

fn unsigned(metadata: &mut ClientMetadata) {
    metadata.id_token_signed_response_alg = IdTokenAlgorithm::None;
}

#[actix_web::test]
async fn an_id_token_is_unsigned_where_that_was_registered_and_its_sign_outs_are_signed_all_the_same()
 {
    let ear = Ear::open().await;
    let mut client = metadata("https://ledger.example");
    unsigned(&mut client);
    client.backchannel_logout_uri = Some(ear.backchannel_logout_uri());
    let provider = provider()
        .await
        .client("ledger", client)
        .client("signed", metadata("https://signed.example"))
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[]).await;
    let id_token = tokens.get("id_token");
    let parts: Vec<&str> = id_token.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(parts.len(), 3);
    assert_eq!(read(parts[0]), json!({ "alg": "none", "typ": "JWT" }));
    assert_eq!(parts[2], "");
    let claims = read(parts[1]);
    assert_eq!(claims["aud"], "ledger");
    assert_eq!(claims["nonce"], "the-nonce");
    // Without an algorithm there is no hash function to hash with (Core §3.1.3.6).
    assert_eq!(claims.get("at_hash"), None);
    // Everything else is signed, and so are the others' ID tokens.
    let (header, _) = verify(&provider.issuer, &tokens.get("access_token")).await;
    assert_eq!(header["alg"], "RS256");
    let other = RelyingParty::of(&provider, "signed")
        .tokens(&ada, &[])
        .await;
    assert_eq!(other.id_claims(&provider.issuer).await["aud"], "signed");

    ada.get(
        &RelyingParty::of(&provider, "signed")
            .end_session_url(&[("id_token_hint", &other.get("id_token"))]),
    )
    .await;
    let notice = ear.wait_for(1).await.remove(0);
    let (header, told) = verify(&provider.issuer, &notice.fields[0].1).await;
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("RS256"), &json!("logout+jwt"))
    );
    assert_eq!(told["sid"], claims["sid"]);

    let answer = ada
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    let published = answer.json();
    let supported = published["id_token_signing_alg_values_supported"]
        .as_array()
        .unwrap();
    assert!(supported.contains(&json!("none")), "{supported:?}");
    provider.stop().await;
}

/// Attack 30: a token that nobody signed vouches for nobody, not even to the application that takes unsigned ones.
#[actix_web::test]
async fn an_unsigned_id_token_vouches_for_nobody() {
    let provider = ledger_with(unsigned).await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let hint = party.tokens(&ada, &[]).await.get("id_token");
    let url = party.end_session_url(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", "https://ledger.example/"),
    ]);
    let answer = ada.get(&url).await;
    assert_eq!(answer.page(), "page-confirm-sign-out", "{answer:?}");
    assert!(
        ada.get(&party.authorize_url(&[("prompt", "none")]))
            .await
            .parameter("code")
            .is_some()
    );
    provider.stop().await;
}

/// Attack 30: an unsigned ID token through the browser could be anybody's. Where a code brings it, it comes from the token
/// endpoint alone, whatever else came beside the code.
#[actix_web::test]
async fn unsigned_id_tokens_come_for_codes_and_never_through_the_browser() {
    use exeunt::oidc::client::GrantType::{AuthorizationCode, Implicit};
    for (response_type, fits) in [
        ("id_token", false),
        ("id_token token", false),
        ("code id_token", false),
        ("code token", true),
        ("code id_token token", false),
    ] {
        let mut client = metadata("https://ledger.example");
        unsigned(&mut client);
        client.grant_types = vec![AuthorizationCode, Implicit];
        client.response_types = vec!["code".to_owned(), response_type.to_owned()];
        let problems = registration::check(&client, true, &Networks::default());
        let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
        let wrong: &[&str] = if fits {
            &[]
        } else {
            &["id_token_signed_response_alg"]
        };
        assert_eq!(fields, wrong, "{response_type}");
    }
    // A row that got past registration all the same.
    let provider = ledger_with(|client| {
        unsigned(client);
        client.grant_types = vec![AuthorizationCode, Implicit];
        client.response_types = ["code", "id_token", "code id_token", "code token"]
            .map(str::to_owned)
            .to_vec();
    })
    .await
    .start()
    .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    for response_type in ["id_token", "code id_token"] {
        let answer = ada
            .get(&party.authorize_url(&[("response_type", response_type)]))
            .await;
        let location = answer.location().unwrap();
        assert!(location.contains("error=unauthorized_client"), "{location}");
    }
    let page = open(&ada, &party.authorize_url(&[])).await;
    let answer = sign_in(&ada, &page).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");

    let url = party.authorize_url(&[("response_type", "code token"), ("nonce", "the-nonce")]);
    let answer = ada.get(&url).await;
    assert_eq!(answer.parameter("id_token"), None);
    let access_token = answer.parameter("access_token").unwrap();
    assert_eq!(party.userinfo(&access_token).await.status, 200);
    let redeemed = party.redeem(&answer.parameter("code").unwrap(), &[]).await;
    let id_token = redeemed.json()["id_token"].as_str().unwrap().to_owned();
    assert!(id_token.ends_with('.'), "{id_token}");
    provider.stop().await;
}
