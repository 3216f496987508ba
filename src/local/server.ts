import { existsSync } from "node:fs";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { urlOf } from "./admin.ts";
import { codeOf } from "./error-code.ts";
import { withLock } from "./lock.ts";
import { killPostmaster, type Running, type StopMode, stopPostmaster } from "./postmaster.ts";

/** Options of {@link LocalPostgres.stop} and {@link LocalPostgres.restart}. */
export interface StopOptions {
  /** Default `fast`. */
  readonly mode?: StopMode;
}

/** A PostgreSQL server on this machine. It goes on when this process ends, unless it is a temporary one. */
export interface LocalPostgres {
  /** Where to connect, as a superuser: `postgresql://postgres:<password>@127.0.0.1:<port>/<database>`. */
  readonly url: string;
  readonly port: number;
  /** Where its log (`log`) and what it needs to be found again (`server.json`) are, and normally its data. */
  readonly directory: string;
  /** The server's version, e.g. `18.4`. */
  readonly version: string;
  /** Process id of the server; that of the last one after `stop` and `kill`. */
  readonly pid: number;
  /** Whether it was already running. */
  readonly reused: boolean;
  /**
   * Stops the server, whoever has started it, and waits until it has ended; removes a temporary one's directory.
   * Does nothing if it does not run.
   *
   * @throws {LocalPostgresError} `stop`: it has not ended within a minute; it may still do so
   * @throws {InvalidArgumentError} unknown mode
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * Stops the server if it runs, and starts it on the same port with the settings of this object's options.
   *
   * @throws {LocalPostgresError} it did not stop or start; `port`: somebody else has taken the port meanwhile
   * @throws {InvalidArgumentError} unknown mode
   */
  restart(options?: StopOptions): Promise<void>;
  /**
   * Kills the server without warning, as a crash would, for tests of recovery. `restart` brings it back.
   *
   * @throws {LocalPostgresError} `stop`
   */
  kill(): Promise<void>;
}

/** What a server object needs to act on its server. */
export interface Site {
  readonly directory: string;
  readonly data: string;
  readonly password: string;
  readonly database: string;
  readonly pgCtl: () => Promise<string>;
  /** Starts it on the given port. */
  readonly start: (port: number) => Promise<Running>;
  /** Called when it has been stopped on purpose. */
  readonly onStopped: () => Promise<void>;
}

const MODES: readonly unknown[] = ["fast", "immediate", "smart"] satisfies StopMode[];

export class LocalPostgresServer implements LocalPostgres {
  readonly reused: boolean;
  readonly #site: Site;
  #running: Running;

  constructor(site: Site, running: Running, reused: boolean) {
    this.#site = site;
    this.#running = running;
    this.reused = reused;
  }

  get url(): string {
    return urlOf({ port: this.port, password: this.#site.password }, this.#site.database);
  }

  get port(): number {
    return this.#running.port;
  }

  get directory(): string {
    return this.#site.directory;
  }

  get version(): string {
    return this.#running.version;
  }

  get pid(): number {
    return this.#running.pid;
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const { data, password, pgCtl, onStopped } = this.#site;
    const mode = modeOf(options);
    // A temporary directory goes with the first stop.
    if (!existsSync(this.directory)) return;
    await this.#act(() => stopPostmaster(data, password, mode, pgCtl));
    await onStopped();
  }

  async restart(options: StopOptions = {}): Promise<void> {
    const { data, password, pgCtl, start } = this.#site;
    const mode = modeOf(options);
    await this.#act(async () => {
      await stopPostmaster(data, password, mode, pgCtl);
      this.#running = await start(this.port);
    });
  }

  async kill(): Promise<void> {
    const { data, password } = this.#site;
    await asLocalError(() => killPostmaster(data, password));
  }

  async #act(body: () => Promise<void>): Promise<void> {
    await asLocalError(() => withLock(this.#site.directory, body));
  }
}

/** Turns the failure of a system call into an error of this module; others stay as they are. */
export async function asLocalError<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (WaymarkError.is(cause)) throw cause;
    // Most often they are somebody else's.
    const advice = ["EACCES", "EPERM"].includes(codeOf(cause))
      ? " Run as their owner, or choose another options.directory."
      : "";
    throw new LocalPostgresError("directory", `The server's files can't be used.${advice} ${String(cause)}`, { cause });
  }
}

function modeOf({ mode = "fast" }: StopOptions): StopMode {
  if (!MODES.includes(mode)) throw new InvalidArgumentError("options.mode", `must be one of ${MODES.join(", ")}.`);
  return mode;
}
