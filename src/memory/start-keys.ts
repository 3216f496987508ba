import type { InstanceId } from "../ids.ts";

/** What was started last under a key of a flow. */
interface Started {
  readonly instanceId: InstanceId;
  /** When it begins, or began. */
  readonly startsAt: number;
  readonly markAt: number | null;
}

/** What was started last under each key of each flow. */
export class StartKeys {
  readonly #flows = new Map<string, Map<string, Started>>();

  find(flow: string, key: string): Started | null {
    return this.#flows.get(flow)?.get(key) ?? null;
  }

  set(flow: string, key: string, started: Started): void {
    const keys = this.#flows.get(flow);
    if (keys === undefined) this.#flows.set(flow, new Map([[key, started]]));
    else keys.set(key, started);
  }
}
