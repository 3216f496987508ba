import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { type Ports, systemPorts } from "../../src/engine/ports.ts";
import { type Guarded, type HostProcess, ProcessGuard } from "../../src/worker/process-guard.ts";
import { Gate } from "../support/gate.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { LoggedLines } from "../support/workers.ts";

const EVENTS = ["SIGTERM", "SIGINT", "SIGHUP", "unhandledRejection", "uncaughtException"] as const;

/** A process that only notes how it is ended. */
// oxlint-disable-next-line unicorn/prefer-event-target -- a process is no event target
class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  readonly stderr = { write: (): boolean => true };

  readonly exit = (code: number): void => void this.exits.push(code);

  handlers(): readonly number[] {
    return EVENTS.map((event) => this.listenerCount(event));
  }
}

class FakeWorker implements Guarded {
  readonly calls: string[] = [];
  readonly #stopped = new Gate();
  readonly closed: Promise<void> = this.#stopped.passed;

  async drain(): Promise<void> {
    this.calls.push("drain");
    await this.#stopped.passed;
  }

  async stop(): Promise<void> {
    this.calls.push("stop");
    await this.#stopped.passed;
  }

  end(): void {
    this.#stopped.open();
  }
}

const NONE = [0, 0, 0, 0, 0];
const ONE = [1, 1, 1, 1, 1];
let fake: FakeProcess;
let guard: ProcessGuard;
let time: VirtualTime;
let logger: LoggedLines;
let ports: Ports;

beforeEach(() => {
  fake = new FakeProcess();
  guard = new ProcessGuard(fake as unknown as HostProcess);
  time = new VirtualTime();
  logger = new LoggedLines();
  ports = { ...systemPorts, timers: time.timers, clock: time.clock, logger };
});

function guarded(count: number): readonly FakeWorker[] {
  const workers = Array.from({ length: count }, () => new FakeWorker());
  for (const worker of workers) guard.add(worker, ports);
  return workers;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("ProcessGuard", () => {
  test("has one handler for each event, however many workers there are, and none when all have stopped", async () => {
    expect(fake.handlers()).toEqual(NONE);
    const workers = guarded(20);
    expect(fake.handlers()).toEqual(ONE);
    for (const worker of workers.slice(1)) worker.end();
    await settled();
    expect(fake.handlers()).toEqual(ONE);
    workers[0]?.end();
    await settled();

    expect(fake.handlers()).toEqual(NONE);
    expect(fake.exits).toEqual([]);
    guarded(1);
    expect(fake.handlers()).toEqual(ONE);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"])(
    "on %s drains all workers, and exits with 0 when the last is done",
    async (signal) => {
      const [first, second] = guarded(2);
      fake.emit(signal, signal);
      expect([first?.calls, second?.calls]).toEqual([["drain"], ["drain"]]);
      first?.end();
      await settled();
      expect(fake.exits).toEqual([]);
      second?.end();
      await settled();

      expect(fake.exits).toEqual([0]);
      expect(logger.lines.map(({ level }) => level)).toEqual(["info"]);
    },
  );

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ])("on a second signal, %s, exits at once with %i", async (signal, code) => {
    guarded(1);
    fake.emit("SIGTERM", "SIGTERM");
    expect(fake.exits).toEqual([]);
    fake.emit(signal, signal);

    expect(fake.exits).toEqual([code]);
  });

  test.each(["unhandledRejection", "uncaughtException"])(
    "on %s stops all workers, says why, and exits with 1",
    async (event) => {
      const [first, second] = guarded(2);
      const error = new Error("nobody catches this");
      fake.emit(event, error);
      expect([first?.calls, second?.calls]).toEqual([["stop"], ["stop"]]);
      expect(fake.exits).toEqual([]);
      for (const worker of [first, second]) worker?.end();
      await settled();

      expect(fake.exits).toEqual([1]);
      expect(logger.lines).toEqual([{ level: "error", fields: { error }, message: expect.any(String) as unknown }]);
    },
  );

  test("after an error does not wait for ever for its workers", async () => {
    guarded(1);
    const exited = new Promise<void>((resolve) => {
      (fake as { exit: (code: number) => void }).exit = (code) => {
        fake.exits.push(code);
        resolve();
      };
    });
    fake.emit("uncaughtException", new Error("nobody catches this"));
    await time.passUntil(exited);

    expect(fake.exits).toEqual([1]);
  });

  test.each([undefined, null, "text", 0, Object.create(null)])(
    "copes with %j where others throw errors",
    async (thrown) => {
      const [worker] = guarded(1);
      fake.emit("unhandledRejection", thrown);
      worker?.end();
      await settled();

      expect(fake.exits).toEqual([1]);
    },
  );

  test("tells of an error while it drains, and drains on", async () => {
    const [worker] = guarded(1);
    fake.emit("SIGTERM", "SIGTERM");
    fake.emit("unhandledRejection", new Error("late"));
    expect(logger.lines.map(({ level }) => level)).toEqual(["info", "error"]);
    expect([worker?.calls, fake.exits]).toEqual([["drain"], []]);
    worker?.end();
    await settled();

    expect(fake.exits).toHaveLength(1);
  });

  test("ends a worker that is added while it drains the others, before it exits", async () => {
    const [first] = guarded(1);
    fake.emit("SIGTERM", "SIGTERM");
    const [late] = guarded(1);
    first?.end();
    await settled();
    expect(late?.calls).not.toEqual([]);
    expect(fake.exits).toEqual([]);
    late?.end();
    await settled();

    expect(fake.exits).toEqual([0]);
  });

  test.each([
    ["SIGTERM", "drain"],
    ["uncaughtException", "stop"],
  ] as const)("exits on %s, though %s of a worker fails", async (event, method) => {
    const worker = new FakeWorker();
    worker[method] = async () => {
      throw new Error("can't be ended");
    };
    guard.add(worker, ports);
    const rejections: unknown[] = [];
    const onRejection = (error: unknown): void => void rejections.push(error);
    process.on("unhandledRejection", onRejection);
    fake.emit(event, event);
    await settled();
    process.off("unhandledRejection", onRejection);

    expect(rejections).toEqual([]);
    expect(fake.exits).toHaveLength(1);
  });
});
