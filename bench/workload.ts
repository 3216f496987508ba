import type { Engine, FlowName, Session, Shape } from "./engine.ts";
import type { Hooks } from "./lib/hooks.ts";
import type { Sizes } from "./lib/settings.ts";

/** A number that a workload finds; what an engine has none of is left out. */
export type Metrics = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  /** With its unit. */
  readonly label: string;
  readonly digits: number;
}

/** What a task needs to know; it travels between processes. */
export interface Task {
  readonly role: "measure" | "prepare" | "work";
  readonly engine: string;
  readonly workload: string;
  readonly url: string;
  readonly serverPid: number;
  readonly sizes: Sizes;
  /** For `work`: what to work on. */
  readonly shape?: Shape;
  readonly flow?: FlowName;
}

/** What a process with the role `work` is told, and what it says. */
export type WorkerCommand = "rest" | "work";
export type WorkerMessage = "ready" | "resting" | { readonly ended: number };

/** An engine opened in this process, with the bodies that its steps run. */
export interface Opened {
  readonly session: Session;
  readonly hooks: Hooks;
}

export interface Context {
  readonly task: Task;
  readonly sizes: Sizes;
  readonly engine: Engine;
  /** Once per process. Closed when the workload ends. */
  open(shape: Partial<Shape>): Promise<Opened>;
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** How it is measured. */
  readonly about: string;
  readonly metrics: readonly Metric[];
  /** Engines that it is for; default all. */
  readonly only?: readonly string[];
  /** Engines that it says nothing about. */
  readonly except?: readonly string[];
  /** Measured once instead of as often as the others, by everybody or by the peers: it takes minutes, over which chance evens out. */
  readonly once?: "everybody" | "peers";
  run(context: Context): Promise<Metrics>;
}
