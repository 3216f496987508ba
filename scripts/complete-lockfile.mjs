// Adds the platform packages that npm left out of package-lock.json.
//
//   node scripts/complete-lockfile.mjs            adds what is missing
//   node scripts/complete-lockfile.mjs --check    fails if something is missing
//
// A native tool (oxlint, biome, …) lists one optional package for each platform. Where a registry mirror
// can't serve those of other platforms, `npm install` leaves them out of the lockfile without a word, and
// `npm ci` of npm 11 then refuses the lockfile. The entries added here carry what npm needs in order to skip
// them elsewhere (version, os, cpu, libc) but no integrity: `npm install` on a full registry adds that.
import { readFileSync, writeFileSync } from "node:fs";

const LOCKFILE = new URL("../package-lock.json", import.meta.url);
const OS = /(?:^|[-/])(android|darwin|freebsd|linux|openharmony|win32)(?=-)/;
const CPU = /-(arm64|arm|x64|ia32|ppc64|riscv64|s390x)(?=-|$)/;
const LIBC = /-(gnu|musl)(?:eabihf)?$/;

const lockfile = JSON.parse(readFileSync(LOCKFILE, "utf8"));
const packages = lockfile.packages;

/** Whether a package at `from` finds `name` in its own node_modules or in one further up. */
function resolves(from, name) {
  for (let folder = from; ; folder = parentOf(folder)) {
    if (packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === "") return false;
  }
}

function parentOf(folder) {
  const end = folder.lastIndexOf("node_modules/");
  return end <= 0 ? "" : folder.slice(0, end - 1);
}

function platformEntry(name, version, parent) {
  const os = OS.exec(name)?.[1];
  const cpu = CPU.exec(name)?.[1];
  if (os === undefined || cpu === undefined) throw new Error(`Which platform is ${name} for? Add it by hand.`);
  const libc = LIBC.exec(name)?.[1];
  return {
    version,
    cpu: [cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc === "gnu" ? "glibc" : libc] }),
    ...(parent.license === undefined ? {} : { license: parent.license }),
    optional: true,
    os: [os],
    ...(parent.engines === undefined ? {} : { engines: parent.engines }),
  };
}

const missing = [];
for (const [folder, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (!resolves(folder, name)) missing.push([`node_modules/${name}`, platformEntry(name, version, entry)]);
  }
}

if (missing.length === 0) {
  console.log("package-lock.json is complete.");
} else if (process.argv.includes("--check")) {
  console.error(`package-lock.json lacks ${missing.length} platform packages, the first being ${missing[0][0]}.`);
  console.error("Run: node scripts/complete-lockfile.mjs");
  process.exitCode = 1;
} else {
  const sorted = Object.entries(packages).concat(missing);
  // npm sorts by English collation; the root ("") comes first.
  sorted.sort(([a], [b]) => a.localeCompare(b, "en"));
  lockfile.packages = Object.fromEntries(sorted);
  writeFileSync(LOCKFILE, `${JSON.stringify(lockfile, null, 2)}\n`);
  console.log(`Added ${missing.length} platform packages to package-lock.json.`);
}
