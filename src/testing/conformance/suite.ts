import type { Backend } from "../../store/backend.ts";
import type { Given } from "./given.ts";

/** A backend to be tested, empty, and the clock that it goes by. */
export interface ConformanceSubject {
  readonly backend: Backend;
  /** Leases and timers go by this clock, which stands still until it is moved. */
  readonly clock: SubjectClock;
  /** Called after each test. */
  close(): Promise<void>;
}

export interface SubjectClock {
  /** Milliseconds since the epoch. */
  now(): number;
  advance(ms: number): void;
}

/** What a test is given. */
export interface ConformanceContext {
  readonly backend: Backend;
  readonly clock: SubjectClock;
  /** Brings the backend into the state that a test begins with. */
  readonly given: Given;
}

export type ConformanceTest = (context: ConformanceContext) => Promise<void>;

/** Tests by the sentence that they check. */
export type ConformanceTests = Readonly<Record<string, ConformanceTest>>;

/** What one interface of `waymark/store` promises, method by method. */
export interface ConformanceSuite {
  readonly name: string;
  readonly methods: Readonly<Record<string, ConformanceTests>>;
}
