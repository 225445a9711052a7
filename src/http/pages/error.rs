//! What cannot go on: words for the person, details for the developer of the application.

use askama::Template;

use super::Ui;

/// A page that ends here: it never redirects.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Language, issuer and request.
    pub ui: Ui,
    /// What happened.
    pub problem: Problem,
    /// The application that the person comes from, if we know it.
    pub application: Option<String>,
    /// For a developer; absent where there is nothing to mend.
    pub details: Option<Details>,
}

/// What happened, as far as a person is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The request names no client that we know.
    UnknownApplication,
    /// The `redirect_uri` is not registered, or missing.
    AddressNotRegistered,
    /// The request is malformed in another way.
    BadRequest,
    /// The page or its interaction is too old, used up, or belongs to another browser.
    Expired,
    /// Somebody has come in by this invitation.
    InvitationUsed,
    /// The invitation is of no use any more, or never was.
    InvitationOver,
    /// There is nothing at this address.
    NotFound,
    /// The address does not answer to this method.
    MethodNotAllowed,
    /// The request is longer than what we read.
    TooLong,
    /// The request took too long to arrive.
    TooSlow,
    /// Too many requests.
    TooManyRequests,
    /// It is our fault.
    Internal,
    /// We cannot answer for the moment.
    Unavailable,
}

/// What a developer needs to mend the request.
#[derive(Debug, Clone)]
pub struct Details {
    /// The error code (RFC 6749 §4.1.2.1 and others).
    pub error: String,
    /// What is wrong, in English, for people who write programs.
    pub description: String,
    /// What was received beside the nearest registered value.
    pub comparison: Option<Comparison>,
}

/// Two values that should have been one.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What was received; empty when the parameter is missing.
    pub received: String,
    /// The nearest registered value; absent when nothing is registered.
    pub registered: Option<String>,
}

/// A value in three pieces: what it shares at its start, what differs, what it shares at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces<'a> {
    pub(super) start: &'a str,
    pub(super) differing: &'a str,
    pub(super) end: &'a str,
}

impl Problem {
    fn name(self) -> &'static str {
        match self {
            Self::UnknownApplication => "unknown-application",
            Self::AddressNotRegistered => "address",
            Self::BadRequest => "bad-request",
            Self::Expired => "expired",
            Self::InvitationUsed => "invitation-used",
            Self::InvitationOver => "invitation-over",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method",
            Self::TooLong => "too-long",
            Self::TooSlow => "too-slow",
            Self::TooManyRequests => "too-many",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }
}

impl ErrorPage {
    fn title(&self) -> String {
        self.ui
            .text(&format!("error-{}-title", self.problem.name()))
    }

    fn text(&self) -> String {
        self.ui.text(&format!("error-{}-text", self.problem.name()))
    }
}

impl Comparison {
    /// The received and the registered value, cut where they differ.
    pub(super) fn pieces<'a>(&'a self, registered: &'a str) -> (Pieces<'a>, Pieces<'a>) {
        let received = self.received.as_str();
        let same_start = common(received.chars(), registered.chars());
        let (one, other) = (&received[same_start..], &registered[same_start..]);
        let same_end = common(one.chars().rev(), other.chars().rev());
        (
            Pieces::cut(received, same_start, same_end),
            Pieces::cut(registered, same_start, same_end),
        )
    }

    /// Where they begin to differ, counted in characters from 1.
    pub(super) fn position(&self, registered: &str) -> usize {
        let (pieces, _) = self.pieces(registered);
        pieces.start.chars().count() + 1
    }
}

impl<'a> Pieces<'a> {
    fn cut(value: &'a str, start: usize, end: usize) -> Self {
        let (start, rest) = value.split_at(start);
        let (differing, end) = rest.split_at(rest.len() - end);
        Self {
            start,
            differing,
            end,
        }
    }
}

/// How many bytes of leading characters two sequences share.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    let same = one.zip(other).take_while(|(a, b)| a == b);
    same.map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing<'a>(received: &'a str, registered: &'a str) -> (String, String) {
        let comparison = Comparison {
            received: received.to_owned(),
            registered: Some(registered.to_owned()),
        };
        let (one, other) = comparison.pieces(registered);
        assert_eq!(
            format!("{}{}{}", one.start, one.differing, one.end),
            received
        );
        assert_eq!(
            format!("{}{}{}", other.start, other.differing, other.end),
            registered
        );
        (one.differing.to_owned(), other.differing.to_owned())
    }

    #[test]
    fn only_the_differing_part_is_marked() {
        let marked = |one, other| differing(one, other);
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(marked("https://a/cb/", "https://a/cb"), pair("/", ""));
        assert_eq!(marked("http://a/cb", "https://a/cb"), pair("", "s"));
        assert_eq!(
            marked("https://a/cb?x", "https://b/cb"),
            pair("a/cb?x", "b/cb")
        );
        assert_eq!(marked("", "https://a/cb"), pair("", "https://a/cb"));
    }

    #[test]
    fn repeated_and_many_byte_characters_are_never_cut_apart() {
        assert_eq!(differing("aa", "aaa"), (String::new(), "a".to_owned()));
        assert_eq!(
            differing("https://a/é", "https://a/è"),
            ("é".to_owned(), "è".to_owned())
        );
    }
}
