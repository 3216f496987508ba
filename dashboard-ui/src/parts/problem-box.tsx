import type { JSX } from "preact";
import type { Problem } from "../api/problem.ts";

/** Why something could not be shown or done, and under which code it is explained. */
export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => void }): JSX.Element {
  const { code, message, field } = problem;
  return (
    <div class="problem" role="alert">
      <div>
        <code>{code}</code>
        {field !== null && <code> {field}</code>} {message}
      </div>
      {retry !== undefined && (
        <div>
          <button type="button" class="button is-small" onClick={retry}>
            Try again
          </button>
        </div>
      )}
    </div>
  );
}
