//! The words for how sessions end and how applications hear of it, as they are kept and shown.

/// Why a session, or one application's part in it, ended. What each takes along:
/// [`super::termination`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An application sent the person to sign out, or the person signed out here.
    Logout,
    /// The person ended one of their sessions on their account's page.
    OneSession,
    /// The person signed out of one application alone.
    OneApplication,
    /// The person signed out everywhere, in every browser.
    Everywhere,
    /// Another person signed in in the same browser.
    Replaced,
    /// An administrator ended it.
    Administrator,
    /// The person was shut out.
    UserDisabled,
    /// The person is gone for good.
    UserDeleted,
    /// The person changed their password.
    PasswordChanged,
    /// An administrator, or the configuration, set the person's password.
    PasswordReset,
    /// A refresh token was used again after its successor was issued.
    RefreshReuse,
    /// The application took back a refresh token of its own.
    TokenRevoked,
    /// The person took back what they had allowed the application.
    ConsentWithdrawn,
    /// The application was shut out.
    ClientDisabled,
    /// The application is gone for good.
    ClientDeleted,
    /// It was not used for as long as `session.idle` says.
    Idle,
    /// Its time was over.
    Expired,
    /// The database was put back from a copy, which can't know what ended since.
    Restored,
    /// The provider through which the person had signed in said that they are signed out there.
    Upstream,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 19] = [
        Self::Logout,
        Self::OneSession,
        Self::OneApplication,
        Self::Everywhere,
        Self::Replaced,
        Self::Administrator,
        Self::UserDisabled,
        Self::UserDeleted,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::RefreshReuse,
        Self::TokenRevoked,
        Self::ConsentWithdrawn,
        Self::ClientDisabled,
        Self::ClientDeleted,
        Self::Idle,
        Self::Expired,
        Self::Restored,
        Self::Upstream,
    ];

    /// The name it is kept under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::OneSession => "one_session",
            Self::OneApplication => "one_application",
            Self::Everywhere => "everywhere",
            Self::Replaced => "replaced",
            Self::Administrator => "administrator",
            Self::UserDisabled => "user_disabled",
            Self::UserDeleted => "user_deleted",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::RefreshReuse => "refresh_reuse",
            Self::TokenRevoked => "token_revoked",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::ClientDisabled => "client_disabled",
            Self::ClientDeleted => "client_deleted",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::Restored => "restored",
            Self::Upstream => "upstream",
        }
    }

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }
}

/// How an application can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Its server (Back-Channel Logout 1.0).
    Back,
    /// A frame in the person's browser (Front-Channel Logout 1.0).
    Front,
    /// It registered neither.
    None,
}

impl Channel {
    /// The name it is kept under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Back => "back",
            Self::Front => "front",
            Self::None => "none",
        }
    }

    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Back, Self::Front, Self::None]
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }
}

/// How far the telling got. Says only what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Not tried yet.
    Pending,
    /// Tried without success; it will be tried again.
    Retrying,
    /// The application answered that the session is over there.
    Confirmed,
    /// The application answered that it will not accept the notice.
    Refused,
    /// The application answered something that no further try can mend.
    Failed,
    /// Tried for as long as `logout.give_up_after` says.
    Dead,
    /// An administrator said that it need not be told.
    Abandoned,
    /// A frame was sent to the person's browser; it proves nothing.
    Asked,
    /// There was no way to tell it; it ends by itself.
    Unreachable,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Retrying,
        Self::Confirmed,
        Self::Refused,
        Self::Failed,
        Self::Dead,
        Self::Abandoned,
        Self::Asked,
        Self::Unreachable,
    ];

    /// The states of what did not arrive and was meant to.
    pub const UNDELIVERED: [Self; 5] = [
        Self::Pending,
        Self::Retrying,
        Self::Refused,
        Self::Failed,
        Self::Dead,
    ];

    /// The name it is kept under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Abandoned => "abandoned",
            Self::Asked => "asked",
            Self::Unreachable => "unreachable",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether another try is to come.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Retrying)
    }
}
