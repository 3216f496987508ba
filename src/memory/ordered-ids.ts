import { compareCodePoints } from "./code-points.ts";
import { firstGreater } from "./sorted-keys.ts";

/** A set of ids that is read in code-point order, page by page. Sorts only what is new since the last page. */
export class OrderedIds {
  readonly #ids = new Set<string>();
  #sorted: string[] = [];
  readonly #added: string[] = [];
  #stale = 0;

  add(id: string): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.#added.push(id);
  }

  delete(id: string): void {
    if (this.#ids.delete(id)) this.#stale += 1;
  }

  /** The ids greater than `after`, in order; all of them for `null`. */
  *after(after: string | null): Generator<string> {
    this.#merge();
    const sorted = this.#sorted;
    for (let index = after === null ? 0 : firstGreater(sorted, after); index < sorted.length; index++) {
      const id = sorted[index];
      if (id !== undefined && this.#ids.has(id)) yield id;
    }
  }

  #merge(): void {
    // An id that was deleted and added again stands in both lists; one that was only deleted is
    // skipped while reading, until there are many of them.
    if (this.#added.length === 0 && this.#stale * 2 <= this.#sorted.length) return;
    const added = new Set(this.#added.filter((id) => this.#ids.has(id)));
    const kept = this.#sorted.filter((id) => this.#ids.has(id) && !added.has(id));
    this.#sorted = merge(kept, [...added].sort(compareCodePoints));
    this.#added.length = 0;
    this.#stale = 0;
  }
}

function merge(left: readonly string[], right: readonly string[]): string[] {
  const merged: string[] = [];
  let taken = 0;
  for (const id of left) {
    for (let next = right[taken]; next !== undefined && compareCodePoints(next, id) < 0; next = right[taken]) {
      merged.push(next);
      taken += 1;
    }
    merged.push(id);
  }
  for (; taken < right.length; taken++) merged.push(right[taken] as string);
  return merged;
}
