import { WaymarkError } from "./waymark-error.ts";

/** One mistake in a flow definition. */
export interface DefinitionIssue {
  /** Where: the node's path from the flow's name down, e.g. `order/prepare/stock/reserve`. */
  readonly path: string;
  readonly message: string;
}

/** A flow's definition has mistakes: all of them, each with the node's path. */
export class DefinitionError extends WaymarkError {
  override readonly name = "DefinitionError";
  readonly code = "DEFINITION_INVALID";
  readonly retryable = false;
  readonly issues: readonly DefinitionIssue[];

  constructor(flow: string, issues: readonly DefinitionIssue[]) {
    const lines = issues.map((issue) => `\n  - ${issue.path}: ${issue.message}`);
    super(`Flow "${flow}" has ${issues.length === 1 ? "a mistake" : `${issues.length} mistakes`}:${lines.join("")}`);
    this.issues = issues;
  }
}

/** An instance was started by a definition that is not the one at hand. Nothing was changed. */
export class DefinitionMismatchError extends WaymarkError {
  override readonly name = "DefinitionMismatchError";
  readonly code = "DEFINITION_MISMATCH";
  readonly retryable = false;
  readonly instanceId: string;
  readonly expectedHash: string;
  readonly actualHash: string;

  constructor(instance: { instanceId: string; flow: string; expectedHash: string; actualHash: string }) {
    super(
      `Instance "${instance.instanceId}" runs flow "${instance.flow}" with definition ${instance.actualHash.slice(0, 12)}, ` +
        `but the definition given is ${instance.expectedHash.slice(0, 12)}. ` +
        "Keep a worker with the old definition running until its instances have ended, or start under a new id.",
    );
    this.instanceId = instance.instanceId;
    this.expectedHash = instance.expectedHash;
    this.actualHash = instance.actualHash;
  }
}

/** An instance can't go on by another definition, because its course so far is not one of that. Nothing was changed. */
export class MigrationRefusedError extends WaymarkError {
  override readonly name = "MigrationRefusedError";
  readonly code = "MIGRATION_REFUSED";
  readonly retryable = false;
  readonly instanceId: string;

  /** @param problem - the end of a sentence */
  constructor(instanceId: string, problem: string) {
    super(
      `Instance "${instanceId}" can't go on by the other definition: ${problem}. ` +
        "Keep a worker with its own definition running until it has ended, or fork it to the other one from before that.",
    );
    this.instanceId = instanceId;
  }
}
