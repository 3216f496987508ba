import type { ActionName, Session } from "../../../src/dashboard/api-types.ts";
import { useSyncExternalStore } from "../route/external-store.ts";
import { get, send } from "./client.ts";
import { type Problem, problemOf } from "./problem.ts";

/** Who looks, as far as the server has said so. */
export interface SessionState {
  /** `null` until it has. */
  readonly session: Session | null;
  readonly problem: Problem | null;
}

let state: SessionState = { session: null, problem: null };
const watchers = new Set<() => void>();

export function useSession(): SessionState {
  return useSyncExternalStore(watch, () => state);
}

/** Whether the reader may do this. */
export function useMay(action: ActionName): boolean {
  return useSession().session?.actions[action] === true;
}

/** Asks the server who this is. */
export async function askSession(): Promise<void> {
  try {
    set({ session: await get<Session>("session"), problem: null });
  } catch (error) {
    set({ session: state.session, problem: problemOf(error) });
  }
}

/**
 * Shows the server a token; it answers with a cookie that no script can read.
 *
 * @throws {ApiError} the token is not good
 */
export async function signIn(token: string): Promise<void> {
  set({ session: await send<Session>("POST", "session", { token }), problem: null });
}

/** Forgets the token. */
export async function signOut(): Promise<void> {
  await send("DELETE", "session");
  await askSession();
}

/** The server does not let this page in any more: the cookie has run out, or the token was taken away. */
export function lostSession(): void {
  if (state.session?.authenticated === true) void askSession();
}

function set(next: SessionState): void {
  state = next;
  for (const changed of watchers) changed();
}

function watch(changed: () => void): () => void {
  watchers.add(changed);
  return () => watchers.delete(changed);
}
