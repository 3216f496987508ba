import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Graph, NodeState } from "../../../src/dashboard/api-types.ts";
import { Icon } from "../parts/icon.tsx";
import { lookOf } from "../parts/status.tsx";
import { type Drawing, type DrawnNode, drawingOf } from "./drawing.ts";
import { type Box, type Layout, type Line, layOut } from "./layout.ts";

interface GraphViewProps {
  readonly graph: Graph;
  /** What has become of the nodes of one instance; empty for a definition alone. */
  readonly states: readonly NodeState[];
  readonly selected: string | null;
  readonly onSelect: (nodeId: string | null) => void;
}

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5] as const;

/** Which colour a state has in the graph. */
const COLOURS: Readonly<Record<NodeState["state"], string>> = {
  running: "s-running",
  retrying: "s-retrying",
  ready: "s-ready",
  waiting: "s-waiting",
  sleeping: "s-waiting",
  joining: "s-waiting",
  completed: "s-completed",
  failed: "s-failed",
  timed_out: "s-failed",
  tolerated: "s-retrying",
  undone: "s-stopped",
};

/** A definition as a graph, with what has become of each node. */
export function GraphView({ graph, states, selected, onSelect }: GraphViewProps): JSX.Element {
  const drawing = useMemo(() => drawingOf(graph), [graph.definitionHash, graph.flow]);
  const layout = useLayout(drawing);
  const [zoom, setZoom] = useState<(typeof ZOOMS)[number]>(1);
  const byNode = new Map(states.map((state) => [state.nodeId, state]));
  if (layout === null) return <p class="muted">Drawing …</p>;
  const step = (by: number): void =>
    setZoom(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(zoom) + by))] ?? 1);
  return (
    <div class="stack">
      <div class="graph">
        <svg
          width={layout.width * zoom}
          height={layout.height * zoom}
          viewBox={`0 0 ${layout.width} ${layout.height}`}
          role="group"
          aria-label={`Graph of ${graph.flow}`}
        >
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path class="g-arrow" d="M0 0.5L7.5 4 0 7.5z" />
            </marker>
          </defs>
          {drawing.nodes.map((node) => (
            <Frame key={node.id} node={node} box={layout.boxes.get(node.id)} />
          ))}
          {layout.lines.map((line, index) => (
            <EdgeShape key={index} line={line} />
          ))}
          {drawing.nodes.map((node) => (
            <NodeShape
              key={node.id}
              node={node}
              box={layout.boxes.get(node.id)}
              state={byNode.get(node.node?.id ?? "")}
              isSelected={node.node !== null && node.node.id === selected}
              onSelect={onSelect}
            />
          ))}
        </svg>
      </div>
      <div class="spread">
        <Legend states={states} />
        <div class="row">
          <button type="button" class="button is-small" aria-label="Smaller" onClick={() => step(-1)}>
            −
          </button>
          <button type="button" class="button is-small" aria-label="Larger" onClick={() => step(1)}>
            +
          </button>
        </div>
      </div>
    </div>
  );
}

/** Where everything is; `null` until that is known. */
function useLayout(drawing: Drawing): Layout | null {
  const [layout, setLayout] = useState<Layout | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void layOut(drawing.nodes, drawing.edges).then((made) => isCurrent && setLayout(made));
    return () => {
      isCurrent = false;
    };
  }, [drawing]);
  return layout;
}

function Frame({ node: { look, title }, box }: { node: DrawnNode; box: Box | undefined }): JSX.Element | null {
  if (look !== "frame" || box === undefined) return null;
  return (
    <g class="g-group">
      <rect {...box} rx={8} />
      <text class="g-sub" x={box.x + 8} y={box.y + 15}>
        {title}
      </text>
    </g>
  );
}

function EdgeShape({ line: { edge, points, label } }: { line: Line }): JSX.Element {
  return (
    <g>
      <path class={edge.isBack ? "g-edge is-back" : "g-edge"} d={curve(points)} marker-end="url(#arrow)" />
      {label !== null && (
        <text class="g-label" x={label.x} y={label.y + 4} text-anchor="middle">
          {edge.label}
        </text>
      )}
    </g>
  );
}

interface NodeShapeProps {
  readonly node: DrawnNode;
  readonly box: Box | undefined;
  readonly state: NodeState | undefined;
  readonly isSelected: boolean;
  readonly onSelect: (nodeId: string | null) => void;
}

function NodeShape({ node: drawn, box, state, isSelected, onSelect }: NodeShapeProps): JSX.Element | null {
  const { look, node, title, words } = drawn;
  if (look === "frame" || box === undefined) return null;
  if (look === "dot" || node === null)
    return <circle class="g-dot" cx={box.x + box.width / 2} cy={box.y + box.height / 2} r={node === null ? 5 : 3.5} />;
  const told = state === undefined ? "not reached" : lookOf(state.state).text;
  const colour = state === undefined ? "" : COLOURS[state.state];
  const choose = (): void => onSelect(isSelected ? null : node.id);
  const nameRoom = (box.width - 40) / 7;
  const shownWords = cut(words, (box.width - 40) / 5.6);
  const count = (state?.completed ?? 0) + (state?.taskIds.length ?? 0);
  return (
    <g
      class={`g-node ${colour} ${isSelected ? "is-selected" : ""}`}
      role="button"
      tabindex={0}
      aria-pressed={isSelected}
      aria-label={`${cut(title, nameRoom)} ${shownWords} ${count > 1 ? `×${count} ` : ""}${node.kind}, ${told}`}
      data-node={node.id}
      data-state={state?.state}
      onClick={choose}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose();
      }}
    >
      <title>{`${node.name} (${node.kind})${node.description === null ? "" : `\n${node.description}`}\n${told}`}</title>
      <rect {...box} rx={node.kind === "task" ? 6 : 16} />
      {state !== undefined && (
        <svg x={box.x + 9} y={box.y + box.height / 2 - 8} width={16} height={16} class={`g-icon ${colour}`}>
          <Icon name={lookOf(state.state).icon} spin={false} />
        </svg>
      )}
      <text x={box.x + (state === undefined ? 14 : 31)} y={box.y + (words === "" ? 20 : 18)}>
        {cut(title, nameRoom)}
      </text>
      {words !== "" && (
        <text class="g-sub" x={box.x + (state === undefined ? 14 : 31)} y={box.y + 34}>
          {shownWords}
        </text>
      )}
      {count > 1 && (
        <text class="g-sub" x={box.x + box.width - 8} y={box.y + (words === "" ? 20 : 17)} text-anchor="end">
          ×{count}
        </text>
      )}
    </g>
  );
}

/** Only what occurs is explained. */
function Legend({ states }: { states: readonly NodeState[] }): JSX.Element {
  const kinds = [...new Set(states.map(({ state }) => state))];
  return (
    <div class="legend">
      {kinds.map((kind) => (
        <span key={kind} class={`badge ${lookOf(kind).colour}`}>
          <Icon name={lookOf(kind).icon} size={13} />
          {lookOf(kind).text}
        </span>
      ))}
    </div>
  );
}

/** Through all points, rounded at the inner ones. */
function curve(points: Line["points"]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  const steps = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? last;
    const [x, y] = index === rest.length - 2 ? [next.x, next.y] : [(point.x + next.x) / 2, (point.y + next.y) / 2];
    return `Q${at(point)} ${at({ x, y })}`;
  });
  return `M${at(first)} ${steps.length === 0 ? `L${at(last)}` : steps.join(" ")}`;
}

function at({ x, y }: { readonly x: number; readonly y: number }): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…` : text;
}
