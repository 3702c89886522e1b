// A SCIM server on loopback: `node scimmy.mjs PORT`, with one extension for the status of users.
import express from 'express';
import { randomUUID } from 'node:crypto';
import SCIMMY from 'scimmy';
import SCIMMYRouters from 'scimmy-routers';

const { Attribute, SchemaDefinition, Error: ScimError } = SCIMMY.Types;
const users = new Map();
const text = (name, config = {}) => new Attribute('string', name, config);
const extension = new SchemaDefinition(
  'Identity',
  'urn:ietf:params:scim:schemas:extension:identity:2.0:User',
  'What is verified of a user',
  [
    text('birthdate'),
    new Attribute('boolean', 'verified'),
    text('verifiedClaims', { multiValued: true }),
    text('verifiedAt'),
    text('verificationProvider'),
  ],
);

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .extend(extension, false)
  .ingress((resource, data) => {
    const id = resource.id ?? randomUUID();
    const user = { ...JSON.parse(JSON.stringify(data)), id };
    users.set(id, user);
    return user;
  })
  .egress((resource) => {
    const all = [...users.values()];
    if (!resource.id) return resource.filter ? resource.filter.match(all) : all;
    const user = users.get(resource.id);
    if (!user) throw new ScimError(404, null, `Resource ${resource.id} not found`);
    return user;
  })
  .degress((resource) => {
    if (!users.delete(resource.id)) throw new ScimError(404, null, `Resource ${resource.id} not found`);
  });

const app = express();
app.use('/scim', new SCIMMYRouters({
  type: 'bearer',
  handler: (request) => {
    if (request.header('Authorization') !== 'Bearer token of the tests') throw new Error('Authorization not detected');
    return '';
  },
}));
app.listen(Number(process.argv[2]), '127.0.0.1');
