// A receiver of pushed events (RFC 8935) on npm's jose: `node signals.mjs PORT AUTHORIZATION`, on loopback.
// PUT /settings says whose tokens it takes (issuer, audience, keys), or queues what it answers: a status, or "cut" for a
// connection that is closed after the event was read. GET /received lists each request, with what was answered.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { serve } from './keeping.mjs';

const [port, authorization] = process.argv.slice(2);
const settings = { issuer: '', audience: '', keys: '', answers: [] };
const received = [];
const seen = new Set();

const REASONS = { aud: 'invalid_audience', iss: 'invalid_issuer' };

const take = async (token, headers) => {
  if (headers.authorization !== authorization) return { status: 400, err: 'authentication_failed' };
  if (headers['content-type'] !== 'application/secevent+jwt') return { status: 400, err: 'invalid_request' };
  const keys = createRemoteJWKSet(new URL(settings.keys), { cooldownDuration: 0 });
  const { issuer, audience } = settings;
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: 'secevent+jwt', algorithms: ['RS256'] });
    const isRepeated = seen.has(payload.jti);
    seen.add(payload.jti);
    return { status: 202, payload, isRepeated };
  } catch (error) {
    return { status: 400, err: REASONS[error.claim] ?? 'invalid_key' };
  }
};

const answer = (response, { status, err }) => {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(err ? JSON.stringify({ err, description: 'The event is not accepted.' }) : undefined);
};

serve(port, settings, received, async (body, request, response) => {
  const outcome = await take(body, request.headers);
  const forced = settings.answers.shift();
  received.push({ ...outcome, forced: forced ?? null });
  if (forced === 'cut') request.socket.destroy();
  else answer(response, forced ? { status: forced } : outcome);
});
