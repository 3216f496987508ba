import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { BackendError } from "../errors/backend-errors.ts";
import { InstanceNotFoundError, InvalidTransitionError } from "../errors/instance-errors.ts";
import { parseKnownId, parseTaskId } from "../ids.ts";
import { parseWhole } from "../store/arguments.ts";
import { checkStateIds, checkUpdate } from "../store/check-update.ts";
import type { StateStore, StateVersion, UpdateOutcome, UpdateRequest } from "../store/state-store.ts";
import { applyUpdate, findStateChange, loadStates } from "./queries/states.ts";
import type { StoreContext } from "./store-context.ts";

/** Versions of states. */
export class PostgresStateStore implements StateStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async loadStates(instanceId: string, taskIds: readonly string[]): Promise<readonly StateVersion[]> {
    checkStateIds(taskIds);
    const { db, tables } = this.#context;
    const params = { instanceId: parseKnownId(instanceId), taskIds };
    if (taskIds.length === 0) return [];
    const rows = await db.run("load-states", loadStates(tables, params));
    return rows.map(({ task_id: taskId, version, output, decision }) => ({ taskId, version, output, decision }));
  }

  async hasStateChange(instanceId: string, taskId: string, after: number, by: string): Promise<boolean> {
    const { db, tables } = this.#context;
    const params = {
      instanceId: parseKnownId(instanceId),
      taskId: parseTaskId(taskId),
      after: parseWhole(after, "after", 0, Number.MAX_SAFE_INTEGER),
      by: parseTaskId(by, "by"),
    };
    return (await db.run("find-state-change", findStateChange(tables, params))).length > 0;
  }

  async applyUpdate(request: UpdateRequest): Promise<UpdateOutcome> {
    checkUpdate(request);
    const { db, tables, hints } = this.#context;
    // A second try of one that did arrive changes nothing: it is a duplicate.
    const [row] = await db.run("apply-update", applyUpdate(tables, request, this.#context.now()));
    const outcome = outcomeFrom(request, row?.outcome ?? "");
    if (outcome.kind === "applied" && outcome.sent === "delivered") hints.ready(null);
    return outcome;
  }
}

function outcomeFrom({ instanceId, codec }: UpdateRequest, outcome: string): UpdateOutcome {
  switch (outcome) {
    case "applied":
      return { kind: "applied", sent: null };
    case "delivered":
    case "buffered":
      return { kind: "applied", sent: outcome };
    case "conflict":
    case "duplicate":
      return { kind: outcome };
    case "missing":
      throw new InstanceNotFoundError(instanceId);
    default: {
      const [what, detail = ""] = outcome.split(/:(.*)/s);
      if (what === "refused") throw new InvalidTransitionError(instanceId, detail, "an update");
      const problem = `is "${codec}", but instance "${instanceId}" uses codec "${detail}".`;
      if (what === "codec") throw new InvalidArgumentError("request.codec", problem);
      throw new BackendError("BACKEND_BUG", { queryName: "apply-update", problem: `Unknown outcome "${outcome}"` });
    }
  }
}
