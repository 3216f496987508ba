import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { bothBackends } from "../support/both-backends.ts";
import { expectedRun } from "../support/expected-run.ts";
import { fresh } from "../support/instance-ids.ts";
import { flowFrom, randomDescription, trail } from "../support/random-flow.ts";

const runs = Number(process.env["WAYMARK_RUNS"] ?? 20);
const limit = { timeout: 60_000 + 3_000 * runs };
/** From so many points of a history an instance is forked at most. */
const MOST = 6;
const descriptions = randomDescription({ maxDepth: 3, maxFailures: 1, delaysMs: [0, 1], waits: false });

describe.each(await bothBackends())("the state of random flows on $name", ({ backend }) => {
  test("is the same whichever way branches come to their ends, and wherever it is forked", limit, async () => {
    const property = fc.asyncProperty(descriptions, fc.nat(1_000), fc.nat(), async (shape, input, start) => {
      await forkEverywhere(backend, { ...shape, hasState: true }, input, start);
    });
    await fc.assert(property, { numRuns: runs });
  });
});

async function forkEverywhere(
  backend: Backend,
  description: Parameters<typeof flowFrom>[0],
  input: number,
  start: number,
): Promise<void> {
  const [client, runner] = [new Client(backend), new Runner(backend, { pollInterval: 10 })];
  const definition = flowFrom(description);
  const { trail: tasks } = expectedRun(description, input, () => undefined);
  const expected = { tasks, last: tasks.at(-1) ?? "", outside: 0 };
  const id = fresh("trail");
  await runner.run(definition, id, input, { until: "ended" });
  expect(await client.readState(trail, id)).toEqual(expected);
  const history = await client.history(id, { limit: 10_000 });
  for (let index = 0; index < Math.min(MOST, history.length); index++) {
    const { sequence } = history[(start + index * 7) % history.length] ?? { sequence: 0n };
    const past = await client.stateAt(definition, id, sequence);
    if (past.ended !== null) continue;
    const copy = fresh("copy");
    await client.fork(definition, id, copy, { at: sequence });
    await runner.resume(definition, copy, { until: "ended" });
    expect(await client.readState(trail, copy)).toEqual(expected);
  }
}
