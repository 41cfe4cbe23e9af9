/** Keys in the types: which have a default serde, and that groups know no null. */
import type { Misuse } from '../misuse.ts'
import type { KeyDefault } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'

/** Records without a key belong to no group. */
export type Key<K> = NonNullable<K>

/** A row of a table is never null: that says that there is none. */
export type Value<V> = Exclude<V, null>

type NoDefault =
  Misuse<'A key of this type has no default serde: say { key: serde } as the last argument'>

/** `unknown` if keys of this type need no serde; else the sentence. */
export type DefaultKey<K> = [Key<K>] extends [KeyDefault] ? unknown : NoDefault

/** For a key without a default serde, or where another is wanted. */
export interface KeySerde<K, V> {
  readonly key: Serde<Key<K>>
  readonly value?: Serde<V>
}

export interface ValueSerde<V> {
  readonly value: Serde<V>
}
