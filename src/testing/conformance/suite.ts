import type { InstanceId } from "../../ids.ts";
import type { Backend } from "../../store/backend.ts";
import type { Queryable } from "../../transaction.ts";
import type { Given } from "./given.ts";

/** A backend to be tested, empty, and the clock that it goes by. */
export interface ConformanceSubject {
  readonly backend: Backend;
  /** Leases and timers go by this clock, which stands still until it is moved. */
  readonly clock: SubjectClock;
  /** Opens a transaction as an application would. Needed if the backend is a `TransactionalStore`. */
  readonly beginTransaction?: () => Promise<OpenedTransaction>;
  /**
   * Starts an instance of a published definition as somebody without its code would, with the input `null`: of the one that
   * the flow's name stands for, or of the one that is named. Needed if the backend is a `DefinitionStore`.
   */
  readonly startPublished?: (flow: string, instanceId: InstanceId, definitionHash?: string) => Promise<unknown>;
  /** Called after each test. */
  close(): Promise<void>;
}

/** A transaction of an application, which that has to end. */
export interface OpenedTransaction {
  readonly tx: Queryable;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
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
  readonly subject: ConformanceSubject;
}

export type ConformanceTest = (context: ConformanceContext) => Promise<void>;

/** Tests by the sentence that they check. */
export type ConformanceTests = Readonly<Record<string, ConformanceTest>>;

/** What one interface of `waymark/store` promises, method by method. */
export interface ConformanceSuite {
  readonly name: string;
  /** Why it says nothing about a backend; `null` if it does. Default: it does. */
  readonly inapplicable?: (backend: Backend) => string | null;
  readonly methods: Readonly<Record<string, ConformanceTests>>;
}
