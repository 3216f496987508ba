import type { Backend } from "../../store/backend.ts";
import { aCheckpoint, aForgedClaim, bytesOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";

/** A call with one argument left open, to be filled with what doesn't belong there. */
export type OpenCall = (backend: Backend, given: Given, argument: never) => Promise<unknown>;

/** Every call that takes an instance id. */
export const callsWithInstanceId: Readonly<Record<string, OpenCall>> = {
  saveSnapshot: (backend, given, instanceId) => backend.saveSnapshot(given.snapshot({ instanceId })),
  saveTaskResult: (backend, _, instanceId) => backend.saveTaskResult(instanceId, "first", bytesOf("1")),
  loadSnapshot: (backend, _, instanceId) => backend.loadSnapshot(instanceId),
  deleteSnapshot: (backend, _, instanceId) => backend.deleteSnapshot(instanceId),
  "listSnapshots (after)": (backend, _, after) => backend.listSnapshots({ after }),
  storeSignal: (backend, _, instanceId) => backend.storeSignal(instanceId, "pause", {}),
  getSignal: (backend, _, instanceId) => backend.getSignal(instanceId, "pause"),
  clearSignal: (backend, _, instanceId) => backend.clearSignal(instanceId, "pause"),
  sendEvent: (backend, _, instanceId) => backend.sendEvent(instanceId, "paid", bytesOf("1")),
  consumeEvent: (backend, _, instanceId) => backend.consumeEvent(instanceId, "paid"),
  checkAndCancel: (backend, _, instanceId) => backend.checkAndCancel(instanceId),
  checkAndPause: (backend, _, instanceId) => backend.checkAndPause(instanceId),
  unpause: (backend, _, instanceId) => backend.unpause(instanceId),
  claimTask: (backend, _, instanceId) => backend.claimTask(instanceId, "first", "worker-a", 1_000),
  releaseTaskClaim: (backend, _, instanceId) => backend.releaseTaskClaim(instanceId, "first", "worker-a"),
  extendTaskClaim: (backend, _, instanceId) => backend.extendTaskClaim(instanceId, "first", "worker-a", 1_000),
  createInstances: (backend, given, instanceId) => backend.createInstances([given.newInstance({ instanceId })]),
  replaceInstance: (backend, given, instanceId) => backend.replaceInstance(given.newInstance({ instanceId })),
  findInstance: (backend, _, instanceId) => backend.findInstance(instanceId),
  findEnded: (backend, _, instanceId) => backend.findEnded([instanceId]),
  "listInstances (after)": (backend, _, after) => backend.listInstances({ after }),
  "listInstances (parent)": (backend, _, parent) => backend.listInstances({ parent }),
  findChildren: (backend, _, instanceId) => backend.findChildren([instanceId]),
  hasOpenChildren: (backend, _, parentId) => backend.hasOpenChildren(parentId),
  createChildren: (backend, given, instanceId) =>
    backend.createChildren([
      {
        ...{ instance: given.newInstance({ instanceId }), claim: aForgedClaim(), taskId: "first" },
        ...{ isAwaited: true, onClose: "cancel" },
      },
    ]),
  "listInstanceIds (after)": (backend, _, after) => backend.listInstanceIds({ after }),
  requestControl: (backend, _, instanceId) => backend.requestControl(instanceId, "pause", {}),
  terminateInstance: (backend, _, instanceId) => backend.terminateInstance(instanceId, {}),
  unpauseInstance: (backend, _, instanceId) => backend.unpauseInstance(instanceId),
  retryInstance: (backend, _, instanceId) => backend.retryInstance(instanceId, {}),
  forkInstance: (backend, given, instanceId) =>
    backend.forkInstance({
      ...{ instance: given.newInstance({ instanceId }), from: { instanceId: "order-1", sequence: 0n } },
      ...{ entries: 0, replaced: [] },
    }),
  "forkInstance (from)": (backend, given, instanceId) =>
    backend.forkInstance({
      ...{ instance: given.newInstance({ instanceId: "fork" }), from: { instanceId, sequence: 0n } },
      ...{ entries: 0, replaced: [] },
    }),
  migrateInstance: (backend, _, instanceId) =>
    backend.migrateInstance({
      ...{ instanceId, from: "old", to: { flow: "order", definitionHash: "new", spawns: false } },
      ...{ entries: 0, positions: [] },
    }),
  setDeadline: (backend, _, instanceId) => backend.setDeadline(instanceId, null),
  saveProgress: (backend, _, instanceId) =>
    backend.saveProgress({ instanceId, path: "", token: 1n }, "first", bytesOf("1")),
  loadProgress: (backend, _, instanceId) => backend.loadProgress(instanceId, "", "first"),
  settleInterrupt: (backend, _, instanceId) => backend.settleInterrupt(instanceId, "first"),
  claimPositions: (backend, given, instanceId) =>
    backend.claimPositions({ ...holder, limit: 1, lanes: [given.lane()], instanceId }),
  claimLimited: (backend, given, instanceId) =>
    backend.claimLimited({ ...holder, limit: 1, lanes: [given.lane()], instanceId }),
  commitCheckpoints: (backend, _, instanceId) =>
    backend.commitCheckpoints([aCheckpoint({ instanceId, path: "", token: 1n })], holder),
  renewClaims: (backend, _, instanceId) => backend.renewClaims([{ instanceId, path: "", token: 1n }], 1_000),
  releaseClaims: (backend, _, instanceId) => backend.releaseClaims([{ instanceId, path: "", token: 1n }]),
  peekEvent: (backend, _, instanceId) => backend.peekEvent(instanceId, "paid"),
  listEvents: (backend, _, instanceId) => backend.overview.listEvents(instanceId, { limit: 1 }),
  readActivity: (backend, _, instanceId) => backend.overview.readActivity([instanceId]),
  "listNewest (parent)": (backend, _, parent) => backend.overview.listNewest({ parent }),
  readHistory: (backend, _, instanceId) => backend.readHistory(instanceId),
  readTrace: (backend, _, instanceId) => backend.readTrace(instanceId),
  loadResults: (backend, _, instanceId) => backend.loadResults(instanceId, ["first"]),
  findLastIteration: (backend, _, instanceId) => backend.findLastIteration(instanceId, "step"),
  loadSteps: (backend, _, instanceId) => backend.loadSteps(instanceId, "first"),
  sinceAttempt: (backend, _, instanceId) => backend.sinceAttempt(instanceId, "first", 1),
  lastFailure: (backend, _, instanceId) => backend.lastFailure(instanceId, "first"),
  highestAttempt: (backend, _, instanceId) => backend.highestAttempt(instanceId, "first"),
  loadStates: (backend, _, instanceId) => backend.loadStates(instanceId, ["$state"]),
  hasStateChange: (backend, _, instanceId) => backend.hasStateChange(instanceId, "$state", 0, "first"),
  listCompleted: (backend, _, instanceId) => backend.listCompleted(instanceId),
};

/** Those after which there may be an instance, or events for one, that has this id. */
export const callsWithNewId: Readonly<Record<string, OpenCall>> = Object.fromEntries(
  ["saveSnapshot", "sendEvent", "createInstances", "replaceInstance", "createChildren", "forkInstance"].flatMap(
    (name) => Object.entries(callsWithInstanceId).filter(([call]) => call === name),
  ),
);

/** Every call that takes a worker id. */
export const callsWithWorkerId: Readonly<Record<string, OpenCall>> = {
  claimTask: (backend, _, workerId) => backend.claimTask("order-1", "first", workerId, 1_000),
  releaseTaskClaim: (backend, _, workerId) => backend.releaseTaskClaim("order-1", "first", workerId),
  extendTaskClaim: (backend, _, workerId) => backend.extendTaskClaim("order-1", "first", workerId, 1_000),
  findAvailableTasks: (backend, _, workerId) => backend.findAvailableTasks(workerId, 1),
  keepWorker: (backend, _, workerId) => backend.keepWorker(workerId, [], 1_000),
  claimPositions: (backend, given, workerId) =>
    backend.claimPositions({ workerId, leaseMs: 1_000, limit: 1, lanes: [given.lane()] }),
  claimLimited: (backend, given, workerId) =>
    backend.claimLimited({ workerId, leaseMs: 1_000, limit: 1, lanes: [given.lane()] }),
  commitCheckpoints: (backend, _, workerId) => backend.commitCheckpoints([], { workerId, leaseMs: 1_000 }),
  createInstances: (backend, given, workerId) =>
    backend.createInstances([given.newInstance()], { workerId, leaseMs: 1_000 }),
  replaceInstance: (backend, given, workerId) =>
    backend.replaceInstance(given.newInstance(), { workerId, leaseMs: 1_000 }),
  registerWorker: (backend, _, workerId) => backend.registerWorker(workerId, []),
  unregisterWorker: (backend, _, workerId) => backend.unregisterWorker(workerId),
};

/** Every call that takes an event's name or a dedup key. */
export const callsWithEventName: Readonly<Record<string, OpenCall>> = {
  sendEvent: (backend, _, name) => backend.sendEvent("order-1", name, bytesOf("1")),
  "sendEvent (dedupKey)": (backend, _, dedupKey) => backend.sendEvent("order-1", "paid", bytesOf("1"), { dedupKey }),
  consumeEvent: (backend, _, name) => backend.consumeEvent("order-1", name),
  peekEvent: (backend, _, name) => backend.peekEvent("order-1", name),
};

/** Every call that takes a task id. */
export const callsWithTaskId: Readonly<Record<string, OpenCall>> = {
  saveTaskResult: (backend, _, taskId) => backend.saveTaskResult("order-1", taskId, bytesOf("1")),
  checkAndCancel: (backend, _, taskId) => backend.checkAndCancel("order-1", taskId),
  claimTask: (backend, _, taskId) => backend.claimTask("order-1", taskId, "worker-a", 1_000),
  releaseTaskClaim: (backend, _, taskId) => backend.releaseTaskClaim("order-1", taskId, "worker-a"),
  extendTaskClaim: (backend, _, taskId) => backend.extendTaskClaim("order-1", taskId, "worker-a", 1_000),
  settleInterrupt: (backend, _, taskId) => backend.settleInterrupt("order-1", taskId),
  saveProgress: (backend, _, taskId) => backend.saveProgress(aForgedClaim(), taskId, bytesOf("1")),
  loadProgress: (backend, _, taskId) => backend.loadProgress("order-1", "", taskId),
  loadResults: (backend, _, taskId) => backend.loadResults("order-1", [taskId]),
  findLastIteration: (backend, _, taskId) => backend.findLastIteration("order-1", taskId),
  loadSteps: (backend, _, taskId) => backend.loadSteps("order-1", taskId),
  sinceAttempt: (backend, _, taskId) => backend.sinceAttempt("order-1", taskId, 1),
  loadStates: (backend, _, taskId) => backend.loadStates("order-1", [taskId]),
  hasStateChange: (backend, _, taskId) => backend.hasStateChange("order-1", taskId, 0, "first"),
  lastFailure: (backend, _, taskId) => backend.lastFailure("order-1", taskId),
  highestAttempt: (backend, _, taskId) => backend.highestAttempt("order-1", taskId),
};

/** Every call that takes bytes. */
export const callsWithBytes: Readonly<Record<string, OpenCall>> = {
  saveProgress: (backend, _, value) => backend.saveProgress(aForgedClaim(), "first", value),
  saveTaskResult: (backend, _, output) => backend.saveTaskResult("order-1", "first", output),
  sendEvent: (backend, _, payload) => backend.sendEvent("order-1", "paid", payload),
  createInstances: (backend, given, input) => backend.createInstances([given.newInstance({ input })]),
  replaceInstance: (backend, given, input) => backend.replaceInstance(given.newInstance({ input })),
  saveSnapshot: (backend, given, input) => backend.saveSnapshot(given.snapshot({ input })),
  commitCheckpoints: (backend, _, output) =>
    backend.commitCheckpoints(
      [aCheckpoint(aForgedClaim(), { move: { kind: "complete", output, codec: "json" } })],
      holder,
    ),
};
