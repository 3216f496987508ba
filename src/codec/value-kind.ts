import { type BytesTag, bytesTags } from "./value-tags.ts";

/** Objects that hold other values. */
export type ContainerKind = "Object" | "NullObject" | "Array" | "Map" | "Set" | "Error";
/** Objects that don't. */
export type LeafKind = "Date" | "RegExp" | "URL" | BytesTag;
/** What an object is, as far as storing it goes. */
export type ObjectKind = ContainerKind | LeafKind;

/** The built-in error classes: the only ones that decoding revives. Others come back as their nearest. */
export type ErrorClass =
  | "Error"
  | "EvalError"
  | "RangeError"
  | "ReferenceError"
  | "SyntaxError"
  | "TypeError"
  | "URIError"
  | "AggregateError";

const ERROR_CLASSES: Readonly<Record<ErrorClass, ErrorConstructor | AggregateErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
};

const MAX_CLASS_NAME_LENGTH = 60;
/** Chains of classes are short; only a Proxy that answers with itself has an endless one. */
const MAX_PROTOTYPES = 64;

const errorClassByPrototype: ReadonlyMap<object, ErrorClass> = new Map(
  Object.entries(ERROR_CLASSES).map(([name, constructor]) => [constructor.prototype, name as ErrorClass]),
);

const kindByPrototype: Map<object, ObjectKind> = new Map<object, ObjectKind>([
  [Object.prototype, "Object"],
  [Array.prototype, "Array"],
  [Date.prototype, "Date"],
  [Map.prototype, "Map"],
  [Set.prototype, "Set"],
  [RegExp.prototype, "RegExp"],
  [URL.prototype, "URL"],
]);
for (const tag of bytesTags()) {
  const constructor: unknown = Reflect.get(globalThis, tag);
  if (typeof constructor === "function") kindByPrototype.set(constructor.prototype as object, tag);
}

/** A kind whose objects have the shape "instance, prototype, the prototype's prototypes". */
interface KnownShape {
  readonly kind: ObjectKind;
  /** How many prototypes there are up to the root. */
  readonly prototypes: number;
}

const shapeByClassName: ReadonlyMap<string, KnownShape> = new Map(
  [...kindByPrototype].map(([prototype, kind]) => [kind, { kind, prototypes: 1 + prototypesOf(prototype).length }]),
);

/**
 * What `value` is; `null` if nothing is known that would give it back.
 *
 * Goes by the prototype, because an instance of a subclass would come back as something else. Objects
 * of another realm (`node:vm`, a test runner's sandbox) have other prototypes and are told by the
 * class's name and the length of the prototype chain. Whoever uses the answer still has to make sure
 * that the object has the internals of its kind: a prototype alone doesn't give it them.
 */
export function objectKindOf(value: object): ObjectKind | null {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The two kinds that nearly everything is made of need no look-up.
  if (prototype === Object.prototype) return "Object";
  if (prototype === Array.prototype) return "Array";
  if (prototype === null) return "NullObject";
  const known = kindByPrototype.get(prototype as object);
  if (known !== undefined) return known;
  const prototypes = prototypesOf(value);
  if (isError(value, prototypes)) return "Error";
  const shape = shapeByClassName.get(classNameOf(prototype as object) ?? "");
  return shape !== undefined && prototypes.length === shape.prototypes ? shape.kind : null;
}

/** Whether objects of this kind hold other values. */
export function isContainerKind(kind: ObjectKind): kind is ContainerKind {
  return (
    kind === "Object" ||
    kind === "Array" ||
    kind === "NullObject" ||
    kind === "Map" ||
    kind === "Set" ||
    kind === "Error"
  );
}

/** The built-in class that an error is an instance of, or that its own class extends. */
export function errorClassOf(error: object): ErrorClass {
  const prototypes = prototypesOf(error);
  for (const prototype of prototypes) {
    const known = errorClassByPrototype.get(prototype);
    if (known !== undefined) return known;
  }
  // Not an error of this realm, so that a built-in class can only be told by its name. "Error" is among them.
  return prototypes.map(classNameOf).find(isErrorClass) as ErrorClass;
}

export function isErrorClass(name: unknown): name is ErrorClass {
  return typeof name === "string" && Object.hasOwn(ERROR_CLASSES, name);
}

/** An error of a built-in class. What its parts are is of no meaning. */
export function newError(errorClass: ErrorClass): Error {
  return errorClass === "AggregateError"
    ? new AggregateError([], "(to be replaced)")
    : new (ERROR_CLASSES[errorClass] as ErrorConstructor)();
}

/** Why a value can't be stored, as the end of a sentence. For what `objectKindOf` doesn't know, and worse. */
export function refusalOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return `it is a ${typeof value}`;
  const prototypes = prototypesOf(value);
  if (prototypes.includes(Promise.prototype)) return "it is a Promise; await it first";
  const name = classNameOf(prototypes[0] as object) ?? "an unnamed class";
  return `it is an instance of ${name}, which would not come back as one; store plain data instead`;
}

// Not by `instanceof`, which never returns for a Proxy that is its own prototype.
function isError(value: object, prototypes: readonly object[]): boolean {
  if (prototypes.includes(Error.prototype)) return true;
  const base = prototypes.at(-2);
  return (
    base !== undefined && classNameOf(base) === "Error" && Object.prototype.toString.call(value) === "[object Error]"
  );
}

/** The name of the class that a prototype belongs to, if it says so in the usual way. */
function classNameOf(prototype: object): string | null {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof constructor !== "function") return null;
  const name: unknown = Object.getOwnPropertyDescriptor(constructor, "name")?.value;
  return typeof name === "string" && name !== "" && name.length <= MAX_CLASS_NAME_LENGTH ? name : null;
}

function prototypesOf(value: object): readonly object[] {
  const prototypes: object[] = [];
  let next: unknown = Object.getPrototypeOf(value);
  while (next !== null && prototypes.length < MAX_PROTOTYPES) {
    prototypes.push(next as object);
    next = Object.getPrototypeOf(next);
  }
  return prototypes;
}
