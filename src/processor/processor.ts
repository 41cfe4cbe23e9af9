/**
 * The Processor API: a function of a typed context that says what to do with each record.
 *
 *     stream.process('gaps', { seen }, (context: ProcessorContext<string, Gap>, { seen }) => ({
 *       process({ key, timestamp }) {
 *         const before = seen.get(key)
 *         seen.put(key, timestamp)
 *         if (before !== undefined) context.forward({ key, value: { ms: timestamp - before } })
 *       },
 *     }))
 */
import type { Duration } from '../durations.ts'
import type { Offset, TaskId, Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { Punctuation } from './operator.ts'
import type { AnyStoreHandle, KeyValueStore, StoreHandle, WindowStore } from './stores.ts'

/** Where the record came from: its source or repartition topic. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
}

/** What a processor is given; valid until the next record. */
export interface StreamRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: Timestamp
  readonly headers: RecordHeaders
}

/** What `forward`, `map` and `flatMap` put out. */
export interface Forwarded<K, V> {
  readonly key: K
  readonly value: V
  /** Epoch milliseconds. Default: that of the record, or of the punctuation, at hand. */
  readonly timestamp?: Timestamp
}

/** Which clock drives a schedule: the task's greatest timestamp, or the clock on the wall. */
export type PunctuationClock = 'stream-time' | 'wall-clock'

/** What a processor that keeps the key may ask of its task. */
export interface ValueProcessorContext {
  readonly taskId: TaskId
  /** Greatest timestamp of any record the task accepted; -Infinity before the first. */
  readonly streamTime: Timestamp
  /** Null outside of `process`, such as in a punctuation. */
  readonly metadata: RecordMetadata | null
  /**
   * Calls `run` again and again. Stream time: at multiples of the interval, once it has passed
   * them; wall clock: from now on. Intervals that were missed count as one. A promise is awaited,
   * and the task takes no record meanwhile.
   */
  schedule(
    interval: Duration,
    clock: PunctuationClock,
    run: (timestamp: Timestamp) => void | Promise<void>
  ): Punctuation
  /** Asks for a commit soon. */
  commit(): void
}

/** A body cannot tell the compiler what it forwards: the annotation of `context` does. */
export interface ProcessorContext<KOut = never, VOut = never> extends ValueProcessorContext {
  forward(record: Forwarded<KOut, VOut>): void
}

/** What the compiler says where that annotation is missing. */
export type Forwards = 'State what you forward: (context: ProcessorContext<string, Total>) => …'

export interface Processor<K, V> {
  /** A promise (of a scan through a store) is awaited: the next record comes after it. */
  process(record: StreamRecord<K, V>): void | Promise<void>
  close?(): void
}

/** The stores given to a processor, by the names it knows them by. */
export type StoreHandles = Readonly<Record<string, AnyStoreHandle>>

/** The same, opened. */
export type OpenedStores<H> = {
  readonly [N in keyof H]: H[N] extends StoreHandle<infer Kind, infer K, infer V>
    ? Kind extends 'window'
      ? WindowStore<K, V>
      : KeyValueStore<K, V>
    : never
}

/** Runs once per task, before its first record. */
export type ProcessorFactory<H, K, V, KOut, VOut> = (
  context: ProcessorContext<KOut, VOut>,
  stores: OpenedStores<H>
) => Processor<K, V>
