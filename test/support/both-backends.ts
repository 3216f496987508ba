import { afterAll } from "vitest";
import type { Codec } from "../../src/codec/codec.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { TestClock } from "../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";

export interface TestBackendOptions {
  readonly codec?: Codec;
  readonly codecs?: readonly Codec[];
  readonly maxPayloadBytes?: number;
  /** What leases and timers go by instead of the time that really passes. */
  readonly clock?: TestClock;
}

/** One kind of backend, for suites that every kind has to pass: `describe.each(await bothBackends())`. */
export interface BackendKind {
  readonly name: string;
  /** Shared by the tests of a file: each gives its instances ids of their own. */
  readonly backend: Backend;
  /** Another one, with options; in PostgreSQL on the same tables. Closed when the file is done. */
  open(options: TestBackendOptions): Promise<Backend>;
  /** Where the rows are; `null` in memory. */
  readonly database: TestDatabase | null;
}

/** Both kinds, the second with a database of the test file's own. */
export async function bothBackends(): Promise<readonly BackendKind[]> {
  const database = await createTestDatabase();
  return [await memoryKind(), await postgresKind(database)];
}

async function memoryKind(): Promise<BackendKind> {
  const opened: Backend[] = [];
  const open = async (options: TestBackendOptions): Promise<Backend> => {
    const backend = new InMemoryBackend(options);
    opened.push(backend);
    return backend;
  };
  afterAll(async () => {
    for (const backend of opened) await backend.close();
  });
  return { name: "memory", backend: await open({}), open, database: null };
}

async function postgresKind(database: TestDatabase): Promise<BackendKind> {
  const open = async ({ clock, ...options }: TestBackendOptions): Promise<Backend> =>
    await database.connect({ migrate: false, ...options, ...(clock === undefined ? {} : { testClock: clock }) });
  return { name: "PostgreSQL", backend: await open({}), open, database };
}

/** The same backend, some of whose methods and properties are others. */
export function withChanges(backend: Backend, changes: Partial<Backend>): Backend {
  return new Proxy(backend, {
    get: (target, key) => {
      if (Object.hasOwn(changes, key)) return Reflect.get(changes, key) as unknown;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
