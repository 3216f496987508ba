import { checkFlow } from "../engine/call-options.ts";
import { declareLimits } from "../engine/declare-limits.ts";
import { Gatherer } from "../engine/gatherer.ts";
import type { Ports } from "../engine/ports.ts";
import { startKeyFor } from "../engine/start-decision.ts";
import { instanceWith, validInput } from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { PayloadTooLargeError } from "../errors/codec-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { StartPolicy } from "../flow/start-policy.ts";
import { type InstanceId, kindOf } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { LastStart, StartDecision, StartKeyStore } from "../store/start-key-store.ts";
import type { Queryable } from "../transaction.ts";
import { scopeIn } from "./transaction-scope.ts";

type BatchPolicy = Extract<StartPolicy, { readonly kind: "batch" }>;

/** A flow that gathers batches, and one key of it. */
interface Subject {
  readonly flow: Flow;
  readonly policy: BatchPolicy;
  readonly key: string;
}

/** Items that are added to batches in this process at the same time go together. */
export class Batches {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #newId: (flow: Flow) => InstanceId;
  readonly #gatherers = new WeakMap<
    Flow,
    Map<string, { readonly gatherer: Gatherer<unknown, InstanceId>; users: number }>
  >();

  constructor(backend: Backend, ports: Ports, newId: (flow: Flow) => InstanceId) {
    this.#backend = backend;
    this.#ports = ports;
    this.#newId = newId;
  }

  /** @returns the instance that the item is in */
  async add(flow: Flow, item: unknown, tx: Queryable | undefined): Promise<InstanceId> {
    checkFlow(flow);
    const { startPolicy: policy } = flow;
    if (policy?.kind !== "batch")
      throw new InvalidArgumentError(
        "flow",
        `"${flow.name}" gathers no batches; give it the option batch, or submit to it.`,
      );
    const [valid, ...more] = await this.#valid(flow, [item]);
    if (more.length > 0) throw new InvalidArgumentError("item", "became several by the flow's input schema.");
    const subject = { flow, policy, key: startKeyFor(flow.name, policy, valid) };
    // What can't be stored fails here, and takes no others with it.
    await this.#make(subject, this.#newId(flow), [valid], 0);
    await declareLimits(this.#backend, flow);
    if (tx === undefined) return await this.#together(subject, valid);
    const [instanceId = ""] = await this.#place(subject, [valid], scopeIn(this.#backend, tx));
    return instanceId;
  }

  async #valid(flow: Flow, items: readonly unknown[]): Promise<readonly unknown[]> {
    const value = await validInput(flow, items);
    if (Array.isArray(value)) return value as readonly unknown[];
    throw new InvalidArgumentError(
      "flow",
      `"${flow.name}" gathers batches, and its input schema makes ${kindOf(value)} of a list.`,
    );
  }

  async #together(subject: Subject, item: unknown): Promise<InstanceId> {
    const { flow, key, policy } = subject;
    const keys = this.#gatherers.get(flow) ?? new Map<string, never>();
    this.#gatherers.set(flow, keys);
    const send = (items: readonly unknown[]): Promise<readonly InstanceId[]> =>
      this.#place(subject, items, this.#backend);
    const options = { timers: this.#ports.timers, inFlight: 1, maxItems: policy.size };
    const own = keys.get(key) ?? { gatherer: new Gatherer(send, options), users: 0 };
    keys.set(key, own);
    own.users++;
    try {
      return await own.gatherer.add(item);
    } finally {
      own.users--;
      if (own.users === 0) keys.delete(key);
    }
  }

  /** Puts items into batches, in order. @returns the instance of each */
  async #place(subject: Subject, items: readonly unknown[], store: StartKeyStore): Promise<readonly InstanceId[]> {
    const placed: InstanceId[] = [];
    while (placed.length < items.length) {
      const left = items.slice(placed.length);
      const id = this.#newId(subject.flow);
      const candidate = await this.#make(subject, id, left.slice(0, 1), 0);
      let count = 0;
      const decide = async (last: LastStart | null): Promise<StartDecision> => {
        const decided = await this.#decide(subject, id, left, last);
        count = decided.count;
        return decided.decision;
      };
      const outcome = await store.startKeyed({ key: subject.key, candidate, decide });
      if (outcome.kind === "started" || outcome.kind === "gathered")
        placed.push(...left.slice(0, count).map(() => outcome.instanceId));
    }
    return placed;
  }

  async #decide(
    subject: Subject,
    id: InstanceId,
    items: readonly unknown[],
    last: LastStart | null,
  ): Promise<{ readonly decision: StartDecision; readonly count: number }> {
    const { policy } = subject;
    const before = await this.#pendingItems(last);
    if (last?.pending != null && before !== null && before.length < policy.size) {
      const count = Math.min(items.length, policy.size - before.length);
      const all = [...before, ...items.slice(0, count)];
      const startsInMs = all.length < policy.size ? last.pending.startsInMs : 0;
      const instance = await this.#make(subject, last.instanceId, all, startsInMs).catch(unlessTooLarge);
      if (instance !== null) return { decision: { kind: "gather", instance, startsInMs, markInMs: null }, count };
    }
    // Together they may be too much for one instance, though each by itself is not.
    for (let count = Math.min(items.length, policy.size); ; count = Math.ceil(count / 2)) {
      const startsInMs = count < policy.size ? policy.waitMs : 0;
      const making = this.#make(subject, id, items.slice(0, count), startsInMs);
      const instance = await (count > 1 ? making.catch(unlessTooLarge) : making);
      if (instance === null) continue;
      return {
        decision: { kind: "start", instance, startsInMs, markInMs: null, cancels: null, isSingle: false },
        count,
      };
    }
  }

  /** What has been gathered so far; `null` if nothing is, or it can't be read here. */
  async #pendingItems(last: LastStart | null): Promise<readonly unknown[] | null> {
    if (last?.pending == null) return null;
    const { input, codec: codecId } = last.pending;
    const codec = this.#backend.findCodec(codecId);
    if (codec === null) return null;
    const value = await codec.decode(input, { instanceId: last.instanceId, taskId: "", kind: "input" });
    return Array.isArray(value) ? (value as readonly unknown[]) : null;
  }

  #make({ flow }: Subject, id: InstanceId, items: readonly unknown[], afterMs: number): Promise<NewInstance> {
    return instanceWith(flow, id, items, {}, this.#backend, { claimed: false, afterMs: Math.ceil(afterMs) });
  }
}

function unlessTooLarge(error: unknown): null {
  if (error instanceof PayloadTooLargeError) return null;
  throw error;
}
