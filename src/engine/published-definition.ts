import { spawnsChildren } from "../flow/child-flows.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { flowGraph } from "../flow/flow-graph.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { Standing } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import type { PublishedDefinition } from "../store/definition-store.ts";
import { beforeGate, firstGate } from "./gate.ts";
import { awaitsEvents, startingPositions } from "./start-instance.ts";

/** The codec that SQL can write. */
const CODEC = "json";

/**
 * Lets flows be started by SQL, where the store can be reached so, and has the codec that SQL writes.
 *
 * @param asNewest - as for `publishDefinitions`
 * @returns whether it could be done
 */
export async function publishFlows(backend: Backend, flows: readonly Flow[], asNewest: boolean): Promise<boolean> {
  if (backend.publishDefinitions === undefined || backend.findCodec(CODEC) === null) return false;
  // Of two flows with one hash, one says it all.
  const byHash = new Map(flows.map((flow) => [flow.hash, flow]));
  await backend.publishDefinitions([...byHash.values()].map(published), asNewest);
  return true;
}

function published(flow: Flow): PublishedDefinition {
  const [first, second] = [startingPositions(flow, CODEC, 1, false), startingPositions(flow, CODEC, 2, false)];
  return {
    flow: flow.name,
    definitionHash: flow.hash,
    awaitsEvents: awaitsEvents(flow),
    deadlineMs: flow.deadlineMs,
    spawns: spawnsChildren(flow),
    // A whole batch may be submitted as any other list.
    ...(flow.startPolicy === null || flow.startPolicy.kind === "batch" ? {} : { startPolicy: flow.startPolicy.kind }),
    graph: graphOf(flow),
    positions: first.map(({ path, standing, wakeAfterMs }, index) => ({
      path,
      ...behind(flow, standing),
      hasOwnPriority: standing.priority === second[index]?.standing.priority,
      wakeAfterMs,
    })),
  };
}

/** A definition that is too large to be drawn is run all the same. */
const MAX_GRAPH_LENGTH = 262_144;

function graphOf(flow: Flow): string | null {
  // A lone surrogate in a description can be stored nowhere; as an escape it can.
  const text = JSON.stringify(flowGraph(flow));
  return text.length > MAX_GRAPH_LENGTH ? null : text;
}

/** SQL can't say whose share of a limit an instance takes, unless it is told: a task's own gate is left to who runs it then. */
function behind(
  flow: Flow,
  standing: Standing,
): Pick<PublishedDefinition["positions"][number], "standing" | "asksKey"> {
  const gate = firstGate(flow, standing);
  if (gate === null) return { standing, asksKey: false };
  const { limitedBy, scope } = gate;
  if (limitedBy.key !== null && scope === "task") return { standing, asksKey: false };
  return { standing: beforeGate(standing, limitedBy, scope, COMMON_KEY), asksKey: limitedBy.key !== null };
}
