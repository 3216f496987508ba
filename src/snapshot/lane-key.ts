import type { Lane } from "./position.ts";

/** Equal for lanes that the same workers can serve, through the same gate. */
export function laneKey({
  definitionHash,
  codec,
  tags,
  gate,
}: Pick<Lane, "definitionHash" | "codec" | "tags" | "gate">): string {
  const behind = gate === undefined ? [] : [[gate.limit, gate.scope]];
  return JSON.stringify([definitionHash, codec, ...[...tags].sort(), ...behind]);
}

/** The same lane without its gate. */
export function openLane(lane: Lane): Lane {
  return lane.gate === undefined ? lane : laneIn(lane, { tags: lane.tags });
}

/** The lane of what stands in an instance with these tags, and before this gate. */
export function laneIn(
  { flow, definitionHash, codec }: Pick<Lane, "flow" | "definitionHash" | "codec">,
  { tags, gate }: Pick<Lane, "tags" | "gate">,
): Lane {
  return { flow, definitionHash, codec, tags, ...(gate === undefined ? {} : { gate }) };
}
