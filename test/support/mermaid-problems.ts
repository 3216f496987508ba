const NODE = /^(n\d+)(?:\[\[|\[\/|\(\(|\(\[|\{\{|[[{])"([^"]*)"(?:\]\]|\/\]|\)\)|\]\)|\}\}|[\]}])$/;
const SUBGRAPH = /^subgraph (n\d+)\["([^"]*)"\]$/;
const EDGE = /^(n\d+) -->(?:\|"([^"]*)"\|)? (n\d+)$/;
/** What a label may hold: nothing that means something to Mermaid or HTML, but references to characters. */
const LABEL = /^(?:[^"#&;<>[\]{}|`\\]|#\d+;)*$/u;

/**
 * What is wrong with a flowchart as far as its structure says: a line of no known form, a label with
 * markup in it, an arrow from or to nowhere, a subgraph that doesn't end, a node that can't be reached.
 */
export function mermaidProblems(chart: string): string[] {
  const problems: string[] = [];
  const nodes = new Set<string>();
  const edges: [string, string][] = [];
  let open = 0;
  const [first = "", ...lines] = chart.trimEnd().split("\n");
  if (first !== "flowchart TD") problems.push(`begins with: ${first}`);
  for (const line of lines.map((text) => text.trim())) {
    const node = NODE.exec(line);
    const subgraph = SUBGRAPH.exec(line);
    const edge = EDGE.exec(line);
    if (line === "end") open--;
    else if (node === null && subgraph === null && edge === null) problems.push(`not understood: ${line}`);
    if (subgraph !== null) open++;
    if (open < 0) problems.push("an end without a subgraph");
    const [, id = "", label = ""] = node ?? subgraph ?? [];
    if (nodes.has(id)) problems.push(`defined twice: ${id}`);
    if (node !== null) nodes.add(id);
    if (edge !== null) edges.push([edge[1] ?? "", edge[3] ?? ""]);
    if (!LABEL.test(label) || !LABEL.test(edge?.[2] ?? "")) problems.push(`unsafe label: ${line}`);
  }
  if (open !== 0) problems.push("a subgraph without an end");
  return [...problems, ...edgeProblems(nodes, edges)];
}

function edgeProblems(nodes: ReadonlySet<string>, edges: readonly (readonly [string, string])[]): string[] {
  const reached = new Set(["n1"]);
  let before = 0;
  while (reached.size > before) {
    before = reached.size;
    for (const [from, to] of edges) if (reached.has(from)) reached.add(to);
  }
  return [
    ...edges
      .flat()
      .filter((id) => !nodes.has(id))
      .map((id) => `an arrow at ${id}, which is nowhere`),
    ...[...nodes].filter((id) => !reached.has(id)).map((id) => `not reached: ${id}`),
  ];
}
