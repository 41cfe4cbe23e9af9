/** A serde: a name and two synchronous functions between values and bytes. */

export interface Serde<T> {
  readonly name: string
  serialize(value: T): Uint8Array | null
  /**
   * Throws a RejectedRecordError to refuse a record with a reason of its own; any other error
   * counts as `decode`.
   */
  deserialize(bytes: Uint8Array): T
  /**
   * What a null is read as; without it a null key or value is rejected (`null_key`, `null_value`).
   */
  deserializeNull?(): T
}

export type SerdeType<S> = S extends Serde<infer T> ? T : never
