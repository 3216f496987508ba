import { WaymarkError } from "../errors/waymark-error.ts";
import { problemOf, RequestRefused } from "./problems.ts";
import type { Call, Route } from "./route.ts";

const LONGEST_DETAIL = 2_000;

/**
 * Does what changes something, and records it: before it is done, so that nothing is done that is not recorded, and when it has
 * ended.
 */
export async function audited(call: Call, route: Route): Promise<unknown> {
  const { backend, options } = call.server;
  const { logger } = options.ports;
  const target = route.target === undefined ? (call.params["instanceId"] ?? null) : route.target(call);
  const facts = { actor: call.caller?.actor ?? "", action: String(route.action), target: named(target) };
  const detail = route.detail?.(call)?.slice(0, LONGEST_DETAIL) ?? null;
  const sequence = await backend.audit.recordAction({ ...facts, detail });
  const settle = async (outcome: "done" | "refused" | "failed", code: string | null): Promise<void> => {
    logger.info({ ...facts, outcome, code }, "somebody has acted");
    try {
      await backend.audit.settleAction(sequence, outcome, code);
      await options.onAction?.({ ...facts, outcome, code });
    } catch (error) {
      // It is done, or not, all the same.
      logger.error(
        { ...facts, error: error instanceof Error ? error.message : "" },
        "could not record how an action ended",
      );
    }
  };
  try {
    const answer = await route.handle(call);
    await settle("done", null);
    return answer;
  } catch (error) {
    const isRefused = error instanceof RequestRefused || (WaymarkError.is(error) && !error.code.startsWith("BACKEND_"));
    await settle(isRefused ? "refused" : "failed", problemOf(error).code);
    throw error;
  }
}

/** A name from a path may be anything. */
function named(target: string | null): string | null {
  return target === null || target === "" ? null : target.slice(0, 1_000);
}
