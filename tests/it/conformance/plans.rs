//! The plans of the OpenID Foundation's suite for providers: which modules each has, and how it runs them.

use std::fmt;

/// What an application may ask for, in the order of the plans.
pub const RESPONSE_TYPES: [&str; 6] = [
    "code",
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
];

const IMPLICIT_TYPES: [&str; 2] = ["id_token", "id_token token"];
const HYBRID_TYPES: [&str; 3] = ["code id_token", "code token", "code id_token token"];

/// Where the operator picks: one without a browser's tokens, one without a code, one with both.
const PICKED: [&str; 3] = ["code", "id_token", "code id_token"];

const CONFIG: &[&str] = &["oidcc-discovery-endpoint-verification"];

/// What is asked for by scope.
const SCOPES: &[&str] = &[
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
];

/// What else is asked for, and what of it is passed over.
const PARAMETERS: &[&str] = &[
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
];

const OBJECTS: &[&str] = &[
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
];

const USERINFO: &[&str] = &[
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
];

const IMPLICIT: &[&str] = &[
    "oidcc-ensure-request-without-nonce-fails",
    "oidcc-alternate-happy-flow",
];

const HYBRID: &[&str] = &[
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-server-client-secret-post",
    "oidcc-refresh-token",
];

/// Of the hybrid plan, with its first response type only.
const HYBRID_ONCE: &[&str] = &[
    "oidcc-response-type-missing",
    "oidcc-alternate-happy-flow",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
];

const DYNAMIC: &[&str] = &[
    "oidcc-idtoken-rs256",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-rs256",
    "oidcc-ensure-redirect-uri-in-authorization-request",
    "oidcc-redirect-uri-query-OK",
    "oidcc-redirect-uri-query-mismatch",
    "oidcc-redirect-uri-query-added",
    "oidcc-redirect-uri-regfrag",
    "oidcc-discovery-endpoint-verification",
    "oidcc-server",
    "oidcc-registration-logo-uri",
    "oidcc-registration-policy-uri",
    "oidcc-registration-tos-uri",
    "oidcc-registration-jwks-uri",
    "oidcc-registration-sector-uri",
    "oidcc-registration-sector-bad",
    "oidcc-server-rotate-keys",
    "oidcc-refresh-token-rp-key-rotation",
    "oidcc-request-uri-unsigned",
    "oidcc-request-uri-signed-rs256",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
];

/// Of the dynamic plan, with a code only.
const DYNAMIC_WITH_CODE: &[&str] = &[
    "oidcc-registration-jwks-uri",
    "oidcc-refresh-token-rp-key-rotation",
    "oidcc-refresh-token",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
];

const THIRD_PARTY: &[&str] = &[
    "oidcc-3rd_party-init-login",
    "oidcc-3rd_party-init-login-nohttps",
];

const SESSION: &[&str] = &[
    "oidcc-session-management-discovery-endpoint-verification",
    "oidcc-session-management-rp-initiated-logout",
];

const LOGOUT: &[&str] = &[
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-only-state",
];

const FRONT_CHANNEL: &[&str] = &[
    "oidcc-frontchannel-logout-discovery-endpoint-verification",
    "oidcc-frontchannel-rp-initiated-logout",
];

const BACK_CHANNEL: &[&str] = &[
    "oidcc-backchannel-logout-discovery-endpoint-verification",
    "oidcc-backchannel-rp-initiated-logout",
];

/// One way in which a plan runs a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// What the application asks for.
    pub response_type: &'static str,
    /// Whether the answer comes by `response_mode=form_post`; else by the default of the type.
    pub form_post: bool,
    /// Whether the application registers itself, and signs assertions (`private_key_jwt`).
    pub dynamic: bool,
}

impl Variant {
    /// Whether the answer brings this: `code`, `id_token`, `token`.
    pub fn brings(&self, what: &str) -> bool {
        self.response_type.split(' ').any(|word| word == what)
    }

    /// Whether the answer comes in a fragment.
    pub fn in_fragment(&self) -> bool {
        !self.form_post && self.response_type != "code"
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.response_type)?;
        if self.form_post {
            f.write_str(", form_post")?;
        }
        if self.dynamic {
            f.write_str(", dynamic")?;
        }
        Ok(())
    }
}

/// A plan and what it runs, in its order.
pub struct Plan {
    /// Its name in the suite.
    pub name: &'static str,
    /// Its modules, each as often as it is run.
    pub runs: Vec<(&'static str, Variant)>,
}

/// Every plan that a provider is certified by.
pub fn plans() -> Vec<Plan> {
    let mut plans = vec![Plan {
        name: "oidcc-config-certification-test-plan",
        runs: with(&["code"], false, false, |_| CONFIG.to_vec()),
    }];
    for form_post in [false, true] {
        let of = |plain, posted| if form_post { posted } else { plain };
        plans.push(Plan {
            name: of(
                "oidcc-basic-certification-test-plan",
                "oidcc-formpost-basic-certification-test-plan",
            ),
            runs: with(&["code"], form_post, false, basic),
        });
        plans.push(Plan {
            name: of(
                "oidcc-implicit-certification-test-plan",
                "oidcc-formpost-implicit-certification-test-plan",
            ),
            runs: with(&IMPLICIT_TYPES, form_post, false, implicit),
        });
        plans.push(Plan {
            name: of(
                "oidcc-hybrid-certification-test-plan",
                "oidcc-formpost-hybrid-certification-test-plan",
            ),
            runs: with(&HYBRID_TYPES, form_post, false, hybrid),
        });
    }
    plans.push(Plan {
        name: "oidcc-dynamic-certification-test-plan",
        runs: with(&RESPONSE_TYPES, false, true, dynamic),
    });
    for (name, modules, types) in [
        (
            "oidcc-3rdparty-init-login-certification-test-plan",
            THIRD_PARTY,
            &PICKED[..1],
        ),
        (
            "oidcc-session-management-certification-test-plan",
            SESSION,
            &PICKED[..],
        ),
        (
            "oidcc-rp-initiated-logout-certification-test-plan",
            LOGOUT,
            &PICKED[..],
        ),
        (
            "oidcc-frontchannel-rp-initiated-logout-certification-test-plan",
            FRONT_CHANNEL,
            &PICKED[..],
        ),
        (
            "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
            BACK_CHANNEL,
            &PICKED[..],
        ),
    ] {
        let runs = with(types, false, false, |_| modules.to_vec());
        plans.push(Plan { name, runs });
    }
    plans
}

/// Every variant in which a plan runs this module, each once.
pub fn variants_of(module: &str) -> Vec<Variant> {
    let mut variants = Vec::new();
    for plan in plans() {
        for (name, variant) in plan.runs {
            if name == module && !variants.contains(&variant) {
                variants.push(variant);
            }
        }
    }
    assert!(!variants.is_empty(), "{module} is in no plan");
    variants
}

fn with(
    types: &[&'static str],
    form_post: bool,
    dynamic: bool,
    modules: impl Fn(&str) -> Vec<&'static str>,
) -> Vec<(&'static str, Variant)> {
    let mut runs = Vec::new();
    for response_type in types {
        let variant = Variant {
            response_type,
            form_post,
            dynamic,
        };
        runs.extend(
            modules(response_type)
                .into_iter()
                .map(|name| (name, variant)),
        );
    }
    runs
}

fn basic(_: &str) -> Vec<&'static str> {
    let begin = [
        "oidcc-server",
        "oidcc-response-type-missing",
        "oidcc-idtoken-signature",
        "oidcc-idtoken-unsigned",
    ];
    let without_nonce = ["oidcc-ensure-request-without-nonce-succeeds-for-code-flow"];
    let happy = ["oidcc-alternate-happy-flow"];
    let codes = [
        "oidcc-codereuse",
        "oidcc-codereuse-30seconds",
        "oidcc-ensure-registered-redirect-uri",
        "oidcc-ensure-post-request-succeeds",
        "oidcc-server-client-secret-post",
    ];
    let end = [
        "oidcc-claims-essential",
        "oidcc-ensure-request-object-with-redirect-uri",
        "oidcc-refresh-token",
        "oidcc-ensure-request-with-valid-pkce-succeeds",
    ];
    [
        &begin[..],
        USERINFO,
        &without_nonce,
        SCOPES,
        &happy,
        PARAMETERS,
        &codes,
        OBJECTS,
        &end,
    ]
    .concat()
}

/// What every plan with tokens through the browser runs.
fn front() -> Vec<&'static str> {
    let begin = ["oidcc-server", "oidcc-idtoken-signature"];
    let registered = ["oidcc-ensure-registered-redirect-uri"];
    let end = [
        "oidcc-ensure-request-object-with-redirect-uri",
        "oidcc-claims-essential",
    ];
    [&begin[..], SCOPES, PARAMETERS, &registered, OBJECTS, &end].concat()
}

fn implicit(response_type: &str) -> Vec<&'static str> {
    let mut modules = [&front()[..], IMPLICIT].concat();
    if response_type == "id_token token" {
        modules.extend(USERINFO);
        modules.push("oidcc-response-type-missing");
    }
    modules
}

fn hybrid(response_type: &str) -> Vec<&'static str> {
    let mut modules = [&front()[..], USERINFO, HYBRID].concat();
    modules.push(if response_type == "code token" {
        "oidcc-ensure-request-without-nonce-succeeds-for-code-flow"
    } else {
        "oidcc-ensure-request-without-nonce-fails"
    });
    if response_type == "code id_token" {
        modules.extend(HYBRID_ONCE);
    }
    modules
}

fn dynamic(response_type: &str) -> Vec<&'static str> {
    let has_code = response_type.split(' ').any(|word| word == "code");
    let mut modules = DYNAMIC.to_vec();
    modules.retain(|module| match *module {
        "oidcc-idtoken-unsigned" => matches!(response_type, "code" | "code token"),
        "oidcc-userinfo-rs256" => response_type != "id_token",
        module => has_code || !DYNAMIC_WITH_CODE.contains(&module),
    });
    modules
}

#[test]
fn the_plans_have_as_many_runs_as_the_suite_says() {
    let counts: Vec<_> = plans()[..7].iter().map(|plan| plan.runs.len()).collect();
    assert_eq!(counts, [1, 38, 58, 102, 38, 58, 102]);
}
