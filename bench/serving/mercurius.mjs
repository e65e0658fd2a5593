// Mercurius, compiled (jit), over a graph of objects in memory: node mercurius.mjs PORT URL
// The graph is read from the tables of tables.sql at the start. What is written is not stored anywhere.
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

const [port, connectionString] = process.argv.slice(2);

const schema = `
  scalar JSON
  type Member { code: String! name: String! region: String! actionPlans: [ActionPlan!]! }
  type ActionPlan { title: String! cycle: Int! status: String member: Member! commitments: [Commitment!]! }
  type Milestone { number: String! title: String endsOn: String status: String }
  type Rating { indicator: String! stage: String! value: String statedAs: String }
  type Change { path: String! before: JSON after: JSON }
  type Evidence { path: String! quote: String start: Int! end: Int! }
  type Entry {
    position: Int! kind: String! recordedAt: String! actor: String! reason: String
    changes: [Change!]! evidence: [Evidence!]! subject: Commitment
  }
  type Commitment {
    code: String! number: String cycle: Int status: String title: String description: String commitmentText: String
    actionPlan: ActionPlan! milestones: [Milestone!]! ratings: [Rating!]! history(first: Int!): [Entry!]!
  }
  type Count { value: String! count: Int! }
  type Completion { value: String! across: [Count!]! }
  type Facets { completion: [Completion!]! areas: [Count!]! }
  type Query {
    commitment(code: String!): Commitment
    commitments(first: Int!, codes: [String!], areas: [String!], completion: [String!]): [Commitment!]!
    facets(region: String, areas: [String!]): Facets!
    members(codes: [String!]): [Member!]!
    entries(last: Int!, before: Int): [Entry!]!
  }
  type Mutation { revise(code: String!, title: String!): Boolean! }
`;

async function readTables() {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const read = async (text) => (await client.query(text)).rows;
  const tables = {
    members: await read("select id, code, name, region from member order by code"),
    plans: await read("select id, member_id, title, cycle, status from plan order by id"),
    commitments: await read(`select id, plan_id, member_code, region, code, number, cycle, status, title, description,
      commitment_text as "commitmentText", policy_areas, completion from commitment order by code`),
    milestones: await read(`select commitment_id, number, title, ends_on as "endsOn", status from milestone
      order by commitment_id, place`),
    ratings: await read(`select commitment_id, indicator, stage, value, stated_as as "statedAs" from rating
      order by commitment_id, place`),
    entries: await read(`select position, commitment_id, kind, recorded_at as "recordedAt", actor, reason, changes,
      evidence from entry order by position`),
  };
  await client.end();
  return tables;
}

const { members, plans, commitments, milestones, ratings, entries } = await readTables();
const byId = (rows) => new Map(rows.map((row) => [row.id, row]));
const memberById = byId(members), planById = byId(plans), commitmentById = byId(commitments);
const commitmentByCode = new Map(commitments.map((each) => [each.code, each]));
for (const each of members) each.actionPlans = [];
for (const each of plans) {
  Object.assign(each, { commitments: [], member: memberById.get(each.member_id) });
  each.member.actionPlans.push(each);
}
for (const each of commitments) {
  Object.assign(each, { milestones: [], ratings: [], entries: [], actionPlan: planById.get(each.plan_id) });
  each.actionPlan.commitments.push(each);
}
for (const each of milestones) commitmentById.get(each.commitment_id).milestones.push(each);
for (const each of ratings) commitmentById.get(each.commitment_id).ratings.push(each);
for (const each of entries) {
  each.subject = commitmentById.get(each.commitment_id) ?? null;
  each.subject?.entries.push(each);
}

const asSet = (values) => values && new Set(values);
const add = (counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1);
const asCounts = (counts) => [...counts].map(([value, count]) => ({ value, count }));

function listCommitments(_, { first, codes, areas, completion }) {
  const inCodes = asSet(codes), inAreas = asSet(areas), inCompletion = asSet(completion), found = [];
  for (const each of commitments) {
    if (inCodes && !inCodes.has(each.member_code)) continue;
    if (inCompletion && !inCompletion.has(each.completion)) continue;
    if (inAreas && !each.policy_areas.some((area) => inAreas.has(area))) continue;
    found.push(each);
    if (found.length >= first) break;
  }
  return found;
}

function countFacets(_, { region, areas }) {
  const inAreas = asSet(areas), completions = new Map(), areaCounts = new Map();
  for (const each of commitments) {
    if (region && each.region !== region) continue;
    if (inAreas && !each.policy_areas.some((area) => inAreas.has(area))) continue;
    for (const area of each.policy_areas) add(areaCounts, area);
    if (!each.completion) continue;
    if (!completions.has(each.completion)) completions.set(each.completion, new Map());
    add(completions.get(each.completion), String(each.cycle));
  }
  const completion = [...completions].map(([value, cycles]) => ({ value, across: asCounts(cycles) }));
  return { completion, areas: asCounts(areaCounts) };
}

function listEntries(_, { before, last }) {
  const end = Math.min((before ?? entries.length + 1) - 1, entries.length);
  return entries.slice(Math.max(0, end - last), end);
}

function revise(_, { code, title }) {
  const subject = commitmentByCode.get(code);
  const entry = {
    position: entries.length + 1, kind: "COMMITMENT_REVISED", recordedAt: new Date().toISOString(), actor: "bench",
    reason: null, changes: [{ path: "title/en", before: subject.title, after: title }], evidence: [], subject,
  };
  subject.title = title;
  subject.entries.push(entry);
  entries.push(entry);
  return true;
}

const resolvers = {
  Query: {
    commitment: (_, { code }) => commitmentByCode.get(code),
    commitments: listCommitments,
    facets: countFacets,
    members: (_, { codes }) => { const inCodes = asSet(codes); return members.filter((each) => inCodes.has(each.code)); },
    entries: listEntries,
  },
  Commitment: { history: (commitment, { first }) => commitment.entries.slice(0, first) },
  Mutation: { revise },
};
const app = Fastify();
app.register(mercurius, { schema, resolvers, jit: 1, path: "/graphql" });
await app.listen({ port: Number(port), host: "127.0.0.1" });
