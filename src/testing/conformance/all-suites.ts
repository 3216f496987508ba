import { argumentsSuite } from "./arguments.suite.ts";
import { auditStoreSuite } from "./audit-store.suite.ts";
import { backendSuite } from "./backend.suite.ts";
import { childStoreSuite } from "./child-store.suite.ts";
import { definitionStoreSuite } from "./definition-store.suite.ts";
import { flowStoreSuite } from "./flow-store.suite.ts";
import { historyStoreSuite } from "./history-store.suite.ts";
import { instanceStoreSuite, workerStoreSuite } from "./instance-store.suite.ts";
import { limitStoreSuite } from "./limit-store.suite.ts";
import { overviewStoreSuite } from "./overview-store.suite.ts";
import { positionStoreSuite } from "./position-store.suite.ts";
import { progressStoreSuite } from "./progress-store.suite.ts";
import { retentionStoreSuite } from "./retention-store.suite.ts";
import { scheduleStoreSuite } from "./schedule-store.suite.ts";
import { signalStoreSuite } from "./signal-store.suite.ts";
import { snapshotStoreSuite } from "./snapshot-store.suite.ts";
import { startKeyStoreSuite } from "./start-keys.suite.ts";
import { stateStoreSuite } from "./state-store.suite.ts";
import type { ConformanceSuite } from "./suite.ts";
import { taskClaimStoreSuite } from "./task-claim-store.suite.ts";
import { transactionalStoreSuite } from "./transactional-store.suite.ts";
import { wakeupStoreSuite } from "./wakeup-store.suite.ts";

/** Everything that a backend has to pass. */
export const conformanceSuites: readonly ConformanceSuite[] = [
  snapshotStoreSuite,
  signalStoreSuite,
  taskClaimStoreSuite,
  instanceStoreSuite,
  workerStoreSuite,
  positionStoreSuite,
  limitStoreSuite,
  startKeyStoreSuite,
  flowStoreSuite,
  progressStoreSuite,
  childStoreSuite,
  historyStoreSuite,
  stateStoreSuite,
  scheduleStoreSuite,
  retentionStoreSuite,
  argumentsSuite,
  wakeupStoreSuite,
  transactionalStoreSuite,
  definitionStoreSuite,
  overviewStoreSuite,
  auditStoreSuite,
  backendSuite,
];
