import type { HintSink } from "../store/hints.ts";
import type { Database } from "./database.ts";
import type { LaneRegistry } from "./lane-registry.ts";
import type { Query } from "./sql.ts";
import type { Tables } from "./tables.ts";

/** Hints, also for what somebody else will commit. */
export interface PostgresHints extends HintSink {
  /** Tells all processes, when the transaction that it is run in commits, that positions may have become ready; `null`: they don't listen. */
  afterCommit(): Query<never> | null;
}

/** What every part of the backend works with. */
export interface StoreContext {
  readonly db: Database;
  /** On a connection of its own, which nothing else can hold up: for leases. */
  readonly reserved: Database;
  readonly hints: PostgresHints;
  readonly tables: Tables;
  readonly lanes: LaneRegistry;
  /** Id of the codec that new payloads are written with. */
  readonly codecId: string;
  /** As `ChildStore.settleEndings`. */
  settle(): Promise<boolean>;
  /** A fixed time for tests; `null`: the database's clock decides. */
  now(): Date | null;
}
