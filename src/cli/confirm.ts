import { createInterface } from "node:readline/promises";
import { CommandError, EXIT } from "./failure.ts";

/** Asks where somebody can answer. @throws {CommandError} the answer is no, or nobody can be asked */
export async function confirm(question: string, { yes }: { readonly yes?: boolean }): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CommandError("This can't be taken back, and nobody can be asked: pass --yes.", EXIT.usage);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question(`${question} [y/N] `);
  asking.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError("Nothing was changed.", EXIT.failed);
}
