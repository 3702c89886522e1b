// An application that takes notices, built on npm's standardwebhooks: `node receiver.mjs PORT SECRET`, on loopback.
// PUT /settings replaces its secret, or queues what it answers: a status, or "cut" for a connection that is closed
// after the notice was read. GET /received lists each request: whether it was signed, and what was answered.
import { Webhook } from 'standardwebhooks';
import { serve } from './keeping.mjs';

const [port, firstSecret] = process.argv.slice(2);
const settings = { secret: firstSecret, answers: [] };
const received = [];

const verified = (body, headers) => {
  try {
    return new Webhook(settings.secret).verify(body, headers);
  } catch {
    return null;
  }
};

const takeNotice = (body, headers) => {
  const notice = verified(body, headers);
  const answered = notice ? (settings.answers.shift() ?? 204) : 401;
  received.push({ id: headers['webhook-id'], isSigned: notice !== null, notice, answered });
  return answered;
};

serve(port, settings, received, (body, request, response) => {
  const answered = takeNotice(body, request.headers);
  if (answered === 'cut') request.socket.destroy();
  else response.writeHead(answered).end();
});
