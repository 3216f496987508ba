import { expect } from "vitest";
import { isTerminal } from "../../snapshot/snapshot.ts";
import { anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { callsWithInstanceId, callsWithWorkerId } from "./store-calls.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTest, ConformanceTests } from "./suite.ts";

const codecTests: ConformanceTests = {
  "gives the backend's own codec, and null for an unknown one": async ({ backend }) => {
    expect(backend.findCodec(backend.codec.id)).toBe(backend.codec);
    expect(backend.findCodec("nobody-has-this")).toBeNull();
    expect(backend.findCodec("__proto__")).toBeNull();
    expect(backend.findCodec("constructor")).toBeNull();
  },

  "has a limit for payloads": async ({ backend }) => {
    expect(Number.isInteger(backend.maxPayloadBytes)).toBe(true);
    expect(backend.maxPayloadBytes).toBeGreaterThanOrEqual(1_048_576);
  },

  "gives encoded values back as they were": async ({ backend, given }) => {
    const value = { text: "grüße 😀", number: 1.5, list: [null, true, { deep: "x" }], when: new Date(0) };
    const context = { instanceId: "order-1", taskId: "", kind: "input" } as const;
    const input = await backend.codec.encode(value, context);
    await given.instance({ input });

    expect(await backend.codec.decode((await given.claimOf("order-1")).input ?? new Uint8Array(), context)).toEqual(
      value,
    );
  },
};

const closeTests: ConformanceTests = {
  "is idempotent": async ({ backend }) => {
    await backend.close();
    await backend.close();
    await Promise.all([backend.close(), backend.close()]);
  },

  ...Object.fromEntries(
    Object.entries({ ...callsWithWorkerId, ...callsWithInstanceId }).map(([call, run]): [string, ConformanceTest] => [
      `makes ${call} fail with BACKEND_CLOSED`,
      async ({ backend, given }) => {
        await backend.close();

        await expectRefusal(run(backend, given, "order-1" as never), "BACKEND_CLOSED", { retryable: false });
      },
    ]),
  ),
};

/** Bytes of all kinds. Stores don't look inside. */
function payloads(): ReadonlyMap<string, Uint8Array> {
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  const large = Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31) % 256);
  return new Map([
    ["nothing", new Uint8Array()],
    ["one zero", new Uint8Array([0])],
    ["every byte", all],
    ["what is no UTF-8", new Uint8Array([0xff, 0xfe, 0xc0, 0x80])],
    ["an encoded null", bytesOf("null")],
    ["what looks like JSON", bytesOf('{"a":')],
    ["an escape of PostgreSQL", bytesOf("\\x00\\000'")],
    ["a view of a larger buffer", all.subarray(10, 20)],
    ["a Buffer", Buffer.from([1, 2, 3])],
    ["1 MiB", large],
  ]);
}

const payloadTests: ConformanceTests = Object.fromEntries(
  [...payloads()].map(([what, payload]): [string, ConformanceTest] => [
    `gives back ${what}, wherever it was stored`,
    async ({ backend, given }) => {
      const claim = await given.held({ input: payload });
      await backend.sendEvent("order-1", "paid", payload);
      const event = await backend.consumeEvent("order-1", "paid");
      await given.accepted(claim, { kind: "complete", output: payload, codec: "json" }, [anEntry({ output: payload })]);
      const { output } = await backend.loadSnapshot("order-1");
      const [result] = await backend.loadResults("order-1", ["first"]);
      const failing = await given.held({ instanceId: "order-2" });
      await given.accepted(failing, { ...given.failMove(), failure: payload });
      const { failure } = (await given.stateOf("order-2")).instance;

      const found = [claim.input, event, output, result?.output ?? null, failure];
      // Not by `toEqual`, which takes its time with a million elements.
      expect(found.map((bytes) => bytes !== null && Buffer.compare(bytes, payload) === 0)).toEqual([
        true,
        true,
        true,
        true,
        true,
      ]);
      expect(found.every((bytes) => bytes instanceof Uint8Array)).toBe(true);
    },
  ]),
);

const lifecycleTests: ConformanceTests = {
  "leaves a terminal state by nothing but a retry (INV-7)": async (context) => {
    for (const status of ["completed", "failed", "cancelled"] as const) {
      const instanceId = `order-${status}`;
      await context.given.ended(status, { instanceId });
      const before = await context.given.seen(instanceId);

      await tryEverything(context, instanceId);

      expect(await context.given.seen(instanceId)).toEqual(before);
      expect(isTerminal(await context.given.statusOf(instanceId))).toBe(true);
    }
  },

  "carries an instance from its start to its end": async ({ backend, given }) => {
    const claim = await given.held({ input: bytesOf("1") });
    await given.accepted(claim, given.forkMove("both", ["a", "b"]), [anEntry()]);
    expect(await backend.renewClaims([claim], 1_000)).toMatchObject([{ held: false }]);
    given.after(60_000);
    const branches = await given.claim({ workerId: "worker-b" });
    expect(branches.map((branch) => [branch.path, branch.lost])).toEqual([
      ["both/a", 1],
      ["both/b", 1],
    ]);
    const [a, b] = branches;
    await given.accepted(a!, { kind: "await", to: given.wait(), timeoutMs: null }, [anEntry({ taskId: "a" })]);
    await given.accepted(b!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "b" })]);
    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("delivered");
    const payment = await given.claimOf("order-1");
    const { granted } = await given.accepted(payment, { kind: "endBranch", joinPath: "" });
    const join = { instanceId: "order-1", path: "", token: granted[0]?.token ?? 0n };
    await given.accepted(join, { kind: "complete", output: bytesOf("9"), codec: "json" }, [
      anEntry({ taskId: "both", kind: "join", output: bytesOf("9") }),
    ]);

    expect(await backend.loadSnapshot("order-1")).toMatchObject({
      status: "completed",
      output: bytesOf("9"),
      positions: [],
    });
    expect(await given.historyOf("order-1")).toEqual([
      "first#1 completed",
      "a#1 completed",
      "b#1 completed",
      "payment#1 completed",
      "both#1 completed",
    ]);
  },
};

/** Every call that might bring an instance back to life. */
async function tryEverything({ backend, given }: ConformanceContext, instanceId: string): Promise<void> {
  const snapshot = given.snapshot({ instanceId });
  const calls: readonly (() => Promise<unknown>)[] = [
    () => backend.saveSnapshot(snapshot),
    () => backend.saveTaskResult(instanceId, "second", bytesOf("1")),
    () => backend.storeSignal(instanceId, "cancel", {}),
    () => backend.storeSignal(instanceId, "pause", {}),
    () => backend.clearSignal(instanceId, "cancel"),
    () => backend.sendEvent(instanceId, "paid", bytesOf("1")),
    () => backend.checkAndCancel(instanceId),
    () => backend.checkAndPause(instanceId),
    () => backend.unpause(instanceId),
    () => backend.unpauseInstance(instanceId),
    () => backend.claimTask(instanceId, "first", "worker-b"),
    () => backend.createInstances([given.newInstance({ instanceId })]),
    () => backend.requestControl(instanceId, "cancel", {}),
    () => backend.requestControl(instanceId, "pause", {}),
    () => backend.settleInterrupt(instanceId, "first"),
    () => given.claim({ instanceId }),
  ];
  await Promise.allSettled(calls.map((call) => call()));
}

export const backendSuite: ConformanceSuite = {
  name: "Backend",
  methods: {
    "codec, findCodec and maxPayloadBytes": codecTests,
    payloads: payloadTests,
    "an instance's life": lifecycleTests,
    close: closeTests,
  },
};
