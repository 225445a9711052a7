//! Who one is at other providers: linking by being signed in at both, and unlinking.

use actix_web::HttpResponse;
use actix_web::web::Bytes;

use super::{LINK, PATH, UNLINK, act, acting, overview, to_sign_in};
use crate::flows::upstream::Purpose;
use crate::flows::upstream::link::{Unlinked, unlink};
use crate::http::error::{PageError, see_other};
use crate::http::pages::{AccountNotice, LinkRow, Links, UpstreamButton};
use crate::http::upstream::go;
use crate::http::visitor::Visitor;
use crate::oidc::upstream::answer::Problem;
use crate::oidc::upstream::request::Wanted;
use crate::store::sessions::Session;
use crate::store::{identities, upstreams};

/// Sends somebody to show who they are there. They are asked to sign in anew, so that nobody links whoever happens to be
/// signed in there in a browser that was left alone. An upstream that does not say when they did is believed to have asked.
pub(super) async fn link(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, form)) = acting(&visitor, LINK, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let id = form.get("upstream").ok_or(PageError::NotFound)?;
        let wanted = Wanted {
            prompt: vec!["login".to_owned()],
            ..Wanted::default()
        };
        match go(&visitor, id, Purpose::Link(here.id), &wanted).await? {
            Some(response) => Ok(response),
            None => not_linked(&visitor, &here, Problem::Unavailable).await,
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The account's page, which says why nothing was linked.
pub(in crate::http) async fn not_linked(
    visitor: &Visitor,
    here: &Session,
    problem: Problem,
) -> Result<HttpResponse, PageError> {
    overview::with_notice(visitor, here, Some(AccountNotice::NotLinked(problem))).await
}

/// Forgets who somebody is there. What is unlinked is the acting person's own, whatever the form says (attack 74).
pub(super) async fn unlink_one(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, form)) = acting(&visitor, UNLINK, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let text = |name| form.get(name).unwrap_or_default();
        let (issuer, subject) = (text("issuer"), text("subject"));
        match unlink(&visitor.provider, here.user_id, issuer, subject).await? {
            Unlinked::Done => Ok(see_other(&visitor.path(PATH))),
            Unlinked::OnlyWayIn => {
                overview::with_notice(&visitor, &here, Some(AccountNotice::OnlyWayIn)).await
            }
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// What the account's page shows of it.
pub(super) async fn shown(visitor: &Visitor, here: &Session) -> Result<Links, PageError> {
    let db = visitor.provider.database.read();
    let enabled = upstreams::list_enabled(db).await?;
    let known = identities::of_user(db, here.user_id).await?;
    let label = |issuer: &str| {
        let mut enabled = enabled.iter();
        let upstream = enabled.find(|upstream| upstream.issuer == issuer);
        upstream.map_or_else(|| issuer.to_owned(), |upstream| upstream.label.clone())
    };
    let rows = known.iter().map(|identity| LinkRow {
        label: label(&identity.issuer),
        since: identity.created_at,
        unlink: act(visitor, UNLINK, here)
            .with("issuer", identity.issuer.clone())
            .with("subject", identity.subject.clone()),
    });
    let buttons = enabled.iter().map(|upstream| UpstreamButton {
        id: upstream.id.clone(),
        label: upstream.label.clone(),
        logo: upstream.logo.clone(),
    });
    Ok(Links {
        rows: rows.collect(),
        buttons: buttons.collect(),
        link: act(visitor, LINK, here),
    })
}
