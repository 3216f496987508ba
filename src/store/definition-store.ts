import type { DefinitionHash } from "../ids.ts";
import type { Standing } from "../snapshot/position.ts";

/** What has to be known of a flow to start it without its code. */
export interface PublishedDefinition {
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly awaitsEvents: boolean;
  /** How long an instance may take, from 1; `null` for ever. */
  readonly deadlineMs: number | null;
  readonly spawns: boolean;
  /** By what one instance is started for several submissions, which can't be said from outside: then it can't be started there. Default: by nothing. */
  readonly startPolicy?: string;
  /** What it looks like, as JSON, for who draws it without its code; at most 1 MiB. Default: nobody has said. */
  readonly graph?: string | null;
  /** Where an instance stands at first. */
  readonly positions: readonly {
    readonly path: string;
    readonly standing: Standing;
    /** Whether the priority is the node's own; else it is the instance's. */
    readonly hasOwnPriority: boolean;
    readonly wakeAfterMs: number | null;
    /** Whether whoever starts an instance has to say whose share of the limit it takes. Default: no. */
    readonly asksKey?: boolean;
  }[];
}

/** Keeps what has to be known of flows to start them from outside, by SQL. Optional: only a store that can be reached so needs it. */
export interface DefinitionStore {
  /**
   * The definitions are known, in codec "json". One that was known before is replaced by what is said of it now.
   *
   * @param asNewest - whether each becomes the one that its flow's name stands for, also if it was known before. A new one does
   *   so anyway
   * @throws {InvalidArgumentError} a definition makes no sense, or is there twice
   */
  publishDefinitions(definitions: readonly PublishedDefinition[], asNewest: boolean): Promise<void>;
}
