//! `exeunt upstream ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;
use crate::oidc::upstream::leaving::SignOut;
use crate::oidc::upstream::{AuthMethod, SCOPE};

/// `exeunt upstream ...`
#[derive(Debug, Subcommand)]
pub enum UpstreamCommand {
    /// Make a provider known through which people sign in
    ///
    /// Nobody new comes in by it unless --first-sign-in says so: who is somebody here links it on their account page.
    #[command(
        after_help = "Examples:\n  exeunt upstream add house --issuer https://id.house.example --client-id exeunt --client-secret-file house.secret\n  \
                      exeunt upstream add house --issuer https://id.house.example --client-id exeunt --auth-method private_key_jwt \
                      --first-sign-in domain --domain house.example"
    )]
    Add(Box<UpstreamAdd>),
    /// List the providers through which people sign in
    List(Output),
    /// Ask a provider what it says of itself, and say what fits and what does not
    ///
    /// Exits 0 if people can sign in through it.
    Test {
        /// Its name
        id: String,
    },
    /// Forget a provider; nobody signs in through it any more
    ///
    /// Sessions that came from there go on, and people stay who they are.
    Remove {
        /// Its name
        id: String,
    },
}

/// `exeunt upstream add`
#[derive(Debug, Args)]
pub struct UpstreamAdd {
    /// What it is called here: small letters, digits and hyphens
    pub id: String,
    /// Its issuer, letter by letter as its tokens have it
    #[arg(long)]
    pub issuer: String,
    /// Who we are there
    #[arg(long)]
    pub client_id: String,
    /// A file with our secret there
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// How we prove who we are: client_secret_basic, client_secret_post or private_key_jwt
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic", value_parser = method)]
    pub auth_method: AuthMethod,
    /// What is asked for
    #[arg(long, default_value = SCOPE)]
    pub scope: String,
    /// What becomes of the session there when somebody signs out here: offer, go or stay
    #[arg(long, value_name = "POLICY", default_value = SignOut::default().as_str(), value_parser = sign_out)]
    pub sign_out: SignOut,
    /// What people see on its button; left out: its name
    #[arg(long)]
    pub label: Option<String>,
    /// Who may come in for the first time: linked, domain or open
    #[arg(long, value_name = "POLICY", default_value = "linked", value_parser = ["linked", "domain", "open"])]
    pub first_sign_in: String,
    /// A domain whose addresses lead there; may stand more than once
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub domains: Vec<String>,
}

fn sign_out(name: &str) -> Result<SignOut, String> {
    SignOut::from_name(name).ok_or_else(|| {
        let known = SignOut::ALL.map(SignOut::as_str);
        format!("known are {}", known.join(", "))
    })
}

fn method(name: &str) -> Result<AuthMethod, String> {
    AuthMethod::from_name(name).ok_or_else(|| {
        let known = AuthMethod::ALL.map(AuthMethod::as_str);
        format!("known are {}", known.join(", "))
    })
}
