// Verifies JWTs with npm's jose, one on each line of standard input, and writes what it finds as JSON.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [url, issuer, audience] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url), { cooldownDuration: 0 });

for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ: "verified-claims+jwt" });
    console.log(JSON.stringify({ payload, protectedHeader }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code ?? String(error) }));
  }
}
