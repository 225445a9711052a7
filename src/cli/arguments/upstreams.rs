//! `exeunt upstream ...`

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::Output;
use super::clients::{note, time_until};
use crate::oidc::upstream::AuthMethod;
use crate::oidc::upstream::leaving::SignOut;

/// The longest that an invitation is good.
const LONGEST_INVITATION: TimeDelta = TimeDelta::days(90);

/// `exeunt upstream ...`
#[derive(Debug, Subcommand)]
pub enum UpstreamCommand {
    /// Make a provider known through which people sign in
    ///
    /// Nobody new comes in by it unless --first-sign-in says so: who is somebody here links it on their account page.
    #[command(
        after_help = "Examples:\n  exeunt upstream add house --issuer https://id.house.example --client-id exeunt --client-secret-file house.secret\n  \
                      exeunt upstream add house --issuer https://id.house.example --client-id exeunt --auth-method private_key_jwt \
                      --first-sign-in domain --domain house.example\n  \
                      exeunt upstream add house --issuer https://id.house.example --client-id exeunt --client-secret-file house.secret \
                      --scope openid --request-claims '{\"id_token\": {\"acr\": {\"essential\": true, \"values\": [\"gold\"]}}}'\n  \
                      exeunt upstream add code --kind oauth2 --issuer https://code.example --client-id exeunt --client-secret-file code.secret \
                      --authorization-endpoint https://code.example/login/oauth/authorize --token-endpoint https://code.example/login/oauth/access_token \
                      --userinfo-endpoint https://api.code.example/user --subject-claim id --map nickname=login"
    )]
    Add(Box<UpstreamAdd>),
    /// List the providers through which people sign in
    List(Output),
    /// Ask a provider what it says of itself, and say what fits, what does not, and what to register there
    ///
    /// Exits 0 if people can sign in through it.
    Test {
        /// Its name
        id: String,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// Make a link by which one person comes in through a provider for the first time, and print it once
    ///
    /// Its first_sign_in must be "invited". Who opens the link signs in there; who is somebody here already leaves it
    /// unused.
    Invite(UpstreamInvite),
    /// List the invitations, with those that were used or are over
    Invites(Output),
    /// Take an invitation back; who has come in by it stays
    Uninvite {
        /// Its identifier, as `exeunt upstream invites` shows it
        id: Uuid,
    },
    /// Forget a provider; nobody signs in through it any more
    ///
    /// Sessions that came from there go on, and people stay who they are.
    Remove {
        /// Its name
        id: String,
    },
}

/// `exeunt upstream invite`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exeunt upstream invite house --note Grace\n  exeunt upstream invite house --expires 24h --json"
)]
pub struct UpstreamInvite {
    /// The provider's name here
    pub id: String,
    /// How long the link is good: 5m, 24h, 7d; 90d at most
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = invitation_time)]
    pub expires: TimeDelta,
    /// For whom it is; `exeunt upstream invites` says so
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub note: Option<String>,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

/// `exeunt upstream add`
#[derive(Debug, Args)]
pub struct UpstreamAdd {
    /// What it is called here: small letters, digits and hyphens
    pub id: String,
    /// Its issuer, letter by letter as its tokens have it; of --kind oauth2, a URL by which it is known here for good
    #[arg(long)]
    pub issuer: String,
    /// openid, or oauth2 for one that gives no ID tokens and is asked by userinfo
    #[arg(long, default_value = "openid", value_parser = ["openid", "oauth2"])]
    pub kind: String,
    /// Of --kind oauth2: where people are sent
    #[arg(long, value_name = "URL")]
    pub authorization_endpoint: Option<String>,
    /// Of --kind oauth2: where codes are redeemed
    #[arg(long, value_name = "URL")]
    pub token_endpoint: Option<String>,
    /// Of --kind oauth2: what says who somebody is
    #[arg(long, value_name = "URL")]
    pub userinfo_endpoint: Option<String>,
    /// Of --kind oauth2: the claim with the identifier that never changes; left out: sub
    #[arg(long, value_name = "CLAIM")]
    pub subject_claim: Option<String>,
    /// Who we are there
    #[arg(long)]
    pub client_id: String,
    /// A file with our secret there
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// How we prove who we are: client_secret_basic, client_secret_post or private_key_jwt
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic", value_parser = method)]
    pub auth_method: AuthMethod,
    /// What is asked for; left out: openid profile email, or nothing of --kind oauth2
    #[arg(long)]
    pub scope: Option<String>,
    /// Claims to ask for one by one, as JSON (OpenID Connect Core 5.5): {"userinfo": {"email": {"essential": true}, "nickname": null}}
    #[arg(long, value_name = "JSON")]
    pub request_claims: Option<String>,
    /// What becomes of the session there when somebody signs out here: offer, go or stay
    #[arg(long, value_name = "POLICY", default_value = SignOut::default().as_str(), value_parser = sign_out)]
    pub sign_out: SignOut,
    /// What people see on its button; left out: its name
    #[arg(long)]
    pub label: Option<String>,
    /// An image for it: a small PNG, JPEG or WebP
    #[arg(long, value_name = "FILE")]
    pub logo: Option<PathBuf>,
    /// Who may come in for the first time: linked, invited, domain, claim or open
    #[arg(long, value_name = "POLICY", default_value = "linked", value_parser = ["linked", "invited", "domain", "claim", "open"])]
    pub first_sign_in: String,
    /// Of --first-sign-in claim: its name there
    #[arg(long, value_name = "CLAIM")]
    pub claim: Option<String>,
    /// Of --first-sign-in claim: its value, or one of its values
    #[arg(long, value_name = "VALUE")]
    pub claim_value: Option<String>,
    /// Whether what it says of people is taken over always or at the first sign-in
    #[arg(long, value_name = "WHEN", default_value = "always", value_parser = ["always", "first"])]
    pub refresh_claims: String,
    /// Our claim, =, and what it is called there, such as name=displayName; may stand more than once
    #[arg(long = "map", value_name = "OURS=THEIRS", value_parser = mapping)]
    pub claims: Vec<(String, String)>,
    /// A network of [outbound.private_networks] in which it lives; may stand more than once
    #[arg(long = "private-network", value_name = "NAME")]
    pub private_networks: Vec<String>,
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

fn mapping(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    pair.filter(|(ours, theirs)| !ours.is_empty() && !theirs.is_empty())
        .map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()))
        .ok_or_else(|| "write our claim, =, and what it is called there".to_owned())
}

fn invitation_time(text: &str) -> Result<TimeDelta, String> {
    time_until(text, LONGEST_INVITATION)
        .ok_or_else(|| "write a number and s, m, h or d, of 90d at most: 5m, 24h, 7d".to_owned())
}
