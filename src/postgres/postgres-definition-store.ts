import { deadlineLane } from "../snapshot/deadline.ts";
import { checkDefinitions } from "../store/check-definitions.ts";
import type { DefinitionStore, PublishedDefinition } from "../store/definition-store.ts";
import { publishDefinitions } from "./queries/definitions.ts";
import type { StoreContext } from "./store-context.ts";

/** The codec that SQL can write. */
const CODEC = "json";

/** What the function `submit` starts flows by. */
export class PostgresDefinitionStore implements DefinitionStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async publishDefinitions(definitions: readonly PublishedDefinition[], asNewest: boolean): Promise<void> {
    const { db, tables, lanes } = this.#context;
    checkDefinitions(definitions, asNewest);
    if (definitions.length === 0) return;
    await lanes.resolve(
      definitions.flatMap((definition) => [
        ...definition.positions.map(({ standing }) => standing.lane),
        deadlineLane({ ...definition, codec: CODEC }),
      ]),
    );
    const rows = definitions.map((definition) => ({
      definition,
      positions: JSON.stringify(this.#rowsOf(definition)),
      deadlineLane: lanes.numberOf(deadlineLane({ ...definition, codec: CODEC })),
    }));
    await db.run("publish-definitions", publishDefinitions(tables, { definitions: rows, asNewest }));
  }

  #rowsOf({ positions }: PublishedDefinition): object[] {
    const { lanes } = this.#context;
    return positions.map(({ path, standing, hasOwnPriority, wakeAfterMs, asksKey = false }) => ({
      path,
      task_id: standing.taskId,
      kind: standing.kind,
      lane: lanes.numberOf(standing.lane),
      priority: hasOwnPriority ? standing.priority : null,
      pending: standing.pending,
      input_ref: standing.inputRef,
      event: standing.event,
      wake_after: wakeAfterMs,
      limit_key: standing.limitKey ?? null,
      asks_key: asksKey,
    }));
  }
}
