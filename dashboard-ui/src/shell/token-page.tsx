import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { type Problem, problemOf } from "../api/problem.ts";
import { signIn } from "../api/session.ts";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Brand } from "./brand.tsx";

/** Asks for the token that the server wants. */
export function TokenPage(): JSX.Element {
  const [token, setToken] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(token.trim());
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <main class="gate">
      <form class="card stack" onSubmit={(event) => void submit(event)}>
        <Brand />
        <div class="field">
          <label htmlFor="token">Token</label>
          <input
            id="token"
            class="input"
            type="password"
            autocomplete="current-password"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
            aria-describedby="token-hint"
            aria-invalid={problem !== null}
          />
          <span id="token-hint" class="hint">
            This dashboard wants a token. Whoever runs it can tell you one: tokens are given to the handler that serves
            this page.
          </span>
        </div>
        {problem !== null && <ProblemBox problem={problem} />}
        <button type="submit" class="button is-primary" disabled={token.trim() === "" || isBusy}>
          Open
        </button>
      </form>
    </main>
  );
}
