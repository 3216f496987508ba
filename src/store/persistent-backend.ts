import type { SignalStore } from "./signal-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** What stores instances, control requests and events. Whoever implements both is one. */
export interface PersistentBackend extends SnapshotStore, SignalStore {}
