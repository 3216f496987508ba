// Values that codecs, and whatever carries values, have to cope with.
export { storableValues } from "./storable-values.ts";
export { unstorableValues } from "./unstorable-values.ts";
