import type { ApiProblem } from "../../../src/dashboard/api-types.ts";

/** Why a call could not be answered. */
export interface Problem {
  /** One of the API's codes or of docs/errors.md; "NETWORK" where no answer came. */
  readonly code: string;
  /** What happened, and what to do. */
  readonly message: string;
  /** The parameter or property that is not acceptable; `null` where it isn't one. */
  readonly field: string | null;
  /** Of the answer; 0 where none came. */
  readonly status: number;
}

/** Thrown by calls of the API. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.name = "ApiError";
    this.problem = problem;
  }
}

/** What to show of anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "DASHBOARD", message: `${message} Load the page again.`, field: null, status: 0 };
}

/** The problem that an answer tells of. A proxy's own page says nothing of ours. */
export function problemIn(status: number, text: string): Problem {
  try {
    const { code, detail, field } = JSON.parse(text) as Partial<ApiProblem>;
    if (code !== undefined && detail !== undefined) return { code, message: detail, field: field ?? null, status };
  } catch {
    // It is told below.
  }
  const message = `The answer is none of Waymark's API. See what stands between this page and it.`;
  return { code: `HTTP_${status}`, message, field: null, status };
}
