// oxlint-disable no-template-curly-in-string -- patches hold the placeholders of the sources that they change
import type { Mutant } from "./mutant.ts";

/** Bugs in what is above the backends. */
export const engineMutants: readonly Mutant[] = [
  {
    id: "M6",
    bug: "a worker looks for work only when it is told of some",
    breaks: "INV-13: hints get lost, and nothing may depend on them",
    patches: [
      {
        file: "src/worker/polling.ts",
        find: "return this.#now() >= this.#nextClaimAtMs;",
        replace: "return false;",
      },
    ],
    narrow: { files: ["test/worker/listening.test.ts"], only: "with notify off" },
    wide: { files: ["test/worker/holes.test.ts"], only: "H12" },
  },
  {
    id: "M15",
    bug: "a renewal that was refused is taken for one that was granted",
    breaks: "a body whose claim is lost is told",
    patches: [
      {
        file: "src/engine/lease-keeper.ts",
        find: "if (renewal === undefined || !renewal.held) lease.end(lost(lease));",
        replace: "if (renewal === undefined) lease.end(lost(lease));",
      },
    ],
    narrow: { files: ["test/runner/conflicts.test.ts"] },
    wide: { files: ["test/runner/takeover.test.ts"] },
  },
  {
    id: "M20",
    bug: "a child has another id for each claim under which it is started",
    breaks: "INV-12: a child is started once",
    patches: [
      {
        file: "src/engine/child-lookup.ts",
        find: "return childInstanceId(this.#start, { instanceId: claim.instanceId, taskId: stand.taskId, run }, number);",
        replace:
          "return `${childInstanceId(this.#start, { instanceId: claim.instanceId, taskId: stand.taskId, run }, number)}-${claim.token}` as InstanceId;",
      },
    ],
    narrow: { files: ["test/runner/children.test.ts"] },
    wide: { files: ["test/worker/children-crash.test.ts"] },
  },
  {
    id: "M23",
    bug: "a route that has been taken is worked out anew when its instance is taken over",
    breaks: "INV-3",
    patches: [
      {
        file: "src/engine/position-driver.ts",
        find: '    if (isPart(located.container, "list")) return await this.#bodies.listedBefore(held, output);',
        replace: `    if (located.node.kind === "route") {
      const { node } = located;
      const input = await (await import("./task-inputs.ts")).readInput(this.#parts.store, held);
      const key = String(await node.body.run(input, { attempt: held.stand.attempt } as never));
      return { kind: "recorded", decision: { kind: "key", key } };
    }
    if (isPart(located.container, "list")) return await this.#bodies.listedBefore(held, output);`,
      },
    ],
    narrow: { files: ["test/runner/loops-and-routes.test.ts"] },
    wide: { files: ["test/property/crashes.test.ts"] },
  },
  {
    id: "M24",
    bug: "the text of an error is stored as it is, NUL and lone surrogates included",
    breaks: "what is thrown can be recorded",
    patches: [
      {
        file: "src/errors/failure.ts",
        find: 'return cut.toWellFormed().replaceAll("\\u0000", "\\ufffd");',
        replace: "return cut;",
      },
    ],
    narrow: { files: ["test/runner/thrown-values.test.ts"] },
    wide: { files: ["test/integration/postgres-views.test.ts"] },
  },
  {
    id: "M25",
    bug: "a long delay is given to setTimeout in one piece, which fires at once",
    breaks: "INV-10",
    patches: [
      {
        file: "src/time/timers.ts",
        find: "const nowMs = Math.min(Math.max(remainingMs, 0), LONGEST_HOP_MS);",
        replace: "const nowMs = Math.max(remainingMs, 0);",
      },
    ],
    narrow: { files: ["test/runner/timeouts.test.ts"] },
    wide: { files: ["test/worker/polling.test.ts"] },
  },
  {
    id: "M30",
    bug: "a result that merely has a property `then` is awaited",
    breaks: "INV-14",
    patches: [
      {
        file: "src/codec/maybe-promise.ts",
        find: '"then" in value && typeof value.then === "function";',
        replace: '"then" in value;',
      },
    ],
    narrow: { files: ["src/codec"] },
    wide: { files: ["test/runner/retries.test.ts"] },
  },
];
