// What a receiver keeps, on loopback: GET returns all of it, PUT changes the settings, and POST brings something new.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export const serve = (port, settings, received, take) =>
  createServer(async (request, response) => {
    const body = await text(request);
    if (request.method === 'PUT') {
      Object.assign(settings, JSON.parse(body));
      response.writeHead(204).end();
    } else if (request.method === 'GET') {
      response.end(JSON.stringify(received));
    } else {
      await take(body, request, response);
    }
  }).listen(Number(port), '127.0.0.1');
