#!/usr/bin/env node
import { EXIT, failureOf, failureText } from "./failure.ts";
import { programOf } from "./program.ts";

// Whoever reads no further, as head does, has what it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exitCode = EXIT.ok;
  else throw error;
});

try {
  await programOf().parseAsync();
} catch (error) {
  const failure = failureOf(error);
  if (failure.message !== "") process.stderr.write(`${failureText(failure, process.argv.includes("--json"))}\n`);
  process.exitCode = failure.exitCode;
}
