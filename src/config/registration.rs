//! `[registration]`: whether applications may register themselves, and as what.

use super::section::{Mistake, Section};
use super::settings::{days, within};
use super::{Registration, RegistrationPolicy};
use crate::oidc::authorization::ResponseType;
use crate::oidc::client::GrantType;
use crate::oidc::registration::dynamic::Offer;

/// Reads the table, and notes the mistakes.
pub(super) fn read(section: &Section<'_, '_>) -> Registration {
    let default = Registration::default();
    let policy = section.text("policy", policy);
    let offer = offer(section, default.offer);
    let unused = section.text("unused", |text| match text {
        "off" => Ok(None),
        text => within(text, &(days(1)..=days(400)))
            .map(Some)
            .map_err(|mistake| Mistake::new(mistake.problem, mistake.mend + " Or \"off\".")),
    });
    section.finish();
    Registration {
        policy: policy.unwrap_or(default.policy),
        offer,
        unused: unused.unwrap_or(default.unused),
    }
}

fn offer(section: &Section<'_, '_>, default: Offer) -> Offer {
    let response_types = section.texts("response_types", response_type);
    let grant_types = section.texts("grant_types", grant_type);
    let is_set = |key| section.is_set(key);
    let offer = Offer {
        response_types: if is_set("response_types") {
            response_types
        } else {
            default.response_types
        },
        grant_types: if is_set("grant_types") {
            grant_types
        } else {
            default.grant_types
        },
    };
    for response_type in &offer.response_types {
        if !response_type.fits(&offer.grant_types) {
            let problem = format!(
                "holds {:?}, which nobody can have without its grants",
                response_type.as_str()
            );
            let mend = "Types with code need \"authorization_code\" among the grant_types, those with id_token or \
                        token need \"implicit\".";
            section.refuse("response_types", &problem, mend);
        }
    }
    offer
}

fn policy(text: &str) -> Result<RegistrationPolicy, Mistake> {
    match text {
        "closed" => Ok(RegistrationPolicy::Closed),
        "token" => Ok(RegistrationPolicy::Token),
        "open" => Ok(RegistrationPolicy::Open),
        other => Err(Mistake::new(
            format!("is no policy we know: {other:?}"),
            "Write \"closed\", \"token\" or \"open\".",
        )),
    }
}

fn response_type(text: &str) -> Result<ResponseType, Mistake> {
    ResponseType::from_name(text).ok_or_else(|| {
        let known = ResponseType::ALL.map(ResponseType::as_str).join(", ");
        Mistake::new(
            format!("holds no response type we know: {text:?}"),
            format!("Known are {known}."),
        )
    })
}

fn grant_type(text: &str) -> Result<GrantType, Mistake> {
    GrantType::from_name(text).ok_or_else(|| {
        let known = GrantType::ALL.map(GrantType::as_str).join(", ");
        Mistake::new(
            format!("holds no grant we know: {text:?}"),
            format!("Known are {known}."),
        )
    })
}
