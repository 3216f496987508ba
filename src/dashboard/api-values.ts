/** What the answers of the HTTP API are made of: recorded values, failures, pages. No runtime code. */

/**
 * A recorded value. What JSON can't say is an object with the key `$waymark` (docs/formats/json.md), whichever codec has
 * stored it.
 */
export type Payload =
  | { readonly kind: "value"; readonly value: unknown; readonly bytes: number }
  /** Too large to be sent along. */
  | {
      readonly kind: "folded";
      /** Size of the whole value as JSON. */
      readonly bytes: number;
      /** How the JSON text begins; may end in the middle of anything. */
      readonly preview: string;
      /** Where the whole JSON text is, as a download, from the root of the server. */
      readonly href: string;
    }
  /** It can't be decoded here. */
  | { readonly kind: "unreadable"; readonly problem: string }
  /** Who asks may not see it. */
  | { readonly kind: "hidden" };

/** What a task or an instance failed with. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly retryable: boolean;
  readonly taskId: string | null;
  readonly attempt: number | null;
  readonly stack: string | null;
  readonly cause: Failure | null;
}

/** As stored. */
export type StoredStatus = "in_progress" | "paused" | "completed" | "failed" | "cancelled";

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Pass it as `after` for the next page; `null` at the end. Opaque. */
  readonly next: string | null;
}
