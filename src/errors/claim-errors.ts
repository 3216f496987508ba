import { WaymarkError } from "./waymark-error.ts";

/** Somebody else holds, or has held, the position since. Nothing was written. */
export class ClaimLostError extends WaymarkError {
  override readonly name = "ClaimLostError";
  readonly code = "CLAIM_LOST";
  // Repeating the write cannot help: tokens are never reused.
  readonly retryable = false;
  readonly instanceId: string;
  /** Where the position stood, as far as known: a task id or a path. */
  readonly position: string;

  constructor(instanceId: string, position: string, options?: ErrorOptions) {
    super(
      `The claim on "${position}" of instance "${instanceId}" is not held (any more). Nothing was written; ` +
        "whoever holds it now goes on. If this happens often, raise leaseTtl.",
      options,
    );
    this.instanceId = instanceId;
    this.position = position;
  }
}
