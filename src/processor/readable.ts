/** What can be read from outside while an application runs: tables and stores, by their handles. */
import type { Misuse } from '../misuse.ts'
import type { Serde } from '../serde/serde.ts'

export type ReadableKind = 'key-value' | 'window' | 'session' | 'versioned'

/** What `app.store(…)` takes: tables that keep their rows, and the stores of processors. */
export interface Readable<Kind extends ReadableKind, K, V> {
  readonly kind: Kind
  /** Of its store. */
  readonly name: string
  /** Carries the types; not there at run time. */
  readonly row?: readonly [key: K, value: V]
}

/** The sentence for windows without a key: they send their rows on, and keep none. */
export type Keeps<K> = [K] extends [null]
  ? Misuse<'Windows without a key keep no rows: let them write a topic, and read that'>
  : unknown

/** A store as a topology knows it. */
export interface ReadableStore {
  readonly name: string
  readonly kind: ReadableKind
  /** Of its rows; of windowed ones without the window. */
  readonly key: Serde<unknown>
}
