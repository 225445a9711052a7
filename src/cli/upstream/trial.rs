//! `exeunt upstream test`: does this provider fit, and what is to be registered there?

use anyhow::{anyhow, bail};
use serde::Serialize;

use crate::cli::arguments::Output;
use crate::cli::show;
use crate::flows::Provider;
use crate::flows::upstream::trial::{self, Trial};
use crate::oidc::discovery::JWKS;
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::metadata::{ALGORITHMS, Metadata};
use crate::store::upstreams;

#[derive(Serialize)]
struct Shown {
    id: String,
    issuer: String,
    /// Whether people can sign in through it.
    fits: bool,
    misfits: Vec<String>,
    shortcomings: Vec<String>,
    /// By how much its clock is ahead of ours.
    clock_ahead_seconds: Option<i64>,
    /// None: it can't be asked, or is no OpenID Provider.
    supports: Option<Supports>,
    register: Register,
}

/// What it says that it can do.
#[derive(Serialize)]
struct Supports {
    /// The signatures of ID tokens that we take, too.
    algorithms: Vec<String>,
    pkce: bool,
    issuer_in_answers: bool,
    userinfo: bool,
    claims_parameter: bool,
    end_session: bool,
    backchannel_logout: bool,
    backchannel_logout_session: bool,
    frontchannel_logout: bool,
    frontchannel_logout_session: bool,
}

impl From<&Metadata> for Supports {
    fn from(said: &Metadata) -> Self {
        let algorithms = said.id_token_signing_alg_values_supported.iter();
        let s256 = |method: &String| method == "S256";
        Self {
            algorithms: algorithms
                .filter(|algorithm| ALGORITHMS.contains(&algorithm.as_str()))
                .cloned()
                .collect(),
            pkce: said.code_challenge_methods_supported.iter().any(s256),
            issuer_in_answers: said.authorization_response_iss_parameter_supported,
            userinfo: said.userinfo_endpoint.is_some(),
            claims_parameter: said.claims_parameter_supported,
            end_session: said.fit_end_session_endpoint().is_some(),
            backchannel_logout: said.backchannel_logout_supported,
            backchannel_logout_session: said.backchannel_logout_session_supported,
            frontchannel_logout: said.frontchannel_logout_supported,
            frontchannel_logout_session: said.frontchannel_logout_session_supported,
        }
    }
}

impl Supports {
    fn facts(&self) -> [(&'static str, String); 8] {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let logout = |told: bool, of_session: bool| match (told, of_session) {
            (false, _) => "no".to_owned(),
            (true, false) => "yes, without sid".to_owned(),
            (true, true) => "yes, with sid".to_owned(),
        };
        let algorithms = match self.algorithms.is_empty() {
            true => "none of ours named".to_owned(),
            false => self.algorithms.join(", "),
        };
        [
            ("algorithms", algorithms),
            ("PKCE (S256)", yes(self.pkce)),
            ("iss in answers", yes(self.issuer_in_answers)),
            ("userinfo", yes(self.userinfo)),
            ("claims one by one", yes(self.claims_parameter)),
            ("end session endpoint", yes(self.end_session)),
            (
                "back-channel logout",
                logout(self.backchannel_logout, self.backchannel_logout_session),
            ),
            (
                "front-channel logout",
                logout(self.frontchannel_logout, self.frontchannel_logout_session),
            ),
        ]
    }
}

/// What to register there, under the names of registration.
#[derive(Serialize)]
pub(super) struct Register {
    redirect_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// None: what is no OpenID Provider has no use for them.
    #[serde(flatten)]
    logout: Option<RegisterLogout>,
}

#[derive(Serialize)]
struct RegisterLogout {
    backchannel_logout_uri: String,
    frontchannel_logout_uri: String,
    post_logout_redirect_uri: String,
}

impl Register {
    pub(super) fn at(provider: &Provider, upstream: &Upstream) -> Self {
        let ours = &provider.config.issuer;
        Self {
            redirect_uri: upstream.callback(ours),
            jwks_uri: (!upstream.auth_method.uses_secret()).then(|| ours.endpoint(JWKS)),
            logout: upstream.oauth2.is_none().then(|| RegisterLogout {
                backchannel_logout_uri: upstream.backchannel_logout_uri(ours),
                frontchannel_logout_uri: upstream.frontchannel_logout_uri(ours),
                post_logout_redirect_uri: upstream.signed_out(ours),
            }),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("redirect_uri", self.redirect_uri.clone())];
        facts.extend(self.jwks_uri.clone().map(|uri| ("jwks_uri", uri)));
        if let Some(logout) = &self.logout {
            facts.extend(
                [
                    ("backchannel_logout_uri", &logout.backchannel_logout_uri),
                    ("frontchannel_logout_uri", &logout.frontchannel_logout_uri),
                    ("post_logout_redirect_uri", &logout.post_logout_redirect_uri),
                ]
                .map(|(name, uri)| (name, uri.clone())),
            );
        }
        facts
    }
}

/// Fails unless people can sign in through it.
pub(super) async fn run(provider: &Provider, id: &str, output: Output) -> anyhow::Result<()> {
    let known = upstreams::find(provider.database.read(), id).await?;
    let known = known.ok_or_else(|| anyhow!("there is no upstream {id}"))?;
    match (known.disabled_at, known.declared) {
        (None, _) => {}
        (Some(_), true) => bail!("nobody can sign in through {id}: it left the configuration file"),
        (Some(_), false) => bail!(
            "nobody can sign in through {id}: the configuration file declares another upstream of its issuer"
        ),
    }
    let upstream = known.upstream;
    let trial = trial::test(provider, &upstream).await?;
    let shown = shown(provider, upstream, trial);
    match output.json {
        true => show::json(&shown)?,
        false => in_words(output, &shown)?,
    }
    match shown.fits {
        true => Ok(()),
        false => bail!("nobody can sign in through {id}"),
    }
}

fn shown(provider: &Provider, upstream: Upstream, trial: Trial) -> Shown {
    Shown {
        register: Register::at(provider, &upstream),
        id: upstream.id,
        issuer: upstream.issuer,
        fits: trial.misfits.is_empty(),
        misfits: trial.misfits,
        shortcomings: trial.shortcomings,
        clock_ahead_seconds: trial.ahead.map(|ahead| ahead.num_seconds()),
        supports: trial.metadata.as_ref().map(Supports::from),
    }
}

fn in_words(output: Output, shown: &Shown) -> anyhow::Result<()> {
    let clock = match shown.clock_ahead_seconds {
        None => "not told".to_owned(),
        Some(0) => "as ours".to_owned(),
        Some(seconds) if seconds > 0 => format!("{seconds} s ahead of ours"),
        Some(seconds) => format!("{} s behind ours", -seconds),
    };
    let mut facts = vec![("issuer", shown.issuer.clone()), ("clock", clock)];
    facts.extend(shown.supports.iter().flat_map(Supports::facts));
    show::item(output, shown, &facts)?;
    show::say("\nRegister there:")?;
    show::item(output, &shown.register, &shown.register.facts())?;
    if !shown.shortcomings.is_empty() {
        show::say(format!("\nTo know:\n- {}", shown.shortcomings.join("\n- ")))?;
    }
    match shown.fits {
        true => show::say(format!("\nPeople can sign in through {}.", shown.id)),
        false => show::say(format!(
            "\nWhat keeps people from signing in:\n- {}",
            shown.misfits.join("\n- ")
        )),
    }
}
