import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { merged, state } from "../../src/flow/shared-state.ts";
import { update } from "../../src/flow/state-handlers.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

describe.each(await bothBackends())("the state of an instance that continues as new on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const shared = state({ runs: merged(0, (current, change) => current + change), seen: 0 });
  /** Each run begins with an event. */
  const awaiting = (name: string, next: (n: number, context: TaskContext) => number | Promise<number>) =>
    flow<number>(name, { state: shared })
      .then("look", async (n, context) => {
        context.state.update(shared, { seen: (await context.state.read(shared)).runs });
        return n;
      })
      .waitForEvent("wait", "go")
      .then("number", (_, context) => context.output("look"))
      .continueAsNew("again", (n, context) => next(n, context))
      .build();

  test("goes on with the state as its last function has left it, in its last version alone", async () => {
    const f = awaiting("sharing", async (n, context) => {
      const { runs } = await context.state.read(shared);
      context.state.update(shared, { runs: 1 });
      return n + runs;
    });
    const id = fresh("sharing");
    await runner.run(f, id, 0);
    for (let run = 1; run <= 3; run++) {
      await client.sendEvent(id, "go", null);
      expect(await runner.resume(f, id)).toMatchObject({ status: "awaiting_event" });
      expect(await client.readState(shared, id)).toEqual({ runs: run, seen: run });
    }
    const history = await client.history(id);
    expect(history.map(({ taskId, attempt, outputRef }) => [taskId, attempt, outputRef])).toEqual([
      ["$state", 6, "again"],
      ["$continue", 3, null],
      ["look", 1, null],
      ["$state", 7, "look"],
    ]);
    expect((await backend.findInstance(id))?.instance.input).toEqual(new TextEncoder().encode("3"));
  });

  test("keeps what somebody else changes while the next input is worked out, and drops what a failed attempt did", async () => {
    const add = update("add", shared, () => ({ change: { runs: 100 } }));
    const f = awaiting("disturbed", async (n, context) => {
      context.state.update(shared, { runs: 1 });
      if (context.attempt === 1) throw new Error("not yet");
      await context.state.read(shared);
      await client.update(context.instanceId, add);
      return n + 1;
    });
    const retried = flow<number>("retried", { state: shared })
      .waitForEvent("wait", "go")
      .continueAsNew(
        "again",
        async (_, context) => {
          context.state.update(shared, { runs: 1 });
          if (context.attempt === 1) throw new Error("not yet");
          await context.state.read(shared);
          await client.update(context.instanceId, add);
          return 1;
        },
        { retry: { attempts: 2, initialDelay: 0 } },
      )
      .build();
    const [id, failing] = [fresh("retried"), fresh("disturbed")];
    await runner.run(retried, id, 0);
    await client.sendEvent(id, "go", null);
    await runner.resume(retried, id);
    expect((await backend.findInstance(id))?.instance.run).toBe(2);
    expect(await client.readState(shared, id)).toMatchObject({ runs: 101 });

    await runner.run(f, failing, 0);
    await client.sendEvent(failing, "go", null);
    expect(await runner.resume(f, failing)).toMatchObject({ status: "failed" });
    expect(await client.readState(shared, failing)).toMatchObject({ runs: 0 });
  });

  test("answers an update that is repeated in a later run as the first time; of anonymous ones nothing stays", async () => {
    const f = awaiting("updated", (n) => n + 1);
    const id = fresh("updated");
    const add = update("add", shared, ({ runs }) => ({ change: { runs: 1 }, reply: runs + 1 }));
    await runner.run(f, id, 0);
    expect(await client.update(id, add, undefined, { updateId: "first" })).toBe(1);
    expect(await client.update(id, add)).toBe(2);
    for (let run = 2; run <= 3; run++) {
      await client.sendEvent(id, "go", null);
      await runner.resume(f, id);
      expect(await client.update(id, add, undefined, { updateId: "first" })).toBe(1);
    }
    expect(await client.readState(shared, id)).toMatchObject({ runs: 2 });
    const ids = (await client.history(id)).map(({ taskId }) => taskId);
    expect(ids).toEqual(["$update:first", "$state", "$continue", "look", "$state"]);
    const look = (await client.history(id)).at(3)?.sequence ?? 0n;
    expect((await client.stateAt(f, id, look)).state).toEqual({ runs: 2, seen: 2 });
  });

  test("is looked back at, and forked, from the beginning of its run with the state that was there", async () => {
    const f = awaiting("carried", (n, context) => {
      context.state.update(shared, { runs: 5 });
      return n + 1;
    });
    const [id, atStart, atLook] = [fresh("carried"), fresh("carried"), fresh("carried")];
    await runner.run(f, id, 0);
    await client.sendEvent(id, "go", null);
    await runner.resume(f, id);
    const begun = (await client.history(id)).find(({ taskId }) => taskId === "$continue");

    const past = await client.stateAt(f, id, 0n);
    expect(past).toMatchObject({ sequence: begun?.sequence, at: begun?.at, ended: null, state: { runs: 5, seen: 0 } });
    expect(past.positions).toMatchObject([{ taskId: "look", attempt: 1 }]);
    await client.fork(f, id, atStart, { at: 0n });
    await client.fork(f, id, atLook, { at: "look" });
    for (const fork of [atStart, atLook]) {
      expect(await client.readState(shared, fork)).toEqual({ runs: 5, seen: 0 });
      expect(await runner.resume(f, fork)).toMatchObject({ status: "awaiting_event" });
      expect(await client.readState(shared, fork)).toEqual({ runs: 5, seen: 5 });
    }
  });
});
