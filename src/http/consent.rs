//! The consent page.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use super::authorize::{self, Answerable, By};
use super::error::{PageError, html};
use super::visitor::Visitor;
use super::{logo, pages, sign_in};
use crate::flows;
use crate::oidc::authorization::decision::NextStep;
use crate::oidc::claims::BY_SCOPE;
use crate::oidc::params::Params;
use crate::oidc::permission::Permission;
use crate::oidc::scope::{STANDARD, Scope};
use crate::oidc::service::Service;
use crate::store::interactions::Interaction;
use crate::store::sessions::Session;
use crate::store::users;

/// Where it is.
pub(super) const PATH: &str = "/consent";

/// The page.
pub(super) async fn get(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes())?;
        let (interaction, answerable) = authorize::waiting(&visitor, &params).await?;
        let handle = params.get("interaction").unwrap_or_default();
        let session = visitor.session().await?;
        let Some((session, asked_for)) =
            asked(&visitor, &answerable, &interaction, session.as_ref()).await?
        else {
            // There is nothing to ask (any more): go on.
            return authorize::advance(&visitor, &answerable, Some((handle, &interaction))).await;
        };
        let user = users::find(visitor.provider.database.read(), session.user_id).await?;
        let page = pages::Consent {
            ui: visitor.ui(answerable.params.get("ui_locales")),
            application: pages::Application::of(&answerable.client),
            about: logo::about(&visitor, &answerable.client).await,
            account: user
                .map(|user| user.display_name().to_owned())
                .unwrap_or_default(),
            scopes: in_reading_order(&asked_for.scope),
            services: services_in_reading_order(&asked_for, &services_of(&answerable)),
            claims: claims_in_reading_order(&asked_for),
            form: sign_in::form(&visitor, PATH, handle, &subject(handle, session)),
        };
        Ok(html(StatusCode::OK, &page))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// HEAD: refused where GET is.
pub(super) async fn head(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    authorize::head_of_waiting(&visitor, &request).await
}

/// The form.
pub(super) async fn post(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = authorize::form(&body)?;
        let session = visitor.session().await?.ok_or(PageError::Expired)?;
        let by = By::Person(session.user_id);
        let (interaction, answerable, is_again) =
            authorize::waiting_or_answered(&visitor, &form, by).await?;
        let handle = form.get("interaction").unwrap_or_default();
        visitor.check_form(&form, &subject(handle, &session))?;
        match form.get("decision") {
            Some("allow") => {}
            Some("deny") => return authorize::cancel(&visitor, &answerable, &interaction).await,
            _ => return Err(PageError::Expired),
        }
        if let Some((session, permission)) =
            asked(&visitor, &answerable, &interaction, Some(&session)).await?
        {
            // What was allowed a moment ago has been taken back since.
            if is_again {
                return Err(PageError::Expired);
            }
            let client = &answerable.client;
            let consented =
                flows::authorize::consent(&visitor.provider, session, client, &permission).await?;
            if !consented {
                return Err(PageError::Expired);
            }
        }
        authorize::advance(&visitor, &answerable, Some((handle, &interaction))).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// What the form is about: the request, and the person who was asked. Another one, who has signed in
/// since in another tab, can't answer for them (attack 72).
fn subject(handle: &str, session: &Session) -> String {
    format!("{handle} {}", session.id)
}

/// Whom to ask, and for what: decided again, never taken from the form.
async fn asked<'a>(
    visitor: &Visitor,
    answerable: &Answerable,
    interaction: &Interaction,
    session: Option<&'a Session>,
) -> Result<Option<(&'a Session, Permission)>, PageError> {
    let (Some(session), Ok(request)) = (session, &answerable.request) else {
        return Ok(None);
    };
    let step = flows::authorize::decide(
        &visitor.provider,
        &answerable.client,
        request,
        interaction.requested_at,
        Some(session),
    );
    Ok(match step.await? {
        NextStep::Consent(permission) => Some((session, permission)),
        _ => None,
    })
}

/// The standard scopes from the plainest on, then the application's own.
pub(super) fn in_reading_order(scope: &Scope) -> Vec<String> {
    let known = STANDARD.into_iter().filter(|token| scope.contains(token));
    let own = scope.iter().filter(|token| !STANDARD.contains(token));
    known.chain(own).map(str::to_owned).collect()
}

fn services_of(answerable: &Answerable) -> Vec<Service> {
    let request = answerable.request.iter();
    let asked = request.flat_map(|request| &request.services);
    asked.map(|asked| asked.service.clone()).collect()
}

/// What is asked for at services, of which `known` have names.
pub(super) fn services_in_reading_order(
    permission: &Permission,
    known: &[Service],
) -> Vec<pages::ServiceWish> {
    let name = |identifier: &str| {
        let known = known.iter().find(|known| known.identifier == identifier);
        known.map_or(identifier, Service::name).to_owned()
    };
    let services = permission.services.iter();
    services
        .map(|(identifier, scope)| pages::ServiceWish {
            identifier: identifier.clone(),
            name: name(identifier),
            scopes: scope.iter().map(str::to_owned).collect(),
        })
        .collect()
}

/// The claims that are asked for one by one, but for those that a scope brings, in the order of the scopes.
pub(super) fn claims_in_reading_order(permission: &Permission) -> Vec<String> {
    let alone: Vec<_> = permission.claims_alone().collect();
    let known = BY_SCOPE.iter().flat_map(|(_, names)| names.iter());
    known
        .filter(|name| alone.contains(name))
        .map(|name| (*name).to_owned())
        .collect()
}
