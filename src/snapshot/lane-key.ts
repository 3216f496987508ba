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
  const { flow, definitionHash, codec, tags } = lane;
  return lane.gate === undefined ? lane : { flow, definitionHash, codec, tags };
}
