import { awaitsChildren, type StatusReport } from "./engine/instance-status.ts";
import { InvalidArgumentError } from "./errors/argument-errors.ts";
import { errorFrom } from "./errors/failure.ts";
import { InstanceCancelledError, InstanceFailedError } from "./errors/instance-errors.ts";
import type { Flow } from "./flow/flow-definition.ts";
import type { Logger } from "./logger.ts";
import { InMemoryBackend } from "./memory/memory-backend.ts";
import type { Observer } from "./observability/observer.ts";
import { Runner } from "./runner/runner.ts";
import { systemClock } from "./time/clock.ts";
import { pause, systemTimers } from "./time/timers.ts";

export interface RunFlowOptions {
  /** Stops the run when it aborts; bodies are told by their own signal. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  readonly observer?: Observer;
}

const INSTANCE_ID = "run-flow";

/**
 * Runs a flow from start to end in this process, with nothing stored: for trying things out, and for
 * tests. Delays and retries take their time.
 *
 * @returns the flow's output
 * @throws {InstanceFailedError} the flow failed; `cause` is what failed it
 * @throws {InvalidArgumentError} the flow waits for an event without a time limit, which nobody could send
 * @throws {ValidationError} the input doesn't fit the flow's schema
 * @throws the reason of `options.signal`, if that aborted
 *
 * @example
 * ```ts run
 * import { flow, runFlow } from "waymark";
 *
 * const double = flow<number>("double").then("twice", (n) => n * 2).build();
 * if ((await runFlow(double, 21)) !== 42) throw new Error("unexpected");
 * ```
 */
export async function runFlow<Input, Output>(
  flow: Flow<Input, Output>,
  input: Input,
  options: RunFlowOptions = {},
): Promise<Output> {
  const { signal, logger, observer } = options;
  const backend = new InMemoryBackend();
  const runner = new Runner(backend, {
    pollInterval: 10,
    ...(logger === undefined ? {} : { logger }),
    ...(observer === undefined ? {} : { observer }),
  });
  const drive = signal === undefined ? {} : { signal };
  let report: StatusReport<Output> = await runner.run(flow, INSTANCE_ID, input, drive);
  for (;;) {
    signal?.throwIfAborted();
    const wakeAt = await wakeTimeOf(report, backend);
    if (wakeAt === null) return outputOf(report);
    await pause(systemTimers, wakeAt.getTime() - systemClock.now(), signal);
    report = await runner.resume(flow, INSTANCE_ID, drive);
  }
}

/** When to look again; `null` if the run is over. */
async function wakeTimeOf(report: StatusReport, backend: InMemoryBackend): Promise<Date | null> {
  switch (report.status) {
    case "waiting":
      return report.deadline !== undefined && report.deadline < report.wakeAt ? report.deadline : report.wakeAt;
    case "in_progress":
      return new Date(systemClock.now());
    case "awaiting_event": {
      // Beside a wait something else may come first: a delay in a race, say.
      const positions = (await backend.findInstance(INSTANCE_ID))?.positions ?? [];
      const times = positions.flatMap(({ wakeAt }) => wakeAt ?? []);
      if (times.length > 0) return new Date(Math.min(...times));
      const { taskId, name } = report.events[0] ?? { taskId: "", name: "" };
      throw new InvalidArgumentError(
        "flow",
        `waits at "${taskId}" for event "${name}", which nobody can send to runFlow. Use a Runner and a Client.`,
      );
    }
    case "awaiting_child":
      return await wakeTimeOfChildren(backend);
    case "completed":
    case "failed":
    case "cancelled":
    case "paused":
      return null;
  }
}

/** When to look again for what waits for children, or children's children. */
async function wakeTimeOfChildren(backend: InMemoryBackend): Promise<Date> {
  const times: number[] = [];
  const events: string[] = [];
  for (const id of await backend.listSnapshots()) {
    for (const { wakeAt, event, ready } of (await backend.findInstance(id))?.positions ?? []) {
      if (ready) times.push(systemClock.now());
      if (wakeAt !== null) times.push(wakeAt);
      if (event !== null && !awaitsChildren({ event })) events.push(`"${event}" in "${id}"`);
    }
  }
  if (times.length > 0) return new Date(Math.min(...times));
  throw new InvalidArgumentError(
    "flow",
    `waits for a child that waits for an event, ${events[0] ?? "unknown"}, which nobody can send to runFlow. Use a Runner and a Client.`,
  );
}

function outputOf<Output>(report: StatusReport<Output>): Output {
  if (report.status === "completed") return report.output;
  if (report.status === "failed") {
    throw new InstanceFailedError(INSTANCE_ID, report.failure, { cause: errorFrom(report.failure) });
  }
  throw new InstanceCancelledError(INSTANCE_ID, null);
}
