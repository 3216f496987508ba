import type { Backend } from "../../src/store/backend.ts";
import type { SubjectClock } from "../../src/testing/conformance/index.ts";
import { ComparableOutcomes } from "./comparable-outcome.ts";
import { StoreInvariants } from "./store-invariants.ts";
import { EVENT_NAMES, INSTANCE_IDS, type StoreOperation } from "./store-operation.ts";
import { StoreRun } from "./store-run.ts";

export { anyStoreOperations, type StoreOperation } from "./store-operation.ts";

/** What an operation gave, in a form that can be compared between backends. */
export interface Outcome {
  readonly operation: StoreOperation | "the end";
  readonly outcome: unknown;
}

export interface RunOptions {
  /** Whether the promises of the stores are checked after each operation (INV-3 … INV-13). Default: `false`. */
  readonly checksInvariants?: boolean;
}

/**
 * Performs the operations one after the other on an empty backend, and ends with all that can be seen.
 * Two backends that keep to the contract give equal outcomes.
 *
 * @param clock - what the backend goes by
 */
export async function run(
  operations: readonly StoreOperation[],
  backend: Backend,
  clock: SubjectClock,
  options: RunOptions = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const comparable = new ComparableOutcomes(clock.now());
  const stores = new StoreRun(backend);
  const invariants = options.checksInvariants === true ? new StoreInvariants(backend) : null;
  for (const operation of operations) {
    await invariants?.before();
    // Time never stands still, so that nothing comes due at the very same time as something else: which of
    // the two is first would be open.
    clock.advance(operation.kind === "pass" ? operation.ms : 1);
    const result = await stores.perform(operation);
    outcomes.push({ operation, outcome: comparable.of(result) });
    await invariants?.after(operation, result, stores);
  }
  outcomes.push({ operation: "the end", outcome: comparable.ofValue("", await everything(backend)) });
  return outcomes;
}

/** All that can be seen of the instances and their events. */
async function everything(backend: Backend): Promise<unknown> {
  const seen: unknown[] = [];
  for (const id of INSTANCE_IDS) {
    seen.push(
      await backend.findInstance(id),
      await backend.readHistory(id),
      await backend.findLastIteration(id, "loop"),
      await backend.loadSteps(id, "t0"),
    );
    for (const name of EVENT_NAMES) seen.push(await backend.peekEvent(id, name));
  }
  return seen;
}
