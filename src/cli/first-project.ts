/** The first flow: small, and with what makes it durable. */
export const FIRST_FLOWS: string = `import { flow } from "waymark";

interface Order {
  readonly item: string;
  readonly cents: number;
}

/** Each step's outcome is kept: when this process dies, another one goes on behind the last step that was done. */
export const order = flow<Order>("order")
  // Tried again after a failure. A payment service that is given the key charges once, however often it is asked.
  .then("charge", ({ item, cents }, { idempotencyKey, attempt }) => {
    console.log(\`charging \${cents} for \${item} (attempt \${attempt}, key \${idempotencyKey})\`);
    if (attempt === 1) throw new Error("the payment service did not answer");
    return { item, cents, paid: true };
  }, { retry: { attempts: 5, initialDelay: "1s" } })
  // Waits without a process: for seconds or for months.
  .waitForEvent("parcel", "shipped", { timeout: "30d", onTimeout: "continue" })
  .then("thank", (parcel) => {
    console.log("thank you:", parcel);
    return parcel;
  })
  .build();
`;

/** For editors: nothing is built. */
export const FIRST_TSCONFIG: string = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2023",
      module: "nodenext",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
    },
  },
  null,
  2,
)}\n`;
