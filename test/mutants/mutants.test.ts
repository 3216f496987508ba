import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutants } from "./all-mutants.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

test("there are thirty mutants, each with a number of its own", () => {
  expect(mutants.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, index) => `M${index + 1}`));
});

// So that the list can't rot: `npm run mutants` takes minutes, this does not.
describe.each(mutants)("$id", ({ patches, narrow, wide }) => {
  test.each(patches)("finds what it changes in $file, once", ({ file, find, replace }) => {
    const pieces = readFileSync(ROOT + file, "utf8").split(find);

    expect(pieces).toHaveLength(2);
    expect(replace).not.toBe(find);
  });

  test("names tests that are there", () => {
    expect([...narrow.files, ...wide.files].filter((file) => !existsSync(ROOT + file))).toEqual([]);
  });
});
