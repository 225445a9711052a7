// An OpenID Provider that others wrote, set up as one test wants it:
//   node provider.mjs '{"port": 1, "algorithm": "RS256", "client": {...}}'
// in the folder that holds its node_modules. `answers_by_form` has it answer every request by a form; of the `classes` of
// sign-in that it knows everybody proves the first one; `ignores_claims` has it not hear which claims are asked for.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { setDefaultResultOrder } from "node:dns";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const wish = JSON.parse(process.argv[2]);
const library = join(process.cwd(), "node_modules", "oidc-provider", "lib", "index.js");
const { default: Provider } = await import(pathToFileURL(library));

// The servers of the tests are called localhost and listen on IPv4.
setDefaultResultOrder("ipv4first");

const kinds = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
};
const { privateKey } = generateKeyPairSync(...kinds[wish.algorithm]);
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" };

const provider = new Provider(`http://localhost:${wish.port}`, {
  clients: [{ ...wish.client, id_token_signed_response_alg: wish.algorithm }],
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  // No scope brings the last one.
  claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], nickname: null },
  features: { backchannelLogout: { enabled: true }, claimsParameter: { enabled: !wish.ignores_claims } },
  acrValues: wish.classes ?? [],
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      name: `${sub} of elsewhere`,
      email: `${sub}@elsewhere.example`,
      email_verified: true,
      nickname: `${sub} the stranger`,
    }),
  }),
  // Nobody is asked what the application may learn: that is asked at the other end.
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile email");
    grant.addOIDCClaims(["email", "nickname"]);
    await grant.save();
    return grant;
  },
});

if (wish.classes) {
  const finish = provider.interactionFinished.bind(provider);
  provider.interactionFinished = (request, response, result, options) => {
    if (result.login) result.login.acr = wish.classes[0];
    return finish(request, response, result, options);
  };
}

if (wish.answers_by_form) {
  provider.use(async (context, next) => {
    if (context.path === "/auth") context.query = { ...context.query, response_mode: "form_post" };
    await next();
  });
}

provider.listen(wish.port, "127.0.0.1");
