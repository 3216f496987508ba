import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "./engine.ts";

interface Entry {
  /** npm packages whose versions are reported. */
  readonly packages: readonly string[];
  readonly load: () => Promise<{ readonly engine: Engine }>;
}

/** Every engine. Loaded only in the process that runs it, since some do things when they are imported. */
export const ENGINES: Readonly<Record<string, Entry>> = {
  waymark: { packages: ["waymark"], load: () => import("./engines/waymark.ts") },
  dbos: { packages: ["@dbos-inc/dbos-sdk"], load: () => import("./engines/dbos.ts") },
  openworkflow: { packages: ["openworkflow"], load: () => import("./engines/openworkflow.ts") },
  absurd: { packages: ["absurd-sdk"], load: () => import("./engines/absurd.ts") },
  "pg-boss": { packages: ["pg-boss"], load: () => import("./engines/pg-boss.ts") },
  "graphile-worker": { packages: ["graphile-worker"], load: () => import("./engines/graphile-worker.ts") },
  bare: { packages: ["pg"], load: () => import("./engines/bare.ts") },
};

export async function loadEngine(name: string): Promise<Engine> {
  const entry = ENGINES[name];
  if (entry === undefined)
    throw new Error(`There is no engine "${name}"; there are ${Object.keys(ENGINES).join(", ")}.`);
  return (await entry.load()).engine;
}

/** Versions as installed, e.g. `pg-boss 10.4.2`. */
export function versionsOf(name: string): string {
  const packages = ENGINES[name]?.packages ?? [];
  return packages.map((each) => `${each} ${installedVersion(each)}`).join(", ");
}

function installedVersion(name: string): string {
  const path = join(import.meta.dirname, "node_modules", name, "package.json");
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  return version;
}
