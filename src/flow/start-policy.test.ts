import { describe, expect, test } from "vitest";
import { flow } from "./flow.ts";
import { job } from "./job.ts";

describe("options are refused with what is wrong", () => {
  const wrong: readonly [string, object, RegExp][] = [
    ["two policies", { singleton: {}, throttle: { per: "1s" } }, /singleton and throttle say each/],
    ["no object", { singleton: true }, /singleton must be an object of options, not a boolean/],
    ["null", { debounce: null }, /debounce must be an object of options, not null/],
    ["an unknown key", { singleton: { keys: () => "a" } }, /singleton has an unknown key "keys"; did you mean "key"/],
    [
      "another word",
      { singleton: { onConflict: "drop" } },
      /singleton\.onConflict must be "reject" or "replace" or "queue"/,
    ],
    ["no wait", { debounce: {} }, /debounce\.wait must be given/],
    ["a wait of nothing", { debounce: { wait: 0 } }, /debounce\.wait must be at least 1 ms/],
    [
      "a longest wait that is shorter",
      { debounce: { wait: "5s", maxWait: "1s" } },
      /debounce\.maxWait must be at least wait/,
    ],
    [
      "a key that is no function",
      { throttle: { per: "1s", key: "a" } },
      /throttle\.key must be a function of the input/,
    ],
    ["no count", { rateLimit: { per: "1s" } }, /rateLimit.*count must be given/],
    ["no size", { batch: { wait: "1s" } }, /batch\.size must be given/],
    ["too large a size", { batch: { size: 1_001, wait: "1s" } }, /batch\.size must be a whole number from 1 to 1000/],
  ];

  test.each(wrong)("%s", (_, options, message) => {
    expect(() =>
      flow("wrong", options as never)
        .then("work", () => 1)
        .build(),
    ).toThrow(message);
    expect(() => job("wrong", () => 1, options as never)).toThrow(message);
  });
});
