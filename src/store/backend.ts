import type { Codec } from "../codec/codec.ts";
import type { AuditStore } from "./audit-store.ts";
import type { ChildStore } from "./child-store.ts";
import type { DefinitionStore } from "./definition-store.ts";
import type { FlowStore } from "./flow-store.ts";
import type { HistoryStore } from "./history-store.ts";
import type { InstanceStore } from "./instance-store.ts";
import type { LimitStore } from "./limit-store.ts";
import type { OverviewStore } from "./overview-store.ts";
import type { PersistentBackend } from "./persistent-backend.ts";
import type { PositionStore } from "./position-store.ts";
import type { ProgressStore } from "./progress-store.ts";
import type { RetentionStore } from "./retention-store.ts";
import type { ScheduleStore } from "./schedule-store.ts";
import type { StartKeyStore } from "./start-key-store.ts";
import type { StateStore } from "./state-store.ts";
import type { TaskClaimStore } from "./task-claim-store.ts";
import type { TransactionalStore } from "./transactional-store.ts";
import type { WakeupStore } from "./wakeup.ts";
import type { WorkerStore } from "./worker-store.ts";

/** Everything that runner, worker and client need of a store. */
export interface Backend
  extends PersistentBackend,
    TaskClaimStore,
    InstanceStore,
    PositionStore,
    LimitStore,
    StartKeyStore,
    FlowStore,
    ProgressStore,
    ChildStore,
    HistoryStore,
    StateStore,
    WorkerStore,
    ScheduleStore,
    RetentionStore,
    WakeupStore,
    Partial<TransactionalStore>,
    Partial<DefinitionStore> {
  /** What people look at. */
  readonly overview: OverviewStore;
  /** What people did. */
  readonly audit: AuditStore;
  /** Encodes what is new; instances keep the codec that they were started with. */
  readonly codec: Codec;
  /** The codec with this id, as far as the backend was given it; `null` otherwise. */
  findCodec(codecId: string): Codec | null;
  /** Ids of all codecs that it was given: instances with other ones can't be run here. */
  readonly codecIds: readonly string[];
  /** Largest encoded input, output or event, in bytes. Checked by the engine before a write. */
  readonly maxPayloadBytes: number;
  /** Ends connections that the backend opened itself. Idempotent. Calls after it fail with BACKEND_CLOSED. */
  close(): Promise<void>;
}
