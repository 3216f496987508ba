import type { NodeState } from "../../client/node-states.ts";
import { flowGraph } from "../../flow/flow-graph.ts";
import type { Graph, InstanceGraph } from "../api-types.ts";
import { timeOf } from "../instance-views.ts";
import type { Call } from "../route.ts";

/** What a definition looks like, as far as the server or the database knows it. */
export async function findGraph({ client, flows }: Call["server"], definitionHash: string): Promise<Graph | null> {
  const flow = flows.byHash(definitionHash);
  return flow === null ? await client.graph(definitionHash) : flowGraph(flow);
}

export async function graphOfInstance({ server, params }: Call): Promise<InstanceGraph> {
  const { summary } = await server.client.inspect(params["instanceId"] ?? "");
  const graph = await findGraph(server, summary.definitionHash);
  const states = await server.client.nodeStates(summary.instanceId);
  return { graph, states: states.map((state: NodeState) => ({ ...state, lastAt: timeOf(state.lastAt) })) };
}
