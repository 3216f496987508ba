import type { Flow } from "./flow-definition.ts";

/** These flows, and those of all children that their instances may start. Whoever may start an instance should be able to run it. */
export function withChildFlows(flows: readonly Flow[]): readonly Flow[] {
  const all = [...flows];
  // Two flows may have one hash and different functions: those that were given come first.
  const hashes = new Set(flows.map(({ hash }) => hash));
  // What is added on the way is visited, too.
  for (const flow of all)
    for (const { node } of flow.nodes()) {
      if (node.kind !== "spawn" || hashes.has(node.child.hash)) continue;
      hashes.add(node.child.hash);
      all.push(node.child);
    }
  return all;
}

/** Whether its instances start children, anywhere. */
export function spawnsChildren(flow: Flow): boolean {
  return [...flow.nodes()].some(({ node }) => node.kind === "spawn");
}
