import type { ActionOutcome, AuditStore, NewAction, RecordedAction } from "../store/audit-store.ts";
import { checkAction, checkAuditFilter, checkSettled, FORGOTTEN_AT_ONCE, KEPT_FOR_MS } from "../store/check-audit.ts";
import { listActions, recordAction, settleAction } from "./queries/audit.ts";
import { wholeMs } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

const DEFAULT_PAGE = 100;

/** Keeps what people did, in PostgreSQL. */
export class PostgresAuditStore implements AuditStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async recordAction(action: NewAction): Promise<bigint> {
    const { db, tables } = this.#context;
    const facts = { keptForMs: KEPT_FOR_MS, forgotten: FORGOTTEN_AT_ONCE, now: this.#context.now() };
    const [row] = await db.run("record-action", recordAction(tables, { ...checkAction(action), ...facts }));
    return row?.sequence ?? 0n;
  }

  async settleAction(sequence: bigint, outcome: Exclude<ActionOutcome, "begun">, code: string | null): Promise<void> {
    const params = { sequence, outcome, code: checkSettled(sequence, outcome, code) };
    await this.#context.db.run("settle-action", settleAction(this.#context.tables, params));
  }

  async listActions(filter: {
    readonly target?: string;
    readonly before?: bigint;
    readonly limit?: number;
  }): Promise<readonly RecordedAction[]> {
    checkAuditFilter(filter);
    const { target = null, before = null, limit = DEFAULT_PAGE } = filter;
    const { db, tables } = this.#context;
    const rows = await db.run("list-actions", listActions(tables, { target, before, limit }));
    return rows.map(({ at_ms, ...row }) => ({ ...row, at: wholeMs(at_ms) }));
  }
}
