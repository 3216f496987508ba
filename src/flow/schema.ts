/**
 * The part of Standard Schema v1 that is used here, so that Zod, Valibot, ArkType and others fit
 * without a dependency.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema gives back for a valid value. */
export type SchemaOutput<S> = S extends StandardSchema<infer _, infer Output> ? Output : never;
/** What a schema accepts. */
export type SchemaInput<S> = S extends StandardSchema<infer Input, infer _> ? Input : never;
