// A relying party on npm's openid-client, for one user after the other: `node relying_party.mjs`, with its registration on
// the first line of standard input, then one command on each line; it answers each with a line of JSON.
//   {"do": "begin", "parameters": {…}}   pushes a request; answers where the browser has to go
//   {"do": "finish", "url": "…"}         takes the browser back; answers what the tokens and UserInfo say
import { createInterface } from 'node:readline';
import { importJWK } from 'jose';
import * as client from 'openid-client';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const registration = JSON.parse((await lines.next()).value);
const secret = registration.secret;
const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(secret),
  client_secret_post: () => client.ClientSecretPost(secret),
  private_key_jwt: async () => {
    const { kid, alg } = registration.key;
    return client.PrivateKeyJwt({ key: await importJWK(registration.key, alg), kid });
  },
};
const config = await client.discovery(
  new URL(registration.issuer),
  registration.client_id,
  { use_mtls_endpoint_aliases: false },
  await authentication[registration.method](),
  { execute: [client.allowInsecureRequests] },
);
client.enableNonRepudiationChecks(config); // verifies signatures by the published keys, TLS or not
let checks = {};

const commands = {
  begin: async ({ parameters }) => {
    const verifier = client.randomPKCECodeVerifier();
    checks = {
      pkceCodeVerifier: verifier,
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
      idTokenExpected: true,
    };
    const url = await client.buildAuthorizationUrlWithPAR(config, {
      scope: 'openid profile identity_assurance',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...parameters,
    });
    return { url: url.href };
  },
  finish: async ({ url }) => {
    const tokens = await client.authorizationCodeGrant(config, new URL(url), checks);
    const claims = tokens.claims();
    return { claims, userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub) };
  },
};

for await (const line of lines) {
  const command = JSON.parse(line);
  try {
    console.log(JSON.stringify(await commands[command.do](command)));
  } catch (error) {
    console.log(JSON.stringify({ error: error.error ?? error.code ?? String(error), reason: String(error.cause ?? error) }));
  }
}
