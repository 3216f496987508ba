import { secondsSince } from "./batch.ts";
import { Observer } from "./observer.ts";

/** What one small commit through `pg` takes at the moment: what the disk allows. */
export class Yardstick {
  readonly #observer: Observer;
  #rows = 0;

  private constructor(observer: Observer) {
    this.#observer = observer;
  }

  static async connect(url: string, serverPid: number): Promise<Yardstick> {
    const observer = await Observer.connect(url, serverPid);
    await observer.client.query("CREATE TABLE bench_yardstick (id int PRIMARY KEY, data text)");
    return new Yardstick(observer);
  }

  /** In milliseconds. */
  async timeOfCommit(): Promise<number> {
    const started = performance.now();
    await this.#observer.client.query("INSERT INTO bench_yardstick (id, data) VALUES ($1, 'x')", [++this.#rows]);
    return secondsSince(started) * 1_000;
  }

  async close(): Promise<void> {
    await this.#observer.close();
  }
}
