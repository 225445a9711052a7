//! Signing in through other providers: the buttons that lead there, and the address of each to which it sends people back.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::account::{links, sign_in as account_sign_in};
use super::authorize::{self, Answerable};
use super::cookies::{self, Kind};
use super::error::{PageError, see_other, there};
use super::pages::{SignInNotice, UpstreamButton};
use super::visitor::Visitor;
use super::{account, check_session, parked, sign_in};
use crate::flows::sign_in::BrowserCookies;
use crate::flows::upstream::admit::{Browser, admit};
use crate::flows::upstream::finish::{Arrived, Identified, finish};
use crate::flows::upstream::start::{Started, start};
use crate::flows::upstream::{Purpose, link, refresh_tokens};
use crate::oidc::params::Params;
use crate::oidc::upstream::answer::Problem;
use crate::oidc::upstream::request::Wanted;
use crate::oidc::upstream::{CALLBACKS, Upstream};
use crate::store::{passwords, upstreams};

/// Where they are.
pub(super) const PATH: &str = CALLBACKS;

/// How one can sign in.
pub(super) struct Doors {
    pub upstreams: Vec<Upstream>,
    /// Whether anybody has a password here.
    pub passwords: bool,
}

impl Doors {
    pub(super) async fn of(visitor: &Visitor) -> Result<Self, PageError> {
        let db = visitor.provider.database.read();
        let upstreams = upstreams::list_enabled(db).await?;
        let passwords = upstreams.is_empty() || passwords::is_any(db).await?;
        Ok(Self {
            upstreams,
            passwords,
        })
    }

    /// The one through which somebody goes without being asked: the one of their address's domain, or the only one.
    pub(super) fn straight_through(&self, login_hint: Option<&str>) -> Option<&Upstream> {
        if let ([only], false) = (self.upstreams.as_slice(), self.passwords) {
            return Some(only);
        }
        let hint = login_hint?;
        self.upstreams.iter().find(|upstream| upstream.is_for(hint))
    }

    pub(super) fn buttons(&self) -> Vec<UpstreamButton> {
        let button = |upstream: &Upstream| UpstreamButton {
            id: upstream.id.clone(),
            label: upstream.label.clone(),
            logo: upstream.logo.clone(),
        };
        self.upstreams.iter().map(button).collect()
    }
}

/// Sends the browser to an upstream; none when that does not answer.
pub(super) async fn go(
    visitor: &Visitor,
    id: &str,
    purpose: Purpose,
    wanted: &Wanted,
) -> Result<Option<HttpResponse>, PageError> {
    let provider = &visitor.provider;
    let known = visitor.browser_cookie.clone();
    let browser = known.clone().unwrap_or_else(|| provider.random.secret());
    let address = visitor.address;
    let mut response = match start(provider, id, purpose, wanted, &browser, address).await? {
        Started::At(location) => see_other(&location),
        Started::Unavailable => return Ok(None),
        Started::Unknown => return Err(PageError::NotFound),
        Started::TooOften(again_at) => {
            return Err(PageError::TooOften(again_at - provider.clock.now()));
        }
    };
    if known.is_none() {
        let cookie = Kind::Browser.set(&provider.config, browser, None);
        cookies::add(&mut response, [cookie])?;
    }
    Ok(Some(response))
}

/// As [`go`], for an application's request that waits.
pub(super) async fn go_for(
    visitor: &Visitor,
    id: &str,
    answerable: &Answerable,
    handle: &str,
) -> Result<Option<HttpResponse>, PageError> {
    let wanted = match &answerable.request {
        Ok(request) => Wanted::by(request, &answerable.params),
        Err(_) => Wanted::default(),
    };
    go(
        visitor,
        id,
        Purpose::Interaction(handle.to_owned()),
        &wanted,
    )
    .await
}

/// HEAD: nothing is looked at, since each answer counts once.
pub(super) async fn head() -> HttpResponse {
    there()
}

/// Somebody comes back by a form, which another site's page posts without our cookies: it comes back by GET with them.
pub(super) async fn post(visitor: Visitor, request: HttpRequest, body: Bytes) -> HttpResponse {
    let answer = async {
        let params = parked::of_post(&request, &body)?;
        // Only what could be an answer is kept.
        params.require("state")?;
        let known = known(&visitor, &request).await?;
        let path = format!("{PATH}/{}/callback", known.id);
        parked::come_back(&visitor, &path, &params).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The upstream whose address it is.
pub(super) async fn known(visitor: &Visitor, request: &HttpRequest) -> Result<Upstream, PageError> {
    let id = request.match_info().get("id").unwrap_or_default();
    let known = upstreams::find(visitor.provider.database.read(), id).await?;
    let known = known.filter(|known| known.disabled_at.is_none());
    known.map(|known| known.upstream).ok_or(PageError::NotFound)
}

/// Somebody comes back.
pub(super) async fn get(mut visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let known = known(&visitor, &request).await?;
        let params = parked::of_get(&visitor, &request).await?;
        let params = params.ok_or(PageError::Expired)?;
        let browser = visitor.browser_cookie.clone().ok_or(PageError::Expired)?;
        let provider = visitor.provider.clone().into_inner();
        let arrived = finish(&provider, &known.id, &params, &browser).await?;
        let arrived = arrived.ok_or(PageError::Expired)?;
        let identified = arrived.outcome.as_ref().ok();
        let refresh_token = identified.and_then(|identified| identified.refresh_token);
        let answer = go_where_they_wanted(&mut visitor, arrived).await;
        // Wherever that was, and whatever stood in the way: what no session keeps is taken back.
        refresh_tokens::let_go(&provider, refresh_token).await;
        answer
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

async fn go_where_they_wanted(
    visitor: &mut Visitor,
    arrived: Arrived,
) -> Result<HttpResponse, PageError> {
    let Arrived {
        purpose,
        upstream,
        outcome,
    } = arrived;
    match purpose {
        Purpose::Interaction(handle) => go_on(visitor, &handle, &upstream, outcome).await,
        Purpose::Account => to_account(visitor, &upstream, outcome, None).await,
        Purpose::Invitation(id) => to_account(visitor, &upstream, outcome, Some(id)).await,
        Purpose::Link(session_id) => link_to(visitor, session_id, &upstream, outcome).await,
    }
}

async fn link_to(
    visitor: &Visitor,
    session_id: Uuid,
    upstream: &Upstream,
    outcome: Result<Identified, Problem>,
) -> Result<HttpResponse, PageError> {
    let session = visitor.session().await?;
    // Who is signed in by now may be another than the one who wanted it (attack 72).
    let session = session.filter(|session| session.id == session_id);
    let session = session.ok_or(PageError::Expired)?;
    let linked = match outcome {
        Ok(identified) => link::link(&visitor.provider, upstream, &identified, &session).await?,
        Err(problem) => Err(problem),
    };
    match linked {
        Ok(()) => Ok(see_other(&visitor.path(account::PATH))),
        Err(problem) => links::not_linked(visitor, &session, problem).await,
    }
}

/// The application's request goes on, or the person is told why not and can try otherwise.
async fn go_on(
    visitor: &mut Visitor,
    handle: &str,
    upstream: &Upstream,
    outcome: Result<Identified, Problem>,
) -> Result<HttpResponse, PageError> {
    let params = Params::from_pairs([("interaction".to_owned(), handle.to_owned())])?;
    let (interaction, answerable) = authorize::waiting(visitor, &params).await?;
    let given = match let_in(visitor, upstream, outcome, None).await? {
        Ok(given) => given,
        Err(problem) => {
            let notice = Some(SignInNotice::Upstream(problem));
            return sign_in::page(visitor, &answerable, &params, "", notice).await;
        }
    };
    let signed_in = check_session::signed_in(visitor, given);
    let mut response = authorize::advance(visitor, &answerable, Some((handle, &interaction)))
        .await
        // They are signed in, whatever happens to the request.
        .unwrap_or_else(|error| error.page(visitor));
    cookies::add(&mut response, signed_in)?;
    Ok(response)
}

async fn to_account(
    visitor: &mut Visitor,
    upstream: &Upstream,
    outcome: Result<Identified, Problem>,
    invitation: Option<Uuid>,
) -> Result<HttpResponse, PageError> {
    match let_in(visitor, upstream, outcome, invitation).await? {
        Ok(given) => {
            let signed_in = check_session::signed_in(visitor, given);
            let mut response = see_other(&visitor.path(account::PATH));
            cookies::add(&mut response, signed_in)?;
            Ok(response)
        }
        Err(problem) => {
            let notice = Some(SignInNotice::Upstream(problem));
            account_sign_in::page(visitor, "", notice).await
        }
    }
}

async fn let_in(
    visitor: &Visitor,
    upstream: &Upstream,
    outcome: Result<Identified, Problem>,
    invitation: Option<Uuid>,
) -> Result<Result<BrowserCookies, Problem>, PageError> {
    let identified = match outcome {
        Ok(identified) => identified,
        Err(problem) => return Ok(Err(problem)),
    };
    let browser = Browser {
        user_agent: &visitor.user_agent,
        cookie: visitor.session_cookie.as_deref(),
    };
    let provider = &visitor.provider;
    Ok(admit(provider, upstream, &identified, &browser, invitation).await?)
}

/// The status of a sign-in page with this notice.
pub(super) fn status(notice: Option<SignInNotice>) -> StatusCode {
    match notice {
        Some(SignInNotice::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInNotice::Upstream(Problem::Unavailable)) => StatusCode::BAD_GATEWAY,
        Some(SignInNotice::Upstream(
            Problem::NotAdmitted | Problem::InvitationOver | Problem::AnotherClass,
        )) => StatusCode::FORBIDDEN,
        _ => StatusCode::OK,
    }
}
