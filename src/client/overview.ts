import { checkOptions } from "../engine/call-options.ts";
import { decodeFailure, eventContext } from "../engine/payloads.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import type { FlowGraph } from "../flow/flow-graph.ts";
import { type DefinitionHash, parseInstanceId, type WorkerId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { RecordedAction } from "../store/audit-store.ts";
import type { Backend } from "../store/backend.ts";
import type {
  Activity,
  CursorPage,
  FailedFilter,
  FailedOutline,
  InstanceCounts,
  KnownWorker,
  NewestFilter,
  Series,
  SeriesRequest,
} from "../store/overview-store.ts";
import { type FailureGroups, groupFailures } from "./failure-groups.ts";
import { type Inspection, inspect } from "./inspection.ts";
import { InstanceControl } from "./instance-control.ts";
import { type InstanceSummary, summaryOf } from "./instance-summary.ts";
import { type NodeState, nodeStates } from "./node-states.ts";

/** A worker, as far as it has said who it is. */
export interface WorkerInfo {
  readonly workerId: WorkerId;
  readonly tags: readonly string[];
  readonly registeredAt: Date;
  /** Its last heartbeat. */
  readonly seenAt: Date;
  /** Whether that was within the last minute. */
  readonly isAlive: boolean;
  readonly lanes: readonly Lane[];
  /** How many positions it holds. */
  readonly running: number;
  /** When the first of its leases ends; `null` if it has none. */
  readonly nextLeaseEnd: Date | null;
}

/** An event that was sent and not consumed yet. */
export interface BufferedEventItem {
  readonly name: string;
  /** Its place in the order of sending, among all of its instance's events. */
  readonly sequence: bigint;
  readonly sentAt: Date;
  readonly payload: unknown;
  /** Why `payload` can't be shown; `null` where it can. */
  readonly problem: string | null;
}

/** An instance that has failed. */
export interface FailedInstance extends InstanceSummary {
  /** `null` where its codec is not available here. */
  readonly failure: SerializedFailure | null;
}

/** A definition of which there is, or has been, an instance. */
export interface DefinitionInfo {
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly firstSeen: Date;
  /** Whether `graph` finds it. */
  readonly hasGraph: boolean;
  /** How many workers can run something of it that have been seen within the last minute. */
  readonly workers: number;
}

const DEFAULT_PAGE = 100;
const ALIVE_MS = 60_000;
const LOOKED_AT = 1_000;

/** Looks at instances, workers and definitions as a whole. What a `Client` has of it. */
export abstract class Overview extends InstanceControl {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    super(backend);
    this.#backend = backend;
  }

  /**
   * Instances that fit a filter, those first that were made last.
   *
   * @param filter - as for `list`, but with `before`: `next` of the page before
   */
  async newest(filter: NewestFilter = {}): Promise<CursorPage<InstanceSummary>> {
    checkOptions(filter, ["flow", "status", "idPrefix", "tags", "labels", "parent", "before", "limit"], "filter");
    const { items, next } = await this.#backend.overview.listNewest(filter);
    return { items: items.map(summaryOf), next };
  }

  /** How many instances there are, by definition and status. */
  async counts(filter: { readonly flow?: string } = {}): Promise<InstanceCounts> {
    checkOptions(filter, ["flow"], "filter");
    return await this.#backend.overview.countInstances(filter);
  }

  /** Everything about an instance that is there at one look, but its history. @throws {InstanceNotFoundError} */
  async inspect(instanceId: string): Promise<Inspection> {
    return await inspect(this.#backend, parseInstanceId(instanceId));
  }

  /** What has become of each node that an instance has come to. @throws {InstanceNotFoundError} */
  async nodeStates(instanceId: string): Promise<readonly NodeState[]> {
    return await nodeStates(this.#backend, parseInstanceId(instanceId));
  }

  /** The workers that have said something within the last day, by id. @param page - `limit`: 1 to 1,000, default 100 */
  async workers(
    page: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly workers: readonly WorkerInfo[]; readonly next: WorkerId | null }> {
    checkOptions(page, ["after", "limit"], "page");
    const { limit = DEFAULT_PAGE } = page;
    const { workers, now } = await this.#backend.overview.listWorkers({ ...page, limit });
    const next = workers.length === limit ? (workers.at(-1)?.workerId ?? null) : null;
    return { workers: workers.map((worker) => workerInfo(worker, now)), next };
  }

  /**
   * Events that were sent to an instance, which need not exist yet, and that nobody has consumed, in the order of sending.
   *
   * @param page - those behind the sequence `after`; `limit`: 1 to 1,000, default 100
   */
  async bufferedEvents(
    instanceId: string,
    page: { readonly after?: bigint; readonly limit?: number } = {},
  ): Promise<readonly BufferedEventItem[]> {
    const id = parseInstanceId(instanceId);
    checkOptions(page, ["after", "limit"], "page");
    const events = await this.#backend.overview.listEvents(id, { limit: DEFAULT_PAGE, ...page });
    return await Promise.all(
      events.map(async ({ name, sequence, sentAt, payload: bytes, codec: codecId }) => {
        const item = { name, sequence, sentAt: new Date(sentAt), payload: undefined };
        const codec = this.#backend.findCodec(codecId);
        if (codec === null) return { ...item, problem: `Its codec "${codecId}" is not available here.` };
        try {
          return { ...item, payload: await codec.decode(bytes, eventContext(id)), problem: null };
        } catch (error) {
          return { ...item, problem: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
  }

  /** Instances that have failed, those first that failed last. @param filter - `limit`: 1 to 1,000, default 100 */
  async failures(filter: FailedFilter = {}): Promise<CursorPage<FailedInstance>> {
    checkOptions(filter, ["flow", "before", "limit"], "filter");
    const { items, next } = await this.#backend.overview.listFailed(filter);
    return { items: await Promise.all(items.map((item) => this.#failed(item))), next };
  }

  /** What failed lately, by flow, task and error: the thousand instances that failed last. */
  async failureGroups(filter: { readonly flow?: string } = {}): Promise<FailureGroups> {
    checkOptions(filter, ["flow"], "filter");
    const { items, next } = await this.failures({ ...filter, limit: LOOKED_AT });
    return { groups: groupFailures(items), lookedAt: items.length, isCapped: next !== null };
  }

  /** What began and ended, by time. */
  async series(request: SeriesRequest): Promise<Series> {
    checkOptions(request, ["flow", "bucketMs", "buckets"], "request");
    return await this.#backend.overview.readSeries(request);
  }

  /** Definitions of which there is, or has been, an instance, those first that were seen last; at most 1,000. */
  async definitions(): Promise<readonly DefinitionInfo[]> {
    const known = await this.#backend.overview.listDefinitions();
    return known.map((definition) => ({ ...definition, firstSeen: new Date(definition.firstSeen) }));
  }

  /** What a definition looks like that a worker or client has published; `null` if none has. */
  async graph(definitionHash: string): Promise<FlowGraph | null> {
    const graph = await this.#backend.overview.findGraph(definitionHash);
    return graph === null ? null : (JSON.parse(graph) as FlowGraph);
  }

  /** The database's clock: what takes least to find out whether it answers. */
  async now(): Promise<Date> {
    return new Date(await this.#backend.overview.readClock());
  }

  /** Marks by which it can be told whether something has changed. @param instanceIds - at most 1,000 */
  async activity(instanceIds: readonly string[] = []): Promise<Activity> {
    return await this.#backend.overview.readActivity(instanceIds);
  }

  /**
   * What was done by hand through the HTTP API, the last first.
   *
   * @param filter - `target`: only what was done to that; `before`: only what was before that sequence; `limit`: 1 to 1,000,
   *   default 100
   */
  async actions(
    filter: { readonly target?: string; readonly before?: bigint; readonly limit?: number } = {},
  ): Promise<readonly RecordedAction[]> {
    checkOptions(filter, ["target", "before", "limit"], "filter");
    return await this.#backend.audit.listActions(filter);
  }

  async #failed(outline: FailedOutline): Promise<FailedInstance> {
    const codec = this.#backend.findCodec(outline.codec);
    const failure = codec === null ? null : await decodeFailure(codec, outline.failure, outline.instanceId);
    return { ...summaryOf(outline), failure };
  }
}

function workerInfo(worker: KnownWorker, now: number): WorkerInfo {
  const { workerId, tags, registeredAt, seenAt, lanes, running, nextLeaseEnd } = worker;
  return {
    ...{ workerId, tags, lanes, running, isAlive: seenAt > now - ALIVE_MS },
    ...{ registeredAt: new Date(registeredAt), seenAt: new Date(seenAt) },
    nextLeaseEnd: nextLeaseEnd === null ? null : new Date(nextLeaseEnd),
  };
}
