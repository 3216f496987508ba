import { checkFlow } from "../engine/call-options.ts";
import { declareLimits } from "../engine/declare-limits.ts";
import { Engine } from "../engine/engine.ts";
import { codecOf, getState, reportStatus, type StatusReport } from "../engine/instance-status.ts";
import { requireDefinition } from "../engine/require-definition.ts";
import { newInstance } from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InstanceConflictError } from "../errors/instance-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { kindOf, parseInstanceId } from "../ids.ts";
import { guardedTelemetry, submitted } from "../observability/telemetry.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { Holder } from "../store/instance-store.ts";
import { InstanceDrive } from "./instance-drive.ts";
import {
  checkDriveOptions,
  checkRunOptions,
  type DriveOptions,
  type ResolvedRunnerOptions,
  type RunnerOptions,
  type RunOptions,
  resolveRunnerOptions,
} from "./runner-options.ts";

/**
 * Runs single instances in this process, checkpointing after every task. Other processes may run the same
 * instance at the same time; each position is moved by one of them.
 *
 * @example
 * ```ts run
 * import { flow, InMemoryBackend, Runner } from "waymark";
 *
 * const greet = flow<string>("greet")
 *   .then("compose", (name) => `Hello ${name}`)
 *   .then("shout", (greeting) => greeting.toUpperCase())
 *   .build();
 * const runner = new Runner(new InMemoryBackend());
 * const result = await runner.run(greet, "greet-1", "Ada");
 * if (result.status !== "completed" || result.output !== "HELLO ADA") throw new Error("unexpected");
 * ```
 */
export class Runner {
  readonly #backend: Backend;
  readonly #options: ResolvedRunnerOptions;
  readonly #engine: Engine;

  /** @throws {InvalidArgumentError} an option is not acceptable */
  constructor(backend: Backend, options: RunnerOptions = {}) {
    if (typeof backend?.commitCheckpoints !== "function")
      throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
    this.#backend = backend;
    this.#options = resolveRunnerOptions(options);
    this.#engine = new Engine({ ...this.#options, backend });
  }

  /** Under which this runner holds claims. */
  get workerId(): string {
    return this.#options.workerId;
  }

  /**
   * Makes an instance and drives it until it ends, or until only time or an event can move it on.
   *
   * @param instanceId - 1 to 255 characters, unique in the backend; from your domain ("order-42"), so that
   *   a repeated request doesn't start the work twice
   * @throws {InstanceConflictError} the id is taken, and `onConflict` is "fail"
   * @throws {DefinitionMismatchError} the id is taken by an instance of another definition, and `onConflict`
   *   is "useExisting"
   * @throws {InvalidArgumentError} an argument is not acceptable; nothing was written
   * @throws {ValidationError} the input doesn't fit the flow's schema; nothing was written
   * @throws {CodecEncodeError} the input can't be stored; nothing was written
   * @throws {BackendError} the database failed; `resume` goes on from the last checkpoint
   */
  async run<Input, Output>(
    flow: Flow<Input, Output>,
    instanceId: string,
    input: Input,
    options: RunOptions = {},
  ): Promise<StatusReport<Output>> {
    checkRunOptions(options);
    const id = parseInstanceId(instanceId);
    const { onConflict = "fail", until = "parked", signal } = options;
    const holder: Holder = { workerId: this.#engine.workerId, leaseMs: this.#engine.leaseMs };
    checkFlow(flow);
    const telemetry = this.#options.telemetry === undefined ? null : guardedTelemetry(this.#options.telemetry);
    await submitted(telemetry, { flow: flow.name, instanceId: id }, async (traceContext) => {
      const instance = { ...(await newInstance(flow, id, input, options, this.#backend)), traceContext };
      await declareLimits(this.#backend, flow);
      if (onConflict === "terminateExisting") {
        await this.#backend.replaceInstance(instance, holder);
      } else {
        const [created] = await this.#backend.createInstances([instance], holder);
        if (created?.created !== true && onConflict === "fail") throw new InstanceConflictError(id);
      }
    });
    return await this.resume(flow, id, signal === undefined ? { until } : { until, signal });
  }

  /**
   * Drives an existing instance on from its last checkpoint. One that has ended is only reported.
   *
   * A position whose holder has died is taken over when its lease runs out.
   *
   * @throws {InstanceNotFoundError}
   * @throws {DefinitionMismatchError} it was started by another definition
   * @throws {UnknownCodecError} the backend doesn't have its codec
   * @throws {BackendError} the database failed
   */
  async resume<Input, Output>(
    flow: Flow<Input, Output>,
    instanceId: string,
    options: DriveOptions = {},
  ): Promise<StatusReport<Output>> {
    checkDriveOptions(options);
    checkFlow(flow);
    const id = parseInstanceId(instanceId);
    const state = await getState(this.#backend, id);
    const { instance } = state;
    requireDefinition(flow, instance);
    codecOf(this.#backend, instance.codec);
    await declareLimits(this.#backend, flow);
    if (isTerminal(instance.status)) return (await reportStatus(this.#backend, state)) as StatusReport<Output>;
    const drive = new InstanceDrive({
      backend: this.#backend,
      engine: this.#engine,
      options: this.#options,
      flow,
      instanceId: id,
      request: options,
    });
    return (await drive.run()) as StatusReport<Output>;
  }
}
