import type { EngineEvent, Observer } from "../../src/observability/observer.ts";

type Kind = EngineEvent["kind"];
type Of<K extends Kind> = Extract<EngineEvent, { kind: K }>;

/** Remembers what an engine tells, and lets a test wait for it. The test's own time limit is the deadline. */
export class Probe {
  readonly events: EngineEvent[] = [];
  readonly #waiting = new Set<() => void>();

  readonly observer: Observer = (event) => {
    this.events.push(event);
    for (const look of this.#waiting) look();
  };

  /** All events of a kind so far; with `taskId`, of that task. */
  of<K extends Kind>(kind: K, taskId?: string): Of<K>[] {
    return this.events.filter(
      (event): event is Of<K> =>
        event.kind === kind && (taskId === undefined || ("taskId" in event && event.taskId === taskId)),
    );
  }

  /** The first event of a kind, as soon as there is one. */
  async first<K extends Kind>(kind: K, taskId?: string): Promise<Of<K>> {
    return await new Promise((resolve) => {
      const look = (): void => {
        const [found] = this.of(kind, taskId);
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
