// biome-ignore-all assist/source/organizeImports: grouped by what users look for
// What users write flows with.
export { branch } from "./flow/branch.ts";
export type { Branch } from "./flow/branch.ts";
export type * from "./flow/definition.ts";
export { flow } from "./flow/flow.ts";
export type { FlowOptions, FlowStart } from "./flow/flow.ts";
export type * from "./flow/builder-options.ts";
export type * from "./flow/flow-builder.ts";
export { Flow } from "./flow/flow-definition.ts";
export type { LocatedNode } from "./flow/flow-definition.ts";
export { job } from "./flow/job.ts";
export type { JobOptions } from "./flow/job.ts";
export { limit } from "./flow/limit.ts";
export type { Allowance, AllowanceOptions, Limit, LimitOptions, Rate, RateOptions } from "./flow/limit.ts";
export type {
  BatchOptions,
  DebounceOptions,
  ItemOf,
  RateLimitOptions,
  SingletonOptions,
  StartKey,
  StartPolicyOptions,
  ThrottleOptions,
} from "./flow/start-policy.ts";
export { schedule } from "./schedule/schedule.ts";
export type { Schedule, ScheduledInput, ScheduledOptions, ScheduleOptions } from "./schedule/schedule.ts";
export type { CatchUpOptions, ScheduleTiming, SlotOptions, TermChanges } from "./schedule/schedule-terms.ts";
export { slotOf } from "./schedule/slot-id.ts";
export type { ScheduledSlot } from "./schedule/slot-id.ts";
export type { OverlapPolicy, ScheduleTerms, SkippedSlot } from "./store/schedule-store.ts";
export type { EndedStatus, KeepByStatus, KeepOptions, KeepTimes } from "./flow/keep.ts";
export { LoopResult } from "./flow/loop-result.ts";
export type { LoopAgain, LoopDone } from "./flow/loop-result.ts";
export type { RouteBuilder } from "./flow/route-builder.ts";
export { merged, type SharedState, state } from "./flow/shared-state.ts";
export type { Merged, StateChange, StateField, StateOf, StateValues } from "./flow/shared-state.ts";
export { query, update } from "./flow/state-handlers.ts";
export type {
  HandlerOptions,
  InputArgument,
  InputFrom,
  StateQuery,
  StateUpdate,
  UpdateAnswer,
} from "./flow/state-handlers.ts";
export type { StandardSchema } from "./flow/schema.ts";
export { task } from "./flow/task.ts";
export type { Task, TaskMaker } from "./flow/task.ts";
export type {
  TransactionalFunction,
  TransactionalOptions,
  TransactionalTaskMaker,
} from "./flow/transactional-task.ts";
export type { StateAccess, StepContext, TaskContext } from "./flow/task-context.ts";
export type * from "./flow/retry-options.ts";
export type * from "./flow/task-options.ts";
export { getTaskContext } from "./engine/current-task.ts";

// What runs and controls them.
export type { BulkFilter, BulkOptions, BulkResult, RefusedInstance } from "./client/bulk.ts";
export { Client } from "./client/client.ts";
export type { ClientOptions } from "./client/client.ts";
export type { EnqueueOptions } from "./client/submissions.ts";
export { metricsText } from "./client/metrics-text.ts";
export type { BackPressureOptions } from "./client/back-pressure.ts";
export type { FlowControl } from "./client/flow-control.ts";
export type { PausedFlow } from "./store/flow-store.ts";
export type { LimitChanges, LimitControl, LimitKeyPage } from "./client/limit-control.ts";
export type { LimitKeyState, LimitState } from "./store/limit-store.ts";
export type { FailureGroup, FailureGroups } from "./client/failure-groups.ts";
export type { Inspection, ShownValue } from "./client/inspection.ts";
export type { NodeCondition, NodeState } from "./client/node-states.ts";
export type { BufferedEventItem, DefinitionInfo, FailedInstance, Overview, WorkerInfo } from "./client/overview.ts";
export type { FlowGraph, FlowGraphEdge, FlowGraphNode } from "./flow/flow-graph.ts";
export type { ActionOutcome, RecordedAction } from "./store/audit-store.ts";
export type {
  Activity,
  CursorPage,
  FailedFilter,
  InstanceCounts,
  NewestFilter,
  Series,
  SeriesBucket,
  SeriesRequest,
  StatusCount,
} from "./store/overview-store.ts";
export type { BackfillRange, ScheduleControl, ScheduleListFilter } from "./client/schedule-control.ts";
export type { SchedulePage, ScheduleReport } from "./client/schedule-report.ts";
export type { OrphanOptions, OrphanResult, RetentionControl } from "./client/retention-control.ts";
export type { PruneOptions, PruneResult } from "./client/pruning.ts";
export type { Archive, ArchivedInstance } from "./retention/archived-instance.ts";
export type { KeptInstance } from "./retention/prune.ts";
export type { StoredRule } from "./store/retention-store.ts";
export type { InstanceControl } from "./client/instance-control.ts";
export type { InstanceStates, UpdateArguments, UpdateOptions } from "./client/instance-states.ts";
export type { InstanceForkOptions } from "./client/forks.ts";
export type { InstancePage, InstanceSummary, ListFilter } from "./client/instance-summary.ts";
export type { InstanceHandle, ResultOptions } from "./client/instance-handle.ts";
export type { ManyOptions, NewSubmission, Submitted, SubmitOptions } from "./client/submitter.ts";
export type { EventOptions } from "./client/transaction-scope.ts";
export type {
  MigrationObstacle,
  MigrationPlanOptions,
  MigrationPlanPage,
  PlannedMigration,
} from "./client/migration-plans.ts";
export type { Misfit } from "./client/course-fit.ts";
export type { NodeNames } from "./flow/renaming.ts";
export type { HistoryItem } from "./engine/history-item.ts";
export type { PastPosition, PastState } from "./client/look-back.ts";
export type { AwaitedChild, AwaitedEvent, RunningTask, StatusReport } from "./engine/instance-status.ts";
export type { Ports } from "./engine/ports.ts";
export type { ConflictPolicy, StartOptions } from "./engine/start-instance.ts";
export type { EngineEvent, Observer } from "./observability/observer.ts";
export type { AttemptFacts, SubmissionFacts, Telemetry, TelemetrySpan } from "./observability/telemetry.ts";
export { type RunFlowOptions, runFlow } from "./run-flow.ts";
export { type HealthServer, type HealthServerOptions, serveHealth } from "./worker/health-server.ts";
export type { WorkerHandle } from "./worker/worker.ts";
export type { WorkerHealth } from "./worker/worker-health.ts";
export { Worker } from "./worker/worker.ts";
export type { RetentionOptions, WorkerOptions } from "./worker/worker-options.ts";
export type { WorkerStats } from "./worker/running-worker.ts";
export { Runner } from "./runner/runner.ts";
export type { DriveOptions, RunnerOptions, RunOptions } from "./runner/runner-options.ts";

// What stores them.
export type { Codec, PayloadContext, PayloadKind } from "./codec/codec.ts";
export { type EncryptionOptions, encrypted } from "./codec/encrypted-codec.ts";
export { type CompressionOptions, compressed } from "./codec/gzip-codec.ts";
export { JsonCodec } from "./codec/json-codec.ts";
export type { KeyProvider, KeyRing, NamedKey, StaticKeyRing } from "./codec/key-ring.ts";
export type { MaybePromise } from "./codec/maybe-promise.ts";
export type { ValueLimits } from "./codec/value-limits.ts";
export { MsgpackCodec } from "./codec/msgpack-codec.ts";
export { InMemoryBackend } from "./memory/memory-backend.ts";
export type { Backend } from "./store/backend.ts";

export * from "./errors/argument-errors.ts";
export * from "./errors/backend-errors.ts";
export * from "./errors/claim-errors.ts";
export * from "./errors/codec-errors.ts";
export * from "./errors/definition-errors.ts";
export type { SerializedFailure } from "./errors/failure.ts";
export * from "./errors/instance-errors.ts";
export * from "./errors/limit-errors.ts";
export * from "./errors/start-errors.ts";
export * from "./errors/local-errors.ts";
export * from "./errors/schedule-errors.ts";
export * from "./errors/task-errors.ts";
export * from "./errors/transaction-errors.ts";
export * from "./errors/waymark-error.ts";
export type { DefinitionHash, InstanceId, Path, TaskId, WorkerId } from "./ids.ts";
export type { Logger } from "./logger.ts";
export type * from "./transaction.ts";
export type { Clock } from "./time/clock.ts";
export type { Duration, DurationParts } from "./time/duration.ts";
export type { Random } from "./time/random.ts";
export type { Timer, Timers } from "./time/timers.ts";
