import type { JSX } from "preact";
import type { Failure } from "../../../src/dashboard/api-types.ts";

/** What something failed with, its causes, and where in the code. All of it is text of others. */
export function FailureView({ failure }: { failure: Failure }): JSX.Element {
  const { name, message, code, taskId, attempt, stack, cause } = failure;
  return (
    <div class="failure">
      <div>
        <strong>{name}</strong>
        {code !== null && <code> {code}</code>}: {message}
      </div>
      {taskId !== null && (
        <div class="muted">
          at <code>{taskId}</code>
          {attempt !== null && `, attempt ${attempt}`}
        </div>
      )}
      {stack !== null && (
        <details>
          <summary>Stack</summary>
          <pre>{stack}</pre>
        </details>
      )}
      {cause !== null && (
        <div class="failure-cause">
          <div class="muted">caused by</div>
          <FailureView failure={cause} />
        </div>
      )}
    </div>
  );
}
