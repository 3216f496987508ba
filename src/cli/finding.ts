/** What one look at something has found. */
export interface Finding {
  readonly name: string;
  readonly verdict: "ok" | "warning" | "problem";
  readonly says: string;
  /** What to do about it; `null` where nothing is to be done. */
  readonly remedy: string | null;
}

export function ok(name: string, says: string): Finding {
  return { name, verdict: "ok", says, remedy: null };
}

export function warning(name: string, says: string, remedy: string): Finding {
  return { name, verdict: "warning", says, remedy };
}

export function problem(name: string, says: string, remedy: string): Finding {
  return { name, verdict: "problem", says, remedy };
}
