//! The sign-in page: who gets in, how often one may try, and what the browser is given.

use chrono::TimeDelta;
use exeunt::flows::people;
use futures_util::future::join_all;

use crate::support::ledger::{HOME, ledger, open, sign_in, sign_in_as};
use crate::support::provider::{PASSWORD, Provider, Wish};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(ledger().await).await
}

async fn start_as(wish: Wish) -> (Provider, RelyingParty, Visitor) {
    let provider = wish.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

async fn page(party: &RelyingParty, visitor: &Visitor) -> Answer {
    let page = open(visitor, &party.authorize_url(&[])).await;
    assert_eq!(page.page(), "page-sign-in");
    page
}

async fn is_signed_in(party: &RelyingParty, visitor: &Visitor) -> bool {
    let silent = party.authorize_url(&[("prompt", "none")]);
    visitor.get(&silent).await.parameter("code").is_some()
}

/// Attack 20: a 307, which would send the password on to the application. Attack 66: cookies that
/// scripts or other sites can use.
#[actix_web::test]
async fn who_signs_in_gets_a_cookie_for_this_browser_and_is_sent_on_by_303() {
    let (provider, party, ada) = start().await;
    let page = page(&party, &ada).await;
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer
            .location()
            .unwrap()
            .starts_with(&format!("{HOME}/callback?code="))
    );
    let cookie = answer.header("set-cookie");
    let port = provider.config.listen.port();
    assert!(
        cookie.starts_with(&format!("exeunt-session-{port}=")),
        "{cookie}"
    );
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    provider.stop().await;
}

/// Attack 65 (CVE-2024-7341): a session whose identifier somebody knew before the sign-in.
#[actix_web::test]
async fn a_cookie_from_before_the_sign_in_is_worth_nothing_after_it() {
    let (provider, party, ada) = start().await;
    let name = format!("exeunt-session-{}", provider.config.listen.port());
    let planted = "A".repeat(43);
    ada.put_cookie(&name, &planted);
    let page_of_ada = page(&party, &ada).await;
    sign_in(&ada, &page_of_ada).await;
    let first = ada.cookie(&name).unwrap();
    assert_ne!(first, planted);

    let page = open(&ada, &party.authorize_url(&[("prompt", "login")])).await;
    sign_in(&ada, &page).await;
    let second = ada.cookie(&name).unwrap();
    assert_ne!(second, first);
    assert!(is_signed_in(&party, &ada).await);
    for known_before in [planted, first] {
        let thief = Visitor::default();
        thief.put_cookie(&name, &known_before);
        assert!(!is_signed_in(&party, &thief).await);
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_same_person_signing_in_again_keeps_the_session_that_applications_know() {
    let (provider, party, ada) = start().await;
    let first = party.tokens(&ada, &[]).await;
    let again = party.tokens(&ada, &[("prompt", "login")]).await;
    let sid = async |tokens: &crate::support::relying_party::Tokens| {
        tokens.id_claims(&provider.issuer).await["sid"].clone()
    };
    assert_eq!(sid(&first).await, sid(&again).await);
    let answer = party.userinfo(&first.get("access_token")).await;
    assert_eq!(answer.status, 200);
    provider.stop().await;
}

/// Attack 72: two people in one browser.
#[actix_web::test]
async fn when_somebody_else_signs_in_the_session_before_is_over() {
    let wish = ledger().await.configure(add_grace);
    let (provider, party, browser) = start_as(wish).await;
    let of_ada = party.tokens(&browser, &[]).await;
    let page = open(&browser, &party.authorize_url(&[("prompt", "login")])).await;
    let answer = sign_in_as(&browser, &page, "grace", PASSWORD).await;
    assert!(answer.parameter("code").is_some());
    let answer = party.userinfo(&of_ada.get("access_token")).await;
    assert_eq!(answer.status, 401);
    provider.stop().await;
}

fn add_grace(config: &mut exeunt::config::Config) {
    let mut grace = config.users[0].clone();
    grace.username = "grace".to_owned();
    config.users.push(grace);
}

/// Attack 67: a sign-in that another site makes the browser do. Attack 17 (CVE-2022-39222): a page
/// that another browser began.
#[actix_web::test]
async fn a_form_that_was_not_filled_in_here_in_this_browser_signs_nobody_in() {
    let (provider, party, ada) = start().await;
    let url = provider.url("/sign-in");
    let page_of_ada = page(&party, &ada).await;
    let fields = |csrf: Option<&str>| {
        let mut fields = page_of_ada.form().fields;
        fields.retain(|(name, _)| name != "username");
        fields.push(("username".to_owned(), "ada".to_owned()));
        fields.push(("password".to_owned(), PASSWORD.to_owned()));
        if let Some(csrf) = csrf {
            fields.retain(|(name, _)| name != "csrf");
            fields.push(("csrf".to_owned(), csrf.to_owned()));
        }
        fields
    };
    let stranger = Visitor::default();
    let page_of_stranger = page(&party, &stranger).await;
    let field = |page: &Answer, wanted: &str| {
        let fields = page.form().fields;
        fields
            .into_iter()
            .find(|(name, _)| name == wanted)
            .unwrap()
            .1
    };
    let theirs = field(&page_of_stranger, "csrf");
    let mut of_stranger = fields(Some(&theirs));
    of_stranger.retain(|(name, _)| name != "interaction");
    of_stranger.push((
        "interaction".to_owned(),
        field(&page_of_stranger, "interaction"),
    ));

    let post = || ada.client().post(&url);
    let here = ("origin", provider.issuer.as_str());
    for (what, request) in [
        (
            "no token",
            post().header(here.0, here.1).form(&fields(Some(""))),
        ),
        (
            "another's token",
            post().header(here.0, here.1).form(&fields(Some(&theirs))),
        ),
        (
            "another's page",
            post().header(here.0, here.1).form(&of_stranger),
        ),
        (
            "another origin",
            post()
                .header("origin", "https://evil.example")
                .form(&fields(None)),
        ),
        (
            "no origin",
            post().header("origin", "null").form(&fields(None)),
        ),
        (
            "another site",
            post()
                .header("sec-fetch-site", "cross-site")
                .form(&fields(None)),
        ),
        (
            "a sibling",
            post()
                .header("sec-fetch-site", "same-site")
                .form(&fields(None)),
        ),
    ] {
        let answer = ada.send(&url, request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.page()),
            (400, "page-error".to_owned()),
            "{what}"
        );
        assert_eq!(answer.header("set-cookie"), "", "{what}");
    }
    let without_cookies = stranger
        .post_from_elsewhere(&url, &[("username", "ada")])
        .await;
    assert_eq!(without_cookies.status, 400);
    let elsewhere = stranger.get(&page_of_ada.url).await;
    assert_eq!(elsewhere.page(), "page-error");
    assert!(!is_signed_in(&party, &ada).await);
    assert!(
        sign_in(&ada, &page_of_ada)
            .await
            .parameter("code")
            .is_some()
    );
    provider.stop().await;
}

#[actix_web::test]
async fn a_page_that_was_answered_is_not_answered_again() {
    let (provider, party, ada) = start().await;
    let page = page(&party, &ada).await;
    assert!(sign_in(&ada, &page).await.parameter("code").is_some());
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert_eq!(
        (answer.status.as_u16(), answer.page()),
        (400, "page-error".to_owned())
    );
    provider.stop().await;
}

/// Attack 10 (CVE-2024-39694, CVE-2026-29067): an address to return to that the browser brings along.
#[actix_web::test]
async fn where_one_goes_after_signing_in_was_said_before() {
    let (provider, party, ada) = start().await;
    let page = page(&party, &ada).await;
    let fields = [
        ("username", "ada"),
        ("password", PASSWORD),
        ("return_to", "//evil.example"),
        ("next", "/\\evil.example"),
        ("redirect_uri", "https://evil.example"),
    ];
    let answer = ada.submit(&page, &page.form(), &fields).await;
    assert!(
        answer
            .location()
            .unwrap()
            .starts_with(&format!("{HOME}/callback?code="))
    );
    provider.stop().await;
}

/// Attack 83 (CVE-2024-41952): who has an account here?
#[actix_web::test]
async fn an_unknown_name_a_wrong_password_and_a_person_shut_out_look_the_same() {
    let wish = ledger().await.configure(add_grace);
    let (provider, party, ada) = start_as(wish).await;
    people::disable_user(provider.flows(), "grace")
        .await
        .unwrap()
        .unwrap();
    let page = page(&party, &ada).await;
    let mut answers = Vec::new();
    for (username, password) in [("ada", "wrong"), ("nobody", "wrong"), ("grace", PASSWORD)] {
        let answer = sign_in_as(&ada, &page, username, password).await;
        let request_id = answer.text("#request-id").unwrap_or_default();
        let mut body = answer.body.replace(username, "NAME");
        if !request_id.is_empty() {
            body = body.replace(&request_id, "ID");
        }
        let cookie = answer.header("set-cookie").to_owned();
        answers.push((answer.status, cookie, body));
    }
    assert!(answers[0].2.contains("role=\"alert\""));
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:#?}"
    );
    provider.stop().await;
}

async fn attempt(page: &Answer, visitor: &Visitor, username: &str, forwarded: usize) -> u16 {
    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), username.to_owned()));
    fields.push(("password".to_owned(), "wrong".to_owned()));
    let url = page.url.split('?').next().unwrap().to_owned();
    let request = visitor
        .client()
        .post(&url)
        .header("x-forwarded-for", format!("192.0.2.{forwarded}"))
        .header("forwarded", format!("for=192.0.2.{forwarded}"))
        .form(&fields);
    visitor.send(&url, request).await.status.as_u16()
}

/// Attack 84 (CVE-2024-4629, CVE-2026-47203): a parallel burst, other spellings of the name, made-up
/// addresses. Attack 83: an unknown name is throttled alike.
#[actix_web::test]
async fn a_burst_of_wrong_passwords_gets_its_share_however_it_is_sent() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let page = page(&party, &ada).await;
    for spellings in [["ada", "ADA", "\u{ff21}da"], ["nobody", "NOBODY", "Nobody"]] {
        let burst = (0..30).map(|turn| attempt(&page, &ada, spellings[turn % 3], turn));
        let statuses = join_all(burst).await;
        let admitted = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(admitted, 10, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 429].contains(status)));
    }
    // The right password is not tried either, until the next attempt is due.
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert_eq!(answer.status, 429);
    provider.advance(TimeDelta::seconds(15));
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}

/// Attack 85: a stranger who locks a person out by guessing.
#[actix_web::test]
async fn wrong_passwords_from_one_address_do_not_keep_the_person_out_at_another() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let page_of_ada = page(&party, &ada).await;
    let url = provider.url("/sign-in");
    let elsewhere = client_at("127.0.0.2");
    let mut fields = page_of_ada.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), "ada".to_owned()));
    fields.push(("password".to_owned(), "wrong".to_owned()));
    let mut last = 0;
    for _ in 0..15 {
        last = ada
            .send(&url, elsewhere.post(&url).form(&fields))
            .await
            .status
            .as_u16();
    }
    assert_eq!(last, 429);
    assert!(
        sign_in(&ada, &page_of_ada)
            .await
            .parameter("code")
            .is_some()
    );
    provider.stop().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outside of the provider, not its way out"
)]
fn client_at(address: &str) -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(Some(address.parse().unwrap()))
        .build()
        .unwrap()
}

/// Attack 90 (CVE-2026-48794): two notations of one name.
#[actix_web::test]
async fn a_name_is_the_same_in_every_notation() {
    let wish = ledger().await.configure(|config| {
        config.users[0].username = "Ren\u{e9}e".to_owned();
    });
    let (provider, party, _) = start_as(wish).await;
    for username in ["ren\u{e9}e", "RENE\u{301}E", "\u{ff32}en\u{e9}e"] {
        let renee = Visitor::default();
        let page = page(&party, &renee).await;
        let answer = sign_in_as(&renee, &page, username, PASSWORD).await;
        assert!(answer.parameter("code").is_some(), "{username}");
    }
    provider.stop().await;
}

/// Attack 91: passwords that are long, empty, or of characters with two notations; names with a NUL.
#[actix_web::test]
async fn odd_names_and_passwords_are_read_whole_or_refused_and_break_nothing() {
    use exeunt::config::Credential;
    let wish = ledger().await.configure(|config| {
        let password = "p\u{e4}ssw\u{f6}rd \u{1f600}".to_owned();
        config.users[0].password = Some(Credential::Plain(password.into()));
    });
    let (provider, party, ada) = start_as(wish).await;
    let page = page(&party, &ada).await;
    let (long, huge) = ("x".repeat(60_000), "x".repeat(10_000_000));
    for (username, password) in [
        ("ada", ""),
        ("", "wrong"),
        ("ada", "p\u{e4}ssw\u{f6}rd \u{1f600}\0"),
        ("ada", "p\u{e4}ssw\u{f6}rd"),
        ("ada\0", "p\u{e4}ssw\u{f6}rd \u{1f600}"),
        ("ada", &long),
        (&long, "x"),
        ("ada", &huge),
    ] {
        let answer = sign_in_as(&ada, &page, username, password).await;
        let status = answer.status.as_u16();
        assert!(
            (200..500).contains(&status) && status != 303,
            "{username:.9} {password:.9} {answer:?}"
        );
    }
    let answer = sign_in_as(&ada, &page, "ada", "pa\u{308}sswo\u{308}rd \u{1f600}").await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}
