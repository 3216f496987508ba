import type { JSX } from "preact";
import type { GraphNode, InstanceDetail, InstanceGraph } from "../../../src/dashboard/api-types.ts";
import type { Interest } from "../api/live.ts";
import { GraphView } from "../graph/graph-view.tsx";
import { wordsOfNode } from "../graph/node-words.ts";
import { Empty } from "../parts/empty.tsx";
import { StatusBadge } from "../parts/status.tsx";
import { durationText } from "../parts/time-text.ts";
import { changeQuery, usePlace } from "../route/place.ts";
import { EntryList } from "./entry-list.tsx";
import { useHistory } from "./use-history.ts";

interface GraphTabProps {
  readonly detail: InstanceDetail;
  /** `null` until it has been read. */
  readonly graph: InstanceGraph | null;
  readonly interest: Interest;
}

/** The instance's flow with what has become of each node, and what was recorded at the chosen one. */
export function GraphTab({ detail, graph, interest }: GraphTabProps): JSX.Element {
  const selected = usePlace().query.get("node");
  if (graph === null) return <p class="muted">Reading …</p>;
  if (graph.graph === null)
    return (
      <Empty title="The definition is not known here">
        <p>
          Give the flow to the handler (<code>flows</code>), or start a worker that publishes it. The history and
          everything else can be seen without.
        </p>
      </Empty>
    );
  const node = graph.graph.nodes.find(({ id }) => id === selected);
  return (
    <div class={node === undefined ? "stack" : "graph-and-node"}>
      <div class="card">
        <GraphView
          graph={graph.graph}
          states={graph.states}
          selected={selected}
          onSelect={(id) => changeQuery({ node: id ?? undefined }, { replace: true })}
        />
      </div>
      {node !== undefined && <NodePanel detail={detail} graph={graph} node={node} interest={interest} />}
    </div>
  );
}

interface NodePanelProps {
  readonly detail: InstanceDetail;
  readonly graph: InstanceGraph;
  readonly node: GraphNode;
  readonly interest: Interest;
}

function NodePanel({ detail, graph, node, interest }: NodePanelProps): JSX.Element {
  const { entries } = useHistory(detail.instanceId, detail.run, interest);
  const state = graph.states.find(({ nodeId }) => nodeId === node.id);
  const words = wordsOfNode(node);
  const own = entries.filter(({ nodeId }) => nodeId === node.id);
  return (
    <section class="card stack" aria-label={`Node ${node.name}`}>
      <div class="spread">
        <h2 class="mono">{node.name}</h2>
        {state === undefined ? <span class="muted">Not reached</span> : <StatusBadge state={state.state} />}
      </div>
      {node.description !== null && <p>{node.description}</p>}
      <dl class="facts">
        <dt>Kind</dt>
        <dd>{node.kind}</dd>
        {words !== "" && (
          <>
            <dt>Policy</dt>
            <dd>{words}</dd>
          </>
        )}
        {node.timeoutMs !== null && (
          <>
            <dt>Time limit</dt>
            <dd>{durationText(node.timeoutMs)}</dd>
          </>
        )}
        {node.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd>{node.tags.join(", ")}</dd>
          </>
        )}
        {state !== undefined && state.taskIds.length > 0 && (
          <>
            <dt>Stands at</dt>
            <dd>
              {state.taskIds.slice(0, 20).map((taskId) => (
                <code key={taskId} class="tag">
                  {taskId}
                </code>
              ))}
            </dd>
          </>
        )}
      </dl>
      <EntryList detail={detail} entries={own} empty="Nothing has been recorded here yet." />
    </section>
  );
}
