import { describe, expect, test } from "vitest";
import { statementProblem } from "./statement-rules.ts";

describe("statementProblem", () => {
  test.each([
    "SELECT 1",
    "",
    "insert into commit values (1)",
    "WITH begin AS (SELECT 1) SELECT * FROM begin",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "ROLLBACK TO a",
    "rollback  work\nto savepoint a",
    "SET LOCAL x = 1",
    "set constraints all deferred",
    "SET TRANSACTION READ ONLY",
    "EXECUTE p",
    "COMMITTED",
    "COPY t TO '/tmp/t'",
    "copy t from program 'cat'",
    "SELECT 'COPY t FROM STDIN'",
    "-- COMMIT\nSELECT 1",
    "/* COMMIT; */ SELECT 1",
  ])("lets %j through", (text) => {
    expect(statementProblem(text)).toBeNull();
  });

  test.each([
    ["COMMIT", "end"],
    ["commit;", "end"],
    ["\n\t-- so\n/* it * goes */ rollback", "end"],
    ["ROLLBACK AND CHAIN", "end"],
    ["ROLLBACK PREPARED 'a'", "end"],
    ["begin", "end"],
    ["START TRANSACTION", "end"],
    ["ABORT", "end"],
    ["END", "end"],
    ["PREPARE TRANSACTION 'a'", "end"],
    ["SET search_path = a", "outlast"],
    ["SET SESSION x = 1", "outlast"],
    ["set role a", "outlast"],
    ["RESET ALL", "outlast"],
    ["LISTEN a", "outlast"],
    ["PREPARE a AS SELECT 1", "outlast"],
    ["DISCARD ALL", "outlast"],
  ])("refuses %j, because it would %s the transaction", (text, why) => {
    expect(statementProblem(text)).toContain(`would ${why}`);
  });

  test.each([
    "COPY t FROM STDIN",
    "-- rows\ncopy t (a, b)\n from  stdin with (format csv)",
    "COPY (SELECT 1) TO STDOUT;",
  ])("refuses %j, which nobody would answer", (text) => {
    expect(statementProblem(text)).toContain("unnest");
  });

  test("takes a long comment that has no end in no time", () => {
    expect(statementProblem(`/*${" *".repeat(100_000)}`)).toBeNull();
    expect(statementProblem(`${"-- a\n".repeat(20_000)}COMMIT`)).toContain("COMMIT");
  });
});
