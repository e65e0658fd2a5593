// A subscription server as in the documentation of Mercurius, with which `bench.live` compares.
//
//     node bench/live_mercurius.mjs NODE_MODULES_FOLDER
//
// `POST /publish?position=N` sends an entry to all subscribers and returns the time when it did. Mercurius executes the
// selection and encodes the result for each subscriber. Its log is off. Its just-in-time compiler is on, although it is used
// only for queries and mutations.

import { createRequire } from "node:module";
import { resolve } from "node:path";

const require = createRequire(resolve(process.argv[2], "any.js"));
const fastify = require("fastify");
const mercurius = require("mercurius");

const schema = `
  type Subject { typename: String! id: String! }
  type Change { path: String! before: String after: String }
  type Entry {
    position: Int!
    id: String!
    kind: String!
    recordedAt: String!
    actor: String!
    cause: String!
    reason: String
    revision: Int!
    subject: Subject!
    changes: [Change!]!
  }
  type Query { subscribers: Int! }
  type Subscription { entries: Entry! }
`;
const resolvers = {
  Query: { subscribers: () => 0 },
  Subscription: { entries: { subscribe: (_root, _arguments, { pubsub }) => pubsub.subscribe("entries") } },
};

function entry(position) {
  const title = `Title ${position}`;
  return {
    position,
    id: `entry-${String(position).padStart(32, "0")}`,
    kind: "CommitmentRevised",
    recordedAt: "2026-01-01T12:00:00.000000Z",
    actor: "tester",
    cause: "REPORTED",
    reason: null,
    revision: position,
    subject: { typename: "Commitment", id: "commitment-0123456789" },
    changes: [{ path: "title/en", before: title, after: title }],
  };
}

const app = fastify();
app.register(mercurius, { schema, resolvers, subscription: true, jit: 1 });
app.post("/publish", async (request) => {
  const began = process.hrtime.bigint();
  app.graphql.pubsub.publish({ topic: "entries", payload: { entries: entry(Number(request.query.position)) } });
  return String(Number(began) / 1e9);
});
console.log(`startup complete: ${await app.listen({ host: "127.0.0.1", port: 0 })}`);
