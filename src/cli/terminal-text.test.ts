import { describe, expect, test } from "vitest";
import { cutText, plainText, tableText } from "./terminal-text.ts";

describe("plainText", () => {
  test.each([
    ["\u001B[31mred", "\\u{1b}[31mred"],
    ["a\nb\tc", "a\\u{a}b\\u{9}c"],
    ["\u009B2J", "\\u{9b}2J"],
    ["\u202Egnp.exe", "\\u{202e}gnp.exe"],
    ["\uD800", "\\u{d800}"],
    ["Zoë 🚚", "Zoë 🚚"],
  ])("shows %j as it is harmless", (text, shown) => {
    expect(plainText(text)).toBe(shown);
  });
});

test("cutText cuts whole characters", () => {
  expect(cutText("🚚🚚🚚", 2)).toBe("🚚…");
  expect(cutText("abc", 3)).toBe("abc");
});

test("tableText lines columns up", () => {
  expect(
    tableText(
      ["A", "B"],
      [
        ["long", "x"],
        ["s", "\u001Bx"],
      ],
    ),
  ).toBe("A     B\nlong  x\ns     \\u{1b}x");
});
