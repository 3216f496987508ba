import type { ActionOutcome, AuditStore, NewAction, RecordedAction } from "../store/audit-store.ts";
import { checkAction, checkAuditFilter, checkSettled, FORGOTTEN_AT_ONCE, KEPT_FOR_MS } from "../store/check-audit.ts";
import type { MemoryState } from "./memory-state.ts";

const DEFAULT_PAGE = 100;

/** Keeps what people did, in memory. */
export class MemoryAuditStore implements AuditStore {
  readonly #open: (method: string) => MemoryState;
  /** In the order in which they were begun. */
  readonly #actions = new Map<bigint, RecordedAction>();
  #last = 0n;

  /** @param open - the state, if the backend has not been closed */
  constructor(open: (method: string) => MemoryState) {
    this.#open = open;
  }

  async recordAction(action: NewAction): Promise<bigint> {
    const now = this.#open("recordAction").now();
    const checked = checkAction(action);
    for (const { sequence, at } of [...this.#actions.values()].slice(0, FORGOTTEN_AT_ONCE))
      if (at < now - KEPT_FOR_MS) this.#actions.delete(sequence);
    this.#last += 1n;
    this.#actions.set(this.#last, { ...checked, sequence: this.#last, at: now, outcome: "begun", code: null });
    return this.#last;
  }

  async settleAction(sequence: bigint, outcome: Exclude<ActionOutcome, "begun">, code: string | null): Promise<void> {
    this.#open("settleAction");
    const checked = checkSettled(sequence, outcome, code);
    const known = this.#actions.get(sequence);
    if (known !== undefined) this.#actions.set(sequence, { ...known, outcome, code: checked });
  }

  async listActions(filter: {
    readonly target?: string;
    readonly before?: bigint;
    readonly limit?: number;
  }): Promise<readonly RecordedAction[]> {
    this.#open("listActions");
    checkAuditFilter(filter);
    const { target, before, limit = DEFAULT_PAGE } = filter;
    return [...this.#actions.values()]
      .filter((action) => target === undefined || action.target === target)
      .filter(({ sequence }) => before === undefined || sequence < before)
      .toReversed()
      .slice(0, limit);
  }
}
