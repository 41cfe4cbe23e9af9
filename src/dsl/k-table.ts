/** Tables: the latest value by key. Their changes become streams and gauges. */
import type { Demand, Misuse, Sync } from '../misuse.ts'
import type { Forwarded } from '../processor/processor.ts'
import type { Readable } from '../processor/readable.ts'
import type { Storable } from '../serde/checks.ts'
import { data } from '../serde/data.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'
import type { Emission, Windowed, WindowSpec } from '../windows/windows.ts'
import type { TableFlow } from './flow.ts'
import type { AnySerde, LogicalNode, UserFunction } from './graph.ts'
import { JoinableTable } from './joinable-table.ts'
import type { KGroupedTable } from './k-grouped-table.ts'
import type { KStream } from './k-stream.ts'
import type { DefaultKey, Key, KeySerde, Value, ValueSerde } from './keys.ts'
import type { AggregateOptions, Unnamed } from './plans.ts'
import type { UntilTimeLimit, UntilWindowCloses } from './suppress.ts'

type Await = 'This callback runs synchronously: for a promise use toStream().mapAsync(…)'
type Row<R> = R & Sync<R, Await>
type Bool<B> = Row<B> &
  Demand<Exclude<B, PromiseLike<unknown>>, boolean, 'A predicate answers true or false'>

type GaugeValue<R> = R &
  Demand<R, number | bigint | null, 'A gauge shows a number, a bigint, or null for unknown'>

export interface GaugeOptions<K, V, R> {
  /** Prometheus's rules apply. */
  readonly name: string
  readonly help: string
  /** Fixed: gauges of one name differ in them. */
  readonly labels?: Readonly<Record<string, string>>
  /** From the table's latest row; null: unknown. */
  readonly value: (value: V, key: K) => GaugeValue<R>
  /** What unknown looks like: no series (default), 0, or NaN. */
  readonly whenNull?: 'absent' | 'zero' | 'nan'
}

export interface StoredOptions<V> extends AggregateOptions {
  /** How a row becomes bytes. */
  readonly value?: Serde<V>
}

/** A table and what it can become. */
export class KTable<K, V> extends JoinableTable<K, V> {
  readonly #flow: TableFlow
  /** Of the aggregate or the store that keeps it, or of the tables it was made from. */
  readonly name: string

  constructor(flow: TableFlow) {
    super(flow)
    this.#flow = flow
    this.name = flow.durable
  }

  /**
   * Rows that do not pass are not there, `filter((user) => user.region === 'eu')`; a row that
   * passes no longer is gone.
   */
  filter<W extends V>(guard: (value: V, key: K) => value is W): KTable<K, W>
  filter<B>(predicate: (value: V, key: K) => Bool<B>): KTable<K, V>
  filter(fn: UserFunction): unknown {
    return this.#filtered(fn, true)
  }

  /** The rows that `filter` leaves out: `filterNot((user) => user.region === 'eu')`. */
  filterNot<W extends V>(guard: (value: V, key: K) => value is W): KTable<K, Exclude<V, W>>
  filterNot<B>(predicate: (value: V, key: K) => Bool<B>): KTable<K, V>
  filterNot(fn: UserFunction): unknown {
    return this.#filtered(fn, false)
  }

  /** `users.mapValues((user) => user.name)`; a row mapped to null is gone. */
  mapValues<V2>(fn: (value: V, key: K) => Row<V2>): KTable<K, Value<V2>>
  mapValues(fn: UserFunction): unknown {
    const { graph, node } = this.#flow
    const name = graph.nameOf('KTABLE-MAPVALUES')
    const next = graph.add({ kind: 'table-values', name, fn, inputs: [node] })
    return this.#to(next, undefined)
  }

  /**
   * Keeps the rows of a table made from others, in a store of that name: read there instead of
   * computed anew, and open to look-ups from outside:
   * `mapValues((user) => user.name).stored('names')`.
   */
  stored<V2 extends V = V>(
    this: KTable<K, V> & Storable<V2>,
    name: string,
    options?: StoredOptions<V>
  ): StoredKTable<K, V>
  stored(name: string, options: StoredOptions<V> & ValueSerde<V>): StoredKTable<K, V>
  stored(name: string, options: StoredOptions<V> = {}): unknown {
    const { graph, make, node, key } = this.#flow
    const value = (options.value ?? this.#flow.value ?? data<unknown>()) as AnySerde
    const stored = { key, value, logged: options.logged ?? true }
    const next = graph.add({ kind: 'stored', name, durable: name, ...stored, inputs: [node] })
    return make.table({ graph, make, node: next, durable: name, key, value })
  }

  /**
   * Rows under other keys, to be aggregated by them:
   * `users.groupBy((user, name) => ({ key: user.region, value: name })).count('users-by-region')`.
   * A row without a key or value counts for no group.
   */
  groupBy<K2, V2, V3 extends V2 = V2>(
    selector: (value: V, key: K) => Grouped<K2, V2> & DefaultKey<K2> & Storable<V3>
  ): KGroupedTable<Key<K2>, Value<V2>>
  groupBy<K2, V2>(
    selector: (value: V, key: K) => Grouped<K2, V2>,
    serdes: KeySerde<K2, V2>
  ): KGroupedTable<Key<K2>, Value<V2>>
  groupBy<K2, V2>(
    selector: (value: V, key: K) => Grouped<K2, V2> & DefaultKey<K2>,
    serdes: ValueSerde<V2>
  ): KGroupedTable<Key<K2>, Value<V2>>
  groupBy(
    fn: UserFunction,
    serdes: { readonly key?: AnySerde; readonly value?: AnySerde } = {}
  ): unknown {
    const { graph, make, node } = this.#flow
    const { key = defaultKey as AnySerde, value } = serdes
    const name = graph.nameOf('KTABLE-SELECT')
    const next = graph.add({ kind: 'table-select', name, fn, key, inputs: [node] })
    return make.groupedTable({ graph, make, node: next, key, value })
  }

  /**
   * Holds changes back, in a store of that name: `suppress('hourly', untilTimeLimit('1h'))` lets
   * the last one of a key out every hour,
   * `perHour.suppress('final', untilWindowCloses())` one per window.
   */
  suppress(name: string, until: UntilTimeLimit | WindowCloses<K, this>): KTable<K, V>
  suppress(unnamed: Unnamed<".suppress('hourly', untilTimeLimit('1h'))">): never
  suppress(name: unknown, until?: unknown): unknown {
    const { graph, node, key } = this.#flow
    const value = this.#flow.value ?? (data<unknown>() as AnySerde)
    const how = until as UntilTimeLimit | UntilWindowCloses
    const durable = name as string
    const held = { name: durable, durable, key, value, until: how }
    return this.#to(graph.add({ kind: 'suppress', ...held, inputs: [node] }), this.#flow.value)
  }

  /** Every change, `users.toStream()`; null says that the key has gone. */
  toStream(): KStream<K, V | null> {
    const { graph, make, node, key, value } = this.#flow
    const name = graph.nameOf('KTABLE-TOSTREAM')
    const next = graph.add({ kind: 'to-stream', name, inputs: [node] })
    return make.stream({ graph, make, node: next, key, value, keyChanged: false })
  }

  /**
   * Shows a number of the table's latest row, once it is committed:
   * `counts.toGauge({ name: 'orders', help: 'Of the last user.', value: (n) => n })`. What was
   * shown last survives a restart; of windows, an earlier one never replaces a later one.
   */
  toGauge<R>(gauge: GaugeOptions<K, V, R>): this {
    const { graph, node, durable } = this.#flow
    const { name, help, labels = {}, whenNull = 'absent' } = gauge
    const value = gauge.value as UserFunction
    graph.add({
      kind: 'gauge',
      name: this.#gaugeNode(),
      durable,
      gauge: Object.freeze({ name, help, labels: Object.freeze({ ...labels }), value, whenNull }),
      inputs: [node],
    })
    return this
  }

  protected override made(flow: TableFlow): KTable<never, never> {
    return new KTable(flow)
  }

  #filtered(fn: UserFunction, keeps: boolean): KTable<K, V> {
    const { graph, node, value } = this.#flow
    const name = graph.nameOf('KTABLE-FILTER')
    return this.#to(graph.add({ kind: 'table-filter', name, fn, keeps, inputs: [node] }), value)
  }

  #to(node: LogicalNode, value: AnySerde | undefined): KTable<K, V> {
    return new KTable({ ...this.#flow, node, value, isDerived: true })
  }

  /** Tables made from another share the store of its gauges, but not the node. */
  #gaugeNode(): string {
    const { graph, durable, isDerived = false } = this.#flow
    return isDerived ? graph.nameOf('KTABLE-GAUGES') : `${durable}-gauges`
  }
}

/** Of tables with windows whose rows are not final already; else the sentence. */
type WindowCloses<K, Self> = UntilWindowCloses &
  ([K] extends [Windowed<unknown>]
    ? Self extends { readonly emission: 'final' }
      ? Misuse<"emit('final') puts out closed windows only: there is nothing to suppress">
      : unknown
    : Misuse<'This table has no windows that could close: use untilTimeLimit'>)

type Grouped<K, V> = Row<Pick<Forwarded<K, V>, 'key' | 'value'>>

/** A table with a store of its own, by the table's name; what it keeps `app.store(…)` reads. */
export class StoredKTable<K, V> extends KTable<K, V> implements Readable<'key-value', K, V> {
  readonly kind = 'key-value'
  declare readonly row?: readonly [key: K, value: V]
}

/** A table that knows the past of its rows. */
export class VersionedKTable<K, V> extends KTable<K, V> implements Readable<'versioned', K, V> {
  readonly kind = 'versioned'
  declare readonly row?: readonly [key: K, value: V]
}

/** The result of a windowed aggregate: a row by key and window. */
export class WindowedKTable<K, V, Emit extends Emission>
  extends KTable<Windowed<K>, V>
  implements Readable<'window', K, V>
{
  readonly kind = 'window'
  declare readonly row?: readonly [key: K, value: V]
  readonly emission: Emit
  readonly sizeMs: number

  constructor(flow: TableFlow, windows: Pick<WindowSpec, 'sizeMs'> & { readonly emission: Emit }) {
    super(flow)
    this.emission = windows.emission
    this.sizeMs = windows.sizeMs
  }

  /** Rows as they come out. No window is ever taken back, so there is no null. */
  override toStream(): KStream<Windowed<K>, V> {
    return super.toStream() as KStream<Windowed<K>, V>
  }
}
