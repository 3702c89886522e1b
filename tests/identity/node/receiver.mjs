// An application that takes notices, built on npm's standardwebhooks: `node receiver.mjs PORT SECRET`, on loopback.
// PUT /settings replaces its secret, or queues what it answers: a status, or "cut" for a connection that is closed
// after the notice was read. GET /received lists each request: whether it was signed, and what was answered.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

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

createServer(async (request, response) => {
  const body = await text(request);
  if (request.method === 'PUT') {
    Object.assign(settings, JSON.parse(body));
    response.writeHead(204).end();
  } else if (request.method === 'GET') {
    response.end(JSON.stringify(received));
  } else {
    const answered = takeNotice(body, request.headers);
    if (answered === 'cut') request.socket.destroy();
    else response.writeHead(answered).end();
  }
}).listen(Number(port), '127.0.0.1');
