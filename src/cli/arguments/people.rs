//! `exeunt user ...`

use clap::{Args, Subcommand};

use super::Output;

/// `exeunt user ...`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a person; the password is asked for, or read from standard input
    #[command(
        after_help = "Examples:\n  exeunt user add ada --name 'Ada Lovelace' --email ada@example.org\n  \
                      pass show ada | exeunt user add ada"
    )]
    Add(UserAdd),
    /// List the people
    List(Output),
    /// Let a person sign in no more, and end their sessions everywhere
    Disable {
        /// What they sign in with
        username: String,
    },
    /// Let a person sign in again who was disabled
    Enable {
        /// What they sign in with
        username: String,
    },
    /// Forget a person for good, and end their sessions everywhere
    ///
    /// Their name is free afterwards; applications never see the same sub again.
    Delete {
        /// What they sign in with
        username: String,
        /// Do not ask whether it is meant
        #[arg(long)]
        yes: bool,
    },
    /// Set a person's password, and end their sessions everywhere
    ///
    /// The password is asked for, or read from standard input; never given as an argument, where other users of the
    /// machine could see it.
    SetPassword {
        /// What they sign in with
        username: String,
        /// Forget who they are at other providers, too: they sign in by the password alone from then on
        #[arg(long)]
        unlink: bool,
    },
}

/// `exeunt user add`
#[derive(Debug, Args)]
pub struct UserAdd {
    /// What they sign in with
    pub username: String,
    /// Their full name
    #[arg(long)]
    pub name: Option<String>,
    /// Their e-mail address
    #[arg(long)]
    pub email: Option<String>,
    /// The e-mail address is known to be theirs
    #[arg(long, requires = "email")]
    pub email_verified: bool,
    /// They can't sign in with a password until one is set
    #[arg(long)]
    pub no_password: bool,
}
