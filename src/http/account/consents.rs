//! Taking back what an application was allowed.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use url::form_urlencoded::byte_serialize;

use super::application::go_on;
use super::{PATH, WITHDRAW, acting, to_sign_in};
use crate::flows::account;
use crate::http::error::PageError;
use crate::http::visitor::Visitor;

/// The act. What is withdrawn is the acting person's own, whatever the form says (attack 74).
pub(super) async fn withdraw(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, form)) = acting(&visitor, WITHDRAW, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let provider = &visitor.provider;
        let client_id = form.get("client_id").unwrap_or_default();
        let began_at = provider.clock.now();
        if !account::withdraw_consent(provider, here.user_id, client_id).await? {
            return Err(PageError::NotFound);
        }
        let named: String = byte_serialize(client_id.as_bytes()).collect();
        let back = format!("{PATH}?withdrawn={named}");
        go_on(&visitor, &here, &here, began_at, &back).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}
