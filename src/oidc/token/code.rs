//! Redeeming an authorization code (RFC 6749 §4.1.3, Core §3.1.3.2).

use crate::clock::Timestamp;
use crate::oidc::error::OAuthError;
use crate::oidc::pkce::{self, CodeChallenge};

/// What is known of a code that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// Whom it was issued to.
    pub client_id: String,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// What it is bound to.
    pub code_challenge: Option<CodeChallenge>,
    /// The first moment when it is no longer good.
    pub expires_at: Timestamp,
    /// When it was used.
    pub redeemed_at: Option<Timestamp>,
}

/// What comes with a code. No `Debug`: the verifier is a secret.
#[derive(Clone, Copy)]
pub struct PresentedWithCode<'a> {
    /// Who presents it, authenticated.
    pub client_id: &'a str,
    /// Where it says that the code was sent.
    pub redirect_uri: &'a str,
    /// What the challenge was made of.
    pub code_verifier: Option<&'a str>,
}

/// What to do about a code. A refusal is an outcome, not an `Err`: the transaction that records it must commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// Issue tokens, if this transaction is the one that marks the code used.
    Grant,
    /// Answer with the error.
    Refuse(OAuthError),
    /// The code was used before: whoever holds its tokens may be a thief (RFC 6749 §4.1.2).
    RevokeEverythingIssued,
}

impl IssuedCode {
    /// Decides about the code. Another client is refused before anything else is looked at, so that
    /// it can't end what this one was given.
    pub fn redeem(&self, presented: &PresentedWithCode<'_>, now: Timestamp) -> Redemption {
        let refuse = |why: &'static str| Redemption::Refuse(OAuthError::invalid_grant(why));
        if presented.client_id != self.client_id {
            return refuse("the code was issued to another client");
        }
        if self.redeemed_at.is_some() {
            return Redemption::RevokeEverythingIssued;
        }
        if now >= self.expires_at {
            return refuse("the code has expired");
        }
        if presented.redirect_uri != self.redirect_uri {
            return refuse("redirect_uri is not the one of the authorization request");
        }
        match pkce::check_verifier(self.code_challenge.as_ref(), presented.code_verifier) {
            Ok(()) => Redemption::Grant,
            Err(refusal) => Redemption::Refuse(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeDelta, TimeZone as _, Utc};

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    const RIGHT: PresentedWithCode<'_> = PresentedWithCode {
        client_id: "ledger",
        redirect_uri: "https://a.example/cb",
        code_verifier: Some(VERIFIER),
    };

    fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    fn issued_at_noon() -> IssuedCode {
        IssuedCode {
            client_id: "ledger".to_owned(),
            redirect_uri: "https://a.example/cb".to_owned(),
            code_challenge: CodeChallenge::parse(CHALLENGE),
            expires_at: noon() + TimeDelta::seconds(60),
            redeemed_at: None,
        }
    }

    fn refused(redemption: &Redemption) -> bool {
        matches!(redemption, Redemption::Refuse(_))
    }

    #[test]
    fn a_code_is_good_until_the_second_it_expires() {
        let code = issued_at_noon();
        let last = noon() + TimeDelta::milliseconds(59_999);
        assert_eq!(code.redeem(&RIGHT, last), Redemption::Grant);
        let expired = Redemption::Refuse(OAuthError::invalid_grant("the code has expired"));
        assert_eq!(
            code.redeem(&RIGHT, noon() + TimeDelta::seconds(60)),
            expired
        );
    }

    /// Attack 11 (CVE-2026-28513, CVE-2026-55672): the right time does not excuse the wrong client.
    #[test]
    fn the_code_of_another_client_is_refused_while_it_is_fresh() {
        assert!(refused(&issued_at_noon().redeem(
            &PresentedWithCode {
                client_id: "mallory",
                ..RIGHT
            },
            noon()
        )));
    }

    /// Attack 11 (CVE-2026-28513): the right client does not excuse the wrong time.
    #[test]
    fn an_expired_code_is_refused_to_its_own_client() {
        assert!(refused(
            &issued_at_noon().redeem(&RIGHT, noon() + TimeDelta::hours(1))
        ));
    }

    /// Attack 11 (CVE-2026-28513): two wrongs.
    #[test]
    fn an_expired_code_of_another_client_is_refused() {
        let mallory = PresentedWithCode {
            client_id: "mallory",
            ..RIGHT
        };
        assert!(refused(
            &issued_at_noon().redeem(&mallory, noon() + TimeDelta::hours(1))
        ));
    }

    /// Attack 9: another redirect URI than the one the code was sent to.
    #[test]
    fn a_code_with_another_redirect_uri_is_refused() {
        for redirect_uri in [
            "https://a.example/cb/",
            "https://a.example/CB",
            "https://evil.example/cb",
            "",
        ] {
            let presented = PresentedWithCode {
                redirect_uri,
                ..RIGHT
            };
            assert!(
                refused(&issued_at_noon().redeem(&presented, noon())),
                "{redirect_uri}"
            );
        }
    }

    /// Attack 13 (CVE-2023-48228, CVE-2024-22258): the verifier left out, or sent to a code without challenge.
    #[test]
    fn a_code_and_its_verifier_belong_together() {
        let without = PresentedWithCode {
            code_verifier: None,
            ..RIGHT
        };
        assert!(refused(&issued_at_noon().redeem(&without, noon())));
        let unbound = IssuedCode {
            code_challenge: None,
            ..issued_at_noon()
        };
        assert!(refused(&unbound.redeem(&RIGHT, noon())));
        assert_eq!(unbound.redeem(&without, noon()), Redemption::Grant);
    }

    /// Attack 12: a code used twice.
    #[test]
    fn a_used_code_revokes_what_it_gave_even_when_it_comes_late_or_with_the_wrong_verifier() {
        let used = IssuedCode {
            redeemed_at: Some(noon()),
            ..issued_at_noon()
        };
        assert_eq!(
            used.redeem(&RIGHT, noon()),
            Redemption::RevokeEverythingIssued
        );
        assert_eq!(
            used.redeem(&RIGHT, noon() + TimeDelta::hours(1)),
            Redemption::RevokeEverythingIssued
        );
        let without = PresentedWithCode {
            code_verifier: None,
            ..RIGHT
        };
        assert_eq!(
            used.redeem(&without, noon()),
            Redemption::RevokeEverythingIssued
        );
    }

    #[test]
    fn another_client_cannot_end_what_a_used_code_gave() {
        let used = IssuedCode {
            redeemed_at: Some(noon()),
            ..issued_at_noon()
        };
        assert!(refused(&used.redeem(
            &PresentedWithCode {
                client_id: "mallory",
                ..RIGHT
            },
            noon()
        )));
    }
}
