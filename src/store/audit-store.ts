/** What somebody has set about by hand. */
export interface NewAction {
  /** Who. 1 to 255 characters. */
  readonly actor: string;
  /** What: a name such as "cancel". 1 to 100 characters. */
  readonly action: string;
  /** To what: an instance, a limit …; `null` where it has no name. At most 1,000 characters. */
  readonly target: string | null;
  /** Anything else that says what was asked for, without payloads: at most 2,000 characters. `null` for nothing. */
  readonly detail: string | null;
}

/**
 * How it ended. "begun": whoever did it has not said, or its process has died meanwhile; it may have been done. "refused": it
 * was not done. "failed": it may have been done.
 */
export type ActionOutcome = "begun" | "done" | "refused" | "failed";

/** An action as it was recorded. */
export interface RecordedAction extends NewAction {
  /** Greater than those of all before. */
  readonly sequence: bigint;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly outcome: ActionOutcome;
  /** The error's code, where it was refused or has failed. */
  readonly code: string | null;
}

/** Keeps what people did to instances and limits, for ninety days. */
export interface AuditStore {
  /** It is recorded as "begun". What is older than ninety days is forgotten, some at each call. @returns its sequence */
  recordAction(action: NewAction): Promise<bigint>;

  /** It is recorded how it ended. Does nothing if it is not known (any more). */
  settleAction(sequence: bigint, outcome: Exclude<ActionOutcome, "begun">, code: string | null): Promise<void>;

  /**
   * Those first that were begun last.
   *
   * @param filter - `target`: only what was done to that; those with a lower sequence than `before`; `limit`: 1 to 1,000,
   *   default 100
   */
  listActions(filter: {
    readonly target?: string;
    readonly before?: bigint;
    readonly limit?: number;
  }): Promise<readonly RecordedAction[]>;
}
