/** What each step returns: about 200 bytes of JSON. */
export interface Payload {
  readonly instance: string;
  readonly step: number;
  readonly data: string;
}

const DATA = "x".repeat(150);

/** The bodies of all steps. They do nothing but note where an instance is, so that the engines are measured. */
export class Hooks {
  #ended = 0;
  readonly #endedWaiters = new Map<string, () => void>();
  readonly #readyWaiters = new Map<string, () => void>();

  /** An ordinary step. */
  step(instance: string, step: number): Payload {
    return { instance, step, data: DATA };
  }

  /** The last step of an instance. */
  lastStep(instance: string, step: number): Payload {
    this.#ended += 1;
    take(this.#endedWaiters, instance)?.();
    return this.step(instance, step);
  }

  /** The step before a wait for an event. */
  stepBeforeWait(instance: string): Payload {
    take(this.#readyWaiters, instance)?.();
    return this.step(instance, 0);
  }

  /** How many last steps have run in this process. */
  get ended(): number {
    return this.#ended;
  }

  /** Resolves when the last step of the instance runs. */
  whenEnded(instance: string): Promise<void> {
    return new Promise((resolve) => this.#endedWaiters.set(instance, resolve));
  }

  /** Resolves when the instance comes to the step before its wait. */
  whenReady(instance: string): Promise<void> {
    return new Promise((resolve) => this.#readyWaiters.set(instance, resolve));
  }
}

function take(waiters: Map<string, () => void>, instance: string): (() => void) | undefined {
  const waiter = waiters.get(instance);
  waiters.delete(instance);
  return waiter;
}
