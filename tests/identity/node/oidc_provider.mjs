// An authorization server on loopback: `node oidc_provider.mjs PORT`, with its private keys (a JWKS) on standard input.
// The resource urn:connector:jwt has signed access tokens, urn:connector:opaque opaque ones, urn:connector:brief:opaque
// those of one second; without a resource they are for UserInfo, whose answers are JSON, signed or encrypted, by client.
// PUT /values changes values of all users.
import { generateKeyPairSync } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Provider } from 'oidc-provider';

const port = Number(process.argv[2]);
const scopes = ['internal_login', 'internal_idvp_view'];
const client = (id, more) => ({ client_id: id, client_secret: `${id}-secret`, ...more });
const values = { given_name: 'Ann', family_name: 'Example', birthdate: '1990-01-01' };
const none = { grant_types: [], redirect_uris: [], response_types: [] };

const code = {
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  redirect_uris: ['https://shop.example.com/callback'],
};
const sealed = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    client('shop', code),
    client('signing-shop', { ...code, userinfo_signed_response_alg: 'RS256' }),
    client('secret-shop', { ...code, userinfo_signed_response_alg: 'HS256' }),
    client('sealing-shop', {
      ...code,
      jwks: { keys: [{ ...sealed, use: 'enc' }] },
      userinfo_signed_response_alg: 'RS256',
      userinfo_encrypted_response_alg: 'RSA-OAEP',
    }),
    client('console', { application_type: 'native', redirect_uris: ['http://127.0.0.1/console/callback'] }),
    client('connector', { ...none, token_endpoint_auth_method: 'client_secret_basic' }),
    client('connector-by-post', { ...none, token_endpoint_auth_method: 'client_secret_post' }),
  ],
  jwks: JSON.parse(await text(process.stdin)),
  cookies: { keys: ['of the tests'] },
  scopes: ['openid', 'offline_access', ...scopes],
  claims: { openid: ['sub'], profile: ['given_name', 'family_name', 'birthdate'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...values }) }),
  enabledJWA: { userinfoSigningAlgValues: ['RS256', 'HS256'] },
  ttl: {
    AccessToken: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 600,
    ...Object.fromEntries(['ClientCredentials', 'Grant', 'IdToken', 'Interaction', 'Session'].map((each) => [each, 600])),
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, { clientId }) => clientId.startsWith('connector') },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: scopes.join(' '),
        audience: 'connector',
        accessTokenTTL: resource.includes(':brief:') ? 1 : 600,
        accessTokenFormat: resource.split(':').at(-1),
      }),
    },
  },
});
provider.use(async (ctx, next) => {
  if (ctx.method !== 'PUT' || ctx.path !== '/values') return next();
  Object.assign(values, JSON.parse(await text(ctx.req)));
  ctx.status = 204;
});
const server = provider.listen(port, '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => { server.closeAllConnections(); process.exit(0); });
