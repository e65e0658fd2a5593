// What the recipe of every client has to do.
import assert from "node:assert/strict";
import net from "node:net";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

const { ADDRESS, TOKEN, LIVE_PORT } = process.env;
const CODE = "FR0009";

/**
 * Tests a recipe by what a client offers:
 * - `watch(variables, show)` reads past and present side by side, calls `show` with the data, and again when they change;
 * - `follow(variables)` has the cache follow the log;
 * - `compare(variables)` returns the data of a comparison;
 * - `cached(variables)` returns the data of past and present from the cache alone.
 */
export function verify({ watch, follow, compare, cached }) {
  const connection = new Connection();
  let position, variables, shown;

  before(async () => {
    await connection.open();
    position = (await send("{ meta { position } }")).meta.position;
    variables = { code: CODE, position };
    watch(variables, (data) => {
      shown = data;
    });
    await until(() => shown?.commitment?.title);
    follow({ after: position });
  });

  test("past and present side by side are two objects", () => {
    const { commitment, at } = shown;
    assert.equal(at.commitment.id, `${commitment.id}@${position}`);
    assert.equal(at.commitment.member.id, `${commitment.member.id}@${position}`);
    assert.equal(at.commitment.title, commitment.title);
    assert.ok(commitment.milestones.length > 0);
    assert.ok(commitment.milestones.every(({ id }) => id.startsWith(`${commitment.id}/milestones/`)));
  });

  test("a live change is merged into the present and leaves the past alone", async () => {
    const { title } = shown.at.commitment;
    await rename(`First after ${position}`);
    await until(() => shown.commitment.title === `First after ${position}`);
    assert.equal(shown.at.commitment.title, title);
    assert.equal(cached(variables).at.commitment.title, title);
  });

  test("a comparison keeps both states apart from each other and from the present", async () => {
    const { title } = shown.at.commitment;
    const [{ before: old, after: changed }] = (await compare({ from: position })).compare.nodes;
    await rename(`Second after ${position}`);
    await until(() => shown.commitment.title === `Second after ${position}`);
    assert.deepEqual([old.id, old.title], [shown.at.commitment.id, title]);
    assert.match(changed.id, new RegExp(`^${shown.commitment.id}@`));
    assert.equal(changed.title, `First after ${position}`);
    const { at, commitment } = cached(variables);
    assert.deepEqual([at.commitment.title, commitment.title], [title, shown.commitment.title]);
  });

  test("what is recorded while the connection is lost is merged, too", async () => {
    connection.lose();
    await rename(`Third after ${position}`);
    await until(() => shown.commitment.title === `Third after ${position}`);
    assert.equal(connection.number, 2);
  });
}

/** The connections of subscriptions, which can be lost. */
class Connection {
  number = 0;
  #sockets = new Set();

  async open() {
    const { hostname, port } = new URL(ADDRESS);
    const proxy = net.createServer((client) => {
      this.number += 1;
      const server = net.connect(port, hostname);
      for (const [from, to] of [[client, server], [server, client]]) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
      }
    });
    await new Promise((resolve) => proxy.listen(LIVE_PORT, "127.0.0.1", resolve));
  }

  lose() {
    this.#sockets.forEach((socket) => socket.destroy());
    this.#sockets.clear();
  }
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
    if (condition()) return;
    await delay(100);
  }
  assert.fail(`not within 30 seconds: ${condition}`);
}
