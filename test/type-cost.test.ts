import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Nearly 60,000 when this was written. A cost that grows with the square of the steps would be many times that. */
const MOST_INSTANTIATIONS = 120_000;

test("a flow of sixty steps is checked with little work", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-type-cost-"));
  try {
    const project = join(folder, "tsconfig.json");
    const compilerOptions = { typeRoots: [join(root, "node_modules/@types")] };
    const files = [join(root, "test/types/long-flow.test-d.ts")];
    await writeFile(
      project,
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] }),
    );
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    // Rejects if there is an error in the file, "excessively deep" among them.
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", project, "--extendedDiagnostics"]);
    const instantiations = Number(/^Instantiations:\s+(\d+)$/m.exec(stdout)?.[1]);
    expect(instantiations).toBeGreaterThan(0);
    expect(instantiations).toBeLessThan(MOST_INSTANTIATIONS);
  } finally {
    await rm(folder, { recursive: true });
  }
});
