import { WaymarkError } from "./waymark-error.ts";

/** An argument, option, id or environment variable is not acceptable. Nothing was done. */
export class InvalidArgumentError extends WaymarkError {
  override readonly name = "InvalidArgumentError";
  readonly code = "INVALID_ARGUMENT";
  readonly retryable = false;
  /** The field at fault, e.g. `instanceId` or `options.leaseTtl`. */
  readonly field: string;

  constructor(field: string, problem: string, options?: ErrorOptions) {
    super(`${field} ${problem}`, options);
    this.field = field;
  }
}

/** One thing that a schema found wrong with a value. */
export interface ValidationIssue {
  /** Where in the value, e.g. `$.items[3].sku`. */
  readonly path: string;
  readonly message: string;
}

/** A value does not fit the schema that the flow or task declares. */
export class ValidationError extends WaymarkError {
  override readonly name = "ValidationError";
  readonly code = "VALIDATION_FAILED";
  readonly retryable: boolean;
  /** What was validated, e.g. `input of task "charge"`. */
  readonly subject: string;
  readonly issues: readonly ValidationIssue[];

  constructor(
    subject: string,
    issues: readonly ValidationIssue[],
    options: ErrorOptions & { retryable?: boolean } = {},
  ) {
    const listed = issues.slice(0, 5).map((issue) => `${issue.path}: ${issue.message}`);
    if (issues.length > listed.length) listed.push(`and ${issues.length - listed.length} more`);
    super(`The ${subject} does not fit its schema. ${listed.join("; ")}`, options);
    this.subject = subject;
    this.issues = issues;
    this.retryable = options.retryable ?? false;
  }
}
