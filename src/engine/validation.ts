import { ValidationError, type ValidationIssue } from "../errors/argument-errors.ts";
import type { StandardIssue, StandardSchema } from "../flow/schema.ts";

/**
 * What a schema makes of a value.
 *
 * @param subject - what is validated, for the message
 * @throws {ValidationError} the value doesn't fit
 */
export async function validate(
  schema: StandardSchema,
  value: unknown,
  subject: string,
  retryable: boolean = false,
): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  throw new ValidationError(subject, result.issues.map(issueFrom), { retryable });
}

function issueFrom(issue: StandardIssue): ValidationIssue {
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  const path = keys.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return { path: `$${path}`, message: issue.message };
}
