import { expect, test } from "vitest";
import { withArrayLiterals } from "./array-literal.ts";

test("withArrayLiterals writes arrays as PostgreSQL reads them, and leaves the rest alone", () => {
  const bytes = new Uint8Array([0, 255]);
  const values = [1, "a", null, bytes, ["a", 'b"\\', "", null, undefined], [1, 2n, true], [bytes], [new Date(0)], []];
  expect(withArrayLiterals(values)).toEqual([
    1,
    "a",
    null,
    bytes,
    '{"a","b\\"\\\\","",NULL,NULL}',
    '{"1","2","true"}',
    '{"\\\\x00ff"}',
    '{"1970-01-01T00:00:00.000Z"}',
    "{}",
  ]);
});
