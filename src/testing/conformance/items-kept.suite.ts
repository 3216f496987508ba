import { expect } from "vitest";
import { bytesOf } from "../builders.ts";
import { endItem } from "./items.suite.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;
const END = { kind: "endItem", joinPath: "" } as const;

export const interruptedItemsTests: ConformanceTests = {
  "begins the next item held by nobody, for whoever acts on the request": async ({ backend, given, clock }) => {
    for (const interrupt of ["pause", "cancel"] as const) {
      const { items } = await given.mapped(2, 1, { instanceId: interrupt });
      await backend.storeSignal(interrupt, interrupt, {});
      const fate = await given.accepted(items[0]!, END);

      expect(fate).toEqual({ kind: "accepted", kept: false, interrupt, granted: [] });
      expect(await given.positionOf(interrupt, "resize[1]")).toMatchObject({
        interrupt,
        ready: false,
        availableAt: clock.now() + 1_000,
        claim: null,
      });
      expect(await given.positionOf(interrupt)).toMatchObject({ pending: 1, items: { started: 2 } });
    }
  },

  "keeps the next item of a paused map out of reach until it goes on": async ({ backend, given }) => {
    const { items } = await given.mapped(2, 1);
    await backend.requestControl("order-1", "pause", {});
    const fate = await given.accepted(items[0]!, END);

    expect(fate).toMatchObject({ interrupt: "paused", granted: [] });
    given.after(DAY);
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");
    expect(await given.claim()).toMatchObject([
      { path: "resize[1]", lost: 0, recorded: { outcome: "completed", output: bytesOf("1") } },
    ]);
  },

  "goes on with the next item where the request is withdrawn": async ({ backend, given }) => {
    const { items } = await given.mapped(2, 1);
    await backend.storeSignal("order-1", "pause", {});
    await given.accepted(items[0]!, END);
    await backend.clearSignal("order-1", "pause");

    expect(await given.claim()).toMatchObject([{ path: "resize[1]" }]);
  },

  "closes the join without giving it to anybody": async ({ backend, given }) => {
    const { items } = await given.mapped(1, 1);
    await backend.storeSignal("order-1", "pause", {});
    expect(await given.accepted(items[0]!, END)).toMatchObject({ interrupt: "pause", granted: [] });
    await backend.clearSignal("order-1", "pause");

    expect(await given.claim()).toMatchObject([{ taskId: "resize", kind: "join" }]);
  },
};

export const savedItemsTests: ConformanceTests = {
  "keeps how far the items have come, and goes on from there": async ({ backend, given }) => {
    const { items } = await given.mapped(4, 2);
    await endItem(given, items[0]);
    const snapshot = await backend.loadSnapshot("order-1");
    expect(snapshot.positions[0]).toMatchObject({ pending: 3, items: { total: 4, started: 3, failed: 0 } });
    await backend.deleteSnapshot("order-1");
    await backend.saveSnapshot(snapshot);

    expect(await given.positionOf("order-1")).toMatchObject({ pending: 3, items: { total: 4, started: 3, failed: 0 } });
    const [first] = await given.claim();
    expect((await endItem(given, first)).map(({ path }) => path)).toEqual(["resize[3]"]);
  },

  "keeps the claims on items over a save that leaves the join as it is": async ({ backend, given }) => {
    const { items } = await given.mapped(3, 2);
    await backend.saveSnapshot(await backend.loadSnapshot("order-1"));

    expect((await endItem(given, items[1])).map(({ path }) => path)).toEqual(["resize[2]"]);
  },

  "refuses counts that contradict each other": async ({ backend, given }) => {
    await given.mapped(3, 2);
    const snapshot = await backend.loadSnapshot("order-1");
    const wrong = [
      { total: 2, started: 2, failed: 0 },
      { total: 0, started: 0, failed: 0 },
      { total: 3, started: 4, failed: 0 },
      { total: 3, started: 0, failed: 0 },
      { total: 3, started: 2, failed: 4 },
      { total: 3, started: 2, failed: -1 },
      { total: 3.5, started: 2, failed: 0 },
      { total: 3, started: 2 },
      [],
      7,
    ];
    for (const items of wrong) {
      const positions = snapshot.positions.map((position) =>
        position.path === "" ? { ...position, items } : position,
      );
      await expect(backend.saveSnapshot({ ...snapshot, positions } as typeof snapshot)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
  },
};
