import type { Connection } from "./database.ts";
import type { Query } from "./sql.ts";

/** Far more than there are statements. */
const MOST_NAMES = 500;
/**
 * A plan that is kept must still be good when the tables have grown: never a sequential scan, which an empty table
 * would suggest. Compiling a statement takes longer than running it.
 */
const SESSION = "SET enable_seqscan = off; SET jit = off";
/** Errors that only a named statement meets: somebody else's session, another statement of the name, a changed table. */
const NAMING_ERRORS: ReadonlySet<unknown> = new Set(["26000", "42P05", "0A000"]);

/**
 * Has the server keep the plans of small statements, of which planning is the greater part. Only where sessions are known
 * to be our own: behind a pooler, a name would meet another session (docs/adr/0010).
 */
export class PreparedStatements {
  readonly #names = new Map<string, string>();
  readonly #ready = new WeakSet<Connection>();
  #isOn = false;
  #isOff = false;

  /** @param isDirect - whether it is known that nothing is between us and the server */
  turn(isDirect: boolean): void {
    this.#isOn = isDirect;
  }

  /** Makes sure that a session plans as it should. */
  async setUp(client: Connection): Promise<void> {
    if (!this.#isOn || this.#isOff || this.#ready.has(client)) return;
    await client.query({ text: SESSION });
    this.#ready.add(client);
  }

  /** The name under which a statement may be prepared on this connection; `null` if it shall not be. */
  nameFor(client: Connection, query: Query<unknown>): string | null {
    if (!this.#isOn || this.#isOff || !this.#ready.has(client) || !isSmall(query)) return null;
    let name = this.#names.get(query.text);
    if (name === undefined && this.#names.size < MOST_NAMES) {
      name = `waymark_${this.#names.size + 1}`;
      this.#names.set(query.text, name);
    }
    return name ?? null;
  }

  /** Whether an error only came of the name. If so, there are no names any more: something is in between after all. */
  isToBlame(error: unknown): boolean {
    const isToBlame = typeof error === "object" && error !== null && NAMING_ERRORS.has(Reflect.get(error, "code"));
    if (isToBlame) this.#isOff = true;
    return isToBlame;
  }
}

/** One over many rows is planned for just these rows: a plan for any number of them would be a bad one. */
function isSmall({ values }: Query<unknown>): boolean {
  return !values.some((value) => Array.isArray(value));
}
