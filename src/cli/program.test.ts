import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { programOf } from "./program.ts";

const DOC = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

function all(command: Command, before: string): readonly (readonly [string, Command])[] {
  const name = `${before}${command.name()}`;
  const own: readonly [string, Command] = [name, command];
  return [own, ...command.commands.flatMap((sub) => all(sub, `${name} `))];
}

describe("docs/cli.md", () => {
  test.each(all(programOf(), ""))("has %s with its options", (name, command) => {
    // The command that a group stands for without a word stands in brackets behind it.
    if (!name.endsWith(" list") || name === "waymark list") expect(DOC).toContain(name);
    for (const { long } of command.options) if (long !== "--version") expect(DOC).toContain(long);
  });
});
