//! What dies with which cause: one table, read by everything that ends sessions.

use super::Cause;

/// How far a cause reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// One application's part in one session.
    Part,
    /// One browser's session.
    Session,
    /// Every session of the person but the one in which it was asked for.
    OtherSessions,
    /// Every session of the person.
    Person,
    /// The person's part in one application, in every session.
    PersonAtApplication,
    /// Everyone's part in one application.
    Application,
    /// Every session there is.
    Everyone,
    /// What whoever asks says: one session, a person's, an application's, everyone's.
    AsAsked,
}

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is of no use from the same moment on.
    Dies,
    /// It goes on.
    Survives,
}

/// One row of the table. What hangs on a session (its cookie, codes, refresh tokens without
/// `offline_access`, access tokens where we are asked) dies wherever the cause reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Termination {
    /// Whose sessions, and whose parts in them.
    pub reach: Reach,
    /// Grants with `offline_access`, made for when the person is away (Core §11).
    pub offline_access: Fate,
    /// What the person allowed applications, remembered.
    pub consents: Fate,
}

/// What is of use until something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Artefact {
    /// The cookie of a session.
    SessionCookie,
    /// A page that asks who somebody is: theirs who can still sign in, whatever was before.
    ParkedSignIn,
    /// A page that asks for a consent: of whoever is signed in, in that session.
    ParkedConsent,
    /// A code that was not redeemed yet.
    Code,
    /// An access token, where we are asked: at userinfo.
    AccessToken,
    /// What was given for an access token (RFC 8693), where we are asked: by its service.
    ExchangedToken,
    /// A family of refresh tokens without `offline_access`.
    RefreshFamily,
    /// One with it.
    OfflineAccess,
    /// A remembered consent.
    Consent,
}

impl Artefact {
    /// Every artefact.
    pub const ALL: [Self; 9] = [
        Self::SessionCookie,
        Self::ParkedSignIn,
        Self::ParkedConsent,
        Self::Code,
        Self::AccessToken,
        Self::ExchangedToken,
        Self::RefreshFamily,
        Self::OfflineAccess,
        Self::Consent,
    ];
}

/// A cell: what becomes of an artefact of what the cause reaches.
pub fn fate(cause: Cause, artefact: Artefact) -> Fate {
    let row = termination(cause);
    let sessions_end = !matches!(
        row.reach,
        Reach::Part | Reach::PersonAtApplication | Reach::Application
    );
    let dies_if = |dies| if dies { Fate::Dies } else { Fate::Survives };
    match artefact {
        Artefact::Code
        | Artefact::AccessToken
        | Artefact::ExchangedToken
        | Artefact::RefreshFamily => Fate::Dies,
        Artefact::SessionCookie => dies_if(sessions_end),
        // Nobody is asked for an application that is shut out.
        Artefact::ParkedConsent => dies_if(sessions_end || row.reach == Reach::Application),
        Artefact::ParkedSignIn => dies_if(
            row.reach == Reach::Application
                || matches!(
                    cause,
                    // Of a restored database nothing that waits is believed.
                    Cause::UserDisabled | Cause::UserDeleted | Cause::Restored
                ),
        ),
        Artefact::OfflineAccess => row.offline_access,
        Artefact::Consent => row.consents,
    }
}

/// The row of a cause.
pub fn termination(cause: Cause) -> Termination {
    use Fate::{Dies, Survives};
    use Reach::{
        Application, AsAsked, Everyone, OtherSessions, Part, Person, PersonAtApplication, Session,
    };
    let (reach, offline_access, consents) = match cause {
        Cause::Logout => (Session, Survives, Survives),
        Cause::OneSession => (Session, Survives, Survives),
        Cause::OneApplication => (Part, Survives, Survives),
        Cause::Everywhere => (Person, Survives, Survives),
        Cause::Replaced => (Session, Survives, Survives),
        Cause::Administrator => (AsAsked, Survives, Survives),
        // They may be let in again, and are then asked for nothing that they have said already.
        Cause::UserDisabled => (Person, Dies, Survives),
        Cause::UserDeleted => (Person, Dies, Dies),
        // Whoever knew the old password may have left themselves a way in.
        Cause::PasswordChanged => (OtherSessions, Dies, Survives),
        Cause::PasswordReset => (Person, Dies, Survives),
        // By policy the whole session: `tokens.refresh_reuse`.
        Cause::RefreshReuse => (Part, Dies, Survives),
        // Where `tokens.revocation_ends_participation` says so; what was given apart is taken back apart.
        Cause::TokenRevoked => (Part, Survives, Survives),
        Cause::ConsentWithdrawn => (PersonAtApplication, Dies, Dies),
        Cause::ClientDisabled => (Application, Dies, Survives),
        Cause::ClientDeleted => (Application, Dies, Dies),
        Cause::Idle => (Session, Survives, Survives),
        Cause::Expired => (Session, Survives, Survives),
        Cause::Restored => (Everyone, Dies, Survives),
        // Of the person's sessions those that came from there, and no other.
        Cause::Upstream => (Session, Survives, Survives),
    };
    Termination {
        reach,
        offline_access,
        consents,
    }
}

impl Cause {
    /// Whether grants with `offline_access` outlive it: they survive a sign-out, not a shutting-out
    /// and not a theft.
    pub fn keeps_offline_access(self) -> bool {
        termination(self).offline_access == Fate::Survives
    }
}
