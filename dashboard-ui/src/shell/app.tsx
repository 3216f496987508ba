import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { onRefused } from "../api/client.ts";
import { listen } from "../api/live.ts";
import { askSession, lostSession, useSession } from "../api/session.ts";
import { ProblemBox } from "../parts/problem-box.tsx";
import { NoticeList } from "./notice-list.tsx";
import { Shell } from "./shell.tsx";
import { TokenPage } from "./token-page.tsx";

/** Lets in whom the server lets in, and shows the page that the address names. */
export function App(): JSX.Element {
  const { session, problem } = useSession();
  const isIn = session?.authenticated === true;
  useEffect(() => {
    onRefused(lostSession);
    void askSession();
  }, []);
  useEffect(() => (isIn ? listen() : undefined), [isIn]);
  return (
    <>
      {session === null ? (
        problem !== null && (
          <main class="gate">
            <ProblemBox problem={problem} retry={() => void askSession()} />
          </main>
        )
      ) : isIn ? (
        <Shell session={session} />
      ) : (
        <TokenPage />
      )}
      <NoticeList />
    </>
  );
}
