import { BackendError } from "../errors/backend-errors.ts";
import { WakeupHub } from "../store/wakeup-hub.ts";
import type { Clock } from "../time/clock.ts";
import { MemoryChildStore } from "./memory-child-store.ts";
import { MemoryState } from "./memory-state.ts";

/** What the calls of an in-memory backend have in common. */
export abstract class MemoryCalls {
  protected readonly state: MemoryState;
  protected readonly hub: WakeupHub = new WakeupHub();
  protected readonly children: MemoryChildStore;
  #closed = false;

  constructor(clock: Clock, codecId: string) {
    this.state = new MemoryState(clock, codecId);
    this.children = new MemoryChildStore(this.state, this.hub);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** What a call has ended means something to others at once. */
  protected async settled<T>(call: Promise<T>): Promise<T> {
    const result = await call;
    await this.children.settleEndings();
    return result;
  }

  protected open<Store>(method: string, store: Store): Store {
    if (this.#closed)
      throw new BackendError("BACKEND_CLOSED", { queryName: method, problem: "The backend has been closed" });
    return store;
  }
}
