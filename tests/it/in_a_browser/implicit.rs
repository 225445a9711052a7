//! An application that is nothing but a page: it reads its ID token from the fragment, with a reader of its own.

use exeunt::oidc::client::{ClientMetadata, GrantType};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::browser::{Browser, Page};
use crate::support::provider::{Provider, metadata, provider};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::site::Site;
use crate::support::stage::{fill_in_password, parameter};

/// How it reads an answer.
const READER: &str = r"
    const bytes = text => Uint8Array.from(
        atob(text.replace(/-/g, '+').replace(/_/g, '/')), one => one.charCodeAt(0));
    const read = part => JSON.parse(new TextDecoder().decode(bytes(part)));
    const ascii = text => new TextEncoder().encode(text);
    const say = (state, detail) => {
        document.body.dataset.state = state;
        document.body.dataset.detail = detail;
    };
    const need = (what, holds) => { if (!holds) { throw new Error(what); } };

    // Core 3.2.2.11, 3.2.2.9 and 3.1.3.7, by the browser's own cryptography.
    const verify = async answer => {
        need('error ' + answer.get('error'), !answer.has('error'));
        const asked = JSON.parse(sessionStorage.getItem('asked') || '{}');
        sessionStorage.removeItem('asked');
        need('iss', answer.get('iss') === ISSUER);
        need('state', answer.get('state') === asked.state);
        const [header, claims, signature] = answer.get('id_token').split('.');
        const { alg, kid } = read(header);
        need('alg', alg === 'RS256');
        const { keys } = await (await fetch(ISSUER + '/jwks')).json();
        const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
        const key = await crypto.subtle.importKey(
            'jwk', keys.find(key => key.kid === kid), algorithm, false, ['verify']);
        const message = ascii(header + '.' + claims);
        need('signature', await crypto.subtle.verify(algorithm, key, bytes(signature), message));
        const person = read(claims);
        need('issuer', person.iss === ISSUER);
        need('aud', person.aud === CLIENT);
        need('exp', person.exp > Date.now() / 1000);
        need('nonce', person.nonce === asked.nonce);
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', ascii(answer.get('access_token'))));
        const half = bytes(person.at_hash);
        need('at_hash', half.length === 16 && half.every((byte, at) => byte === hash[at]));
        const told = await (await fetch(ISSUER + '/userinfo', {
            headers: { authorization: 'Bearer ' + answer.get('access_token') },
        })).json();
        need('sub', told.sub === person.sub);
        return { sub: person.sub, sid: person.sid, email: told.email };
    };
";

/// The page: shows who is signed in here, and takes the answer from its fragment.
const APPLICATION: &str = r"
    const show = () => {
        const person = JSON.parse(localStorage.getItem('person'));
        say(person ? 'in' : 'out', person ? person.email : '');
    };
    addEventListener('storage', show);
    window.signIn = () => {
        const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), one => one.toString(16)).join('');
        const asked = { state: random(), nonce: random() };
        sessionStorage.setItem('asked', JSON.stringify(asked));
        location.href = ISSUER + '/authorize?' + new URLSearchParams({
            client_id: CLIENT, redirect_uri: location.origin + '/callback', response_type: 'id_token token',
            scope: 'openid email', ...asked,
        });
    };
    if (location.hash) {
        const answer = new URLSearchParams(location.hash.slice(1));
        history.replaceState(null, '', location.pathname);
        verify(answer).then(
            person => { localStorage.setItem('person', JSON.stringify(person)); show(); },
            error => say('refused', error.message));
    } else {
        show();
    }
";

/// The page that people's browsers load when a session ends (Front-Channel Logout 2).
const SIGNED_OUT: &str = r"
    const told = new URLSearchParams(location.search);
    const person = JSON.parse(localStorage.getItem('person'));
    if (person && told.get('iss') === ISSUER && told.get('sid') === person.sid) {
        localStorage.removeItem('person');
    }
";

struct House {
    provider: Provider,
    /// Where the application is.
    home: String,
    site: Site,
    /// What its scripts know from the start.
    named: String,
}

/// The application, which has no server and no secret, and another that has both.
async fn open() -> House {
    let site = Site::open().await;
    // On the provider's own site, or the browser gives its frame a storage of its own.
    let home = site.base.replace("127.0.0.1", "localhost");
    let page = ClientMetadata {
        grant_types: vec![GrantType::Implicit],
        response_types: vec!["id_token token".to_owned()],
        frontchannel_logout_uri: Some(format!("{home}/signed-out")),
        frontchannel_logout_session_required: true,
        ..metadata(&home)
    };
    let provider = provider()
        .await
        .client("page", page)
        .client("atlas", metadata(&site.base))
        .start()
        .await;
    let named = format!(
        "const ISSUER = {}; const CLIENT = 'page';",
        json!(provider.issuer)
    );
    site.run("/signed-out", &format!("{named}{SIGNED_OUT}"));
    let house = House {
        provider,
        home,
        site,
        named,
    };
    house.show();
    house
}

impl House {
    /// Signs in at the application, with the password.
    async fn sign_in(&self, page: &Page) {
        page.goto(&format!("{}/app", self.home)).await;
        page.eval::<()>("signIn()").await;
        fill_in_password(page).await;
        self.wait_for(page, "in").await;
    }

    /// Shows the application at its two addresses.
    fn show(&self) {
        for path in ["/app", "/callback"] {
            self.site
                .run(path, &format!("{}{READER}{APPLICATION}", self.named));
        }
    }

    /// An answer to a request with this state and nonce, taken out of the address before anyone has read it.
    async fn answer(&self, page: &Page) -> Vec<(String, String)> {
        self.site.run("/callback", "");
        let page_party = RelyingParty::of(&self.provider, "page");
        let url = page_party.authorize_url(&[
            ("response_type", "id_token token"),
            ("scope", "openid email"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
        ]);
        page.goto(&url).await;
        let url = page.wait_for_url(|url| url.contains("id_token=")).await;
        self.show();
        let (_, fragment) = url.split_once('#').unwrap();
        form_urlencoded::parse(fragment.as_bytes())
            .into_owned()
            .collect()
    }

    /// Comes to the application with an answer, as if it had asked with this nonce.
    async fn arrive(&self, page: &Page, nonce: &str, answer: &[(String, String)]) {
        page.goto(&format!("{}/app", self.home)).await;
        let asked = json!({ "state": "the-state", "nonce": nonce }).to_string();
        let keep = format!(
            "localStorage.clear(); sessionStorage.setItem('asked', {})",
            json!(asked)
        );
        page.eval::<()>(&keep).await;
        let fragment = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(answer)
            .finish();
        page.goto(&format!("{}/callback#{fragment}", self.home))
            .await;
        page.wait_for("body[data-state]").await;
    }

    async fn wait_for(&self, page: &Page, state: &str) {
        page.wait_for(&format!("body[data-state={state}]")).await;
    }

    async fn detail(&self, page: &Page) -> String {
        page.eval("document.body.dataset.detail").await
    }

    /// Signs in at the other application in this browser, without a password, and goes from there to sign out.
    async fn leave_at_atlas(&self, page: &Page) {
        let atlas = RelyingParty::of(&self.provider, "atlas");
        page.goto(&atlas.authorize_url(&[])).await;
        let url = page.wait_for_url(|url| url.contains("code=")).await;
        let tokens = atlas.redeem(&parameter(&url, "code"), &[]).await;
        let tokens = Tokens { all: tokens.json() };
        let home = format!("{}/", self.site.base);
        let url = atlas.end_session_url(&[
            ("id_token_hint", &tokens.get("id_token")),
            ("post_logout_redirect_uri", &home),
        ]);
        page.goto(&url).await;
        page.wait_for_url(|url| url.starts_with(&home)).await;
    }
}

/// The implicit application signs a person in in the browser, and they are signed out there when they leave elsewhere.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn an_application_that_is_a_page_reads_its_token_and_is_told_when_the_person_leaves_elsewhere()
 {
    let house = open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    house.sign_in(&page).await;
    assert_eq!(house.detail(&page).await, "ada@example.org");
    // The token does not stay in the address.
    assert_eq!(page.url().await, format!("{}/callback", house.home));

    // The open page hears of it from its own frame on the page of the sign-out.
    let elsewhere = browser.page("about:blank").await;
    house.leave_at_atlas(&elsewhere).await;
    house.wait_for(&page, "out").await;
    let kept: Value = page.eval("localStorage.getItem('person')").await;
    assert_eq!(kept, Value::Null);
    assert_eq!(house.site.asked("/signed-out?").len(), 1);
    assert_eq!(page.console_errors(), [""; 0]);
    assert_eq!(elsewhere.console_errors(), [""; 0]);
    house.provider.stop().await;
}

/// Attack 14: the answer to another's request, or one with another's token, put into this browser.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn an_application_that_is_a_page_can_tell_an_answer_that_is_not_its_own() {
    let house = open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    house.sign_in(&page).await;
    let answer = house.answer(&page).await;
    let with = |name: &str, change: &dyn Fn(&str) -> String| {
        let mut answer = answer.clone();
        for (known, value) in &mut answer {
            if known == name {
                *value = change(value);
            }
        }
        answer
    };
    let other_claims = |token: &str| {
        let parts: Vec<&str> = token.split('.').collect();
        format!("{}.e30.{}", parts[0], parts[2])
    };
    house.arrive(&page, "the-nonce", &answer).await;
    assert_eq!(house.detail(&page).await, "ada@example.org");
    for (nonce, answer, refused) in [
        ("another", answer.clone(), "nonce"),
        (
            "the-nonce",
            with("state", &|_| "another".to_owned()),
            "state",
        ),
        (
            "the-nonce",
            with("access_token", &|token| token.replace('.', "x")),
            "at_hash",
        ),
        ("the-nonce", with("id_token", &other_claims), "signature"),
    ] {
        house.arrive(&page, nonce, &answer).await;
        assert_eq!(house.detail(&page).await, refused);
    }
    house.provider.stop().await;
}
