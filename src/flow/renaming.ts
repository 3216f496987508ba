import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { TaskId } from "../ids.ts";
import type { Flow } from "./flow-definition.ts";

/** How the nodes of one definition are called in another: addresses, without indexes, of the first by those of the second. */
export type NodeNames = Readonly<Record<string, string>>;

/** Gives task ids and paths of one definition the names that they have in another. */
export class Renaming {
  readonly #names: ReadonlyMap<string, readonly string[]>;

  /**
   * @param names - `{ payment: "pay", "payment/charge": "pay/collect" }`: what is in a node that is named goes with it, and
   *   the longest name counts. A branch is named by its join: `"both/left"`
   * @param field - for messages
   * @throws {InvalidArgumentError} a name is of no node, or of two, or not at the same depth
   */
  constructor(from: Flow, to: Flow, names: NodeNames, field: string) {
    const taken = new Map<string, string>();
    for (const [old, now] of Object.entries(names)) {
      const one = `${field}["${old}"]`;
      if (typeof now !== "string") throw new InvalidArgumentError(one, "must be the new name, a string.");
      if (!hasAddress(from, old)) throw new InvalidArgumentError(one, `is of nothing in flow "${from.name}".`);
      if (!hasAddress(to, now)) throw new InvalidArgumentError(one, `"${now}" is nothing in the new definition.`);
      if (old.split("/").length !== now.split("/").length)
        throw new InvalidArgumentError(
          one,
          `"${now}" must have as many parts as "${old}": nothing moves into another scope.`,
        );
      const other = taken.get(now);
      if (other !== undefined) throw new InvalidArgumentError(one, `"${now}" is the new name of "${other}" already.`);
      taken.set(now, old);
    }
    this.#names = new Map(Object.entries(names).map(([old, now]) => [old, now.split("/")]));
  }

  /** A task id, that of a step or a path, under its new name. What has none keeps the old one. */
  of(id: TaskId): TaskId {
    // What stands behind a step's ">" is the step's own name.
    const [owner = "", step] = id.split(/(?=>)(.*)/s);
    const segments = owner.split("/");
    const ids = segments.map((segment) => segment.replace(/[[~].*$/s, ""));
    for (let length = ids.length; length > 0; length--) {
      const names = this.#names.get(ids.slice(0, length).join("/"));
      if (names === undefined) continue;
      const renamed = segments.map(
        (segment, index) => (names[index] ?? ids[index] ?? "") + segment.slice(ids[index]?.length),
      );
      return renamed.join("/") + (step ?? "");
    }
    return id;
  }
}

/** Whether a node has this address, or a branch of a fork. */
function hasAddress(flow: Flow, address: string): boolean {
  if (flow.find(address) !== null) return true;
  const at = address.lastIndexOf("/");
  const node = at === -1 ? undefined : flow.find(address.slice(0, at))?.node;
  return node?.kind === "fork" && node.branches.some(({ name }) => name === address.slice(at + 1));
}
