//! A provider with applications that answer in every way there is, for a real browser to walk through.

use exeunt::config::Config;
use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::Service;
use url::Url;

use super::browser::Page;
use super::provider::{PASSWORD, Provider, metadata, provider};
use super::relying_party::{Ear, RelyingParty, Reply, Tokens};
use super::services::service;
use super::site::{LOGO, Site};

/// What Observatory may ask for: words of ours, one of its own, and some of services.
const OBSERVATORY_SCOPE: &str = "openid profile email phone offline_access observatory.read \
                                 plates.read plates.write sky.read";

/// How it asks for nearly all of it, and for a claim that none of these scopes brings.
pub const CONSENT: [(&str, &str); 3] = [
    (
        "scope",
        "openid profile email offline_access observatory.read",
    ),
    ("claims", r#"{"userinfo":{"phone_number":null}}"#),
    ("prompt", "consent"),
];

/// How it asks for one service.
pub const CONSENT_SERVICE: [(&str, &str); 3] = [
    ("scope", "openid profile plates.read"),
    ("resource", PLATES),
    ("prompt", "consent"),
];

/// How it asks for several: one whose tokens tell of the person, one with permissions of its own, and one that has nothing but
/// its identifier.
pub const CONSENT_SERVICES: [(&str, &str); 5] = [
    (
        "scope",
        "openid profile offline_access plates.read plates.write sky.read",
    ),
    ("resource", PLATES),
    ("resource", SKY),
    ("resource", MEASUREMENTS),
    ("prompt", "consent"),
];

const PLATES: &str = "https://plates.example/";
const SKY: &str = "https://sky.example/";
const MEASUREMENTS: &str = "https://measurements.observatory.example/api/v2/";

/// The services that Observatory asks for.
fn services() -> [Service; 3] {
    let named = |identifier, name: &str, scope: &str| Service {
        name: Some(name.to_owned()),
        scope: Scope::parse(scope).unwrap(),
        ..service(identifier)
    };
    [
        Service {
            claims: vec!["name".to_owned(), "picture".to_owned()],
            ..named(PLATES, "Plate Archive", "plates.read plates.write")
        },
        named(SKY, "Sky Survey", "sky.read"),
        service(MEASUREMENTS),
    ]
}

/// The provider at `localhost`, and applications whose pages are all on another site.
pub struct Stage {
    /// The provider.
    pub provider: Provider,
    /// Where every application's pages are, framed ones included.
    pub site: Site,
    /// Where Ledger hears of sign-outs.
    pub ledger: Ear,
    /// Where Atlas does.
    pub atlas: Ear,
    // It refuses every notice, and lives as long as the stage.
    _harbour: Ear,
}

impl Stage {
    /// Ledger and Atlas hear on the back channel; Harbour does too, and refuses; Gallery is framed; Archive cannot be
    /// told; Observatory and Lighthouse ask for consent.
    pub async fn open(change: impl FnOnce(&mut Config)) -> Self {
        let site = Site::open().await;
        let (ledger, atlas, harbour) = (Ear::open().await, Ear::open().await, Ear::open().await);
        harbour.answer(Reply::Status(400));
        let named = |name: &str| ClientMetadata {
            client_name: Some(name.to_owned()),
            ..metadata(&site.base)
        };
        let heard_by = |name: &str, ear: &Ear| ClientMetadata {
            backchannel_logout_uri: Some(ear.backchannel_logout_uri()),
            ..named(name)
        };
        let gallery = ClientMetadata {
            frontchannel_logout_uri: Some(format!("{}/frontchannel?room=1", site.base)),
            ..named("Gallery")
        };
        let observatory = ClientMetadata {
            logo_uri: Some(format!("{}{LOGO}", site.base)),
            client_uri: Some("https://observatory.example/".to_owned()),
            policy_uri: Some("https://observatory.example/privacy".to_owned()),
            tos_uri: Some("https://observatory.example/terms".to_owned()),
            initiate_login_uri: Some(format!("{}/login", site.base)),
            skip_consent: false,
            scope: Some(OBSERVATORY_SCOPE.to_owned()),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            ..named("Observatory")
        };
        let lighthouse = ClientMetadata {
            skip_consent: false,
            ..named("Lighthouse")
        };
        let wish = services()
            .into_iter()
            .fold(provider().await, |wish, service| wish.service(service));
        let provider = wish
            .client("ledger", heard_by("Ledger", &ledger))
            .client("atlas", heard_by("Atlas", &atlas))
            .client("harbour", heard_by("Harbour", &harbour))
            .client("gallery", gallery)
            .client("archive", named("Archive"))
            .client("observatory", observatory)
            .client("lighthouse", lighthouse)
            .configure(change)
            .start()
            .await;
        Self {
            provider,
            site,
            ledger,
            atlas,
            _harbour: harbour,
        }
    }

    /// An application.
    pub fn party(&self, client_id: &str) -> RelyingParty {
        RelyingParty::of(&self.provider, client_id)
    }

    /// Signs in at the application in this tab, with the password where it is asked for.
    pub async fn sign_in(&self, page: &Page, client_id: &str) -> Tokens {
        let party = self.party(client_id);
        page.goto(&party.authorize_url(&[])).await;
        if page.url().await.starts_with(&self.provider.issuer) {
            fill_in_password(page).await;
        }
        self.arrive(page, &party).await
    }

    /// Waits until the tab is back at the application with a code, and redeems it.
    pub async fn arrive(&self, page: &Page, party: &RelyingParty) -> Tokens {
        let url = page
            .wait_for_url(|url| url.starts_with(&party.redirect_uri) && url.contains("code="))
            .await;
        let answer = party.redeem(&parameter(&url, "code"), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Tokens { all: answer.json() }
    }

    /// Where Ledger sends somebody who signs out there.
    pub fn sign_out_url(&self, tokens: &Tokens) -> String {
        let fields = [
            ("id_token_hint", tokens.get("id_token")),
            ("post_logout_redirect_uri", self.home()),
            ("state", "bye".to_owned()),
        ];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        self.party("ledger").end_session_url(&fields)
    }

    /// The applications' registered `post_logout_redirect_uri`.
    pub fn home(&self) -> String {
        format!("{}/", self.site.base)
    }
}

/// Fills in the sign-in page as ada.
pub async fn fill_in_password(page: &Page) {
    page.wait_for("#page-sign-in").await;
    page.fill("#username", "ada").await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-in").await;
}

/// A parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(known, _)| known == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {url}"))
        .1
        .into_owned()
}
