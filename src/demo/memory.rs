//! What an application remembers, in memory alone: who is signed in, and what it has heard.

use std::collections::{HashMap, VecDeque};

use chrono::TimeDelta;
use exeunt_guard::Refused;
use exeunt_guard::logout::Logout;

use super::asking::{AccessToken, Answer};
use super::relying_party::{Attempt, SignedIn};
use crate::clock::Timestamp;

/// How long somebody may take to sign in, and how long an ended session is remembered.
const PATIENCE: TimeDelta = TimeDelta::hours(1);
const LOG_LENGTH: usize = 20;

/// Somebody's session with this application.
pub(super) struct Session {
    pub(super) signed_in: SignedIn,
    pub(super) since: Timestamp,
}

/// Something that happened, for the log on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    SignedIn,
    SignedOutHere,
    BackFromSigningOut,
    Asked(Answer),
    LogoutToken { ended: usize },
    FrontChannel { ended: usize },
    Refused(Refused),
    TurnedAway,
    PretendsToBeDown,
    IsUpAgain,
}

/// One application's memory.
#[derive(Default)]
pub(super) struct Memory {
    /// By the value of the browser's cookie.
    sessions: HashMap<String, Session>,
    /// By `state`, with the cookie of the browser that began.
    attempts: HashMap<String, (String, Attempt, Timestamp)>,
    /// The `state` of sign-outs that the provider will send back.
    departures: HashMap<String, Timestamp>,
    /// The access tokens of sessions that are over, by the value of the browser's cookie. An application has no reason to
    /// keep these; this one does, so that one can see them refused.
    left_over: HashMap<String, (AccessToken, Timestamp)>,
    /// By `sid`. A notice may overtake the sign-in that it is about.
    ended: HashMap<String, Timestamp>,
    log: VecDeque<(Timestamp, Event)>,
    heard: usize,
    turned_away: usize,
    is_down: bool,
    revision: u64,
}

impl Memory {
    pub(super) fn session(&self, cookie: &str) -> Option<&Session> {
        self.sessions.get(cookie)
    }

    pub(super) fn signed_in(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn heard(&self) -> usize {
        self.heard
    }

    pub(super) fn turned_away(&self) -> usize {
        self.turned_away
    }

    pub(super) fn is_down(&self) -> bool {
        self.is_down
    }

    /// Grows with everything that changes what a page shows.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The latest first.
    pub(super) fn log(&self) -> impl Iterator<Item = &(Timestamp, Event)> {
        self.log.iter()
    }

    pub(super) fn note(&mut self, event: Event, now: Timestamp) {
        self.revision += 1;
        self.log.truncate(LOG_LENGTH - 1);
        self.log.push_front((now, event));
    }

    /// Somebody went to the provider to sign in.
    pub(super) fn begin(
        &mut self,
        state: String,
        cookie: String,
        attempt: Attempt,
        now: Timestamp,
    ) {
        self.attempts
            .retain(|_, (.., began)| now - *began < PATIENCE);
        self.attempts.insert(state, (cookie, attempt, now));
    }

    /// Takes the attempt that this browser, and no other, began with `state`.
    pub(super) fn attempt(&mut self, state: &str, cookie: &str) -> Option<Attempt> {
        let (began_by, ..) = self.attempts.get(state)?;
        if began_by != cookie {
            return None;
        }
        self.attempts.remove(state).map(|(_, attempt, _)| attempt)
    }

    /// Somebody came back signed in: `old` is the cookie they came with, `new` the one they go on with. False if the
    /// provider has said meanwhile that this session is over.
    pub(super) fn enter(
        &mut self,
        old: &str,
        new: String,
        signed_in: SignedIn,
        now: Timestamp,
    ) -> bool {
        self.sessions.remove(old);
        self.left_over.remove(old);
        if signed_in
            .sid
            .as_ref()
            .is_some_and(|sid| self.ended.contains_key(sid))
        {
            return false;
        }
        let since = now;
        self.sessions.insert(new, Session { signed_in, since });
        self.note(Event::SignedIn, now);
        true
    }

    /// Somebody signs out here.
    pub(super) fn leave(&mut self, cookie: &str, now: Timestamp) -> Option<Session> {
        let session = self.sessions.remove(cookie)?;
        self.keep_token(cookie.to_owned(), &session, now);
        self.note(Event::SignedOutHere, now);
        Some(session)
    }

    /// The access token of this browser's session, also after its end.
    pub(super) fn access_token(&self, cookie: &str) -> Option<&AccessToken> {
        let of_session = self.session(cookie);
        of_session
            .map(|session| &session.signed_in.access_token)
            .or_else(|| self.left_over.get(cookie).map(|(token, _)| token))
    }

    /// What the service answered to this browser's access token.
    pub(super) fn answered(&mut self, cookie: &str, answer: Answer, now: Timestamp) {
        let token = match self.sessions.get_mut(cookie) {
            Some(session) => Some(&mut session.signed_in.access_token),
            None => self.left_over.get_mut(cookie).map(|(token, _)| token),
        };
        if let Some(token) = token {
            token.answer = Some(answer.clone());
            self.note(Event::Asked(answer), now);
        }
    }

    fn keep_token(&mut self, cookie: String, session: &Session, now: Timestamp) {
        self.left_over.retain(|_, (_, left)| now - *left < PATIENCE);
        let token = session.signed_in.access_token.clone();
        self.left_over.insert(cookie, (token, now));
    }

    /// The provider will send somebody back with `state`.
    pub(super) fn expect_back(&mut self, state: String, now: Timestamp) {
        self.departures.retain(|_, left| now - *left < PATIENCE);
        self.departures.insert(state, now);
    }

    /// Somebody came back from signing out at the provider; a `state` that is not ours says nothing.
    pub(super) fn came_back(&mut self, state: &str, now: Timestamp) {
        if self.departures.remove(state).is_some() {
            self.note(Event::BackFromSigningOut, now);
        }
    }

    /// A logout token came that was not received before: ends what it names.
    pub(super) fn hear_token(&mut self, logout: &Logout, now: Timestamp) {
        let ended = self.end(logout.sid.as_deref(), logout.sub.as_deref(), now);
        self.heard += 1;
        self.note(Event::LogoutToken { ended }, now);
    }

    /// The front-channel page was loaded for `sid`.
    pub(super) fn hear_frame(&mut self, sid: &str, now: Timestamp) {
        let ended = self.end(Some(sid), None, now);
        self.heard += 1;
        self.note(Event::FrontChannel { ended }, now);
    }

    /// A notice came while the application pretends to be down.
    pub(super) fn turn_away(&mut self, now: Timestamp) {
        self.turned_away += 1;
        self.note(Event::TurnedAway, now);
    }

    pub(super) fn pretend_to_be_down(&mut self, down: bool, now: Timestamp) {
        if self.is_down != down {
            self.is_down = down;
            let event = if down {
                Event::PretendsToBeDown
            } else {
                Event::IsUpAgain
            };
            self.note(event, now);
        }
    }

    /// Ends one session by `sid`, or all of a person's; each condition that is given must hold (§2.7).
    fn end(&mut self, sid: Option<&str>, sub: Option<&str>, now: Timestamp) -> usize {
        self.ended.retain(|_, at| now - *at < PATIENCE);
        if let Some(sid) = sid {
            self.ended.insert(sid.to_owned(), now);
        }
        let over: Vec<(String, Session)> = self
            .sessions
            .extract_if(|_, session| {
                let person = &session.signed_in;
                sid.is_none_or(|sid| person.sid.as_deref() == Some(sid))
                    && sub.is_none_or(|sub| person.sub == sub)
            })
            .collect();
        for (cookie, session) in &over {
            self.keep_token(cookie.clone(), session, now);
        }
        over.len()
    }
}
