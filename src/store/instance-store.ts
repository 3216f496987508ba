import type { InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { NewDeadline } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";
import type { Bytes, ForkPoint, InstanceOutline, InstanceRecord, InstanceStatus } from "../snapshot/snapshot.ts";
import type { SavedProgress } from "./progress-store.ts";
import type { CancelRequest, RetryRequest, SignalKind, SignalRequest } from "./signal-store.ts";

/** An instance to be made. */
export interface NewInstance {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly definitionHash: string;
  readonly codec: string;
  readonly input: Bytes;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** By when it has to have ended; `null` for never. Its position is made with it. */
  readonly deadline: NewDeadline | null;
  /** Where it stands at first; never empty. `claimed` positions are held by `holder`. */
  readonly positions: readonly NewPosition[];
  /** Whether its flow waits for events or children, anywhere. */
  readonly awaitsEvents: boolean;
  /** Whether its flow starts children, anywhere. */
  readonly spawns: boolean;
  /** What tracing has to know of its submission; at most 600 characters. Default: nothing. */
  readonly traceContext?: string | null;
}

/** Who holds the positions that are claimed from the start. */
export interface Holder {
  readonly workerId: WorkerId;
  readonly leaseMs: number;
}

/** What became of an instance to be made. */
export interface CreatedInstance {
  readonly instanceId: InstanceId;
  /** `false`: the id is taken, and nothing was changed. */
  readonly created: boolean;
  /** Tokens of the positions that `holder` holds, in the order of `positions`. */
  readonly granted: readonly { readonly path: string; readonly token: bigint }[];
}

/** An instance that begins where another one has been. */
export interface InstanceFork {
  /** Its positions: where the other one stood at that point. None is claimed. */
  readonly instance: NewInstance;
  readonly from: ForkPoint;
  /** How many entries the history has up to and with that point. */
  readonly entries: number;
  /** Payloads of copied entries that are other than in the history that is copied. */
  readonly replaced: readonly ReplacedPayloads[];
  /** Copied entries that have other names than in the history that is copied. Default: none. */
  readonly renamed?: readonly RenamedEntry[];
}

/** How a copied entry is called, by its sequence in the history that is copied. */
export interface RenamedEntry {
  readonly sequence: bigint;
  readonly taskId: TaskId;
  readonly path: Path;
  readonly outputRef: TaskId | null;
}

/** What an entry of a copied history carries, by its sequence in the one that is copied. */
export interface ReplacedPayloads {
  readonly sequence: bigint;
  readonly output: Bytes | null;
  readonly failure: Bytes | null;
}

/** That an instance is to go on by another definition. */
export interface Migration {
  readonly instanceId: InstanceId;
  /** The hash of the definition that it has. */
  readonly from: string;
  readonly to: { readonly flow: string; readonly definitionHash: string; readonly spawns: boolean };
  /** How many entries its history has. */
  readonly entries: number;
  /** All of its positions: they stay where they are, and who can run them changes. */
  readonly positions: readonly { readonly path: string; readonly taskId: TaskId; readonly tags: readonly string[] }[];
}

/** An instance together with its live positions and pending signals: all that its status can be told from. */
export interface InstanceState {
  readonly instance: InstanceRecord;
  readonly positions: readonly Position[];
  readonly signals: readonly { readonly kind: SignalKind; readonly request: CancelRequest }[];
  /** How far the tasks say they are at which its positions stand. */
  readonly progress: readonly SavedProgress[];
  /** The store's clock when this was read, in milliseconds since the epoch. */
  readonly now: number;
}

export interface InstanceFilter {
  readonly flow?: string;
  readonly status?: readonly InstanceStatus[];
  /** Only ids that start with this. */
  readonly idPrefix?: string;
  /** Only instances that have all of these tags. */
  readonly tags?: readonly string[];
  /** Only instances that have all of these labels, with these values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Only children of this instance. */
  readonly parent?: InstanceId;
  readonly after?: InstanceId;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** What became of a cancel or pause request. */
export type ControlOutcome =
  /** It has taken effect. */
  | "applied"
  /** Somebody is running the instance; it takes effect at the next checkpoint or heartbeat. */
  | "requested"
  /** The instance was in that state already. */
  | "unchanged";

/** What became of a request that takes effect at once, or not at all. */
export type TerminateOutcome = Exclude<ControlOutcome, "requested">;

/** Makes, finds and controls instances. Every method is atomic. */
export interface InstanceStore {
  /**
   * Each instance exists. Where the id is taken, the existing one is left as it is; concurrent calls
   * for one id agree on a single winner (INV-12).
   *
   * @param holder - needed if a position is `claimed`
   * @returns one result each, in the order of `instances`
   */
  createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]>;

  /**
   * `instance` exists and is new: one that had its id is gone without a trace, in the same
   * transaction, and whoever held a position of it is fenced.
   */
  replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance>;

  /** `null` if there is none. */
  findInstance(instanceId: InstanceId): Promise<InstanceState | null>;

  /**
   * Those of the instances that have ended, or don't exist (any more).
   *
   * @param instanceIds - at most 10,000
   */
  findEnded(instanceIds: readonly InstanceId[]): Promise<readonly InstanceId[]>;

  /** In code-point order of ids, by keyset: pass the last id as `after` for the next page. Payloads are not read. */
  listInstances(filter: InstanceFilter): Promise<readonly InstanceOutline[]>;

  /** The ids of what `listInstances` would give, in the same order. */
  listInstanceIds(filter: InstanceFilter): Promise<readonly InstanceId[]>;

  /**
   * Stores a cancel or pause request and applies it at once where possible, in one transaction: a
   * pause always, a cancel if nobody holds a position. One that asks for undoing stays a request, until whoever runs the instance
   * acts on it; so does every cancel after that.
   *
   * @param request - `undo` only with a cancel
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} as `storeSignal`
   */
  requestControl(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<ControlOutcome>;

  /**
   * Cancels the instance at once, whoever holds its positions: their claims are void from then on (INV-5).
   *
   * @returns "applied", or "unchanged" if it is cancelled already
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has completed or failed
   */
  terminateInstance(instanceId: InstanceId, request: SignalRequest): Promise<TerminateOutcome>;

  /**
   * As `SignalStore.unpause`, without reading the instance's snapshot.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance is not paused; `from` names its status
   */
  unpauseInstance(instanceId: InstanceId): Promise<void>;

  /**
   * A failed instance is in progress again, or paused, at the positions at which it failed: the one that failed where its
   * last checkpoint said (`fail`), the others as they stood. What was running is ready, with the same attempt and no lost
   * leases; waits look at their buffers and keep their time limits; delays and joins go on. Time has passed meanwhile: what
   * is overdue is due at once. The history keeps the failure, and notes `$retry`. It has the deadline that the request
   * names, or none.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has not failed, or was saved as failed, without a position. Of concurrent calls, one
   *   succeeds
   * @throws {BackendError} after BACKEND_UNAVAILABLE it may have been retried
   */
  retryInstance(instanceId: InstanceId, request: RetryRequest): Promise<void>;

  /**
   * `fork.instance` exists, stands at its positions, and has a history of its own: that of the other one up to and with the
   * point `fork.from`, in the same order, and a note `$fork`. Its task ids, attempts, times and workers are those of the
   * other one, but for names that are replaced; the sequence is new. The other one is not changed, and may be running. Its events are not copied; those that
   * were sent to the new one before it existed are there.
   *
   * @throws {InstanceNotFoundError} there is none from which to fork
   * @throws {InstanceConflictError} the id is taken
   * @throws {BackendError} BACKEND_CONFLICT: the history does not have so many entries up to there (any more, or yet); look
   *   at it again
   */
  forkInstance(fork: InstanceFork): Promise<void>;

  /**
   * The instance has another definition, and so have its positions, which stay where they are. Whoever held one by a lease
   * that has expired is fenced. The history notes `$migrate`.
   *
   * @throws {InstanceNotFoundError}
   * @throws {DefinitionMismatchError} it does not have the definition `from`
   * @throws {InvalidTransitionError} it is neither in progress nor paused, or somebody holds a position of it
   * @throws {BackendError} BACKEND_CONFLICT: it has gone on since it was looked at; look at it again
   */
  migrateInstance(migration: Migration): Promise<void>;

  /**
   * The instance has this deadline instead of the one that it had, if any; whoever was about to act on that is fenced. The
   * history notes `$extend`.
   *
   * @param deadline - `null`: it has none any more
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} it has ended
   */
  setDeadline(instanceId: InstanceId, deadline: NewDeadline | null): Promise<void>;

  /**
   * Acts on what is pending: called by a worker whose checkpoint, claim or heartbeat told of an
   * interrupt. A cancel is applied once nobody holds a position of the instance any more; for one that asks for undoing, the
   * positions come up at once.
   *
   * @param interruptedAtTask - where the caller was interrupted, for the history
   * @returns the instance's status after that; `null` if it is gone
   */
  settleInterrupt(instanceId: InstanceId, interruptedAtTask: string): Promise<InstanceStatus | null>;
}
