//! There and back again.

use exeunt::oidc::upstream::{Admits, AuthMethod};
use url::Url;

use super::Houses;
use crate::support::ledger::{HOME, assert_stays, is_signed_in, open};
use crate::support::visitor::Visitor;

/// Attack 20: nobody's form is sent on: every way back is a 303.
#[actix_web::test]
async fn who_signs_in_at_the_other_house_comes_to_the_application() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    let page = houses.leave_for(&ada, &[]).await;
    let back = houses.sign_in_there(&ada, &page).await;
    assert_eq!(back.status, 303);
    let answer = houses.come_back(&ada, back).await;
    assert_eq!(answer.status, 303);
    let location = answer.location().unwrap_or_default();
    assert!(
        location.starts_with(&format!("{HOME}/callback?code=")),
        "{answer:?}"
    );
    let claims = houses.id_claims(&answer).await;
    // What the other house says of the sign-in, and none of what we say of ours.
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert_eq!(claims["acr"], serde_json::Value::Null);
    assert!(is_signed_in(&houses.party, &ada).await);
    // Once more, from another browser: the same person.
    let again = houses.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(houses.id_claims(&again).await["sub"], claims["sub"]);
    houses.close().await;
}

/// The secret in the body, and an assertion signed with our own key.
#[actix_web::test]
async fn we_prove_who_we_are_as_the_other_house_wants_it() {
    use exeunt::oidc::client::ClientAuthMethod;
    for (method, registered) in [
        (
            AuthMethod::ClientSecretPost,
            ClientAuthMethod::ClientSecretPost,
        ),
        (AuthMethod::PrivateKeyJwt, ClientAuthMethod::PrivateKeyJwt),
    ] {
        let mut houses = Houses::with(|upstream| upstream.auth_method = method, |wish| wish).await;
        let jwks = format!("{}/jwks", houses.ours.issuer);
        houses.other = houses
            .other
            .restart(|config| {
                let client = &mut config.clients[0];
                client.metadata.token_endpoint_auth_method = registered;
                if registered == ClientAuthMethod::PrivateKeyJwt {
                    client.metadata.jwks_uri = Some(jwks);
                    client.secret = None;
                }
            })
            .await;
        let answer = houses.sign_in(&Visitor::default(), &[]).await;
        assert!(answer.parameter("code").is_some(), "{method:?}: {answer:?}");
        houses.close().await;
    }
}

/// Attack 14: what one browser began, no other finishes; and nobody finishes it twice, or at another's address.
#[actix_web::test]
async fn an_answer_counts_once_in_the_browser_that_went_for_it() {
    let houses = Houses::open().await;
    let (ada, mallory) = (Visitor::default(), Visitor::default());
    let page = houses.leave_for(&ada, &[]).await;
    let back = houses.sign_in_there(&ada, &page).await.location().unwrap();
    // Mallory has a browser cookie of her own.
    open(&mallory, &houses.party.authorize_url(&[])).await;
    assert_stays(&mallory.get(&back).await, "another browser");
    assert_stays(
        &Visitor::default().get(&back).await,
        "a browser without cookies",
    );
    let elsewhere = back.replace("/house/callback", "/stable/callback");
    assert_eq!(ada.get(&elsewhere).await.status, 404);
    let stranger = back.replace("state=", "state=x");
    assert_stays(&ada.get(&stranger).await, "a state of nobody's");
    assert_eq!(ada.get(&back).await.status, 303);
    assert_stays(&ada.get(&back).await, "twice");
    houses.close().await;
}

/// Attack 14 (RFC 9207): an answer that names another house, or none, signs nobody in; the person is told, with a way back.
#[actix_web::test]
async fn an_answer_of_another_house_signs_nobody_in() {
    let houses = Houses::open().await;
    for change in ["https://evil.example", ""] {
        let ada = Visitor::default();
        let page = houses.leave_for(&ada, &[]).await;
        let back = houses.sign_in_there(&ada, &page).await.location().unwrap();
        let mut url = Url::parse(&back).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(pairs.iter().map(|(name, value)| {
                (
                    name,
                    if name == "iss" {
                        change
                    } else {
                        value.as_str()
                    },
                )
            }));
        let answer = ada.get(url.as_str()).await;
        assert_eq!(answer.page(), "page-sign-in", "{answer:?}");
        assert!(
            answer
                .text("#notice")
                .unwrap()
                .contains("could not be checked")
        );
        assert!(answer.has("#upstream-house"));
        assert!(!is_signed_in(&houses.party, &ada).await);
    }
    houses.close().await;
}

/// Attack 14: a code that was put into somebody else's answer is not theirs: PKCE and nonce are of another question.
#[actix_web::test]
async fn a_code_of_another_sign_in_is_not_taken() {
    let houses = Houses::open().await;
    let (ada, mallory) = (Visitor::default(), Visitor::default());
    let mut backs = Vec::new();
    for visitor in [&ada, &mallory] {
        let page = houses.leave_for(visitor, &[]).await;
        let back = houses.sign_in_there(visitor, &page).await;
        backs.push((back.parameter("code").unwrap(), back.location().unwrap()));
    }
    let mixed = backs[1].1.replace(&backs[1].0, &backs[0].0);
    let answer = mallory.get(&mixed).await;
    assert_eq!(answer.page(), "page-sign-in", "{answer:?}");
    assert!(!is_signed_in(&houses.party, &mallory).await);
    houses.close().await;
}

/// An answer by a form comes from another site, without our cookies: it is parked, and comes back by GET.
#[actix_web::test]
async fn an_answer_by_a_form_is_taken_too() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    let page = houses.leave_for(&ada, &[]).await;
    let back = houses.sign_in_there(&ada, &page).await.location().unwrap();
    let url = Url::parse(&back).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let action = back.split('?').next().unwrap();
    let parked = ada.post_from_elsewhere(action, &fields).await;
    assert_eq!(parked.status, 303, "{parked:?}");
    assert_eq!(parked.header("set-cookie"), "");
    let answer = houses.come_back(&ada, parked).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    houses.close().await;
}

/// Attack 73: prompt=login and max_age=0 reach the other house, which asks for the password again.
#[actix_web::test]
async fn who_must_prove_it_again_does_so_at_the_other_house() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    houses.sign_in(&ada, &[]).await;
    for more in [
        ("prompt", "login"),
        ("max_age", "0"),
        ("prompt", "select_account"),
    ] {
        let page = houses.leave_for(&ada, &[more]).await;
        assert_eq!(page.page(), "page-sign-in", "{more:?}");
        assert!(page.url.starts_with(&houses.other.issuer));
        let back = houses.sign_in_there(&ada, &page).await;
        let answer = houses.come_back(&ada, back).await;
        assert!(answer.parameter("code").is_some(), "{more:?}: {answer:?}");
    }
    // Without, the session there is enough.
    let quick = Visitor::default();
    houses.sign_in(&quick, &[]).await;
    houses.close().await;
}

/// Attack 73: a class of sign-in that is essential here is not met by a sign-in elsewhere.
#[actix_web::test]
async fn an_essential_class_of_ours_takes_a_sign_in_of_ours() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    houses.sign_in(&ada, &[]).await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"value":"urn:exeunt:acr:password"}}}"#;
    let page = open(&ada, &houses.party.authorize_url(&[("claims", claims)])).await;
    assert_eq!(page.page(), "page-sign-in");
    let back = houses.press(&ada, &page).await;
    let answer = houses.come_back(&ada, back).await;
    // Asked again, and not round and round.
    assert_eq!(answer.page(), "page-sign-in", "{answer:?}");
    houses.close().await;
}

#[actix_web::test]
async fn who_says_no_there_is_told_so_here_and_can_go_on_otherwise() {
    let houses = Houses::open().await;
    let ada = Visitor::default();
    let page = houses.leave_for(&ada, &[]).await;
    let form = page.form_of("#cancel").unwrap();
    let back = ada.submit(&page, &form, &[]).await;
    let answer = houses.come_back(&ada, back).await;
    assert_eq!(answer.page(), "page-sign-in", "{answer:?}");
    assert!(
        answer
            .text("#notice")
            .unwrap()
            .contains("did not sign you in")
    );
    // By our own password, on that very page.
    let done = crate::support::ledger::sign_in(&ada, &answer).await;
    assert!(done.parameter("code").is_some(), "{done:?}");
    houses.close().await;
}

#[actix_web::test]
async fn a_house_that_does_not_answer_is_told_in_words() {
    let houses = Houses::open().await;
    let Houses { ours, other, party } = houses;
    other.stop().await;
    let ada = Visitor::default();
    let page = open(&ada, &party.authorize_url(&[])).await;
    let form = page.form_of("#upstream-house").unwrap();
    let answer = ada.submit(&page, &form, &[]).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text("#notice").unwrap().contains("does not answer"));
    assert!(answer.has("#password"));
    ours.stop().await;
}

/// Without people who have passwords here there is nothing to ask.
#[actix_web::test]
async fn where_there_is_one_house_and_no_passwords_nobody_is_asked() {
    let houses = Houses::with(|_| {}, |wish| wish.configure(|config| config.users.clear())).await;
    let ada = Visitor::default();
    let sent = open(&ada, &houses.party.authorize_url(&[])).await;
    let page = ada.follow(sent, &houses.other.issuer).await;
    let back = houses.sign_in_there(&ada, &page).await;
    let answer = houses.come_back(&ada, back).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    houses.close().await;
}

/// Attack 67: the form is bound to a browser there too.
#[actix_web::test]
async fn where_the_only_house_does_not_answer_its_button_works_later() {
    let houses = Houses::with(|_| {}, |wish| wish.configure(|config| config.users.clear())).await;
    let Houses { ours, other, .. } = houses;
    other.stop().await;
    let ada = Visitor::default();
    let page = open(&ada, &ours.url("/account/sign-in")).await;
    assert_eq!(page.status, 502, "{page:?}");
    let form = page.form_of("#upstream-house").unwrap();
    let again = ada.submit(&page, &form, &[]).await;
    assert_eq!(
        (again.status.as_u16(), again.page().as_str()),
        (502, "page-sign-in")
    );
    ours.stop().await;
}

/// Attack 90: the domain of a hint is compared in its one form.
#[actix_web::test]
async fn a_hint_leads_to_the_house_of_its_domain() {
    let houses = Houses::with(
        |upstream| {
            upstream.domains = vec!["example.org".to_owned()];
            upstream.admits = Admits::Domains;
        },
        |wish| wish,
    )
    .await;
    let ada = Visitor::default();
    for (hint, leads) in [
        ("ada@EXAMPLE.org", true),
        ("ada@example.org.evil.example", false),
        ("ada", false),
    ] {
        let url = houses.party.authorize_url(&[("login_hint", hint)]);
        let answer = open(&Visitor::default(), &url).await;
        let to = answer.location().unwrap_or_default();
        assert_eq!(
            to.starts_with(&houses.other.issuer),
            leads,
            "{hint}: {answer:?}"
        );
    }
    // Her address there is verified and of the domain.
    let answer = houses.sign_in(&ada, &[]).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    houses.close().await;
}
