import pg from "pg";
import { serverCpuSeconds } from "./server-cpu.ts";

export interface Usage {
  readonly walBytes: number;
  readonly serverCpuSeconds: number;
  /** Of this process. */
  readonly ownCpuSeconds: number;
}

/** A connection beside the engine's: for what is measured of PostgreSQL. */
export class Observer {
  readonly client: pg.Client;
  readonly #serverPid: number;

  private constructor(client: pg.Client, serverPid: number) {
    this.client = client;
    this.#serverPid = serverPid;
  }

  static async connect(url: string, serverPid: number): Promise<Observer> {
    const client = new pg.Client({ connectionString: url, application_name: "bench observer" });
    await client.connect();
    return new Observer(client, serverPid);
  }

  /** What has been used so far; the difference between two counts. */
  async usage(): Promise<Usage> {
    const { rows } = await this.client.query<{ bytes: string }>(
      "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS bytes",
    );
    const { user, system } = process.cpuUsage();
    return {
      walBytes: Number(rows[0]?.bytes),
      serverCpuSeconds: await serverCpuSeconds(this.#serverPid),
      ownCpuSeconds: (user + system) / 1e6,
    };
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

export function between(before: Usage, after: Usage): Usage {
  return {
    walBytes: after.walBytes - before.walBytes,
    serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
    ownCpuSeconds: after.ownCpuSeconds - before.ownCpuSeconds,
  };
}
