import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const short = { leaseTtl: 150, pollInterval: 10 };

function unavailable(): never {
  throw new BackendError("BACKEND_UNAVAILABLE", { queryName: "test", problem: "The test has cut the connection" });
}

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const client = new Client(backend);

  describe("a store that fails", () => {
    test("fails the run with its own error, when no body of it runs any more", async () => {
      const [id, probe] = [fresh("outage"), new Probe()];
      let [isDown, running] = [false, 0];
      const wide = flow<null>("outage")
        .fork(
          ["a", "b"].map((name) =>
            branch(name, (b) =>
              b.then(name, async (_, { signal }) => {
                if (isDown) return name;
                running++;
                await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
                await new Promise((resolve) => setImmediate(resolve));
                running--;
                throw signal.reason;
              }),
            ),
          ),
        )
        .join("join", ({ a, b }) => [a, b])
        .build();
      const flaky = withChanges(backend, {
        claimPositions: async (request) => (running === 2 ? unavailable() : await backend.claimPositions(request)),
        releaseClaims: async () => unavailable(),
      });
      const run = new Runner(flaky, { ...short, observer: probe.observer }).run(wide, id, null);

      await expect(run).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
      expect(running).toBe(0);
      isDown = true;
      expect(await new Runner(backend, short).resume(wide, id)).toEqual({ status: "completed", output: ["a", "b"] });
    });

    test("while a body reads an earlier output spends no attempt", async () => {
      const id = fresh("reading");
      let failures = 1;
      const reading = flow<null>("reading")
        .then("first", () => "first")
        .then("second", async (_, context) => `${await context.output("first")} in attempt ${context.attempt}`)
        .build();
      const flaky = withChanges(backend, {
        loadResults: async (instanceId, taskIds) =>
          failures-- > 0 ? unavailable() : await backend.loadResults(instanceId, taskIds),
      });
      const runner = new Runner(flaky, short);

      await expect(runner.run(reading, id, null)).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
      expect(await runner.resume(reading, id)).toEqual({ status: "completed", output: "first in attempt 1" });
      expect(await client.history(id)).toHaveLength(2);
    });
  });
});
