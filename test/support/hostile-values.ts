// Values that codecs, and whatever carries values, have to cope with.
export { type StorableValue, storableValues } from "./storable-values.ts";
export { type UnstorableValue, unstorableValues } from "./unstorable-values.ts";
