import type { Command } from "commander";
import { CommandError, EXIT } from "../failure.ts";
import type { Finding } from "../finding.ts";
import { databaseUrlOf, outputOf, schemaOf } from "../session.ts";
import { plainText } from "../terminal-text.ts";

const SIGNS = { ok: "ok      ", warning: "warning ", problem: "PROBLEM " } as const;

/** `waymark doctor` */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("look for what is wrong with database, schema, workers and instances; exits with 1 if something is")
    .action(async (_: object, command: Command) => {
      const { examine } = await import("../examination.ts");
      const findings = await examine(databaseUrlOf(command), schemaOf(command));
      outputOf(command).say(findings, () =>
        findings.flatMap((finding) => linesOf(finding)).map((line) => plainText(line)),
      );
      const problems = findings.filter(({ verdict }) => verdict === "problem");
      if (problems.length > 0)
        throw new CommandError(
          `${problems.length === 1 ? "1 problem was" : `${problems.length} problems were`} found.`,
          EXIT.failed,
        );
    });
}

function linesOf({ name, verdict, says, remedy }: Finding): readonly string[] {
  return [`${SIGNS[verdict]}${name}: ${says}`, ...(remedy === null ? [] : [`          ${remedy}`])];
}
