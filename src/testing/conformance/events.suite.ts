import { expect } from "vitest";
import type { ClaimRef } from "../../snapshot/checkpoint.ts";
import { anEntry, bytesOf, textOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceContext, ConformanceTest, ConformanceTests } from "./suite.ts";

export const sendEventTests: ConformanceTests = {
  "keeps an event until it is consumed (INV-1)": async ({ backend, given }) => {
    await given.held();

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
    given.after(1_000_000_000);

    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("7"));
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "keeps events of one name in the order in which they were acknowledged (INV-8)": async ({ backend, given }) => {
    await given.held();
    for (let index = 0; index < 30; index++) await backend.sendEvent("order-1", "paid", bytesOf(String(index)));

    const taken: (string | null)[] = [];
    for (let index = 0; index < 30; index++) taken.push(textOf(await backend.consumeEvent("order-1", "paid")));

    expect(taken).toEqual(Array.from({ length: 30 }, (_, index) => String(index)));
  },

  "keeps names apart, and instances": async ({ backend, given }) => {
    await given.instance({ instanceId: "order-2" });
    await backend.sendEvent("order-1", "paid", bytesOf("1"));
    await backend.sendEvent("order-1", "Paid", bytesOf("2"));
    await backend.sendEvent("order-2", "paid", bytesOf("3"));

    expect(textOf(await backend.consumeEvent("order-2", "paid"))).toBe("3");
    expect(textOf(await backend.consumeEvent("order-1", "Paid"))).toBe("2");
    expect(textOf(await backend.consumeEvent("order-1", "paid"))).toBe("1");
  },

  "loses none of many that are sent at once": async ({ backend, given }) => {
    await given.held();
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => backend.sendEvent("order-1", "paid", bytesOf(String(index)))),
    );

    const taken = new Set<string | null>();
    for (let index = 0; index < 40; index++) taken.add(textOf(await backend.consumeEvent("order-1", "paid")));

    expect(taken.size).toBe(40);
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "does not need the instance to exist yet": async ({ backend, given }) => {
    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
    expect(await backend.findInstance("order-1")).toBeNull();
    const claim = await given.held();

    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: null })).toMatchObject({
      kept: true,
    });
    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("7") });
  },

  ...Object.fromEntries(
    (["completed", "failed", "cancelled"] as const).map((status): [string, ConformanceTest] => [
      `refuses a ${status} instance`,
      async ({ backend, given }) => {
        await given.ended(status);

        await expectRefusal(backend.sendEvent("order-1", "paid", bytesOf("7")), "INVALID_TRANSITION", {
          instanceId: "order-1",
          from: status,
        });

        expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
      },
    ]),
  ),

  "refuses to mix codecs: an event is encoded as its instance is": async ({ backend, given }) => {
    await given.instance({ codec: "other", at: { lane: given.lane({ codec: "other" }) } });

    await expectRefusal(backend.sendEvent("order-1", "paid", bytesOf("7")), "INVALID_ARGUMENT", { field: "payload" });

    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
  },

  "keeps events that were buffered when the instance ended": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" });

    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("7"));
  },

  "copies the payload": async ({ backend, given }) => {
    await given.held();
    const payload = bytesOf("7");
    await backend.sendEvent("order-1", "paid", payload);
    payload.fill(0);
    (await backend.peekEvent("order-1", "paid"))?.payload.fill(0);

    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("7"));
  },
};

export const dedupTests: ConformanceTests = {
  "drops an event whose dedup key was accepted before": async ({ backend, given }) => {
    await given.held();

    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" })).toBe("buffered");
    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"), { dedupKey: "k" })).toBe("duplicate");

    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("1"));
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "knows a key per instance, whatever the event's name": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" });

    expect(await backend.sendEvent("order-1", "refunded", bytesOf("1"), { dedupKey: "k" })).toBe("duplicate");
    expect(await backend.sendEvent("order-2", "paid", bytesOf("1"), { dedupKey: "k" })).toBe("buffered");
    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "K" })).toBe("buffered");
    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"))).toBe("buffered");
  },

  "knows a key after the event was consumed, or delivered": async ({ backend, given }) => {
    await given.parked();
    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" })).toBe("delivered");
    await backend.sendEvent("order-1", "paid", bytesOf("2"), { dedupKey: "l" });
    await backend.consumeEvent("order-1", "paid");

    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" })).toBe("duplicate");
    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"), { dedupKey: "l" })).toBe("duplicate");
  },

  "knows a key from before the instance was made": async ({ backend, given }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" });
    await given.instance();

    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey: "k" })).toBe("duplicate");
  },

  "accepts one of many that are sent at once with one key": async ({ backend, given }) => {
    await given.held();
    const sends = Array.from({ length: 20 }, (_, index) =>
      backend.sendEvent("order-1", "paid", bytesOf(String(index)), { dedupKey: "k" }),
    );

    const outcomes = await Promise.all(sends);

    expect(outcomes.filter((outcome) => outcome === "buffered")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(19);
  },
};

export const deliveryTests: ConformanceTests = {
  "delivers to a position that waits: its outcome is recorded and it is ready": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 1_000 });
    given.after(500);

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("delivered");

    expect(await given.entryOf("order-1", "payment")).toMatchObject({
      attempt: 1,
      kind: "wait",
      outcome: "completed",
      output: bytesOf("7"),
      path: "",
      workerId: null,
    });
    expect(await given.claim()).toMatchObject([
      { taskId: "payment", recorded: { outcome: "completed", output: bytesOf("7") } },
    ]);
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "buffers what comes after that": async ({ backend, given }) => {
    await given.parked();
    await backend.sendEvent("order-1", "paid", bytesOf("7"));

    expect(await backend.sendEvent("order-1", "paid", bytesOf("8"))).toBe("buffered");
    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("8") });
  },

  "buffers an event of another name": async ({ backend, given }) => {
    await given.parked();

    expect(await backend.sendEvent("order-1", "refunded", bytesOf("7"))).toBe("buffered");
    expect(await given.claim()).toEqual([]);
  },

  "delivers to the position that has been parked longest": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["b"]!, { kind: "await", to: given.wait({ taskId: "pay-b" }), timeoutMs: null });
    given.after(1);
    await given.accepted(branches["a"]!, { kind: "await", to: given.wait({ taskId: "pay-a" }), timeoutMs: null });

    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"))).toBe("delivered");
    expect(await given.claim()).toMatchObject([{ taskId: "pay-b" }]);
    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"))).toBe("delivered");
    expect(await given.claim()).toMatchObject([{ taskId: "pay-a", recorded: { output: bytesOf("2") } }]);
  },

  "delivers in the order of paths to those that have been parked equally long": async ({ backend, given }) => {
    const { branches } = await given.forked(["b", "a"]);
    for (const name of ["b", "a"]) {
      await given.accepted(branches[name]!, {
        kind: "await",
        to: given.wait({ taskId: `pay-${name}` }),
        timeoutMs: null,
      });
    }
    await backend.sendEvent("order-1", "paid", bytesOf("1"));

    expect(await given.claim()).toMatchObject([{ taskId: "pay-a" }]);
  },

  "buffers for a wait that somebody holds, and for one that is ready": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    expect(await backend.sendEvent("order-1", "paid", bytesOf("1"))).toBe("buffered");
    await backend.releaseClaims([claim]);

    expect(await backend.sendEvent("order-1", "paid", bytesOf("2"))).toBe("buffered");
    expect(await given.historyOf("order-1")).toEqual([]);
  },

  "buffers while the instance is paused; the wait finds it later": async ({ backend, given }) => {
    await given.parked();
    await backend.requestControl("order-1", "pause", {});
    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
    expect(await given.claim()).toEqual([]);
    await backend.unpause("order-1");

    expect(await given.claim()).toMatchObject([{ taskId: "payment", recorded: null }]);
    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("7") });
  },

  "buffers while a request is pending": async ({ backend, given }) => {
    await given.parked();
    await backend.storeSignal("order-1", "pause", {});

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
  },

  "delivers to a wait whose time limit has passed, but that nobody has looked at": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 1_000 });
    given.after(1_000);

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("delivered");
    expect(await given.claim()).toMatchObject([{ taskId: "payment", recorded: { output: bytesOf("7") } }]);
  },

  "buffers for a wait that has come due, whose holder may still find it": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 1_000 });
    given.after(1_000);
    const claim = await given.claimOf("order-1");
    expect(claim).toMatchObject({ armed: true, due: true, recorded: null });

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("buffered");
    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: "keep" })).toMatchObject({
      kept: true,
    });
  },

  "never misses an event that races with the wait for it": async (context) => {
    for (let round = 0; round < 10; round++) await raceSendWithPark(context, `order-${round}`);
  },

  "delivers one event to one of many waits at once": async ({ backend, given }) => {
    const names = ["a", "b", "c", "d"];
    const { branches } = await given.forked(names);
    for (const name of names) {
      await given.accepted(branches[name]!, {
        kind: "await",
        to: given.wait({ taskId: `pay-${name}` }),
        timeoutMs: null,
      });
    }

    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, index) => backend.sendEvent("order-1", "paid", bytesOf(String(index)))),
    );

    expect(
      outcomes.filter((outcome) => outcome === "delivered").length +
        outcomes.filter((outcome) => outcome === "buffered").length,
    ).toBe(6);
    const delivered = (await backend.readHistory("order-1")).filter((entry) => entry.kind === "wait");
    expect(new Set(delivered.map((entry) => textOf(entry.output))).size).toBe(delivered.length);
    expect(new Set(delivered.map((entry) => entry.taskId)).size).toBe(delivered.length);
    expect(delivered).toHaveLength(outcomes.filter((outcome) => outcome === "delivered").length);
  },
};

/** Whatever comes first, the event is found: recorded for the wait, or in the buffer beside a claim that was kept. */
async function raceSendWithPark({ backend, given }: ConformanceContext, instanceId: string): Promise<void> {
  const claim: ClaimRef = await given.held({ instanceId });
  const park = given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: null }, [anEntry()]);

  const [fate, sent] = await Promise.all([park, backend.sendEvent(instanceId, "paid", bytesOf("7"))]);

  if (sent === "delivered") {
    expect(await given.claimOf(instanceId)).toMatchObject({ recorded: { output: bytesOf("7") } });
    return;
  }
  expect(await backend.peekEvent(instanceId, "paid")).toMatchObject({ payload: bytesOf("7") });
  if (!fate.kept) expect(await given.claimOf(instanceId)).toMatchObject({ taskId: "payment" });
}

export const consumeEventTests: ConformanceTests = {
  "takes the oldest buffered event of the name": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("1"));
    await backend.sendEvent("order-1", "paid", bytesOf("2"));

    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("1"));
    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("2"));
  },

  "gives null if there is none": async ({ backend, given }) => {
    await given.instance();

    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
    expect(await backend.consumeEvent("nowhere", "paid")).toBeNull();
  },

  "tells every payload from none, also an empty one and an encoded null": async ({ backend }) => {
    const payloads = [
      new Uint8Array(),
      bytesOf("null"),
      bytesOf("undefined"),
      bytesOf("false"),
      bytesOf("0"),
      bytesOf('""'),
      new Uint8Array([0]),
    ];
    for (const payload of payloads) await backend.sendEvent("order-1", "paid", payload);

    for (const payload of payloads) expect(await backend.consumeEvent("order-1", "paid")).toEqual(payload);
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "gives each event to one of many callers": async ({ backend }) => {
    for (let index = 0; index < 10; index++) await backend.sendEvent("order-1", "paid", bytesOf(String(index)));

    const taken = await Promise.all(Array.from({ length: 20 }, () => backend.consumeEvent("order-1", "paid")));

    const payloads = taken.flatMap((payload) => textOf(payload) ?? []);
    expect(new Set(payloads).size).toBe(payloads.length);
    expect(payloads).toHaveLength(10);
  },
};
