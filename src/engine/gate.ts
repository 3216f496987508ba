import { chain, isPromiseLike, type MaybePromise } from "../codec/maybe-promise.ts";
import { LimitKeyError } from "../errors/limit-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { LimitedBy } from "../flow/limit.ts";
import { taskOf } from "../flow/task-of.ts";
import { idIssue } from "../ids.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { GateScope, Standing } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { HeldPosition } from "./held-position.ts";
import { decodeOwned } from "./payloads.ts";

/** Whose share of a limit something takes. @throws {LimitKeyError} `limitKey` says nothing of use */
export function limitKeyFor({ limit, key }: LimitedBy, input: unknown): string {
  if (key === null) return COMMON_KEY;
  let made: unknown;
  try {
    made = key(input);
  } catch (error) {
    throw new LimitKeyError(limit.name, "threw", { cause: error });
  }
  const issue = idIssue(made);
  if (issue !== null) throw new LimitKeyError(limit.name, `must return a text of 1 to 255 characters: it ${issue}`);
  return made as string;
}

/** The same standing, before the gate. */
export function beforeGate(standing: Standing, { limit }: LimitedBy, scope: GateScope, limitKey: string): Standing {
  return { ...standing, lane: { ...standing.lane, gate: { limit: limit.name, scope } }, limitKey };
}

/**
 * Where something goes that is moved to `standing` with `input` (encoded; `null`: not known here): before the gate of what stands there, if its
 * key is known by now. Otherwise whoever takes it puts it there.
 */
export function gatedStanding(
  held: Pick<HeldPosition, "flow" | "codec" | "claim">,
  standing: Standing,
  input: () => Bytes | null,
): MaybePromise<Standing> {
  const { flow, codec, claim } = held;
  const limitedBy = limitAt(flow, standing);
  if (limitedBy === null) return standing;
  if (limitedBy.key === null) return beforeGate(standing, limitedBy, "task", COMMON_KEY);
  const bytes = input();
  if (bytes === null) return standing;
  // What is wrong with the key is for the task to fail with.
  try {
    const decoded = chain(
      decodeOwned(flow, codec, claim.instanceId, { owner: standing.inputRef, bytes }),
      (value): Standing => beforeGate(standing, limitedBy, "task", limitKeyFor(limitedBy, value)),
    );
    return isPromiseLike(decoded) ? decoded.then(undefined, () => standing) : decoded;
  } catch {
    return standing;
  }
}

/** What a standing's first attempt waits for, where its input is what the standing refers to. */
function limitAt(flow: Flow, { taskId, kind }: Standing): LimitedBy | null {
  if (kind !== "task") return null;
  const { node, container } = standpoint(flow, taskId).located;
  // The input of a part is made of more than one value.
  return container.kind === "part" ? null : (taskOf(node)?.limitedBy ?? null);
}

/** What has to allow a new instance's first step. */
export function firstGate(
  flow: Flow,
  standing: Standing,
): { readonly limitedBy: LimitedBy; readonly scope: GateScope } | null {
  if (flow.limitedBy !== null) return { limitedBy: flow.limitedBy, scope: "flow" };
  const limitedBy = limitAt(flow, standing);
  return limitedBy === null ? null : { limitedBy, scope: "task" };
}
