/**
 * Compares the public API with the reports in etc/, one for each entry point of package.json, so that nobody changes
 * it by accident. Needs a build.
 *
 *   tsx scripts/api-reports.ts            fails if a report is not current
 *   tsx scripts/api-reports.ts --local    writes the reports
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const ROOT = join(import.meta.dirname, "..");
const REPORTS = join(ROOT, "etc");
const isLocal = process.argv.includes("--local");

/** Entry points by the name of their report: `waymark`, `waymark-store`, … */
function entryPoints(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Record<string, string>;
  };
  const code = Object.entries(exports).filter(([, target]) => target.endsWith(".js"));
  return new Map(
    code.map(([subpath, target]) => [
      subpath.replace(".", "waymark").replaceAll("/", "-"),
      target.replace(/\.js$/, ".d.ts"),
    ]),
  );
}

function configOf(name: string, declarations: string): ExtractorConfig {
  const mainEntryPointFilePath = join(ROOT, declarations);
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, "package.json"),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath,
      // The compiler that API Extractor brings reads the declarations only, never the sources.
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2023",
            lib: ["es2023"],
            module: "nodenext",
            moduleResolution: "nodenext",
            types: ["node"],
            strict: true,
            skipLibCheck: true,
          },
          files: [mainEntryPointFilePath],
        },
      },
      newlineKind: "lf",
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: REPORTS,
        reportTempFolder: join(ROOT, "tmp/api"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        // No ae-forgotten-export: most of what one entry point does not export another one does, and the report would
        // name lines of the sources, so that it changed with each of them.
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
}

function report(name: string, declarations: string): boolean {
  const { succeeded, apiReportChanged } = Extractor.invoke(configOf(name, declarations), {
    localBuild: isLocal,
    messageCallback: (message) => {
      // It would announce its compiler's version with every entry point.
      if (message.logLevel === ExtractorLogLevel.Info) message.handled = true;
    },
  });
  console.log(`etc/${name}.api.md: ${apiReportChanged ? (isLocal ? "written" : "NOT CURRENT") : "current"}`);
  return succeeded && (isLocal || !apiReportChanged);
}

function main(): void {
  const entries = entryPoints();
  const unbuilt = [...entries.values()].filter((file) => !existsSync(join(ROOT, file)));
  if (unbuilt.length > 0) throw new Error(`Run "npm run build" first: ${unbuilt.join(", ")} is missing.`);
  mkdirSync(REPORTS, { recursive: true });
  const changed = [...entries].filter(([name, declarations]) => !report(name, declarations));
  const orphans = readdirSync(REPORTS).filter((file) => !entries.has(file.replace(/\.api\.md$/, "")));
  for (const orphan of orphans) console.error(`etc/${orphan} belongs to no entry point.`);
  if (changed.length > 0) console.error("The public API has changed. If that is meant, run: npm run api:update");
  if (changed.length > 0 || orphans.length > 0) process.exitCode = 1;
}

main();
