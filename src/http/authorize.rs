//! The authorization endpoint (Core §3.1.2), and how a request goes on after each page.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::cookies::{self, Kind};
use super::error::{self, PageError, html, see_other, there};
use super::pages::{Form, FormPost};
use super::visitor::Visitor;
use super::{check_session, consent, parked, sign_in};
use crate::flows::authorize::{self, Issued};
use crate::flows::{request_objects, services};
use crate::oidc::authorization::decision::NextStep;
use crate::oidc::authorization::response::Delivery;
use crate::oidc::authorization::{AuthorizationRequest, ReplyTo};
use crate::oidc::client::Client;
use crate::oidc::discovery::AUTHORIZATION;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::store::clients;
use crate::store::interactions::Interaction;

/// How often a request is decided, at most, while what that rests on changes between the decision and the answer.
const DECISIONS: usize = 3;

/// An authorization request that may be answered at its client.
pub(super) struct Answerable {
    pub client: Client,
    pub reply_to: ReplyTo,
    /// The whole request: an object has been merged into it, and is not looked for again.
    pub params: Params,
    /// Sound, or what to answer the client.
    pub request: Result<AuthorizationRequest, OAuthError>,
}

impl Answerable {
    /// Who asks, what its request object says if there is one, where the answer may go, and only then what is asked.
    pub(super) async fn read(visitor: &Visitor, params: Params) -> Result<Self, PageError> {
        let client_id = params.require("client_id")?;
        let provider = &visitor.provider;
        let client = clients::find_enabled(provider.database.read(), client_id)
            .await?
            .ok_or(PageError::UnknownClient)?;
        let (params, refusal) = match request_objects::resolve(provider, &client, &params).await? {
            None => (params, None),
            Some(Ok(merged)) => (merged, None),
            Some(Err(refusal)) => (params, Some(refusal)),
        };
        let reply_to = match (ReplyTo::establish(&params, &client), &refusal) {
            (Ok(reply_to), _) => reply_to,
            (Err(_), Some(refusal)) => return Err(refusal.clone().into()),
            (Err(cause), None) => {
                let application = client.name().to_owned();
                return Err(PageError::Unanswerable { application, cause });
            }
        };
        let issuer = &provider.config.issuer;
        let request = match refusal {
            None => {
                let named = services::named(provider, &params).await?;
                AuthorizationRequest::parse(&params, &client, issuer, &named)
            }
            Some(refusal) => Err(refusal),
        };
        Ok(Self {
            client,
            reply_to,
            params,
            request,
        })
    }

    pub(super) async fn refuse(
        &self,
        visitor: &Visitor,
        refusal: &OAuthError,
    ) -> Result<HttpResponse, PageError> {
        let issuer = &visitor.provider.config.issuer;
        self.answer(visitor, |reply_to| reply_to.error(issuer, refusal))
            .await
    }

    /// Answers the client, and tells it the browser's state where that is on.
    async fn answer(
        &self,
        visitor: &Visitor,
        with: impl FnOnce(ReplyTo) -> Delivery,
    ) -> Result<HttpResponse, PageError> {
        let state = check_session::browser_state(visitor).await?;
        let told = state
            .as_ref()
            .and_then(|state| state.told_to(visitor, &self.client, &self.reply_to));
        let mut response = self.deliver(visitor, with(self.reply_to.clone().telling(told)));
        let cookie = state.and_then(|state| state.cookie(visitor));
        cookies::add(&mut response, cookie)?;
        Ok(response)
    }

    fn deliver(&self, visitor: &Visitor, delivery: Delivery) -> HttpResponse {
        match delivery {
            Delivery::Redirect(location) => see_other(&location),
            Delivery::FormPost { action, fields } => {
                let form = fields
                    .into_iter()
                    .fold(Form::to(action), |form, (name, value)| {
                        form.with(name, value)
                    });
                let application = self.client.name().to_owned();
                let ui = visitor.ui(self.params.get("ui_locales"));
                html(
                    StatusCode::OK,
                    &FormPost {
                        ui,
                        application,
                        form,
                    },
                )
            }
        }
    }
}

/// GET, and the second half of a POST from another site.
pub(super) async fn get(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = parked::of_get(&visitor, &request).await?;
        begin(&visitor, params.ok_or(PageError::Expired)?).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// HEAD: refused where GET is, and nothing waits for anybody afterwards.
pub(super) async fn head(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes())?;
        if !parked::is_kept(&params) {
            Answerable::read(&visitor, params).await?;
        }
        Ok(there())
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// POST. One that comes from another site brings none of our cookies: it is parked and comes back by
/// GET, where they come along, so that nobody is asked to sign in who is signed in.
pub(super) async fn post(visitor: Visitor, request: HttpRequest, body: Bytes) -> HttpResponse {
    let answer = async {
        let params = parked::of_post(&request, &body)?;
        if visitor.has_cookies() {
            return begin(&visitor, params).await;
        }
        // Only what could be answered is kept.
        let answerable = Answerable::read(&visitor, params).await?;
        parked::come_back(&visitor, AUTHORIZATION, &answerable.params).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

async fn begin(visitor: &Visitor, params: Params) -> Result<HttpResponse, PageError> {
    let answerable = Answerable::read(visitor, params).await?;
    advance(visitor, &answerable, None).await
}

/// The parked request that a page's form belongs to.
pub(super) async fn waiting(
    visitor: &Visitor,
    params: &Params,
) -> Result<(Interaction, Answerable), PageError> {
    let (handle, browser) = named(visitor, params)?;
    let known = authorize::parked(&visitor.provider, handle, browser).await?;
    read_again(visitor, known).await
}

/// Who may have answered the request of a form that comes a second time: the browser may have dropped the first answer, and
/// is given another.
pub(super) enum By<'a> {
    /// This person, who is signed in.
    Person(Uuid),
    /// Whom a sign-in form names, if they are signed in by now.
    Name(&'a str),
}

/// As [`waiting`], or what they have answered in this browser a moment ago; says whether it is that.
pub(super) async fn waiting_or_answered(
    visitor: &Visitor,
    params: &Params,
    by: By<'_>,
) -> Result<(Interaction, Answerable, bool), PageError> {
    let (handle, browser) = named(visitor, params)?;
    let provider = &visitor.provider;
    let waiting = authorize::parked(provider, handle, browser).await?;
    let is_again = waiting.is_none();
    let known = match (waiting, by) {
        (Some(waiting), _) => Some(waiting),
        (None, By::Person(user_id)) => {
            authorize::answered(provider, handle, browser, user_id).await?
        }
        (None, By::Name(username)) => {
            authorize::signed_in_and_answered(provider, handle, browser, username).await?
        }
    };
    let (interaction, answerable) = read_again(visitor, known).await?;
    Ok((interaction, answerable, is_again))
}

/// The handle and the browser's own cookie: what a parked request is found by.
fn named<'a>(visitor: &'a Visitor, params: &'a Params) -> Result<(&'a str, &'a str), PageError> {
    let handle = params.get("interaction");
    let named = handle.zip(visitor.browser_cookie.as_deref());
    named.ok_or(PageError::Expired)
}

async fn read_again(
    visitor: &Visitor,
    known: Option<Interaction>,
) -> Result<(Interaction, Answerable), PageError> {
    let interaction = known.ok_or(PageError::Expired)?;
    let params = Params::parse(interaction.params.as_bytes())?;
    let answerable = Answerable::read(visitor, params).await?;
    Ok((interaction, answerable))
}

/// HEAD of a page where a request waits.
pub(super) async fn head_of_waiting(visitor: &Visitor, request: &HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes())?;
        waiting(visitor, &params).await?;
        Ok(there())
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(visitor))
}

/// Decides, and does what was decided. What goes wrong with us on the way the client hears (RFC 6749 §4.1.2.1): where it may
/// be answered is known by now.
pub(super) async fn advance(
    visitor: &Visitor,
    answerable: &Answerable,
    interaction: Option<(&str, &Interaction)>,
) -> Result<HttpResponse, PageError> {
    match decide(visitor, answerable, interaction).await {
        Err(PageError::Internal(why)) => {
            let issuer = &visitor.provider.config.issuer;
            // Without the browser's state: it may be what could not be read.
            let told = answerable.reply_to.error(issuer, &error::ours(&why));
            Ok(answerable.deliver(visitor, told))
        }
        answer => answer,
    }
}

async fn decide(
    visitor: &Visitor,
    answerable: &Answerable,
    interaction: Option<(&str, &Interaction)>,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let request = match &answerable.request {
        Ok(request) => request,
        Err(refusal) => return answerable.refuse(visitor, refusal).await,
    };
    let (handle, interaction) = interaction.unzip();
    let requested_at = interaction.map_or_else(|| provider.clock.now(), |known| known.requested_at);
    let client = &answerable.client;
    for _ in 0..DECISIONS {
        let session = visitor.session().await?;
        let step = authorize::decide(provider, client, request, requested_at, session.as_ref());
        let step = step.await?;
        let page = match (step, session) {
            (NextStep::Refuse(refusal), _) => {
                if let Some(interaction) = interaction {
                    authorize::give_up(provider, interaction).await?;
                }
                return answerable.refuse(visitor, &refusal).await;
            }
            (NextStep::Issue(permission), Some(session)) => {
                let issued = authorize::issue(
                    provider,
                    client,
                    &answerable.reply_to,
                    request,
                    &permission,
                    &session,
                    interaction,
                );
                let granted = match issued.await? {
                    Issued::Granted(granted) => granted,
                    Issued::Undecided => continue,
                    Issued::Over => return Err(PageError::Expired),
                };
                let issuer = &provider.config.issuer;
                return answerable
                    .answer(visitor, |reply_to| reply_to.success(issuer, granted))
                    .await;
            }
            (NextStep::Consent(_), Some(_)) => consent::PATH,
            (NextStep::SignIn(_) | NextStep::Consent(_) | NextStep::Issue(_), _) => sign_in::PATH,
        };
        return wait_at(visitor, page, answerable, handle).await;
    }
    Err(PageError::Expired)
}

/// Sends the browser to a page, where the request waits for what the person does.
async fn wait_at(
    visitor: &Visitor,
    page: &str,
    answerable: &Answerable,
    handle: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let to = |handle: &str| visitor.path(&format!("{page}?interaction={handle}"));
    if let Some(handle) = handle {
        return Ok(see_other(&to(handle)));
    }
    let provider = &visitor.provider;
    let known = visitor.browser_cookie.clone();
    let browser = known.clone().unwrap_or_else(|| provider.random.secret());
    let (client, params) = (&answerable.client, &answerable.params);
    let parked = authorize::park(provider, client, params, &browser, visitor.address).await?;
    let handle = parked.map_err(|why| parked::not_parked(visitor, why))?;
    let mut response = see_other(&to(&handle));
    if known.is_none() {
        // Without cookies nobody can sign in; the page says so when none comes back.
        let cookie = Kind::Browser.set(&provider.config, browser, None);
        response
            .add_cookie(&cookie)
            .map_err(|_invalid| PageError::Expired)?;
    }
    Ok(response)
}

/// The person said no (Core §3.1.2.6).
pub(super) async fn cancel(
    visitor: &Visitor,
    answerable: &Answerable,
    interaction: &Interaction,
) -> Result<HttpResponse, PageError> {
    if !authorize::give_up(&visitor.provider, interaction).await? {
        return Err(PageError::Expired);
    }
    let refusal = OAuthError::new(ErrorCode::AccessDenied, "the person did not go on");
    answerable.refuse(visitor, &refusal).await
}

/// The form that a page's handler reads, under the same rules as every request.
pub(super) fn form(body: &Bytes) -> Result<Params, PageError> {
    Ok(Params::parse(body)?)
}
