import type { Allowance, Limit } from "../snapshot/allowance.ts";
import type { Lane } from "../snapshot/position.ts";
import type { ClaimedPosition, ClaimRequest } from "./position-store.ts";

export type { Allowance, Limit, Rate } from "../snapshot/allowance.ts";

/** What has been let through gates. */
export interface Admission {
  /** Each of them with `admitted`. */
  readonly claimed: readonly ClaimedPosition[];
  /** After how many milliseconds a rate allows more, where nothing else is waited for; `null` where that isn't known. */
  readonly nextMs: number | null;
}

/** A limit as it stands in the store. Times are milliseconds. */
export interface LimitState extends Limit {
  /** Somebody has changed it by hand: what code says of it does not count. */
  readonly isChanged: boolean;
  /** Nothing new is let through. */
  readonly isPaused: boolean;
  /** Places that are taken. */
  readonly running: number;
  /** Positions that could be claimed, but for the limit. */
  readonly waiting: number;
  /** For how long the one that is ready longest has been so; `null` if none is. */
  readonly oldestWaitMs: number | null;
}

/** What is to be known of a key of a limit. */
export interface LimitKeyState {
  readonly key: string;
  readonly running: number;
  readonly waiting: number;
  readonly oldestWaitMs: number | null;
  /** How many it gets at a turn where others get one. */
  readonly weight: number;
  readonly isPaused: boolean;
}

/** What is changed by hand; what is not named stays. */
export interface LimitChange {
  readonly concurrency?: Allowance["concurrency"];
  readonly rate?: Allowance["rate"];
  readonly perKey?: Partial<Allowance>;
  readonly isPaused?: boolean;
}

export interface LimitKeyChange {
  readonly weight?: number;
  readonly isPaused?: boolean;
}

/** What may run at once, and how often it may begin (DESIGN §4). */
export interface LimitStore {
  /** Stores what they allow, except of those that were changed by hand. */
  declareLimits(limits: readonly Limit[]): Promise<void>;

  /** Whether positions may stand before gates that only differ by those from one of these lanes. */
  hasGates(lanes: readonly Lane[]): Promise<boolean>;

  /**
   * As `claimPositions`, of what stands before a gate and is ready: of the lanes that only differ by their gates from those of the request,
   * or of the instance. At no instant is more taken of a limit than it allows, whoever claims.
   */
  claimLimited(request: ClaimRequest): Promise<Admission>;

  /** All limits that are known, by name. */
  listLimits(): Promise<readonly LimitState[]>;

  /**
   * The keys of which something waits or runs, or is known, by key.
   *
   * @param page - those behind `after`, at most `limit`
   */
  listLimitKeys(
    name: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly LimitKeyState[]>;

  /** From then on, what code says of what it allows does not count, if that is what is changed. @returns whether there is such a limit */
  changeLimit(name: string, change: LimitChange): Promise<boolean>;

  /** What the next `declareLimits` says of it counts again. @returns whether there is such a limit */
  resetLimit(name: string): Promise<boolean>;

  /** @returns whether there is such a limit */
  changeLimitKey(name: string, key: string, change: LimitKeyChange): Promise<boolean>;
}
