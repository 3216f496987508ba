/** One change of a source file. */
export interface Patch {
  /** From the project's folder on. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Tests of which at least one has to fail. */
export interface Harness {
  readonly files: readonly string[];
  /** A part of the names of those meant, as for Vitest's `-t`; all of them where it is missing. */
  readonly only?: string;
}

/** A bug that is put in on purpose, and that the tests have to find. */
export interface Mutant {
  readonly id: `M${number}`;
  /** What is done wrong. */
  readonly bug: string;
  /** The promise that does not hold any more: an invariant of ARCHITECTURE.md, or in words. */
  readonly breaks: string;
  readonly patches: readonly Patch[];
  /** What is meant to find it. */
  readonly narrow: Harness;
  /** What ought to find it, too, without knowing of it: tried where the narrow one does not, or with `--wide`. */
  readonly wide: Harness;
}
