import type { ActionResult } from "../../../src/dashboard/api-types.ts";
import { pathOf, send } from "../api/client.ts";
import { tellHint } from "../api/live.ts";
import { tell } from "../shell/notices.ts";

const OUTCOMES: Readonly<Record<ActionResult["outcome"], string>> = {
  applied: "done.",
  requested: "requested. It takes effect when what runs comes to a stop.",
  unchanged: "nothing to do: it was so already.",
};

/**
 * Does something to one instance, says what has become of it, and has what is shown read again.
 *
 * @throws {ApiError}
 */
export async function act(instanceId: string, route: string, words: string, body: object): Promise<void> {
  const { outcome } = await send<ActionResult>("POST", pathOf("instances", instanceId, route), body);
  tell(`${words}: ${OUTCOMES[outcome]}`);
  toldOf(instanceId);
}

/** Has what is shown of an instance read again. */
export function toldOf(instanceId: string): void {
  tellHint({ topics: ["instances"], instanceIds: [instanceId] });
}
