import { WaymarkError } from "./waymark-error.ts";

/** A submission was refused, because of another one of the same flow and key. Nothing was written. */
export class StartRefusedError extends WaymarkError {
  override readonly name = "StartRefusedError";
  readonly code = "START_REFUSED";
  readonly retryable: boolean;
  readonly flow: string;
  readonly key: string;
  /** The one that lives; `null` where it was the rate. */
  readonly instanceId: string | null;
  /** After how many milliseconds the rate allows one more; `null` where it is not about a rate. */
  readonly retryAfterMs: number | null;

  constructor(
    flow: string,
    key: string,
    because: { readonly instanceId: string } | { readonly retryAfterMs: number },
    options?: ErrorOptions,
  ) {
    const ofKey = `flow "${flow}"${key === "*" ? "" : `, key "${key}"`}`;
    super(
      "instanceId" in because
        ? `Instance "${because.instanceId}" of ${ofKey} has not ended, and only one may live. Pass onConflict: "useExisting" to get it, or submit again when it has ended.`
        : `There were as many submissions of ${ofKey} as its rateLimit allows. Submit again in ${Math.ceil(because.retryAfterMs)} ms; what is to wait instead needs a limit with a rate.`,
      options,
    );
    this.flow = flow;
    this.key = key;
    this.instanceId = "instanceId" in because ? because.instanceId : null;
    this.retryAfterMs = "retryAfterMs" in because ? because.retryAfterMs : null;
    this.retryable = this.retryAfterMs !== null;
  }
}

/** It can't be said what a submission has in common with others: the flow's `key` function is at fault. Nothing was written. */
export class StartKeyError extends WaymarkError {
  override readonly name = "StartKeyError";
  readonly code = "START_KEY_INVALID";
  readonly retryable = false;
  readonly flow: string;

  /** @param problem - the end of a sentence */
  constructor(flow: string, problem: string, options?: ErrorOptions) {
    super(
      `The key function of flow "${flow}" ${problem}. Make it of the input, for all inputs that there may be.`,
      options,
    );
    this.flow = flow;
  }
}

/** More of a flow waits than the caller wants to add to. Nothing was written. */
export class QueueFullError extends WaymarkError {
  override readonly name = "QueueFullError";
  readonly code = "QUEUE_FULL";
  readonly retryable = true;
  readonly flow: string;
  /** What the caller has given. */
  readonly most: number;

  constructor(flow: string, most: number, options?: ErrorOptions) {
    super(
      `${most} or more positions of flow "${flow}" are waiting for a worker. Submit again later, start more workers, or pass a higher maxWaiting.`,
      options,
    );
    this.flow = flow;
    this.most = most;
  }
}
