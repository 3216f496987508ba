import type { Lane } from "../snapshot/position.ts";
import type { InstanceEnd, WakeupListener } from "./wakeup.ts";

/** The listeners of this process. For backends to implement `WakeupStore` with. */
export class WakeupHub {
  readonly #listeners = new Set<WakeupListener>();

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** @returns ends it; idempotent */
  add(listener: WakeupListener): () => void {
    // One of its own for each subscription, so that a listener may subscribe twice.
    const own: WakeupListener = {
      ready: (lanes) => listener.ready?.(lanes) ?? 0,
      due: (afterMs) => listener.due?.(afterMs),
      ended: (ends) => listener.ended?.(ends),
      interrupted: () => listener.interrupted?.(),
    };
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** @returns how many positions are taken at once by those who listen here */
  ready(lanes: readonly Lane[] | null = null): number {
    let taken = 0;
    for (const listener of this.#listeners) taken += listener.ready?.(lanes) ?? 0;
    return taken;
  }

  due(afterMs: number): void {
    for (const listener of this.#listeners) listener.due?.(afterMs);
  }

  ended(ends: readonly InstanceEnd[] | null): void {
    for (const listener of this.#listeners) listener.ended?.(ends);
  }

  interrupted(): void {
    for (const listener of this.#listeners) listener.interrupted?.();
  }
}
