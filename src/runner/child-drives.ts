import type { StatusReport } from "../engine/instance-status.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceId } from "../ids.ts";
import type { Backend } from "../store/backend.ts";

interface Parent {
  readonly backend: Pick<Backend, "listInstances">;
  readonly flow: Flow;
  readonly instanceId: InstanceId;
  /** How many of its children are driven at once. */
  readonly atOnce: number;
}

interface Child {
  readonly flow: Flow;
  readonly instanceId: InstanceId;
}

const PAGE = 1_000;

/**
 * Has the live children of an instance driven as far as they go, as far as their definitions are those that its flow starts now.
 *
 * @returns how many have ended
 */
export async function driveChildren(parent: Parent, drive: (child: Child) => Promise<StatusReport>): Promise<number> {
  const children = liveChildren(parent);
  let ended = 0;
  const driveSome = async (): Promise<void> => {
    for (let next = await children.next(); next.done !== true; next = await children.next()) {
      const status = await drive(next.value).then((report) => report.status, goneIfDeleted);
      if (status === "completed" || status === "failed" || status === "cancelled") ended++;
    }
  };
  await Promise.all(Array.from({ length: parent.atOnce }, driveSome));
  return ended;
}

/** It has been deleted, or replaced, since it was found: its parent is told of that. */
function goneIfDeleted(error: unknown): "cancelled" {
  if (WaymarkError.is(error) && (error.code === "INSTANCE_NOT_FOUND" || error.code === "DEFINITION_MISMATCH"))
    return "cancelled";
  throw error;
}

async function* liveChildren({ backend, flow, instanceId: parent }: Parent): AsyncGenerator<Child> {
  const flows = new Map(
    Array.from(flow.nodes(), ({ node }) => (node.kind === "spawn" ? [node.child] : []))
      .flat()
      .map((child) => [child.hash, child]),
  );
  for (let after: InstanceId | undefined, count = PAGE; count === PAGE; ) {
    const filter = { parent, status: ["in_progress"] as const, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = await backend.listInstances(filter);
    for (const { instanceId, definitionHash, parent: by } of page) {
      // Two flows may have one hash and different functions: that of its task is meant.
      const node = flow.find(by?.taskId.replaceAll(/\[\d+\]/g, "") ?? "")?.node;
      const own = node?.kind === "spawn" && node.child.hash === definitionHash ? node.child : undefined;
      const child = own ?? flows.get(definitionHash);
      if (child !== undefined) yield { flow: child, instanceId };
    }
    count = page.length;
    after = page.at(-1)?.instanceId;
  }
}
