//! The sign-in page: who gets in, how often one may try, and what the browser is given.

use chrono::TimeDelta;
use exeunt::config::Credential;

use crate::support::ledger::{
    HOME, add_grace, assert_stays, is_signed_in, ledger, open, sign_in, sign_in_as,
    sign_in_page as page, start_as,
};
use crate::support::provider::{PASSWORD, Provider};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(ledger().await).await
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

/// A second click of the same person's gets another answer (`lost_answers`). Attacks 17, 67 and 72: nobody else does, and nobody
/// later or after they left.
#[actix_web::test]
async fn a_page_that_was_answered_is_answered_again_by_nobody_else_and_not_for_long() {
    let wish = ledger().await.configure(add_grace).manual_clock();
    let (provider, party, ada) = start_as(wish).await;
    let page_of_ada = page(&party, &ada).await;
    let answer = sign_in(&ada, &page_of_ada).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    let refused = async |browser: &Visitor, page: &Answer, username: &str| {
        let answer = sign_in_as(browser, page, username, PASSWORD).await;
        assert_stays(&answer, username);
        assert_eq!(answer.header("set-cookie"), "", "{username}");
    };
    for username in ["grace", "nobody", ""] {
        refused(&ada, &page_of_ada, username).await;
    }
    let stranger = Visitor::default();
    page(&party, &stranger).await;
    refused(&stranger, &page_of_ada, "ada").await;
    let mistyped = sign_in_as(&ada, &page_of_ada, "ada", "wrong").await;
    assert_eq!(mistyped.page(), "page-sign-in", "{mistyped:?}");
    assert!(is_signed_in(&party, &ada).await);

    provider.advance(TimeDelta::seconds(1));
    let left = Visitor::default();
    let page_of_left = page(&party, &left).await;
    sign_in(&left, &page_of_left).await;
    let confirm = left.get(&provider.url("/end_session")).await;
    let everywhere = [("scope", "everywhere")];
    left.submit(&confirm, &confirm.form(), &everywhere).await;
    refused(&left, &page_of_left, "ada").await;

    provider.advance(TimeDelta::minutes(1));
    refused(&ada, &page_of_ada, "ada").await;
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

/// Attack 83: somebody whose declared hash costs more or less than ours, and so takes longer or shorter to refuse.
#[actix_web::test]
async fn a_hash_from_elsewhere_gives_nobody_away_and_is_made_anew_at_the_first_sign_in() {
    let wish = ledger().await.configure(|config| {
        for (username, memory, passes) in [("grace", 1024, 1), ("edith", 40_000, 3)] {
            let mut user = config.users[0].clone();
            user.username = username.to_owned();
            user.password = Some(Credential::Hash(hash(memory, passes).into()));
            config.users.push(user);
        }
    });
    let (provider, party, visitor) = start_as(wish).await;
    let dearest = 40_000 * 3;
    assert_eq!(costs_of_a_refusal(&provider, &party).await, [dearest; 4]);
    for name in ["edith", "grace"] {
        let page = open(&visitor, &party.authorize_url(&[("prompt", "login")])).await;
        let answer = sign_in_as(&visitor, &page, name, PASSWORD).await;
        assert!(answer.parameter("code").is_some(), "{name}");
    }
    let provider = provider.restart(|_| {}).await;
    let ours = 19_456 * 2;
    assert_eq!(costs_of_a_refusal(&provider, &party).await, [ours; 4]);
    let edith = Visitor::default();
    let page = page(&party, &edith).await;
    let answer = sign_in_as(&edith, &page, "edith", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}

/// What it costs to refuse ada, grace, edith, and somebody who is not known.
async fn costs_of_a_refusal(provider: &Provider, party: &RelyingParty) -> [u64; 4] {
    let visitor = Visitor::default();
    let page = page(party, &visitor).await;
    let passwords = &provider.flows().passwords;
    let mut costs = [0; 4];
    for (cost, name) in costs.iter_mut().zip(["ada", "grace", "edith", "nobody"]) {
        let before = passwords.work_done();
        let answer = sign_in_as(&visitor, &page, name, "wrong").await;
        assert_eq!(answer.page(), "page-sign-in", "{name}");
        *cost = passwords.work_done() - before;
    }
    costs
}

/// Ada's password at another cost.
fn hash(memory: u32, passes: u32) -> String {
    use argon2::password_hash::PasswordHasher as _;
    use argon2::{Algorithm, Argon2, Params, Version};
    let params = Params::new(memory, passes, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), b"a salt of one's own");
    hash.unwrap().to_string()
}
