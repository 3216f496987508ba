import { parseKnownId } from "../ids.ts";
import { type InstanceRecord, isTerminal } from "../snapshot/snapshot.ts";
import { checkInstanceIds, checkNewChildren } from "../store/check-instance.ts";
import { type ChildFate, type ChildStore, CLOSED_BY_PARENT, type NewChild } from "../store/child-store.ts";
import { hintChildren, hintControlled } from "../store/hints.ts";
import type { ControlOutcome } from "../store/instance-store.ts";
import { LockedInstance } from "./instance-control.ts";
import { deadlineLanes, factsOf, positionRows, resolveLanes } from "./postgres-instance-store.ts";
import {
  type ClosingRow,
  childrenToClose,
  endClosing,
  findChildren,
  hasEndings,
  hasOpenChildren,
  setClosed,
  takeClosing,
  tellParents,
} from "./queries/children.ts";
import { type ChildRow, createChildren } from "./queries/create-children.ts";
import { instanceFromRow } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

/** Most ends of children that one statement tells of. */
const TELL_LIMIT = 500;
/** Most children that are looked up at once to be closed. */
const CLOSE_LIMIT = 100;
/** For so long, what one process is closing is left alone by the others. */
const CLOSE_LEASE_MS = 30_000;

/** Makes children, and does what ends have left to be done. */
export class PostgresChildStore implements ChildStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]> {
    checkNewChildren(children);
    if (children.length === 0) return [];
    const { db, hints, tables } = this.#context;
    const instances = children.map(({ instance }) => instance);
    await resolveLanes(this.#context, instances);
    // Of an id that occurs twice, the first one counts; the statement could not tell them apart.
    const seen = new Set<string>();
    const isFirst = instances.map(({ instanceId }) => !seen.has(instanceId) && seen.add(instanceId).size > 0);
    const distinct = children.filter((_, index) => isFirst[index]);
    const made = distinct.map(({ instance }) => instance);
    const positions = positionRows(this.#context, made);
    const lanes = deadlineLanes(this.#context, made);
    const query = createChildren(tables, distinct, positions, factsOf(this.#context, undefined), lanes);
    const rows = await db.run("create-children", query);
    const fates = rows.values();
    const all = isFirst.map((first): ChildFate => (first ? fateFrom(fates.next().value) : "taken"));
    hintChildren(hints, children, all);
    return all;
  }

  async findChildren(instanceIds: readonly string[]): Promise<readonly (InstanceRecord | null)[]> {
    checkInstanceIds(instanceIds);
    if (instanceIds.length === 0) return [];
    const { db, tables } = this.#context;
    const rows = await db.run("find-children", findChildren(tables, instanceIds));
    const records = new Map(rows.map((row) => [row.instance_id, instanceFromRow(row)]));
    return instanceIds.map((id) => records.get(id) ?? null);
  }

  async hasOpenChildren(parentId: string): Promise<boolean> {
    const id = parseKnownId(parentId);
    const { db, tables } = this.#context;
    const [row] = await db.run("has-open-children", hasOpenChildren(tables, id));
    return row?.open === true;
  }

  async settleEndings(): Promise<boolean> {
    const { db, tables } = this.#context;
    await this.#tell();
    for (let closing = await this.#takeClosing(); closing !== null; closing = await this.#takeClosing()) {
      await this.#close(closing);
      await this.#tell();
    }
    const [row] = await db.run("has-endings", hasEndings(tables, this.#context.now()));
    return row?.owes === true;
  }

  async #tell(): Promise<void> {
    const { db, tables, hints } = this.#context;
    for (let told = TELL_LIMIT; told >= TELL_LIMIT; ) {
      const query = tellParents(tables, { limit: TELL_LIMIT, now: this.#context.now() });
      const [row] = await db.run("tell-parents", query);
      told = row?.told ?? 0;
      if (told > 0) hints.ready(null);
    }
  }

  async #takeClosing(): Promise<ClosingRow | null> {
    const { db, tables } = this.#context;
    const query = takeClosing(tables, { leaseMs: CLOSE_LEASE_MS, now: this.#context.now() });
    const [row] = await db.run("take-closing", query);
    return row ?? null;
  }

  async #close(closing: ClosingRow): Promise<void> {
    const { db, tables } = this.#context;
    for (let count = CLOSE_LIMIT; count === CLOSE_LIMIT; ) {
      const children = await db.run("children-to-close", childrenToClose(tables, { closing, limit: CLOSE_LIMIT }));
      for (const { instance_id: childId } of children) await this.#closeChild(childId, closing);
      count = children.length;
    }
    const { instance_id: instanceId, token } = closing;
    await db.run("end-closing", endClosing(tables, { instanceId, token }));
  }

  async #closeChild(childId: string, closing: ClosingRow): Promise<void> {
    const { db, tables, hints } = this.#context;
    const outcome = await db.transaction<ControlOutcome>("close-child", async (tx) => {
      const child = await LockedInstance.find(this.#context, tx, childId);
      if (child === null) return "unchanged";
      const [closed] = await tx.run("set-closed", setClosed(tables, { childId, closing }));
      // Somebody else may have been here meanwhile.
      if (closed === undefined) return "unchanged";
      if (child.row.on_parent_close === "abandon" || isTerminal(child.status)) return "unchanged";
      if (child.isHeld) {
        await child.request("cancel", CLOSED_BY_PARENT);
        return "requested";
      }
      await child.cancel(CLOSED_BY_PARENT, null);
      return "applied";
    });
    hintControlled(hints, childId, "cancel", outcome);
  }
}

function fateFrom(row: ChildRow | undefined): ChildFate {
  if (row?.created === true) return "created";
  if (row?.locked === true) return "taken";
  return row?.held === true ? "busy" : "fenced";
}
