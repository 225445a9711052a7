//! The account's page: where one is signed in, at what, and what applications may have.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::{END_ALL, END_SESSION, LEAVE, PASSWORD, SIGN_OUTS, WITHDRAW, act, links, to_sign_in};
use crate::clock::Timestamp;
use crate::flows::account::seen;
use crate::http::consent::{claims_in_reading_order, in_reading_order, services_in_reading_order};
use crate::http::error::{PageError, html};
use crate::http::pages::{
    Account, AccountNotice, Application, ConsentRow, Departure, Part, SessionRow,
};
use crate::http::receipts::receipts;
use crate::http::visitor::Visitor;
use crate::oidc::initiate_login::initiate_login;
use crate::oidc::params::Params;
use crate::store::deliveries::{self, Delivery};
use crate::store::sessions::Session;
use crate::store::sessions::listing::{self, Wanted};
use crate::store::{clients, consents, participants, passwords, services, sessions, users};

/// At most so many sessions are shown; all of them can be ended.
const MOST_SESSIONS: u64 = 50;
/// For how long a new password is news, in minutes.
const NEWS: i64 = 10;

/// The page.
pub(super) async fn get(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let Some(session) = visitor.session().await? else {
            return Ok(to_sign_in(&visitor));
        };
        seen(&visitor.provider, &session).await?;
        let params = Params::parse(request.query_string().as_bytes())?;
        let now = visitor.provider.clock.now();
        let notice = notice(&visitor, &session, &params, now).await?;
        with_notice(&visitor, &session, notice).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The page, with what came of the last act.
pub(super) async fn with_notice(
    visitor: &Visitor,
    here: &Session,
    notice: Option<AccountNotice>,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let db = provider.database.read();
    let now = provider.clock.now();
    let user_id = here.user_id;
    let user = users::find(db, user_id).await?;
    let wanted = Wanted {
        user_id: Some(user_id),
        ended: Some(false),
        ..Wanted::default()
    };
    let mut known = listing::page(db, &wanted, provider.alive(now), MOST_SESSIONS).await?;
    // This one first, and shown however many there are.
    known.retain(|session| session.id != here.id);
    known.insert(0, here.clone());
    let ids: Vec<Uuid> = known.iter().map(|session| session.id).collect();
    let parts = participants::list_living(db, &ids).await?;
    let allowed = consents::list(db, user_id).await?;
    let client_ids: Vec<String> = parts
        .iter()
        .map(|part| part.client_id.clone())
        .chain(allowed.iter().map(|(client_id, _)| client_id.clone()))
        .collect();
    let named = clients::find_all(db, &client_ids).await?;
    let applications: HashMap<String, Application> = named
        .iter()
        .map(|known| {
            (
                known.client.client_id.clone(),
                Application::of(&known.client),
            )
        })
        .collect();
    let application = |client_id: &str| {
        let known = applications.get(client_id).cloned();
        known.unwrap_or_else(|| Application {
            client_id: client_id.to_owned(),
            name: client_id.to_owned(),
        })
    };
    let open = |client_id: &str| {
        let mut named = named.iter();
        let known = named.find(|known| known.client.client_id == client_id)?;
        initiate_login(&known.client, &provider.config.issuer)
    };
    let sessions = known
        .iter()
        .map(|session| SessionRow {
            id: session.id.to_string(),
            user_agent: session.user_agent.clone(),
            here: session.id == here.id,
            since: session.created_at,
            last_seen: session.last_seen_at,
            parts: parts
                .iter()
                .filter(|part| part.session_id == session.id)
                .map(|part| Part {
                    application: application(&part.client_id),
                    open: open(&part.client_id),
                    leave: act(visitor, LEAVE, here).with("sid", part.sid.to_string()),
                })
                .collect(),
            end: act(visitor, END_SESSION, here).with("session", session.id.to_string()),
        })
        .collect();
    let identifiers = allowed
        .iter()
        .flat_map(|(_, consent)| consent.permission.services.keys().cloned());
    let identifiers: Vec<String> = identifiers.collect();
    let services = services::find_enabled(db, &identifiers).await?;
    let consents = allowed
        .iter()
        .map(|(client_id, consent)| ConsentRow {
            application: application(client_id),
            open: open(client_id),
            scopes: in_reading_order(&consent.permission.scope),
            services: services_in_reading_order(&consent.permission, &services),
            claims: claims_in_reading_order(&consent.permission),
            withdraw: act(visitor, WITHDRAW, here).with("client_id", client_id.clone()),
        })
        .collect();
    let page = Account {
        ui: visitor.ui(None),
        account: user
            .map(|user| user.display_name().to_owned())
            .unwrap_or_default(),
        notice,
        links: links::shown(visitor, here).await?,
        sessions,
        consents,
        end_all: act(visitor, END_ALL, here),
        password_href: visitor.path(PASSWORD),
        sign_outs_href: visitor.path(SIGN_OUTS),
        now,
    };
    Ok(html(StatusCode::OK, &page))
}

/// What came of the act that led here. The address only names it: what is said is looked up, so that no
/// link can make the page say what is not so (P7).
async fn notice(
    visitor: &Visitor,
    here: &Session,
    params: &Params,
    now: Timestamp,
) -> Result<Option<AccountNotice>, PageError> {
    let db = visitor.provider.database.read();
    let id = |name| params.get(name).and_then(|text| text.parse::<Uuid>().ok());
    if let Some(id) = id("ended") {
        let known = sessions::find(db, id).await?;
        let ended = known.filter(|it| it.user_id == here.user_id && it.ended_at.is_some());
        if let Some(ended) = ended {
            let mut told = deliveries::of_session(db, ended.id).await?;
            told.retain(|told| Some(told.created_at) >= ended.ended_at);
            return Ok(Some(AccountNotice::SessionEnded {
                user_agent: ended.user_agent,
                departures: departures(visitor, told, now).await?,
            }));
        }
    }
    if let Some(sid) = id("left") {
        let told = match participants::find(db, sid).await? {
            Some(part) => deliveries::of_session(db, part.session_id).await?,
            None => Vec::new(),
        };
        let mine = |told: &Delivery| told.sid == sid && told.user_id == here.user_id;
        let told: Vec<_> = told.into_iter().filter(mine).collect();
        if !told.is_empty() {
            let departures = departures(visitor, told, now).await?;
            return Ok(Some(AccountNotice::Left { departures }));
        }
    }
    if let Some(client_id) = params.get("withdrawn")
        && consents::find(db, here.user_id, client_id).await?.is_none()
        && let Some(known) = clients::find(db, client_id).await?
        // A link could say so of any application: it is shown where it is true.
        && !known.client.metadata.skip_consent
        && !participants::has_living(db, here.user_id, client_id).await?
    {
        return Ok(Some(AccountNotice::Withdrawn {
            application: Application::of(&known.client),
        }));
    }
    if params.get("password").is_some() {
        let password = passwords::find(db, here.user_id).await?;
        if password.is_some_and(|known| (now - known.set_at).num_minutes() < NEWS) {
            return Ok(Some(AccountNotice::PasswordChanged));
        }
    }
    Ok(None)
}

async fn departures(
    visitor: &Visitor,
    told: Vec<Delivery>,
    now: Timestamp,
) -> Result<Vec<Departure>, PageError> {
    let receipts = receipts(&visitor.provider, told).await?;
    Ok(receipts.iter().map(|it| it.departure(now)).collect())
}
