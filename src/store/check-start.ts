import { refuse, requireBoolean, requireName, requireObject, requireOneOf } from "./argument-shapes.ts";
import { checkNewInstance } from "./check-instance.ts";
import type { NewInstance } from "./instance-store.ts";
import type { KeyedStart, LastStart, StartDecision } from "./start-key-store.ts";

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkKeyedStart(start: KeyedStart): void {
  requireObject(start, "start");
  requireName(start.key, "start.key");
  if (typeof start.decide !== "function") refuse("start.decide", "must be a function");
  checkNewInstance(start.candidate, undefined, "start.candidate");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkStartDecision(decision: StartDecision, candidate: NewInstance, last: LastStart | null): void {
  requireObject(decision, "decision");
  requireOneOf(decision.kind, "decision.kind", ["refuse", "start", "gather"]);
  if (decision.kind === "refuse") return;
  if (decision.kind === "gather" && last?.pending == null)
    refuse("decision.kind", 'must not be "gather" where nothing is pending');
  const { instance, startsInMs, markInMs } = decision;
  checkNewInstance(instance, undefined, "decision.instance");
  for (const field of ["flow", "definitionHash", "codec"] as const)
    if (instance[field] !== candidate[field]) refuse(`decision.instance.${field}`, "must be the candidate's");
  const ofWhom = decision.kind === "gather" ? last?.instanceId : candidate.instanceId;
  if (instance.instanceId !== ofWhom) refuse("decision.instance.instanceId", `must be "${ofWhom ?? ""}"`);
  if (!(startsInMs >= 0)) refuse("decision.startsInMs", "must be 0 or more");
  if (markInMs !== null && !Number.isFinite(markInMs)) refuse("decision.markInMs", "must be a number, or null");
  if (decision.kind === "start") requireBoolean(decision.isSingle, "decision.isSingle");
}
