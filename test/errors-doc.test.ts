import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** One section of docs/errors.md, or one code as the sources have it. */
interface Entry {
  readonly code: string;
  readonly className: string;
}

const DOC = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
const ERRORS = new URL("../src/errors/", import.meta.url);

describe("docs/errors.md", () => {
  test("explains exactly the codes of ErrorCode", () => {
    const union = /export type ErrorCode =([^;]+);/.exec(source("waymark-error.ts"))?.[1] ?? "";
    const codes = [...union.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code ?? "");
    expect(codes).not.toEqual([]);
    expect(
      documented()
        .map(({ code }) => code)
        .sort(),
    ).toEqual(codes.sort());
  });

  test("names the class that carries each code", () => {
    expect(sortedByCode(documented())).toEqual(sortedByCode(classesInSource()));
  });

  test("says whether each is retryable, as the class does", () => {
    const literal = new Map(retryableInSource());
    const wrong = sections().filter(({ code, text }) => {
      const expected = literal.get(code);
      return expected !== undefined && /· (not )?retryable/.exec(text)?.[1] !== (expected ? undefined : "not ");
    });
    expect(literal.size).toBeGreaterThan(0);
    expect(wrong.map(({ code }) => code)).toEqual([]);
  });

  test("gives each a cause and a remedy, and lists each in the table", () => {
    const incomplete = sections().filter(
      ({ code, text }) =>
        !text.includes("- **Cause:** ") ||
        !text.includes("- **Remedy:** ") ||
        !DOC.includes(`[${code}](#${code.toLowerCase()})`),
    );
    expect(incomplete.map(({ code }) => code)).toEqual([]);
  });
});

function sections(): { code: string; text: string }[] {
  return DOC.split(/^## /m)
    .slice(1)
    .map((text) => ({ code: text.split("\n")[0] ?? "", text }));
}

function documented(): Entry[] {
  return sections().map(({ code, text }) => ({ code, className: /^`(\w+)` · /m.exec(text)?.[1] ?? "" }));
}

function source(file: string): string {
  return readFileSync(new URL(file, ERRORS), "utf8");
}

function classBodies(): { name: string; body: string }[] {
  return readdirSync(ERRORS)
    .filter((file) => file.endsWith("-errors.ts"))
    .flatMap((file) =>
      source(file)
        .split(/^export class /m)
        .slice(1),
    )
    .map((body) => ({ name: /^\w+/.exec(body)?.[0] ?? "", body }));
}

function codesOf(body: string): string[] {
  const declaration = /readonly code\b[^;]*;/.exec(body)?.[0] ?? "";
  return [...declaration.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code ?? "");
}

function classesInSource(): Entry[] {
  return classBodies().flatMap(({ name, body }) => codesOf(body).map((code) => ({ code, className: name })));
}

/** Only where a class says it once and for all. */
function retryableInSource(): [string, boolean][] {
  return classBodies().flatMap(({ body }) => {
    const literal = /readonly retryable = (true|false)/.exec(body)?.[1];
    return literal === undefined ? [] : codesOf(body).map((code): [string, boolean] => [code, literal === "true"]);
  });
}

function sortedByCode(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => a.code.localeCompare(b.code, "en"));
}
