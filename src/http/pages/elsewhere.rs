//! The provider from which somebody came who has signed out here: what is known of whether they left there.

use super::Form;

/// Where the session came from.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// What people know it as.
    pub label: String,
    /// What is known, and what can be done.
    pub state: ElsewhereState,
}

/// What is known of whether they left there. That they did only the provider itself could say, and it does not.
#[derive(Debug, Clone)]
pub enum ElsewhereState {
    /// They may still be signed in there, and this form leads there.
    Offered(Form),
    /// They may still be signed in there, and the page leads there next.
    Next,
    /// They were there, and have come back.
    Asked,
    /// They may still be signed in there, and we can't take them there.
    Unreachable,
}

impl Elsewhere {
    /// Whether the page leads there next.
    pub fn is_next(&self) -> bool {
        matches!(self.state, ElsewhereState::Next)
    }

    /// Whether there is something that the person should read before they go on.
    pub(super) fn is_to_be_read(&self) -> bool {
        matches!(
            self.state,
            ElsewhereState::Offered(_) | ElsewhereState::Unreachable
        )
    }

    pub(super) fn key(&self) -> &'static str {
        match self.state {
            ElsewhereState::Offered(_) => "elsewhere-offered",
            ElsewhereState::Next => "elsewhere-next",
            ElsewhereState::Asked => "elsewhere-asked",
            ElsewhereState::Unreachable => "elsewhere-unreachable",
        }
    }

    pub(super) fn form(&self) -> Option<&Form> {
        match &self.state {
            ElsewhereState::Offered(form) => Some(form),
            _ => None,
        }
    }
}
