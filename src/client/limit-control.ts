import { checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { LimitNotFoundError } from "../errors/limit-errors.ts";
import { type AllowanceOptions, type RateOptions, resolveAllowance } from "../flow/limit.ts";
import type { Backend } from "../store/backend.ts";
import type { LimitChange, LimitKeyState, LimitState } from "../store/limit-store.ts";

/** What a limit is to allow from now on. What is not named stays; `null`: any number. */
export interface LimitChanges {
  readonly concurrency?: number | null;
  readonly rate?: RateOptions | null;
  readonly perKey?: { readonly concurrency?: number | null; readonly rate?: RateOptions | null };
}

export interface LimitKeyPage {
  readonly keys: readonly LimitKeyState[];
  /** Pass it as `after` to get the next page; `null` at the end. */
  readonly next: string | null;
}

const DEFAULT_PAGE = 100;

/** Shows limits and changes them, in the database: for all workers at once, without a deployment. `client.limits`. */
export class LimitControl {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** All limits, by name, with what runs and waits. It counts, so don't call it all the time. */
  async list(): Promise<readonly LimitState[]> {
    return await this.#backend.listLimits();
  }

  /** @throws {LimitNotFoundError} */
  async get(name: string): Promise<LimitState> {
    const limit = (await this.list()).find((one) => one.name === name);
    if (limit === undefined) throw new LimitNotFoundError(name);
    return limit;
  }

  /**
   * The keys of a limit of which something runs or waits, or which somebody has changed, page by page.
   *
   * @param page - `limit`: 1 to 10,000, default 100
   */
  async keys(name: string, page: { readonly after?: string; readonly limit?: number } = {}): Promise<LimitKeyPage> {
    checkOptions(page, ["after", "limit"], "page");
    const { limit = DEFAULT_PAGE } = page;
    const keys = await this.#backend.listLimitKeys(name, { ...page, limit });
    return { keys, next: keys.length === limit ? (keys.at(-1)?.key ?? null) : null };
  }

  /**
   * Changes what a limit allows. From then on, what code says of it does not count, until `reset`. What runs goes on.
   *
   * @throws {LimitNotFoundError}
   * @throws {InvalidArgumentError} naming what is wrong; nothing was changed
   */
  async change(name: string, changes: LimitChanges): Promise<void> {
    checkOptions(changes, ["concurrency", "rate", "perKey"], "changes");
    const { perKey, ...all } = changes;
    if (perKey !== undefined) checkOptions(perKey, ["concurrency", "rate"], "changes.perKey");
    const change: LimitChange = {
      ...changed(all, "changes."),
      ...(perKey === undefined ? {} : { perKey: changed(perKey, "changes.perKey.") }),
    };
    if (Object.keys(change).length === 0)
      throw new InvalidArgumentError("changes", "must name what is to change: concurrency, rate or perKey.");
    this.#found(name, await this.#backend.changeLimit(name, change));
  }

  /** What code says of a limit counts again: from the next start of a worker or client that uses it. @throws {LimitNotFoundError} */
  async reset(name: string): Promise<void> {
    this.#found(name, await this.#backend.resetLimit(name));
  }

  /**
   * Lets nothing more through, of all keys or of one. What runs goes on.
   *
   * @throws {LimitNotFoundError}
   */
  async pause(name: string, options: { readonly key?: string } = {}): Promise<void> {
    await this.#setPaused(name, options, true);
  }

  /** @throws {LimitNotFoundError} */
  async unpause(name: string, options: { readonly key?: string } = {}): Promise<void> {
    await this.#setPaused(name, options, false);
  }

  /**
   * Gives a key more at each turn than the others get.
   *
   * @param weight - how many where the others get one; 1 to 1,000
   * @throws {LimitNotFoundError}
   */
  async weigh(name: string, key: string, weight: number): Promise<void> {
    this.#found(name, await this.#backend.changeLimitKey(name, key, { weight }));
  }

  async #setPaused(name: string, options: { readonly key?: string }, isPaused: boolean): Promise<void> {
    checkOptions(options, ["key"]);
    const { key } = options;
    const isFound =
      key === undefined
        ? await this.#backend.changeLimit(name, { isPaused })
        : await this.#backend.changeLimitKey(name, key, { isPaused });
    this.#found(name, isFound);
  }

  #found(name: string, isFound: boolean): void {
    if (!isFound) throw new LimitNotFoundError(name);
  }
}

type AllowanceChanges = NonNullable<LimitChanges["perKey"]>;

/** What is named, in plain units. */
function changed(given: AllowanceChanges, field: string): Pick<LimitChange, "concurrency" | "rate"> {
  const { concurrency, rate } = given;
  const named: AllowanceOptions = {
    ...(concurrency == null ? {} : { concurrency }),
    ...(rate == null ? {} : { rate }),
  };
  const issues: string[] = [];
  const resolved = resolveAllowance(named, field, issues);
  const [issue] = issues;
  if (issue !== undefined) {
    const [name = field, ...problem] = issue.split(" ");
    throw new InvalidArgumentError(name, `${problem.join(" ")}.`);
  }
  return {
    ...(concurrency === undefined ? {} : { concurrency: resolved.concurrency }),
    ...(rate === undefined ? {} : { rate: resolved.rate }),
  };
}
