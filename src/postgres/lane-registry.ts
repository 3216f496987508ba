import { BackendError } from "../errors/backend-errors.ts";
import { laneKey, openLane } from "../snapshot/lane-key.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Database, Session } from "./database.ts";
import { findLanes, insertLanes } from "./queries/lanes-and-workers.ts";
import type { Tables } from "./tables.ts";

/** Numbers of lanes. A lane's number never changes, so what was read once is kept. */
export class LaneRegistry {
  readonly #db: Database;
  readonly #tables: Tables;
  /** The engine uses the same object for the same lane, so that this is hit nearly always. */
  readonly #byObject = new WeakMap<Lane, number>();
  readonly #byKey = new Map<string, number>();

  constructor(db: Database, tables: Tables) {
    this.#db = db;
    this.#tables = tables;
  }

  /** The lane's number; it must have been resolved before. */
  numberOf(lane: Lane): number {
    const number = this.known(lane);
    if (number === null) {
      throw new BackendError("BACKEND_BUG", { queryName: "lanes", problem: `Lane ${laneKey(lane)} has no number` });
    }
    return number;
  }

  /** The lane's number as far as it has been resolved; `null` otherwise. */
  known(lane: Lane): number | null {
    const cached = this.#byObject.get(lane);
    if (cached !== undefined) return cached;
    const number = this.#byKey.get(laneKey(lane));
    if (number === undefined) return null;
    this.#byObject.set(lane, number);
    return number;
  }

  /** Makes sure that all lanes have numbers. Touches the database only for those not seen before. */
  async resolve(lanes: Iterable<Lane>, session: Session = this.#db): Promise<void> {
    const unknown = new Map<string, Lane>();
    for (const lane of lanes) {
      if (this.known(lane) === null) unknown.set(laneKey(lane), lane);
    }
    if (unknown.size === 0) return;
    const hashes = [...new Set([...unknown.values()].map((lane) => lane.definitionHash))];
    await this.#read(session, hashes);
    const missing = [...unknown.values()].filter((lane) => this.known(lane) === null);
    if (missing.length === 0) return;
    const numbered = missing.flatMap((lane) => (lane.gate === undefined ? [lane] : [openLane(lane), lane]));
    await session.run("insert-lanes", insertLanes(this.#tables, numbered));
    await this.#read(session, hashes);
  }

  /** Numbers of those lanes that have one. */
  async find(lanes: readonly Lane[]): Promise<readonly number[]> {
    await this.resolve(lanes);
    return lanes.map((lane) => this.numberOf(lane));
  }

  async #read(session: Session, hashes: readonly string[]): Promise<void> {
    for (const row of await session.run("find-lanes", findLanes(this.#tables, hashes))) {
      const { definition_hash: definitionHash, codec, tags, limit_name: limit, limit_scope: scope } = row;
      const gate = scope === "" ? {} : { gate: { limit, scope } };
      this.#byKey.set(laneKey({ definitionHash, codec, tags, ...gate }), row.lane);
    }
  }
}
