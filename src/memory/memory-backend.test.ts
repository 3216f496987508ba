import { describe, expect, test } from "vitest";
import type { Codec } from "../codec/codec.ts";
import { JsonCodec } from "../codec/json-codec.ts";
import { MsgpackCodec } from "../codec/msgpack-codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import { aCheckpoint, aLane, aNewInstance, aNewPosition, anEntry, aStanding, branchOf } from "../testing/builders.ts";
import { TestClock } from "../testing/test-clock.ts";
import { InMemoryBackend, type InMemoryBackendOptions } from "./memory-backend.ts";

const HOLDER = { workerId: "worker-a", leaseMs: 60_000 };

describe("InMemoryBackend", () => {
  test("writes JSON unless told otherwise", () => {
    const backend = new InMemoryBackend();

    expect(backend.codec.id).toBe(new JsonCodec().id);
    expect(backend.maxPayloadBytes).toBe(2 * 1024 * 1024);
  });

  test("finds all codecs that it was given", () => {
    const [codec, other] = [new MsgpackCodec(), new JsonCodec()];
    const backend = new InMemoryBackend({ codec, codecs: [other], maxPayloadBytes: 10 });

    expect(backend.codec).toBe(codec);
    expect([backend.findCodec(codec.id), backend.findCodec(other.id)]).toEqual([codec, other]);
    expect(backend.maxPayloadBytes).toBe(10);
  });

  test("prefers the codec that it writes with over another one of the same id", () => {
    const codec = new JsonCodec();

    expect(new InMemoryBackend({ codec, codecs: [new JsonCodec()] }).findCodec(codec.id)).toBe(codec);
  });

  test.each<[string, unknown]>([
    ["options", null],
    ["options", "json"],
    ["options.codec", { codec: "json" }],
    ["options.codec.id", { codec: {} }],
    ["options.codecs[0].id", { codecs: [{ id: "" }] }],
    ["options.maxPayloadBytes", { maxPayloadBytes: 0 }],
    ["options.maxPayloadBytes", { maxPayloadBytes: 1.5 }],
    ["options.maxPayloadBytes", { maxPayloadBytes: "2 MiB" }],
  ])("names %s where it is not acceptable", (field, options) => {
    const make = (): unknown => new InMemoryBackend(options as InMemoryBackendOptions);

    expect(make).toThrow(InvalidArgumentError);
    expect(make).toThrow(expect.objectContaining({ field }));
  });

  test("goes by the system's clock unless told otherwise", async () => {
    const backend = new InMemoryBackend({ codec: new JsonCodec() satisfies Codec });
    await backend.createInstances([aNewInstance()]);

    expect(Math.abs(((await backend.findInstance("order-1"))?.now ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test("carries an instance with ten thousand branches", async () => {
    const backend = new InMemoryBackend({ clock: new TestClock() });
    const names = Array.from({ length: 10_000 }, (_, index) => `b${index}`);
    await backend.createInstances([aNewInstance()]);
    const [claim] = await backend.claimPositions({ ...HOLDER, limit: 1, lanes: [aLane()] });
    const branches = names.map((name) =>
      aNewPosition({ path: branchOf("all", name), standing: aStanding({ taskId: name }) }),
    );
    const join = aStanding({ taskId: "all", kind: "join", pending: names.length });
    const fork = aCheckpoint(claim as ClaimRef, { entries: [], move: { kind: "fork", join, branches } });
    expect(await backend.commitCheckpoints([fork], HOLDER)).toMatchObject([{ kind: "accepted" }]);

    let ended = 0;
    for (let round = 0; round < 1_000; round++) {
      const claims = await backend.claimPositions({ ...HOLDER, limit: 10, lanes: [], instanceId: "order-1" });
      const ends = claims.map((one) =>
        aCheckpoint(one, { entries: [anEntry({ taskId: one.taskId })], move: { kind: "endBranch", joinPath: "" } }),
      );
      ended += (await backend.commitCheckpoints(ends, HOLDER)).filter((fate) => fate.kind === "accepted").length;
    }

    expect(ended).toBe(10_000);
    expect((await backend.findInstance("order-1"))?.positions).toMatchObject([{ path: "", kind: "join", pending: 0 }]);
  });

  test("carries a loop of a hundred thousand iterations", async () => {
    const backend = new InMemoryBackend({ clock: new TestClock() });
    const positions = [aNewPosition({ standing: aStanding({ taskId: "poll[0]" }), claimed: true })];
    const [created] = await backend.createInstances([aNewInstance({ positions })], HOLDER);
    const claim: ClaimRef = { instanceId: "order-1", path: "", token: created?.granted[0]?.token ?? 0n };
    for (let index = 0; index < 100_000; index++) {
      const move = { kind: "advance", to: aStanding({ taskId: `poll[${index + 1}]` }) } as const;
      const entries = [anEntry({ taskId: `poll[${index}]`, kind: "loop" })];
      await backend.commitCheckpoints([aCheckpoint(claim, { move, entries })], HOLDER);
    }

    expect(await backend.findLastIteration("order-1", "poll")).toBe("poll[99999]");
  }, 60_000);
});
