/**
 * How column values become JavaScript values in our own statements.
 *
 * Given with each statement, because the driver's registry is global: applications that set parsers
 * of their own (int8 as number, timestamps as text …) must not change what we read.
 */
export interface WireTypes {
  getTypeParser(oid: number, format?: string): (value: string) => unknown;
}

const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, float8: 701, json: 114, jsonb: 3802 } as const;

const asText = (value: string): unknown => value;

const PARSERS: ReadonlyMap<number, (value: string) => unknown> = new Map<number, (value: string) => unknown>([
  [OID.bool, (value) => value === "t"],
  [OID.bytea, bytesFromHex],
  [OID.int8, BigInt],
  [OID.int2, Number],
  [OID.int4, Number],
  [OID.float8, Number],
  [OID.json, parseJson],
  [OID.jsonb, parseJson],
]);

/** Timestamps and arrays are not here: statements return them as float8 milliseconds and as json. */
export const wireTypes: WireTypes = {
  getTypeParser: (oid) => PARSERS.get(oid) ?? asText,
};

function parseJson(value: string): unknown {
  return JSON.parse(value);
}

function bytesFromHex(value: string): Uint8Array {
  // bytea_output = hex is the default; a database set to "escape" would be misread silently.
  if (!value.startsWith("\\x")) throw new TypeError('The database has bytea_output = "escape"; Waymark needs "hex".');
  const buffer = Buffer.from(value.slice(2), "hex");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
