//! The demo's applications and its rehearsal, with the real provider.

use std::net::TcpListener;
use std::sync::Arc;

use exeunt::clock::SystemClock;
use exeunt::demo::{Application, Applications, Person, rehearse};
use url::Url;

use crate::support::admin::metrics;
use crate::support::demo::{Houses, at, demo, demo_with};
use crate::support::eventually;
use crate::support::ledger::{open, sign_in};
use crate::support::provider::{PASSWORD, Provider};
use crate::support::visitor::Visitor;

/// Where the provider sends people who want to go there.
fn initiate_login(application: &Application, provider: &Provider) -> String {
    let mut url = Url::parse(&at(application, "/initiate-login")).unwrap();
    url.query_pairs_mut()
        .append_pair("iss", &provider.issuer)
        .append_pair("target_link_uri", &at(application, "/"));
    url.into()
}

fn ada(password: &str) -> Person {
    Person {
        username: "ada".to_owned(),
        password: password.into(),
    }
}

async fn rehearsed(applications: &Applications, person: &Person) -> (Result<(), String>, String) {
    let mut out = Vec::new();
    let clock = Arc::new(SystemClock);
    let result = rehearse(applications, person, None, clock, &mut out).await;
    let result = result.map_err(|error| format!("{error:#}"));
    (result, String::from_utf8(out).unwrap())
}

#[actix_web::test]
async fn the_rehearsal_ends_well_when_every_application_was_told() {
    let (provider, applications) = demo().await;
    let (result, out) = rehearsed(&applications, &ada(PASSWORD)).await;
    assert_eq!(result, Ok(()), "{out}");
    assert!(out.contains("Every application was told"));
    assert!(out.contains("Almanac refused the same token"), "{out}");
    for application in applications.all() {
        assert!(application.heard() >= 1, "{}", application.name);
        assert_eq!(application.signed_in_sessions(), 0, "{}", application.name);
    }
    applications.stop().await;
    provider.stop().await;
}

/// Leaving at the other house is seen everywhere.
#[actix_web::test]
async fn the_rehearsal_goes_through_the_other_house_too_and_everyone_is_told_of_leaving_there() {
    let houses = Houses::open().await;
    let Houses {
        applications,
        house,
        ..
    } = &houses;
    let mut out = Vec::new();
    let clock = Arc::new(SystemClock);
    let result = rehearse(applications, &ada(PASSWORD), Some(house), clock, &mut out).await;
    let out = String::from_utf8(out).unwrap();
    assert!(result.is_ok(), "{result:?} {out}");
    let there = out.find("Signed out at the other house").expect(&out);
    for application in applications.all() {
        let told = format!("{} was told", application.name);
        assert!(out[there..].contains(&told), "{out}");
        assert_eq!(application.signed_in_sessions(), 0, "{}", application.name);
    }
    houses.close().await;
}

/// P7: that everyone was told is said of nobody who can't be reached. It takes ten seconds: the rehearsal is patient.
#[actix_web::test]
async fn the_rehearsal_fails_when_an_application_is_never_reachable() {
    // Nobody listens there, and nobody will.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/backchannel", nowhere.local_addr().unwrap());
    let fails = async |client_id: &str, failure: &str| {
        let (provider, applications) = demo_with(|known, metadata| {
            if known == client_id {
                metadata.backchannel_logout_uri = Some(nowhere.clone());
            }
        })
        .await;
        let (result, out) = rehearsed(&applications, &ada(PASSWORD)).await;
        assert_eq!(result, Err(failure.to_owned()), "{out}");
        assert!(!out.contains("Every application was told"), "{out}");
        applications.stop().await;
        provider.stop().await;
    };
    tokio::join!(
        fails("ledger", "Ledger was not told"),
        fails("atlas", "nobody tried to tell Atlas"),
    );
}

#[actix_web::test]
async fn the_rehearsal_fails_when_nobody_can_sign_in() {
    let (provider, applications) = demo().await;
    let (result, out) = rehearsed(&applications, &ada("not her password")).await;
    assert!(result.is_err(), "{out}");
    assert!(!out.contains("Every application was told"));
    applications.stop().await;
    provider.stop().await;
}

/// Core §4: from the account's page into an application, without a password and without a page between.
#[actix_web::test]
async fn a_sign_in_that_begins_on_the_account_page_ends_at_the_application() {
    let (provider, applications) = demo().await;
    let visitor = Visitor::default();
    let begun = visitor.get(&at(&applications.atlas, "/sign-in")).await;
    let page = visitor.follow(begun, &provider.issuer).await;
    let back = sign_in(&visitor, &page).await;
    visitor.get(&back.location().unwrap()).await;
    assert_eq!(applications.atlas.signed_in_sessions(), 1);

    // Another browser of the same person's, where only the provider knows them.
    let elsewhere = Visitor::default();
    let page = open(&elsewhere, &provider.url("/account")).await;
    let page = sign_in(&elsewhere, &page).await;
    assert_eq!(page.page(), "page-account");
    let begin = initiate_login(&applications.atlas, &provider);
    let links = page.attributes("a.open", "href");
    assert_eq!(
        links,
        [begin.as_str()],
        "beside its part in the other session"
    );
    let answer = elsewhere.get(&begin).await;
    let answer = elsewhere.follow(answer, &provider.issuer).await;
    let answer = elsewhere.get(&answer.location().unwrap()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(applications.atlas.signed_in_sessions(), 2);
    let page = open(&elsewhere, &provider.url("/account")).await;
    let links = page.attributes("a.open", "href");
    assert_eq!(links, [begin.as_str(), &begin], "and in this one");
    applications.stop().await;
    provider.stop().await;
}

/// After sign-out the very same token is refused within a moment, without the service ever having asked the
/// provider about it.
#[actix_web::test]
async fn the_service_refuses_the_token_of_a_session_that_is_over_and_has_asked_nobody_about_it() {
    let (provider, applications) = demo().await;
    let ledger = &applications.ledger;
    let visitor = Visitor::default();
    let begun = visitor.get(&at(ledger, "/sign-in")).await;
    let page = visitor.follow(begun, &provider.issuer).await;
    let back = sign_in(&visitor, &page).await;
    visitor.get(&back.location().unwrap()).await;
    let status = async || visitor.get(&at(ledger, "/status")).await.json();
    let answered = async |wanted: u16| {
        let called = eventually(async || {
            visitor.post(&at(ledger, "/ask"), &[]).await;
            (status().await["answered"] == wanted).then_some(())
        });
        assert!(called.await.is_some(), "never {wanted}: {}", status().await);
    };
    answered(200).await;
    let before = status().await["token"].clone();
    assert!(before.is_string());
    assert_eq!(applications.almanac.denied(), 0);

    let leaving = visitor.post(&at(ledger, "/sign-out"), &[]).await;
    let url = leaving.location().unwrap();
    visitor
        .follow(visitor.get(&url).await, &provider.issuer)
        .await;
    answered(401).await;
    assert_eq!(status().await["token"], before);
    assert_eq!(status().await["signed_in"], false);
    assert_eq!(applications.almanac.denied(), 1);
    let metrics = metrics(&provider).await;
    assert!(!metrics.contains("/introspect"), "{metrics}");
    assert!(metrics.contains(r#"route="/revocations""#), "{metrics}");
    applications.stop().await;
    provider.stop().await;
}
