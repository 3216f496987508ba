import { expect } from "vitest";
import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import { holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

export const fencedTests: ConformanceTests = {
  "writes nothing with a token that was never given (INV-5)": async ({ given }) => {
    await given.held();
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(aForgedClaim()))).toEqual({ kind: "fenced" });
    expect(await given.commit(aCheckpoint({ ...aForgedClaim(), token: 0n }))).toEqual({ kind: "fenced" });
    expect(await given.commit(aCheckpoint({ ...aForgedClaim(), token: -1n }))).toEqual({ kind: "fenced" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "writes nothing where nobody holds the position, or it does not exist": async ({ given }) => {
    await given.instance();
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: 0n }))).toEqual({ kind: "fenced" });
    expect(await given.commit(aCheckpoint(aForgedClaim("order-1", "both/a")))).toEqual({ kind: "fenced" });
    expect(await given.commit(aCheckpoint(aForgedClaim("nowhere")))).toEqual({ kind: "fenced" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "writes nothing with the token of another position": async ({ given }) => {
    const other = await given.held({ instanceId: "order-2" });
    await given.held();

    expect(await given.commit(aCheckpoint({ instanceId: "order-1", path: "", token: other.token }))).toEqual({
      kind: "fenced",
    });
  },

  "writes nothing after the claim was given back": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.releaseClaims([claim]);

    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "fenced" });
  },

  "writes nothing with an older claim of the same worker": async ({ given }) => {
    const old = await given.held();
    given.after(60_000);
    const claim = await given.claimOf("order-1");
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(old))).toEqual({ kind: "fenced" });
    expect(await given.seen("order-1")).toEqual(before);
    expect(await given.commit(aCheckpoint(claim))).toMatchObject({ kind: "accepted" });
  },

  "writes nothing twice: a checkpoint that gave the claim up can't be repeated": async ({ given }) => {
    const claim = await given.held();
    const checkpoint = aCheckpoint(claim, {
      move: { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 0 },
    });
    expect(await given.commit(checkpoint)).toMatchObject({ kind: "accepted" });

    expect(await given.commit(checkpoint)).toEqual({ kind: "fenced" });
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
  },

  "accepts one of twenty concurrent checkpoints of one claim": async ({ given }) => {
    const claim = await given.held();
    const fates = await Promise.all(Array.from({ length: 20 }, () => given.commit(aCheckpoint(claim))));

    expect(fates.filter((fate) => fate.kind === "accepted")).toHaveLength(1);
    expect(fates.filter((fate) => fate.kind === "fenced")).toHaveLength(19);
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
  },
};

export const recordedTests: ConformanceTests = {
  "writes nothing where the attempt has an entry already (INV-4)": async ({ given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    const move = { kind: "advance", to: given.standing() } as const;
    await given.accepted(claim, move, [failed]);
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(claim, { move, entries: [anEntry({ taskId: "new" }), failed] }))).toEqual({
      kind: "recorded",
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "writes nothing where the task has an outcome already, whatever the attempt (INV-3)": async ({ given }) => {
    const claim = await given.held();
    const move = { kind: "advance", to: given.standing({ attempt: 2 }) } as const;
    await given.accepted(claim, move, [anEntry()]);
    const before = await given.seen("order-1");

    expect(
      await given.commit(aCheckpoint(claim, { move, entries: [anEntry({ attempt: 2, output: bytesOf("9") })] })),
    ).toEqual({ kind: "recorded" });
    expect(
      await given.commit(aCheckpoint(claim, { move, entries: [anEntry({ attempt: 3, outcome: "failed" })] })),
    ).toEqual({ kind: "recorded" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "fails no instance from a branch whose task has an outcome already, whatever the attempt (INV-3)": async ({
    given,
  }) => {
    const { branches } = await given.forked(["a", "b"]);
    const a = branches["a"]!;
    const recorded = anEntry({ taskId: "a" });
    await given.accepted(a, { kind: "advance", to: given.standing({ taskId: "a", attempt: 2 }) }, [recorded]);
    const before = await given.seen("order-1");
    const failed = anEntry({ taskId: "a", attempt: 2, outcome: "failed", output: null, failure: bytesOf("3") });

    expect(await given.commit(aCheckpoint(a, { move: given.failMove(), entries: [failed] }))).toEqual({
      kind: "recorded",
    });
    expect(await given.seen("order-1")).toEqual(before);
    expect(await given.statusOf("order-1")).toBe("in_progress");
  },

  "leaves the claim: its holder can go on from what is recorded": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));
    expect(await given.commit(aCheckpoint(claim))).toEqual({ kind: "recorded" });

    expect(
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second", inputRef: "first" }) }),
    ).toMatchObject({ kept: true });
  },

  "takes a claim that does not hold for more important": async ({ backend, given }) => {
    await given.instance();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.commit(aCheckpoint(aForgedClaim()))).toEqual({ kind: "fenced" });
  },

  "allows each attempt its entry, and then the outcome": async ({ given }) => {
    const claim = await given.held();
    for (let attempt = 1; attempt <= 3; attempt++) {
      const failed = anEntry({ attempt, outcome: "failed", output: null, failure: bytesOf("3") });
      await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: attempt + 1 }) }, [failed]);
    }
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry({ attempt: 4 }),
    ]);

    expect(await given.historyOf("order-1")).toEqual([
      "first#1 failed",
      "first#2 failed",
      "first#3 failed",
      "first#4 completed",
    ]);
  },
};

export const consumingTests: ConformanceTests = {
  "takes the event together with recording it as the wait's outcome (INV-8)": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    await backend.sendEvent("order-1", "paid", bytesOf("8"));
    const event = await backend.peekEvent("order-1", "paid");
    const received = anEntry({ taskId: "payment", kind: "wait", output: event?.payload ?? null });

    expect(
      await given.accepted(claim, { kind: "advance", to: given.wait() }, [received], event?.sequence ?? 0n),
    ).toMatchObject({ kept: true });

    expect(await given.entryOf("order-1", "payment")).toMatchObject({ output: bytesOf("7") });
    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("8") });
    expect(
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second", inputRef: "payment" }) }),
    ).toMatchObject({ kept: true });
  },

  "forgets the time limit of the wait": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 5_000 });
    given.after(5_000);
    const claim = await given.claimOf("order-1");
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    const consumes = (await backend.peekEvent("order-1", "paid"))?.sequence ?? 0n;
    await given.accepted(
      claim,
      { kind: "advance", to: given.wait() },
      [anEntry({ taskId: "payment", kind: "wait" })],
      consumes,
    );
    expect(await given.positionOf("order-1")).toMatchObject({ wakeAt: null });
    await backend.releaseClaims([claim]);

    expect(await given.claimOf("order-1")).toMatchObject({ armed: false, due: false });
  },

  "writes nothing if the event is gone": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    const sequence = (await backend.peekEvent("order-1", "paid"))?.sequence ?? 0n;
    await backend.consumeEvent("order-1", "paid");
    const before = await given.seen("order-1");
    const received = anEntry({ taskId: "payment", kind: "wait" });

    expect(
      await given.commit(
        aCheckpoint(claim, { move: { kind: "advance", to: given.wait() }, entries: [received], consumes: sequence }),
      ),
    ).toEqual({ kind: "eventGone" });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "takes no event of another name, and none of another instance": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    await backend.sendEvent("order-1", "refunded", bytesOf("7"));
    await backend.sendEvent("order-2", "paid", bytesOf("7"));
    const received = anEntry({ taskId: "payment", kind: "wait" });
    const other = (await backend.peekEvent("order-1", "refunded"))?.sequence ?? 0n;

    expect(
      await given.commit(
        aCheckpoint(claim, { move: { kind: "advance", to: given.wait() }, entries: [received], consumes: other }),
      ),
    ).toEqual({ kind: "eventGone" });
    expect(await backend.peekEvent("order-1", "refunded")).not.toBeNull();
    expect(await backend.peekEvent("order-2", "paid")).not.toBeNull();
  },

  "keeps the event where the checkpoint is fenced, or its entry recorded": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    const consumes = (await backend.peekEvent("order-1", "paid"))?.sequence ?? 0n;
    const checkpoint = {
      move: { kind: "advance", to: given.wait() },
      entries: [anEntry({ taskId: "payment", kind: "wait" })],
      consumes,
    } as const;
    expect(await given.commit(aCheckpoint(aForgedClaim(), checkpoint))).toEqual({ kind: "fenced" });
    await backend.saveTaskResult("order-1", "payment", bytesOf("9"));
    expect(await given.commit(aCheckpoint(claim, checkpoint))).toEqual({ kind: "recorded" });

    expect(await backend.peekEvent("order-1", "paid")).toMatchObject({ payload: bytesOf("7") });
  },

  "gives one event to one of two branches that want it": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    for (const name of ["a", "b"])
      await given.accepted(branches[name]!, { kind: "advance", to: given.wait({ taskId: `pay-${name}` }) });
    await backend.sendEvent("order-1", "paid", bytesOf("7"));
    const consumes = (await backend.peekEvent("order-1", "paid"))?.sequence ?? 0n;

    const fates = await Promise.all(
      ["a", "b"].map((name) =>
        given.commit(
          aCheckpoint(branches[name]!, {
            move: { kind: "advance", to: given.wait({ taskId: `pay-${name}` }) },
            entries: [anEntry({ taskId: `pay-${name}`, kind: "wait" })],
            consumes,
          }),
        ),
      ),
    );

    expect(fates.map((fate) => fate.kind).sort()).toEqual(["accepted", "eventGone"]);
    expect(await backend.peekEvent("order-1", "paid")).toBeNull();
  },
};

export const batchTests: ConformanceTests = {
  "gives one fate each, in order; one bad row never takes others with it": async ({ backend, given }) => {
    const [a, b, c, d, e] = [
      await given.held({ instanceId: "a" }),
      await given.held({ instanceId: "b" }),
      await given.held({ instanceId: "c" }),
      await given.held({ instanceId: "d", at: given.wait() }),
      await given.held({ instanceId: "e" }),
    ];
    await backend.saveTaskResult("c", "first", bytesOf("7"));

    const fates = await backend.commitCheckpoints(
      [
        aCheckpoint(a, { move: { kind: "advance", to: given.standing({ taskId: "second" }) } }),
        aCheckpoint({ ...b, token: b.token - 1_000_000n }),
        aCheckpoint(c, { move: { kind: "advance", to: given.standing({ taskId: "second" }) } }),
        aCheckpoint(d, {
          move: { kind: "advance", to: given.wait() },
          entries: [anEntry({ taskId: "payment" })],
          consumes: 5n,
        }),
        aCheckpoint(e),
        aCheckpoint(aForgedClaim("nowhere")),
      ],
      holder,
    );

    expect(fates.map((fate) => fate.kind)).toEqual([
      "accepted",
      "fenced",
      "recorded",
      "eventGone",
      "accepted",
      "fenced",
    ]);
    expect(await given.statusOf("e")).toBe("completed");
    expect(await given.historyOf("b")).toEqual([]);
  },

  "writes every kind of move in one batch": async ({ backend, given }) => {
    const { branches } = await given.forked(["x", "y"], { instanceId: "join" });
    const claims = new Map<string, Awaited<ReturnType<typeof given.held>>>();
    for (const name of ["note", "advance", "park", "await", "fork", "complete", "fail"])
      claims.set(name, await given.held({ instanceId: name }));
    const of = (name: string, move: Checkpoint["move"]): Checkpoint =>
      aCheckpoint(claims.get(name) ?? aForgedClaim(name), { move });

    const fates = await backend.commitCheckpoints(
      [
        of("note", { kind: "note" }),
        of("advance", { kind: "advance", to: given.standing({ taskId: "second" }) }),
        of("park", { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 5 }),
        of("await", { kind: "await", to: given.wait(), timeoutMs: null }),
        of("fork", given.forkMove("both", ["a", "b"])),
        aCheckpoint(branches["x"]!, { move: { kind: "endBranch", joinPath: "" }, entries: [anEntry({ taskId: "x" })] }),
        of("complete", { kind: "complete", output: bytesOf("2"), codec: "json" }),
        of("fail", given.failMove()),
      ],
      holder,
    );

    expect(fates.map((fate) => (fate.kind === "accepted" ? [fate.kept, fate.granted.length] : fate.kind))).toEqual([
      [true, 0],
      [true, 0],
      [false, 0],
      [false, 0],
      [false, 2],
      [false, 0],
      [false, 0],
      [false, 0],
    ]);
  },

  "writes nothing of nothing": async ({ backend }) => {
    expect(await backend.commitCheckpoints([], holder)).toEqual([]);
  },

  "writes a thousand in one batch": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 1_000 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );
    const claims = await given.claim({ limit: 1_000 });
    expect(claims).toHaveLength(1_000);

    const move = { kind: "advance", to: given.standing({ taskId: "second" }) } as const;
    const fates = await backend.commitCheckpoints(
      claims.map((claim) => aCheckpoint(claim, { move })),
      holder,
    );

    expect(fates.every((fate) => fate.kind === "accepted" && fate.kept)).toBe(true);
  },

  "writes checkpoints of one position in one batch one after the other": async ({ backend, given }) => {
    const claim = await given.held();
    const to = (taskId: string): Checkpoint["move"] => ({ kind: "advance", to: given.standing({ taskId }) });

    const fates = await backend.commitCheckpoints(
      [
        aCheckpoint(claim, { move: to("second") }),
        aCheckpoint(claim, { move: to("third"), entries: [anEntry({ taskId: "second" })] }),
        aCheckpoint(claim, { entries: [anEntry({ taskId: "third" })] }),
        aCheckpoint(claim, { entries: [anEntry({ taskId: "late" })] }),
      ],
      holder,
    );

    expect(fates.map((fate) => fate.kind)).toEqual(["accepted", "accepted", "accepted", "fenced"]);
    expect(await given.historyOf("order-1")).toEqual(["first#1 completed", "second#1 completed", "third#1 completed"]);
  },
};
