// What the recipe of every client has to do.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

const { ADDRESS, TOKEN } = process.env;
const CODE = "FR0009";

/**
 * Tests a recipe by what a client offers:
 * - `watch(variables, show)` reads past and present side by side, calls `show` with the data, and again when they change;
 * - `follow()` has the cache follow the log;
 * - `compare(variables)` returns the data of a comparison;
 * - `cached(variables)` returns the data of past and present from the cache alone.
 */
export function verify({ watch, follow, compare, cached }) {
  let position, variables, shown;

  before(async () => {
    position = (await send("{ meta { position } }")).meta.position;
    variables = { code: CODE, position };
    watch(variables, (data) => {
      shown = data;
    });
    follow();
  });

  test("past and present side by side are two objects", async () => {
    await until(() => shown?.commitment?.title);
    const { commitment, at } = shown;
    assert.equal(at.commitment.id, `${commitment.id}@${position}`);
    assert.equal(at.commitment.member.id, `${commitment.member.id}@${position}`);
    assert.equal(at.commitment.title, commitment.title);
    assert.ok(commitment.milestones.length > 0);
    assert.ok(commitment.milestones.every(({ id }) => id.startsWith(`${commitment.id}/milestones/`)));
  });

  test("a live change is merged into the present and leaves the past alone", async () => {
    const { title } = shown.at.commitment;
    await until(async () => {
      await rename(`Renamed ${Date.now()}`); // again and again, until the subscription has begun
      return shown.commitment.title !== title;
    });
    assert.equal(shown.at.commitment.title, title);
    assert.equal(cached(variables).at.commitment.title, title);
  });

  test("a comparison keeps both states apart from each other and from the present", async () => {
    const { title } = shown.at.commitment;
    const [{ before: old, after: changed }] = (await compare({ from: position })).compare.nodes;
    await rename(`Renamed after ${position}`);
    await until(() => shown.commitment.title === `Renamed after ${position}`);
    assert.deepEqual([old.id, old.title], [shown.at.commitment.id, title]);
    assert.match(changed.id, new RegExp(`^${shown.commitment.id}@`));
    assert.match(changed.title, /^Renamed \d+$/);
    const { at, commitment } = cached(variables);
    assert.deepEqual([at.commitment.title, commitment.title], [title, shown.commitment.title]);
  });
}

/** Sends a request that the client under test does not see; returns its data. */
async function send(query, variables = {}) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}` };
  const body = JSON.stringify({ query, variables });
  const { data, errors } = await (await fetch(`${ADDRESS}/graphql`, { method: "POST", headers, body })).json();
  assert.equal(errors, undefined);
  return data;
}

/** Gives the commitment another title. */
async function rename(title) {
  const query = "mutation ($input: ReviseCommitmentInput!) { reviseCommitment(input: $input) { errors { message } } }";
  const { reviseCommitment } = await send(query, { input: { commitment: CODE, title } });
  assert.deepEqual(reviseCommitment.errors, []);
}

/** Waits until a condition holds, which it has to within 30 seconds. */
async function until(condition) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await condition()) return;
    await delay(100);
  }
  assert.fail(`not within 30 seconds: ${condition}`);
}
