import { describe, expect, test } from "vitest";
import { type Shape, shapeOf } from "./value-shape.ts";

const tag = (name: string, value?: unknown): object => ({ $waymark: name, ...(value === undefined ? {} : { value }) });

describe("shapeOf", () => {
  test.each([
    [null, "null"],
    [-0, "-0"],
    [1.5, "1.5"],
    [true, "true"],
    [tag("undefined"), "undefined"],
    [tag("number", "NaN"), "NaN"],
    [tag("bigint", "-18446744073709551616"), "-18446744073709551616n"],
    [tag("Date", "2026-03-01T12:00:00.000Z"), "Date 2026-03-01T12:00:00.000Z"],
    [{ $waymark: "Date", value: null }, "Date (invalid)"],
    [tag("URL", "javascript:alert(1)"), "URL javascript:alert(1)"],
    [tag("RegExp", { source: "a+", flags: "gi" }), "/a+/gi"],
  ])("tells %j as %s", (value, text) => {
    expect(shapeOf(value)).toMatchObject({ kind: "atom", text });
  });

  test("unescapes texts that JSON can't hold", () => {
    expect(shapeOf(tag("string", String.raw`a\u0000b`))).toEqual({ kind: "text", text: "a\u0000b" });
  });

  test("decodes bytes", () => {
    expect(shapeOf(tag("Uint8Array", "AQID/w=="))).toEqual({
      kind: "bytes",
      name: "Uint8Array",
      bytes: Uint8Array.from([1, 2, 3, 255]),
    });
  });

  test("names the entries of a map by their keys, whatever those are", () => {
    const map = parts(
      tag("Map", [
        ["a", 1],
        [{ b: 2 }, 3],
      ]),
    );
    expect(map.name).toBe("Map");
    expect(map.parts(0, 9).map(({ key }) => (key as Shape).kind)).toEqual(["text", "parts"]);
  });

  test("tells of an error by its class and message", () => {
    expect(parts(tag("Error", { class: "TypeError", message: "no" }))).toMatchObject({
      name: "TypeError",
      summary: "no",
    });
  });

  test("gives properties their own names back", () => {
    expect(
      parts({ "$waymark:$waymark": "mine", a: 1 })
        .parts(0, 9)
        .map(({ key }) => key),
    ).toEqual(["$waymark", "a"]);
  });

  test("gives only the parts that are asked for", () => {
    const list = parts(Array.from({ length: 100_000 }, (_, index) => index));
    expect(list.count).toBe(100_000);
    expect(list.parts(99_998, 50)).toEqual([
      { key: "99998", value: 99_998 },
      { key: "99999", value: 99_999 },
    ]);
  });

  test.each([
    [tag("Whatever", 1)],
    [tag("Map", "no")],
    [tag("Map", [1])],
    [tag("Uint8Array", "%%%")],
    [{ $waymark: "Date", value: "x", more: 1 }],
    [{ $waymark: 5 }],
  ])("shows %j, which is no tag of ours, as it stands", (value) => {
    expect(parts(value)).toMatchObject({ name: null, count: Object.keys(value).length });
  });
});

function parts(value: unknown): Extract<Shape, { kind: "parts" }> {
  const shape = shapeOf(value);
  if (shape.kind !== "parts") throw new Error(`It is ${shape.kind}.`);
  return shape;
}
