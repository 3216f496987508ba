// Removes folders of the project: node scripts/clean.mjs dist coverage
import { rmSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const name of process.argv.slice(2)) {
  const folder = resolve(root, name);
  const inside = relative(root, folder);
  if (inside === "" || inside.startsWith("..")) throw new Error(`${name} is not a folder inside the project.`);
  rmSync(folder, { recursive: true, force: true });
}
