import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

const ROOT = join(import.meta.dirname, "../..");

/** What `npm pack` made, and a project outside of this one into which it was installed. */
export interface PackedPackage {
  /** Paths in the tarball, as `npm pack` lists them. */
  readonly files: readonly string[];
  readonly packedBytes: number;
  /** Where it lies. */
  readonly tarball: string;
  /** `waymark`, `waymark/store`, … */
  readonly subpaths: readonly string[];
  /** A project whose only dependency is the tarball. */
  readonly consumer: string;
  /** The same without `pg`. */
  readonly consumerWithoutDriver: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    package: PackedPackage;
  }
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Builds and packs the package as it would be published, and installs it as a user would. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "waymark-package-"));
  npm(ROOT, "run", "build", "--silent");
  const [report] = JSON.parse(npm(ROOT, "pack", "--json", "--silent", "--pack-destination", folder)) as PackReport[];
  if (report === undefined) throw new Error("npm pack reported nothing.");
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Record<string, string>;
  };
  const consumer = join(folder, "consumer");
  install(consumer, join(folder, report.filename));
  project.provide("package", {
    files: report.files.map(({ path }) => path),
    packedBytes: report.size,
    tarball: join(folder, report.filename),
    subpaths: Object.keys(exports)
      .filter((subpath) => subpath !== "./package.json")
      .map((subpath) => subpath.replace(/^\./, "waymark")),
    consumer,
    consumerWithoutDriver: withoutDriver(consumer, join(folder, "consumer-without-driver")),
  });
  return () => rmSync(folder, { recursive: true, force: true });
}

function install(consumer: string, tarball: string): void {
  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(consumer, "install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", tarball);
}

function withoutDriver(consumer: string, copy: string): string {
  cpSync(consumer, copy, { recursive: true });
  renameSync(join(copy, "node_modules/pg"), join(copy, "pg-moved-away"));
  return copy;
}

/** Makes a package of this project's own node_modules visible in `consumer`. */
export function lendPackage(consumer: string, name: string): void {
  const target = join(consumer, "node_modules", name);
  mkdirSync(join(target, ".."), { recursive: true });
  rmSync(target, { force: true });
  symlinkSync(join(ROOT, "node_modules", name), target);
}

function npm(cwd: string, ...args: string[]): string {
  try {
    return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`npm ${args.join(" ")} failed in ${cwd}:\n${stdout}${stderr}`, { cause: error });
  }
}
