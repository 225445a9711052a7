//! The words for how sessions end and how applications hear of it, as they are kept and shown.

/// Why a session, or one application's part in it, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An application sent the person to sign out, or the person signed out here.
    Logout,
    /// The person signed out of one application alone.
    OneApplication,
    /// Another person signed in in the same browser.
    Replaced,
    /// An administrator ended it.
    Administrator,
    /// The person was shut out.
    UserDisabled,
    /// The person's password was changed or reset.
    PasswordChanged,
    /// A refresh token was used again after its successor was issued.
    RefreshReuse,
    /// The application was shut out or removed.
    ClientDisabled,
    /// Its time was over.
    Expired,
}

impl Cause {
    const ALL: [Self; 9] = [
        Self::Logout,
        Self::OneApplication,
        Self::Replaced,
        Self::Administrator,
        Self::UserDisabled,
        Self::PasswordChanged,
        Self::RefreshReuse,
        Self::ClientDisabled,
        Self::Expired,
    ];

    /// The name it is kept under.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::OneApplication => "one_application",
            Self::Replaced => "replaced",
            Self::Administrator => "administrator",
            Self::UserDisabled => "user_disabled",
            Self::PasswordChanged => "password_changed",
            Self::RefreshReuse => "refresh_reuse",
            Self::ClientDisabled => "client_disabled",
            Self::Expired => "expired",
        }
    }

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// Whether grants with `offline_access` outlive it: they survive a sign-out, not a shutting-out
    /// and not a theft.
    pub fn keeps_offline_access(self) -> bool {
        match self {
            Self::Logout
            | Self::OneApplication
            | Self::Replaced
            | Self::Administrator
            | Self::Expired => true,
            Self::UserDisabled
            | Self::PasswordChanged
            | Self::RefreshReuse
            | Self::ClientDisabled => false,
        }
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
    /// A frame was sent to the person's browser; it proves nothing.
    Asked,
    /// There was no way to tell it; it ends by itself.
    Unreachable,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Retrying,
        Self::Confirmed,
        Self::Refused,
        Self::Failed,
        Self::Dead,
        Self::Asked,
        Self::Unreachable,
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
