//! What an application's answer to a notice says about the application, and how to mend it: for those
//! who run it, in words (Back-Channel Logout 1.0 §2.5, §2.8).

use chrono::TimeDelta;

use super::delivery::{self, Answer, ConnectionProblem};

/// An answer slower than this is confirmed, and near the end of our patience on a bad day.
const SLOW: TimeDelta = TimeDelta::seconds(1);

/// An answer, as far as it says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect points to.
    pub location: Option<&'a str>,
    /// How long it took.
    pub took: TimeDelta,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Whether a real notice would count as confirmed.
    pub confirmed: bool,
    /// What happened.
    pub verdict: String,
    /// What to do about it; none when all is well.
    pub mend: Option<&'static str>,
}

/// Judges a notice of a session that never was.
pub fn advise(answer: Result<Received<'_>, ConnectionProblem>) -> Advice {
    let judged = answer.map(|received| Answer {
        status: received.status,
        retry_after: None,
    });
    let confirmed = delivery::classify(judged) == delivery::Verdict::Confirmed;
    let (verdict, mend) = match answer {
        Ok(received) => of_answer(received, confirmed),
        Err(problem) => of_silence(problem),
    };
    Advice {
        confirmed,
        verdict,
        mend,
    }
}

fn of_answer(received: Received<'_>, confirmed: bool) -> (String, Option<&'static str>) {
    let Received {
        status,
        location,
        took,
    } = received;
    if confirmed {
        return if took > SLOW {
            (
                format!("confirmed, but only after {} ms", took.num_milliseconds()),
                Some(
                    "Let it end the session first and do what else there is to do afterwards: after 5 s it is too late.",
                ),
            )
        } else {
            ("confirmed".to_owned(), None)
        };
    }
    let (verdict, mend) = match status {
        300..=399 => {
            let whither = location.map_or_else(String::new, |location| format!(" to {location}"));
            return (
                format!("it redirects{whither}, and redirects are not followed"),
                Some(
                    "Register the final URI, and let the application answer there without a sign-in page in front.",
                ),
            );
        }
        201..=299 => (
            "it answers success, but neither 200 nor 204",
            "Answer 200 once the session is over; others, 202 among them, promise nothing.",
        ),
        400 => (
            "it refused the notice",
            "If it refuses sessions that it does not know this is no fault, though 200 is kinder: what it does not know is \
             over. Else its log should say what it misses: it must know our issuer and keys, and its clock must be right.",
        ),
        401 | 403 => (
            "it wants to know who asks",
            "Take the logout URI out of what needs a sign-in, a cookie or a CSRF token: the signature of the token vouches.",
        ),
        404 | 410 => (
            "there is nothing at that URI",
            "Compare the registered backchannel_logout_uri with the path that the application serves.",
        ),
        405 => (
            "it does not take POST at that URI",
            "Let it take POST; a front-channel logout URI takes GET and is registered as frontchannel_logout_uri.",
        ),
        413 | 431 => (
            "the notice is too long for it",
            "Let it take at least 16 KiB.",
        ),
        415 => (
            "it does not take the content type of a form",
            "Let it take application/x-www-form-urlencoded with the field logout_token (§2.5).",
        ),
        408 | 425 | 429 => (
            "it asks to be left alone for a while",
            "Real notices are tried again later. Exempt our address from its rate limit.",
        ),
        501 => (
            "it says that it does not do that",
            "Switch back-channel logout on in the application, or take the URI out of its registration.",
        ),
        500..=599 => (
            "it failed",
            "Real notices are tried again until they are given up. The cause is in the application's log.",
        ),
        _ => (
            "it answers what says nothing about the session",
            "Answer 200 once the session is over.",
        ),
    };
    (format!("{verdict} ({status})"), Some(mend))
}

fn of_silence(problem: ConnectionProblem) -> (String, Option<&'static str>) {
    let (verdict, mend) = match problem {
        ConnectionProblem::Timeout => (
            "it did not answer in time",
            "Let it answer within 5 s; look whether a firewall swallows the connection.",
        ),
        ConnectionProblem::Connection => (
            "no usable connection: the name has no address here, nothing listens there, or it hung up",
            "Look at the name, the port and the scheme from this machine; is the application up?",
        ),
        ConnectionProblem::Tls => (
            "its certificate is not trusted here, or TLS failed otherwise",
            "Renew it, send the whole chain, or name its authority in [outbound] extra_ca_file.",
        ),
        ConnectionProblem::Forbidden => (
            "we do not connect there: the address, the port or plain http is not allowed",
            "If the application lives in a private network, name it in [outbound] allow_private_networks.",
        ),
    };
    (verdict.to_owned(), Some(mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(status: u16) -> Received<'static> {
        Received {
            status,
            location: None,
            took: TimeDelta::milliseconds(20),
        }
    }

    #[test]
    fn each_answer_is_put_into_words_and_only_a_confirmation_counts() {
        for (status, confirmed, words) in [
            (200, true, "confirmed"),
            (204, true, "confirmed"),
            (202, false, "neither 200 nor 204"),
            (302, false, "redirects"),
            (400, false, "refused the notice"),
            (401, false, "who asks"),
            (404, false, "nothing at that URI"),
            (405, false, "does not take POST"),
            (415, false, "content type"),
            (429, false, "left alone"),
            (418, false, "says nothing"),
            (500, false, "it failed"),
            (501, false, "does not do that"),
        ] {
            let advice = advise(Ok(received(status)));
            assert_eq!(advice.confirmed, confirmed, "{status}");
            assert!(advice.verdict.contains(words), "{status}: {advice:?}");
            assert_eq!(advice.mend.is_none(), confirmed, "{status}: {advice:?}");
        }
    }

    #[test]
    fn a_redirect_is_said_to_lead_where_it_leads() {
        let location = Some("https://elsewhere.example/");
        let advice = advise(Ok(Received {
            location,
            ..received(307)
        }));
        assert!(advice.verdict.contains("to https://elsewhere.example/"));
    }

    #[test]
    fn a_slow_confirmation_is_one_with_a_warning() {
        let took = TimeDelta::seconds(3);
        let advice = advise(Ok(Received {
            took,
            ..received(200)
        }));
        assert!(advice.confirmed && advice.mend.is_some());
        assert!(advice.verdict.contains("3000 ms"));
    }

    #[test]
    fn each_kind_of_silence_has_its_own_mend() {
        let mut mends: Vec<_> = [
            ConnectionProblem::Timeout,
            ConnectionProblem::Connection,
            ConnectionProblem::Tls,
            ConnectionProblem::Forbidden,
        ]
        .map(|problem| advise(Err(problem)).mend)
        .to_vec();
        mends.dedup();
        assert_eq!(mends.len(), 4);
    }
}
