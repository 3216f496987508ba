import { parseAwaitedEvent, parseKnownId } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import { parseSpanMs } from "../store/arguments.ts";
import { checkClaimRefs } from "../store/check-checkpoint.ts";
import { checkClaimRequest } from "../store/check-instance.ts";
import { hintCommitted } from "../store/hints.ts";
import type {
  BufferedEvent,
  CheckpointFate,
  ClaimedPosition,
  ClaimRequest,
  PositionStore,
  Promotion,
  Renewal,
} from "../store/position-store.ts";
import { pause, systemTimers } from "../time/timers.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { claimedFromRow } from "./claimed-row.ts";
import { type ClaimedRow, claimInstance, claimReady, readClaimed } from "./queries/claim-positions.ts";
import { peekEvent } from "./queries/events.ts";
import { promoteDue } from "./queries/promote-due.ts";
import { releaseClaims } from "./queries/release-claims.ts";
import { renewClaims } from "./queries/renew-claims.ts";
import type { StoreContext } from "./store-context.ts";

/** Most positions that one poll makes ready; the rest follows with the next one. */
const PROMOTE_LIMIT = 1_000;

/** About two seconds. */
const MOST_RELEASE_TRIES = 25;
const LONGEST_RELEASE_PAUSE_MS = 100;

/** Claims and checkpoints in batches. */
export class PostgresPositionStore implements PositionStore {
  readonly #context: StoreContext;
  readonly #writer: CheckpointWriter;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#writer = new CheckpointWriter(context);
  }

  async claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    checkClaimRequest(request);
    const { db, tables, lanes } = this.#context;
    const params = {
      workerId: request.workerId,
      leaseMs: request.leaseMs,
      limit: request.limit,
      now: this.#context.now(),
    };
    let rows: ClaimedRow[];
    if (request.instanceId === undefined) {
      const numbers = await lanes.find(request.lanes.filter(({ gate }) => gate === undefined));
      if (request.readyOnly !== true) await this.promoteDue();
      const { sparesFailed = false, suspectFromLost = null } = request;
      const query = claimReady(tables, { ...params, lanes: numbers, sparesFailed, suspectFromLost });
      rows = numbers.length === 0 ? [] : await db.run("claim-positions", query);
    } else {
      const instanceId = parseKnownId(request.instanceId);
      rows = await db.run("claim-positions", claimInstance(tables, { ...params, instanceId }));
    }
    return (await this.#refreshed(rows)).sort(inOrder).map(claimedFromRow);
  }

  /** With what belongs to the rows that were claimed otherwise than they were seen. */
  async #refreshed(rows: readonly ClaimedRow[]): Promise<ClaimedRow[]> {
    const stale = rows.filter((row) => row.is_stale);
    if (stale.length === 0) return [...rows];
    const claims = stale.map(({ instance_id: instanceId, path, token }) => ({ instanceId, path, token }));
    const { db, tables } = this.#context;
    const read = await db.run("read-claimed", readClaimed(tables, claims));
    const byToken = new Map(read.map((row) => [row.token, row]));
    // One that is gone by now is fenced, whatever it goes on with.
    return rows.flatMap((row) => {
      const anew = row.is_stale ? byToken.get(row.token) : row;
      return anew === undefined ? [] : [{ ...anew, taken_order: row.taken_order }];
    });
  }

  async promoteDue(): Promise<Promotion> {
    const { db, tables } = this.#context;
    const query = promoteDue(tables, { limit: PROMOTE_LIMIT, now: this.#context.now() });
    const [row] = await db.run("promote-due", query);
    const promoted = row?.promoted ?? 0;
    if (promoted > 0) this.#context.hints.ready(null);
    return { promoted, nextDueMs: row?.next_due_ms ?? null, owes: row?.owes === true };
  }

  async commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: string; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    const fates = await this.#writer.write(checkpoints, holder);
    hintCommitted(this.#context.hints, checkpoints, fates);
    return fates;
  }

  async renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    checkClaimRefs(claims);
    parseSpanMs(leaseMs, "leaseMs");
    if (claims.length === 0) return [];
    const { reserved, tables } = this.#context;
    const rows = await reserved.run("renew-claims", renewClaims(tables, { claims, leaseMs, now: this.#context.now() }));
    return rows.map((row) => ({ held: row.held, interrupt: row.interrupt }));
  }

  async releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    checkClaimRefs(claims);
    if (claims.length === 0) return;
    const { db, tables } = this.#context;
    let left = claims;
    // A row may be locked for a moment, by a renewal or a request: its claim must not outlive its holder by a whole lease.
    for (let tries = 0; left.length > 0 && tries < MOST_RELEASE_TRIES; tries++) {
      if (tries > 0) await pause(systemTimers, Math.min(2 ** tries, LONGEST_RELEASE_PAUSE_MS));
      const busy = await db.run("release-claims", releaseClaims(tables, { claims: left, now: this.#context.now() }));
      if (busy.length < left.length) this.#context.hints.ready(null);
      left = busy.flatMap(({ idx }) => left[idx - 1] ?? []);
    }
  }

  async peekEvent(instanceId: string, name: string): Promise<BufferedEvent | null> {
    const params = { instanceId: parseKnownId(instanceId), name: parseAwaitedEvent(name, "name") };
    const [row] = await this.#context.db.run("peek-event", peekEvent(this.#context.tables, params));
    return row ?? null;
  }
}

/** UPDATE … RETURNING has no order of its own. */
function inOrder(a: ClaimedRow, b: ClaimedRow): number {
  if (a.taken_order !== b.taken_order) return a.taken_order < b.taken_order ? -1 : 1;
  if (a.instance_id !== b.instance_id) return a.instance_id < b.instance_id ? -1 : 1;
  return a.path < b.path ? -1 : 1;
}
