//! Presenting a refresh token (RFC 6749 §6, RFC 9700 §4.14.2).

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::Scope;

/// What is known of a refresh token that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedRefreshToken {
    /// Whom it was issued to.
    pub client_id: String,
    /// What was granted; its successors have the same.
    pub scope: Scope,
    /// The first moment when it is no longer good.
    pub expires_at: Timestamp,
    /// When it was exchanged for its successor.
    pub rotated_at: Option<Timestamp>,
    /// When it, its family or its grant was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What to do about a refresh token. A refusal is an outcome: what it records must commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// Issue its successor, if this transaction is the one that marks it rotated.
    Rotate {
        /// The scope of the access token.
        scope: Scope,
    },
    /// The answer was lost or a page raced: give the same successor again.
    RepeatSuccessor {
        /// The scope of the access token.
        scope: Scope,
    },
    /// Answer with the error.
    Refuse(OAuthError),
    /// It was exchanged before and the grace is over: one of the two who hold it is a thief.
    RevokeFamily,
}

impl IssuedRefreshToken {
    /// Decides about the token. `requested` may narrow the scope of the access token, never widen
    /// it. Another client is refused before anything else is looked at, so that it can't end the family.
    pub fn present(
        &self,
        client_id: &str,
        requested: Option<&Scope>,
        grace: TimeDelta,
        now: Timestamp,
    ) -> Rotation {
        let refuse = |why: &'static str| Rotation::Refuse(OAuthError::invalid_grant(why));
        if client_id != self.client_id {
            return refuse("the refresh token was issued to another client");
        }
        if self.revoked_at.is_some() {
            return refuse("the refresh token was revoked");
        }
        // Either way: a clock that was put back makes nobody's grace longer.
        if self
            .rotated_at
            .is_some_and(|rotated_at| (now - rotated_at).abs() >= grace)
        {
            return Rotation::RevokeFamily;
        }
        if now >= self.expires_at {
            return refuse("the refresh token has expired");
        }
        let scope = requested.unwrap_or(&self.scope);
        if !scope.is_subset(&self.scope) {
            return Rotation::Refuse(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope is more than was granted",
            ));
        }
        let scope = scope.clone();
        match self.rotated_at {
            None => Rotation::Rotate { scope },
            Some(_) => Rotation::RepeatSuccessor { scope },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone as _, Utc};

    const GRACE: TimeDelta = TimeDelta::seconds(10);

    fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    fn granted() -> Scope {
        Scope::parse("openid email").unwrap()
    }

    fn issued() -> IssuedRefreshToken {
        IssuedRefreshToken {
            client_id: "ledger".to_owned(),
            scope: granted(),
            expires_at: noon() + TimeDelta::days(30),
            rotated_at: None,
            revoked_at: None,
        }
    }

    fn rotated_at_noon() -> IssuedRefreshToken {
        IssuedRefreshToken {
            rotated_at: Some(noon()),
            ..issued()
        }
    }

    fn refused(rotation: &Rotation) -> bool {
        matches!(rotation, Rotation::Refuse(_))
    }

    #[test]
    fn a_fresh_token_rotates_until_the_moment_it_expires() {
        let last = issued().expires_at - TimeDelta::milliseconds(1);
        assert_eq!(
            issued().present("ledger", None, GRACE, last),
            Rotation::Rotate { scope: granted() }
        );
        assert!(refused(&issued().present(
            "ledger",
            None,
            GRACE,
            issued().expires_at
        )));
    }

    /// Attack 38: within the grace the same client gets the same successor, and nobody else does.
    #[test]
    fn within_the_grace_the_same_client_gets_the_same_successor() {
        let within = noon() + TimeDelta::milliseconds(9_999);
        let repeat = Rotation::RepeatSuccessor { scope: granted() };
        assert_eq!(
            rotated_at_noon().present("ledger", None, GRACE, within),
            repeat
        );
        assert!(refused(
            &rotated_at_noon().present("mallory", None, GRACE, within)
        ));
    }

    /// Attack 38: a token used again by whoever stole it, or whom it was stolen from.
    #[test]
    fn after_the_grace_a_second_use_revokes_the_family_even_when_the_token_has_expired() {
        for later in [GRACE, TimeDelta::days(31)] {
            let rotation = rotated_at_noon().present("ledger", None, GRACE, noon() + later);
            assert_eq!(rotation, Rotation::RevokeFamily, "{later}");
        }
    }

    /// Attack 40: a clock that is put back between the rotation and the replay. That of another node may be a little behind.
    #[test]
    fn a_clock_that_was_put_back_makes_the_grace_no_longer() {
        let at = |moment| rotated_at_noon().present("ledger", None, GRACE, moment);
        let repeat = Rotation::RepeatSuccessor { scope: granted() };
        assert_eq!(at(noon() - TimeDelta::seconds(9)), repeat);
        assert_eq!(at(noon() - GRACE), Rotation::RevokeFamily);
        assert_eq!(at(noon() - TimeDelta::hours(1)), Rotation::RevokeFamily);
    }

    #[test]
    fn without_a_grace_the_first_second_use_revokes_the_family() {
        let rotation = rotated_at_noon().present("ledger", None, TimeDelta::zero(), noon());
        assert_eq!(rotation, Rotation::RevokeFamily);
    }

    /// Attack 11 (CVE-2026-55672): the refresh token of another client; it can't end the family either.
    #[test]
    fn another_client_is_refused_and_ends_nothing() {
        assert!(refused(&issued().present("mallory", None, GRACE, noon())));
        assert!(refused(&rotated_at_noon().present(
            "mallory",
            None,
            GRACE,
            noon() + TimeDelta::hours(1)
        )));
    }

    #[test]
    fn a_revoked_token_is_refused_also_within_the_grace() {
        let revoked = IssuedRefreshToken {
            revoked_at: Some(noon()),
            ..rotated_at_noon()
        };
        assert!(refused(&revoked.present("ledger", None, GRACE, noon())));
    }

    /// Attack 16 (CVE-2024-52287): more scope at refresh than was granted.
    #[test]
    fn the_scope_may_narrow_and_never_widens() {
        let less = Scope::parse("openid").unwrap();
        let rotation = issued().present("ledger", Some(&less), GRACE, noon());
        assert_eq!(rotation, Rotation::Rotate { scope: less });
        let more = Scope::parse("openid email phone").unwrap();
        for token in [issued(), rotated_at_noon()] {
            let Rotation::Refuse(refusal) = token.present("ledger", Some(&more), GRACE, noon())
            else {
                panic!("granted")
            };
            assert_eq!(refusal.error, ErrorCode::InvalidScope);
        }
    }
}
