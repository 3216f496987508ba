import { describe, expect, test } from "vitest";
import { accountFrom } from "./account.ts";

const ROOT = "root:x:0:0:root:/root:/bin/sh";
const DAEMON = "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin";
const NOBODY = "nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin";
const POSTGRES = "postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash";

describe("accountFrom", () => {
  test.each([
    ["postgres where there is one", [ROOT, DAEMON, NOBODY, POSTGRES], { uid: 101, gid: 104 }],
    ["nobody otherwise", [ROOT, DAEMON, NOBODY], { uid: 65_534, gid: 65_533 }],
    ["anybody who is not root as a last resort", [ROOT, DAEMON], { uid: 1, gid: 1 }],
    ["no user called postgres that is root", [ROOT, "postgres:x:0:0::/:/bin/sh", NOBODY], { uid: 65_534, gid: 65_533 }],
    ["nothing from what is no list of users", ["", "# comment", "a:b:c:d"], null],
    ["nobody if there is only root", [ROOT], null],
  ])("chooses %s", (_name, lines, expected) => {
    expect(accountFrom(`${lines.join("\n")}\n`)).toEqual(expected);
  });
});
