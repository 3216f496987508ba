import { expect } from "vitest";
import { DefinitionError, type DefinitionIssue } from "../../src/errors/definition-errors.ts";

/** What is wrong with a definition, as the error that `build` throws says. */
export function issuesOf(build: () => unknown): readonly DefinitionIssue[] {
  return definitionErrorOf(build).issues;
}

/** The error that `build` throws; fails the test if it throws none, or another. */
export function definitionErrorOf(build: () => unknown): DefinitionError {
  try {
    build();
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
  throw new Error("No DefinitionError was thrown.");
}

/** Expects that exactly one thing is wrong. */
export function expectIssue(build: () => unknown, path: string, message: RegExp): void {
  const issues = issuesOf(build);
  expect(issues).toHaveLength(1);
  expect(issues[0]?.path).toBe(path);
  expect(issues[0]?.message).toMatch(message);
}
