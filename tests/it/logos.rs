//! Logos and links of applications where people decide about them: fetched by us, checked, and served by us.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;
use exeunt::config::Config;
use exeunt::oidc::client::ClientMetadata;

use crate::support::eventually;
use crate::support::ledger::{ledger_with, open, sign_in};
use crate::support::provider::{Provider, Wish, metadata};
use crate::support::relying_party::RelyingParty;
use crate::support::server::serve;
use crate::support::visitor::{Answer, Visitor};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

/// What the application's own server answers to whoever wants its logo.
#[derive(Clone)]
struct Studio {
    base: String,
    answers: Arc<Mutex<(u16, Vec<u8>)>>,
    asked: Arc<Mutex<Vec<String>>>,
    handle: ServerHandle,
}

impl Studio {
    async fn open(picture: &[u8]) -> Self {
        let answers = Arc::new(Mutex::new((200, picture.to_vec())));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = web::Data::new((Arc::clone(&answers), Arc::clone(&asked)));
        let (port, handle) = serve(None, move |app| {
            app.app_data(shared.clone())
                .default_service(web::to(answer));
        });
        Self {
            base: format!("http://127.0.0.1:{port}"),
            answers,
            asked,
            handle,
        }
    }

    fn logo_uri(&self) -> Option<String> {
        Some(format!("{}/logo.png", self.base))
    }

    /// Answers so from now on.
    fn answer(&self, status: u16, body: &[u8]) {
        *self.answers.lock().unwrap() = (status, body.to_vec());
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

type Shared = (Arc<Mutex<(u16, Vec<u8>)>>, Arc<Mutex<Vec<String>>>);

async fn answer(shared: web::Data<Shared>, request: HttpRequest) -> HttpResponse {
    shared.1.lock().unwrap().push(request.uri().to_string());
    let (status, body) = shared.0.lock().unwrap().clone();
    if status == 0 {
        std::future::pending::<()>().await;
    }
    // What it calls itself does not count.
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap())
        .insert_header(("content-type", "text/html"))
        .insert_header(("location", "/logo.png"))
        .body(body)
}

/// A provider whose client `ledger` has its logo at this address. Its clock stands still, so that a page waits for as
/// long as the machine takes.
async fn with_logo(logo_uri: Option<String>) -> Wish {
    ledger_with(|metadata| metadata.logo_uri = logo_uri)
        .await
        .manual_clock()
}

/// The sign-in page, as a new visitor sees it.
async fn page(provider: &Provider) -> Answer {
    let party = RelyingParty::of(provider, "ledger");
    let page = open(&Visitor::default(), &party.authorize_url(&[])).await;
    assert_eq!(page.page(), "page-sign-in");
    page
}

fn logo_of(page: &Answer) -> Option<String> {
    let mut found = page.attributes("img", "src");
    assert!(found.len() <= 1);
    found.pop()
}

async fn served(provider: &Provider, page: &Answer) -> Answer {
    let path = logo_of(page).unwrap_or_else(|| panic!("no logo: {}", page.body));
    assert!(path.starts_with("/logo/"), "{path}");
    Visitor::default().get(&provider.url(&path)).await
}

/// Attack 69: a picture whose address makes a browser read something else in it.
#[actix_web::test]
async fn a_logo_is_shown_from_our_own_address_as_what_it_is_and_as_nothing_else() {
    let studio = Studio::open(PNG).await;
    let provider = with_logo(studio.logo_uri()).await.start().await;
    let first = page(&provider).await;
    assert_eq!(first.attributes("img", "alt"), [""]);
    // Nothing on the page leads there but through us.
    assert!(!first.body.contains(&studio.base));
    let image = served(&provider, &first).await;
    assert_eq!(image.status, 200);
    assert_eq!(image.header("content-type"), "image/png");
    assert_eq!(image.header("x-content-type-options"), "nosniff");
    assert_eq!(image.header("cross-origin-resource-policy"), "same-origin");
    let policy = image.header("content-security-policy");
    for wanted in ["default-src 'none'", "sandbox", "frame-ancestors 'none'"] {
        assert!(policy.contains(wanted), "{policy}");
    }
    assert!(image.body.contains("and what follows"));

    // Fetched once, whoever looks and at whichever node.
    page(&provider).await;
    let provider = provider.restart(|_| {}).await;
    page(&provider).await;
    assert_eq!(studio.asked(), 1);
    let nothing = provider.url("/logo/AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(Visitor::default().get(&nothing).await.status, 404);
    studio.handle.stop(false).await;
    provider.stop().await;
}

/// Attack 69: scripts in what is called a logo, and more than one.
#[actix_web::test]
async fn what_is_no_picture_is_not_shown_and_the_page_is_whole_without_it() {
    let long = [PNG, &[0; 128 * 1024]].concat();
    let cases: [(u16, &[u8]); 6] = [
        (
            200,
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        ),
        (200, b"<!doctype html><script>alert(1)</script>"),
        (200, b""),
        (404, PNG),
        (302, PNG),
        (200, &long),
    ];
    for (status, body) in cases {
        let studio = Studio::open(b"").await;
        studio.answer(status, body);
        let provider = with_logo(studio.logo_uri()).await.start().await;
        let page = page(&provider).await;
        assert_eq!(logo_of(&page), None, "{status} {body:.20?}");
        assert_eq!(page.text(".destination .mark").unwrap(), "L");
        // It is not asked again for every page.
        assert_eq!(studio.asked(), 1);
        studio.handle.stop(false).await;
        provider.stop().await;
    }
}

/// Attack 77 (CVE-2021-26715): a logo in the operator's own network, which the provider would fetch for a stranger.
#[actix_web::test]
async fn a_logo_in_a_network_that_is_not_the_clients_is_not_fetched() {
    let studio = Studio::open(PNG).await;
    let nowhere = |config: &mut Config| {
        config.outbound.allow_private_networks.clear();
        let cellar = vec!["127.0.0.0/8".parse().unwrap()];
        config
            .outbound
            .private_networks
            .insert("cellar".to_owned(), cellar);
    };
    let inside = ClientMetadata {
        logo_uri: studio.logo_uri(),
        private_networks: vec!["cellar".to_owned()],
        ..metadata("https://atlas.example")
    };
    let provider = with_logo(studio.logo_uri())
        .await
        .configure(nowhere)
        .client("atlas", inside)
        .start()
        .await;
    let page_of = async |client_id: &str| {
        let party = RelyingParty::of(&provider, client_id);
        open(&Visitor::default(), &party.authorize_url(&[])).await
    };
    assert_eq!(logo_of(&page_of("ledger").await), None);
    assert_eq!(studio.asked(), 0);
    // Who lives there may, and what was fetched for them is not shown to others who name the same address.
    assert!(logo_of(&page_of("atlas").await).is_some());
    assert_eq!(studio.asked(), 1);
    assert_eq!(logo_of(&page_of("ledger").await), None);
    studio.handle.stop(false).await;
    provider.stop().await;
}

#[actix_web::test]
async fn a_logo_that_is_slow_does_not_hold_the_page_up() {
    let studio = Studio::open(PNG).await;
    studio.answer(0, b"");
    let provider = with_logo(studio.logo_uri()).await.start().await;
    let (party, visitor) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let url = party.authorize_url(&[]);
    let waiting = open(&visitor, &url);
    let tick = async {
        let asked = eventually(async || (studio.asked() == 1).then_some(())).await;
        assert!(asked.is_some());
        provider.advance(TimeDelta::milliseconds(500));
    };
    let (page, ()) = futures_util::future::join(waiting, tick).await;
    assert_eq!(page.page(), "page-sign-in");
    assert_eq!(logo_of(&page), None);
    studio.handle.stop(false).await;
    provider.stop().await;
}

#[actix_web::test]
async fn a_new_logo_is_seen_a_day_later_and_one_that_fails_then_stays_as_it_was() {
    let studio = Studio::open(PNG).await;
    let provider = with_logo(studio.logo_uri()).await.start().await;
    let first = logo_of(&page(&provider).await);
    assert!(first.is_some());
    studio.answer(200, b"GIF89a and what follows");
    provider.advance(TimeDelta::days(1) - TimeDelta::minutes(1));
    assert_eq!(logo_of(&page(&provider).await), first);
    assert_eq!(studio.asked(), 1);
    provider.advance(TimeDelta::minutes(1));
    // The old one is shown while the new one is on its way.
    assert_eq!(logo_of(&page(&provider).await), first);
    let second =
        eventually(async || Some(page(&provider).await).filter(|page| logo_of(page) != first));
    let second = second.await.expect("the new logo is shown");
    let image = served(&provider, &second).await;
    assert_eq!(image.header("content-type"), "image/gif");
    assert_eq!(studio.asked(), 2);

    studio.answer(500, b"");
    provider.advance(TimeDelta::days(1));
    page(&provider).await;
    let tried = eventually(async || (studio.asked() == 3).then_some(()));
    assert!(tried.await.is_some());
    assert_eq!(logo_of(&page(&provider).await), logo_of(&second));
    studio.handle.stop(false).await;
    provider.stop().await;
}

/// An application that takes its logo away has it taken away here.
#[actix_web::test]
async fn a_logo_that_is_not_found_or_gone_when_it_is_looked_at_again_is_shown_no_more() {
    for status in [404, 410] {
        let studio = Studio::open(PNG).await;
        let provider = with_logo(studio.logo_uri()).await.start().await;
        let first = page(&provider).await;
        assert_eq!(served(&provider, &first).await.status, 200);
        studio.answer(status, b"");
        provider.advance(TimeDelta::days(1));
        let without =
            eventually(async || Some(page(&provider).await).filter(|page| logo_of(page).is_none()));
        assert!(without.await.is_some(), "{status}");
        assert_eq!(served(&provider, &first).await.status, 404);
        assert_eq!(studio.asked(), 2);
        // It may come back.
        studio.answer(200, PNG);
        provider.advance(TimeDelta::minutes(10));
        let again = eventually(async || logo_of(&page(&provider).await));
        assert_eq!(again.await, logo_of(&first));
        studio.handle.stop(false).await;
        provider.stop().await;
    }
}

/// Attack 69: links of an application that run a script, or that anyone on the way can change.
#[actix_web::test]
async fn the_applications_own_pages_are_linked_where_people_sign_in_and_consent() {
    let provider = ledger_with(|metadata| {
        metadata.skip_consent = false;
        metadata.client_uri = Some("https://ledger.example/".to_owned());
        metadata.policy_uri = Some("https://ledger.example/privacy?a=1&b=2".to_owned());
        metadata.tos_uri = Some("http://ledger.example/terms".to_owned());
    })
    .await
    .start()
    .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let page = open(&ada, &party.authorize_url(&[])).await;
    let consent = sign_in(&ada, &page).await;
    assert_eq!(consent.page(), "page-consent");
    for page in [page, consent] {
        assert_eq!(
            page.attributes("#about a", "href"),
            [
                "https://ledger.example/",
                "https://ledger.example/privacy?a=1&b=2"
            ]
        );
        for rel in page.attributes("#about a", "rel") {
            assert_eq!(rel, "noopener noreferrer");
        }
        assert!(
            page.text("#client-uri")
                .unwrap()
                .starts_with("ledger.example")
        );
    }
    provider.stop().await;
}
