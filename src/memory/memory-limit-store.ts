import type { Lane } from "../snapshot/position.ts";
import { checkClaimRequest, checkLanes } from "../store/check-instance.ts";
import { checkLimitChange, checkLimitKeyChange, checkLimitPage, checkLimits } from "../store/check-limits.ts";
import type {
  Admission,
  Limit,
  LimitChange,
  LimitKeyChange,
  LimitKeyState,
  LimitState,
  LimitStore,
} from "../store/limit-store.ts";
import type { ClaimedPosition, ClaimRequest } from "../store/position-store.ts";
import { Admittance } from "./admittance.ts";
import { compareCodePoints } from "./code-points.ts";
import { keyAfter } from "./gate-table.ts";
import type { MemoryState } from "./memory-state.ts";
import { firstGreater } from "./sorted-keys.ts";
import type { Slot } from "./stored-instance.ts";
import { copyAllowance, isSet, StoredLimit } from "./stored-limit.ts";
import { takePosition } from "./take-position.ts";

/** Lets through gates what limits allow, in memory. */
export class MemoryLimitStore implements LimitStore {
  readonly #state: MemoryState;
  readonly #limits = new Map<string, StoredLimit>();

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async declareLimits(limits: readonly Limit[]): Promise<void> {
    checkLimits(limits);
    for (const limit of limits) this.#named(limit.name).declare(limit);
  }

  async hasGates(lanes: readonly Lane[]): Promise<boolean> {
    checkLanes(lanes, "lanes");
    return this.#state.table.gates.behind(lanes).size > 0;
  }

  async claimLimited(request: ClaimRequest): Promise<Admission> {
    checkClaimRequest(request);
    const now = this.#state.now();
    const claimed: ClaimedPosition[] = [];
    const take = (slot: Slot): void => void claimed.push(takePosition(this.#state, slot, request, now));
    let nextMs: number | null = null;
    for (const [name, admit] of this.#entrances(request, now)) {
      const most = request.limit - claimed.length;
      if (most <= 0) break;
      const { taken } = this.#state.table;
      const admittance = new Admittance({ limit: this.#named(name), taken, now, most, take });
      admit(admittance);
      nextMs = earlier(nextMs, admittance.nextMs);
    }
    return { claimed, nextMs };
  }

  async listLimits(): Promise<readonly LimitState[]> {
    const declared = [...this.#limits.values()].filter(({ isDeclared }) => isDeclared);
    return declared.sort((a, b) => compareCodePoints(a.name, b.name)).map((limit) => this.#stateOf(limit));
  }

  /** Another text after every change of what limits allow. */
  mark(): string {
    const declared = [...this.#limits.values()].filter(({ isDeclared }) => isDeclared);
    return JSON.stringify(
      declared.map(({ name, all, perKey, isPaused, isChanged }) => [name, all, perKey, isPaused, isChanged]),
    );
  }

  async listLimitKeys(
    name: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly LimitKeyState[]> {
    checkLimitPage(name, page);
    const { gates, taken } = this.#state.table;
    const queues = gates.of(name);
    const set = Array.from(this.#limits.get(name)?.keys ?? [])
      .flatMap(([key, known]) => (isSet(known) ? [key] : []))
      .sort(compareCodePoints);
    const found: LimitKeyState[] = [];
    for (let last = page.after ?? ""; found.length < page.limit; ) {
      const next = [keyAfter(queues, last), taken.keyAfter(name, last), set[firstGreater(set, last)]];
      const [key] = next.filter((one) => one !== undefined).sort(compareCodePoints);
      if (key === undefined) break;
      found.push(this.#keyStateOf(name, key));
      last = key;
    }
    return found;
  }

  async changeLimit(name: string, change: LimitChange): Promise<boolean> {
    checkLimitChange(name, change);
    const limit = this.#declared(name);
    limit?.change(change);
    return limit !== null;
  }

  async resetLimit(name: string): Promise<boolean> {
    checkLimitChange(name, {});
    const limit = this.#declared(name);
    if (limit !== null) limit.isChanged = false;
    return limit !== null;
  }

  async changeLimitKey(name: string, key: string, change: LimitKeyChange): Promise<boolean> {
    checkLimitKeyChange(name, key, change);
    const limit = this.#declared(name);
    limit?.changeKey(key, change);
    return limit !== null;
  }

  /** The limits before whose gates anything waits that is asked for, by name, and how it is let through. */
  #entrances(request: ClaimRequest, now: number): [string, (admittance: Admittance) => void][] {
    return [...(request.instanceId === undefined ? this.#ofLanes(request.lanes) : this.#ofInstance(request, now))].sort(
      ([a], [b]) => compareCodePoints(a, b),
    );
  }

  *#ofLanes(lanes: readonly Lane[]): Iterable<[string, (admittance: Admittance) => void]> {
    const { pausedFlows, table } = this.#state;
    const open = lanes.filter(({ flow }) => !pausedFlows.has(flow));
    for (const [name, queues] of table.gates.behind(open))
      if (queues.some(({ ready }) => ready.size > 0)) yield [name, (admittance) => admittance.fromGates(queues)];
  }

  *#ofInstance({ instanceId = "" }: ClaimRequest, now: number): Iterable<[string, (admittance: Admittance) => void]> {
    const instance = this.#state.find(instanceId);
    if (instance === null) return;
    this.#state.promoteDueOf(instance, now);
    for (const name of instance.gated.limits) yield [name, (admittance) => admittance.fromInstance(instance)];
  }

  #stateOf(limit: StoredLimit): LimitState {
    const { name, isChanged, isPaused } = limit;
    const { gates, taken } = this.#state.table;
    const waiting = gates.of(name).map(({ ready }) => ready);
    return {
      ...{ name, ...copyAllowance(limit.all), perKey: copyAllowance(limit.perKey), isChanged, isPaused },
      ...{ running: taken.of(name), ...this.#waitOf(waiting) },
    };
  }

  #keyStateOf(name: string, key: string): LimitKeyState {
    const { gates, taken } = this.#state.table;
    const { weight = 1, isPaused = false } = this.#limits.get(name)?.keys.get(key) ?? {};
    const waiting = gates.of(name).flatMap(({ byKey }) => byKey.get(key)?.ready ?? []);
    return { key, running: taken.ofKey(name, key), ...this.#waitOf(waiting), weight, isPaused };
  }

  #waitOf(
    queues: readonly { readonly size: number; values(): Iterable<Slot> }[],
  ): Pick<LimitState, "waiting" | "oldestWaitMs"> {
    let waiting = 0;
    let since: number | null = null;
    for (const queue of queues) {
      waiting += queue.size;
      for (const { position } of queue.values()) since = earlier(since, position.availableAt);
    }
    return { waiting, oldestWaitMs: since === null ? null : Math.max(0, this.#state.now() - since) };
  }

  #declared(name: string): StoredLimit | null {
    const limit = this.#limits.get(name);
    return limit?.isDeclared === true ? limit : null;
  }

  #named(name: string): StoredLimit {
    let limit = this.#limits.get(name);
    if (limit === undefined) this.#limits.set(name, (limit = new StoredLimit(name)));
    return limit;
  }
}

/** The smaller one; `null` for none. */
function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
