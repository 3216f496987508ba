import { requireDefinition } from "../engine/require-definition.ts";
import { decideStart, type SinglePolicy, startKeyFor } from "../engine/start-decision.ts";
import { instanceWith, validInput } from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceConflictError } from "../errors/instance-errors.ts";
import { StartRefusedError } from "../errors/start-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceId } from "../ids.ts";
import { rateWaitMs } from "../snapshot/token-bucket.ts";
import type { Backend } from "../store/backend.ts";
import type { StartKeyStore, StartOutcome } from "../store/start-key-store.ts";
import type { TransactionScope } from "../store/transactional-store.ts";
import type { SubmitOptions } from "./submitter.ts";
import { scopeIn } from "./transaction-scope.ts";

/** What became of a submission whose flow starts one instance for several. */
export interface KeyedSubmission {
  /** The instance that it is, or has gone into. */
  readonly instanceId: InstanceId;
  readonly kind: "created" | "gathered" | "existing";
}

/** The policy of a flow by which `submit` decides; `null` where each submission is an instance. */
export function policyOf({ startPolicy }: Flow): SinglePolicy | null {
  return startPolicy === null || startPolicy.kind === "batch" ? null : startPolicy;
}

/**
 * Submits to a flow that starts one instance for several submissions.
 *
 * @param afterMs - of `startAfter`
 * @throws {StartRefusedError} the policy refuses it
 */
export async function submitKeyed(
  backend: Backend,
  policy: SinglePolicy,
  flow: Flow,
  start: {
    readonly instanceId: InstanceId;
    readonly input: unknown;
    readonly options: SubmitOptions;
    readonly afterMs: number;
    readonly field?: string;
    readonly traceContext?: string | null;
  },
): Promise<KeyedSubmission> {
  const { instanceId, options, afterMs, field = "options", traceContext = null } = start;
  const { onConflict = "fail", tx } = options;
  if (onConflict === "terminateExisting") {
    const problem = `can't be "terminateExisting": flow "${flow.name}" says itself what becomes of the one that lives (${policy.kind}).`;
    throw new InvalidArgumentError(`${field}.onConflict`, problem);
  }
  const saysWhen = policy.kind === "debounce" || policy.kind === "throttle";
  if (afterMs > 0 && saysWhen) {
    throw new InvalidArgumentError(
      `${field}.startAfter`,
      `can't be given: flow "${flow.name}" says itself when it begins (${policy.kind}).`,
    );
  }
  const value = await validInput(flow, start.input);
  const key = startKeyFor(flow.name, policy, value);
  const make = async (laterMs: number, id: InstanceId = instanceId) => {
    const beginning = { claimed: false, afterMs: afterMs + Math.ceil(laterMs), field };
    return { ...(await instanceWith(flow, id, value, options, backend, beginning)), traceContext };
  };
  const candidate = await make(0);
  const store: StartKeyStore & Pick<TransactionScope, "findDefinition"> =
    tx === undefined ? withDefinitions(backend) : scopeIn(backend, tx);
  const outcome = await store.startKeyed({ key, candidate, decide: (last) => decideStart(policy, last, make) });
  if (outcome.kind === "started") return { instanceId, kind: "created" };
  if (outcome.kind === "gathered") return { instanceId: outcome.instanceId, kind: "gathered" };
  if (outcome.kind === "refused") return refusedOr(policy, flow, key, outcome, onConflict);
  if (onConflict === "fail") throw new InstanceConflictError(instanceId);
  const found = await store.findDefinition(instanceId);
  if (found !== null) requireDefinition(flow, { instanceId, ...found });
  return { instanceId, kind: "existing" };
}

function refusedOr(
  policy: SinglePolicy,
  flow: Flow,
  key: string,
  { last }: Extract<StartOutcome, { kind: "refused" }>,
  onConflict: "fail" | "useExisting",
): KeyedSubmission {
  if (policy.kind === "rateLimit")
    throw new StartRefusedError(flow.name, key, { retryAfterMs: rateWaitMs(policy.rate, last?.markInMs ?? null, 0) });
  const instanceId = last?.instanceId ?? "";
  if (onConflict === "useExisting") return { instanceId, kind: "existing" };
  throw new StartRefusedError(flow.name, key, { instanceId });
}

function withDefinitions(backend: Backend): StartKeyStore & Pick<TransactionScope, "findDefinition"> {
  return {
    startKeyed: (start) => backend.startKeyed(start),
    findDefinition: async (id) => (await backend.findInstance(id))?.instance ?? null,
  };
}
