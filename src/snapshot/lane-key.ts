import type { Lane } from "./position.ts";

/** Equal for lanes that the same workers can serve. */
export function laneKey({ definitionHash, codec, tags }: Pick<Lane, "definitionHash" | "codec" | "tags">): string {
  return JSON.stringify([definitionHash, codec, ...[...tags].sort()]);
}
