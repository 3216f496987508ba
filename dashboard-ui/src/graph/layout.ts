/** A node to be placed. */
export interface GraphNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** The frame that it stands in; `null` for none. */
  readonly parent: string | null;
  /** A frame around other nodes; its size follows from them. */
  readonly isFrame: boolean;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly label: string | null;
  /** Leads back to where a loop begins. */
  readonly isBack: boolean;
}

/** Where everything is drawn, in pixels. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** By id: the upper left corner, and the size. */
  readonly boxes: ReadonlyMap<string, Box>;
  readonly lines: readonly Line[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  readonly edge: GraphEdge;
  readonly points: readonly Point[];
  /** Where the label's middle is. */
  readonly label: Point | null;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const MARGIN = 16;
const LABEL_HEIGHT = 16;
const CHARACTER = 6.2;

/** Places nodes in layers from the top down. The library that does so is loaded when it is first needed. */
export async function layOut(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Promise<Layout> {
  const { Graph, layout } = await import("@dagrejs/dagre");
  const graph = new Graph({ multigraph: true, compound: true });
  graph.setGraph({ rankdir: "TB", nodesep: 28, ranksep: 34, edgesep: 14, marginx: MARGIN, marginy: MARGIN });
  for (const { id, width, height, isFrame } of nodes) graph.setNode(id, isFrame ? {} : { width, height });
  for (const { id, parent } of nodes) if (parent !== null) graph.setParent(id, parent);
  for (const [index, { from, to, label }] of edges.entries())
    graph.setEdge(
      from,
      to,
      {
        ...(label === null ? {} : { width: label.length * CHARACTER, height: LABEL_HEIGHT, labelpos: "c" }),
      },
      String(index),
    );
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as Partial<Box>;
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    boxes: new Map(nodes.map(({ id }) => [id, boxOf(graph.node(id) as Box)])),
    lines: edges.map((edge, index) => lineOf(edge, graph.edge(edge.from, edge.to, String(index)) as PlacedEdge)),
  };
}

/** An edge as the library tells of it. */
interface PlacedEdge {
  readonly points?: readonly Point[];
  readonly x?: number;
  readonly y?: number;
}

/** The library tells of middles. */
function boxOf({ x, y, width, height }: Box): Box {
  return { x: x - width / 2, y: y - height / 2, width, height };
}

function lineOf(edge: GraphEdge, placed: PlacedEdge): Line {
  const { points = [], x, y } = placed;
  return { edge, points, label: edge.label === null || x === undefined || y === undefined ? null : { x, y } };
}
