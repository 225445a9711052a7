//! Past sign-outs, each with what is known of every application.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::TimeDelta;
use uuid::Uuid;

use super::{PATH, to_sign_in};
use crate::clock::Timestamp;
use crate::http::error::{PageError, html};
use crate::http::pages::{SignOut, SignOuts};
use crate::http::receipts::receipts;
use crate::http::visitor::Visitor;
use crate::oidc::logout::Cause;
use crate::store::deliveries::{self, Delivery};
use crate::store::sessions::{self, Session};

/// How far one can look back.
const KEPT: TimeDelta = TimeDelta::days(30);
/// At most so many sign-outs are shown, the newest ones.
const MOST: usize = 30;
/// At most so many receipts are read.
const MOST_RECEIPTS: u64 = 300;

/// One sign-out is what ended at one moment in one session: the whole of it, or a part. The newest first.
type Act = (Reverse<Timestamp>, Uuid);

/// The page.
pub(super) async fn get(visitor: Visitor) -> HttpResponse {
    let answer = async {
        match visitor.session().await? {
            Some(session) => page(&visitor, &session).await,
            None => Ok(to_sign_in(&visitor)),
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

async fn page(visitor: &Visitor, here: &Session) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let db = provider.database.read();
    let now = provider.clock.now();
    let since = now - KEPT;
    let ended = sessions::list_ended(db, here.user_id, since, 30).await?;
    let told = deliveries::of_user(db, here.user_id, since, MOST_RECEIPTS).await?;
    let mut acts: BTreeMap<Act, (Option<Cause>, Vec<Delivery>)> = ended
        .iter()
        .filter_map(|session| {
            let key = (Reverse(session.ended_at?), session.id);
            Some((key, (session.end_cause, Vec::new())))
        })
        .collect();
    for delivery in told {
        let key = (Reverse(delivery.created_at), delivery.session_id);
        let act = acts.entry(key).or_default();
        act.0 = act.0.or(Some(delivery.cause));
        act.1.push(delivery);
    }
    let ids: Vec<Uuid> = acts.keys().map(|(_, id)| *id).collect();
    let user_agents: HashMap<Uuid, String> = sessions::find_all(db, &ids)
        .await?
        .into_iter()
        .map(|session| (session.id, session.user_agent))
        .collect();
    let mut sign_outs = Vec::new();
    for ((Reverse(at), session_id), (cause, told)) in acts.into_iter().take(MOST) {
        let receipts = receipts(provider, told).await?;
        sign_outs.push(SignOut {
            at,
            user_agent: user_agents.get(&session_id).cloned().unwrap_or_default(),
            cause,
            departures: receipts.iter().map(|it| it.departure(now)).collect(),
        });
    }
    let page = SignOuts {
        ui: visitor.ui(None),
        sign_outs,
        back_href: visitor.path(PATH),
        now,
    };
    Ok(html(StatusCode::OK, &page))
}
