/** A stream of records. Values come first in every callback, keys second, as in `Map.forEach`. */
import type { Demand, Misuse, Sync } from '../misuse.ts'
import type { AsyncCall } from '../operators/map-async.ts'
import type {
  Forwarded,
  Forwards,
  OpenedStores,
  ProcessorFactory,
  StoreHandles,
  ValueProcessorContext,
} from '../processor/processor.ts'
import type { Storable } from '../serde/checks.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'
import type { Emission, WindowShape, Windows } from '../windows/windows.ts'
import type { BranchedKStream } from './branch.ts'
import { addCounter, type CounterOptions } from './counter.ts'
import {
  addDeduplicate,
  type DeduplicateOptions,
  type PrintOptions,
  printer,
} from './deduplicate.ts'
import type { StreamFlow } from './flow.ts'
import type { AnySerde, LogicalNode, StatelessOperator, UserFunction } from './graph.ts'
import { flowOf, JoinableStream } from './joinable-stream.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { StoredKTable } from './k-table.ts'
import type { DefaultKey, Key, KeySerde, Value, ValueSerde } from './keys.ts'
import type { LateRecords, WindowedByOptions } from './late.ts'
import { addMapAsync, type MapAsyncOptions } from './map-async.ts'
import { mergeFlows } from './merge.ts'
import { addRepartition, type Repartitioning, type RepartitionOptions } from './repartition.ts'
import { addSink, type Fits, type KeyOf, type ValueOf } from './sink.ts'
import { toTable } from './to-table.ts'
import type { Topic } from './topic.ts'
import type { GlobalWindowedStream } from './windowed-stream.ts'

type Await = 'This callback runs synchronously: it cannot answer a promise'
type Row<R> = R & Sync<R, Await>
type Bool<B> = Row<B> &
  Demand<Exclude<B, PromiseLike<unknown>>, boolean, 'A predicate answers true or false'>

export class KStream<out K, out V> extends JoinableStream<K, V> {
  readonly #flow: StreamFlow

  /** Streams come from a `StreamsBuilder` and from other streams. */
  constructor(flow: StreamFlow) {
    super(flow)
    this.#flow = flow
    Object.freeze(this)
  }

  /**
   * Keeps the records that fit: `filter((order) => order.cents > 0)`; a type guard narrows their
   * type.
   */
  filter<W extends V>(guard: (value: V, key: K) => value is W): KStream<K, W>
  filter<B>(predicate: (value: V, key: K) => Bool<B>): KStream<K, V>
  filter(fn: UserFunction): unknown {
    return this.#stateless('filter', 'FILTER', fn, {})
  }

  /** Keeps the others: `filterNot((order) => order.cents === 0)`. */
  filterNot<W extends V>(guard: (value: V, key: K) => value is W): KStream<K, Exclude<V, W>>
  filterNot<B>(predicate: (value: V, key: K) => Bool<B>): KStream<K, V>
  filterNot(fn: UserFunction): unknown {
    return this.#stateless('filter-not', 'FILTER', fn, {})
  }

  /** One record for one: `map((order) => ({ key: order.user, value: order.cents }))`. */
  map<K2, V2>(fn: (value: V, key: K) => Forwarded<K2, V2>): KStream<K2, V2> {
    return this.#stateless('map', 'MAP', fn, { key: true, value: true })
  }

  /**
   * Any number of records for one:
   * `flatMap((order) => order.items.map((item) => ({ key: item, value: 1 })))`.
   */
  flatMap<K2, V2>(fn: (value: V, key: K) => Iterable<Forwarded<K2, V2>>): KStream<K2, V2> {
    return this.#stateless('flat-map', 'FLATMAP', fn, { key: true, value: true })
  }

  /** A new value, the same key: `mapValues((order) => order.cents)`. No repartitioning follows. */
  mapValues<V2>(fn: (value: V, key: K) => Row<V2>): KStream<K, V2> {
    return this.#stateless('map-values', 'MAPVALUES', fn, { value: true })
  }

  /** Any number of values for one: `flatMapValues((order) => order.items)`. */
  flatMapValues<V2>(fn: (value: V, key: K) => Iterable<V2>): KStream<K, V2> {
    return this.#stateless('flat-map-values', 'FLATMAPVALUES', fn, { value: true })
  }

  /** The same value under a new key: `selectKey((order) => order.user)`. */
  selectKey<K2>(fn: (value: V, key: K) => Row<K2>): KStream<K2, V> {
    return this.#stateless('select-key', 'KEY-SELECT', fn, { key: true })
  }

  /**
   * A new value that takes its time, such as an answer from elsewhere. Calls run side by side; what
   * follows sees the records in their order. Commits wait for the calls under way; after a crash
   * they are made again:
   *
   *     orders.mapAsync(async (order) => ({ ...order, rate: await rateOf(order.currency) }), {
   *       concurrency: 32, timeout: '5s', retries: 3,
   *     })
   *
   * A record whose last call has failed goes the way of all records that fail in an operator.
   */
  mapAsync<R>(
    fn: (value: V, key: K, call: AsyncCall) => PromiseLike<R>,
    options: MapAsyncOptions = {}
  ): KStream<K, R> {
    const node = addMapAsync(this.#flow, fn, options)
    return this.#to(node, { value: undefined }) as KStream<K, R>
  }

  /** Looks at each record, and changes nothing: `peek((order) => audit(order))`. */
  peek<R>(fn: (value: V, key: K) => Row<R>): KStream<K, V> {
    return this.#stateless('peek', 'PEEK', fn, {})
  }

  /** Hands each record to a function: `forEach((order) => audit(order))`; the stream ends here. */
  forEach<R>(fn: (value: V, key: K) => Row<R>): void {
    this.#stateless('for-each', 'FOREACH', fn, {})
  }

  /**
   * Prints each record, `[label]: key, value`; the stream ends here:
   * `print({ label: 'orders', write: audit })`.
   */
  print(options: PrintOptions = {}): void {
    const { graph, node } = this.#flow
    const name = graph.nameOf('KSTREAM-PRINTER')
    const fn = printer(name, options) as UserFunction
    graph.add({ kind: 'stateless', name, operator: 'for-each', fn, inputs: [node] })
  }

  /**
   * Of the records with one id, the first; the others are dropped, and counted as `duplicate`:
   *
   *     orders.deduplicate('orders-once', { by: (order) => order.id, within: '1h' })
   *
   * It sees the records of one partition: where those of one id lie in several, repartition by it.
   */
  deduplicate<K2 extends K = K, V2 extends V = V>(
    name: string,
    options: DeduplicateOptions<K2, V2>
  ): KStream<K, V> {
    const untyped = options as unknown as DeduplicateOptions<never, never>
    const node = addDeduplicate(this.#flow, name, untyped)
    return this.#to(node, {}) as KStream<K, V>
  }

  /** Both streams in one, of two types or one: `orders.merge(returns)`. For more see `merge`. */
  merge<K2, V2>(other: KStream<K2, V2>): KStream<K | K2, V | V2> {
    return mergeFlows([this.#flow, flowOf(other)]) as KStream<K | K2, V | V2>
  }

  /** `.split().branch('orders', isOrder).defaultBranch('other')` → `{ orders, other }` */
  split(): BranchedKStream<K, V, V, unknown> {
    return this.#flow.make.branched(this.#flow) as BranchedKStream<K, V, V, unknown>
  }

  /**
   * Sends the records through the topic `<application>-<name>-repartition`, so that those of one
   * key meet in one task: `selectKey((order) => order.user).repartition('orders-by-user')`. Records
   * without a key are dropped, and counted as `ungrouped`.
   */
  repartition<K2 extends K = K>(
    name: string,
    options: RepartitionOptions<K, V> & { readonly key: Serde<Key<K2>> }
  ): KStream<K, V>
  repartition<K2 extends K = K, V2 extends V = V>(
    this: KStream<K, V> & DefaultKey<K2> & Storable<V2>,
    name: string,
    options?: RepartitionOptions<K, V>
  ): KStream<K, V>
  repartition<K2 extends K = K>(
    this: KStream<K, V> & DefaultKey<K2>,
    name: string,
    options: RepartitionOptions<K, V> & ValueSerde<V>
  ): KStream<K, V>
  repartition(name: string, options: Repartitioning = {}): unknown {
    const { node, ...changes } = addRepartition(this.#flow, name, options)
    return this.#to(node, changes)
  }

  /**
   * The last value of each key, as a table with a store of that name: `toTable('latest')`. Null
   * takes a row away.
   * Where the key has changed it repartitions by itself, through a topic of that name.
   */
  toTable<K2 extends K = K>(name: string, serdes: KeySerde<K2, V>): StoredKTable<Key<K>, Value<V>>
  toTable<K2 extends K = K, V2 extends V = V>(
    this: KStream<K, V> & DefaultKey<K2> & Storable<V2>,
    name: string
  ): StoredKTable<Key<K>, Value<V>>
  toTable<K2 extends K = K>(
    this: KStream<K, V> & DefaultKey<K2>,
    name: string,
    serdes: ValueSerde<V>
  ): StoredKTable<Key<K>, Value<V>>
  toTable(name: string, serdes: Serdes = {}): unknown {
    return toTable(this.#flow, name, serdes)
  }

  /**
   * Groups by the key as it is: `groupByKey().count('orders')`. Where it has changed, the aggregate
   * repartitions by itself.
   */
  groupByKey<K2 extends K = K>(serdes: KeySerde<K2, V>): KGroupedStream<Key<K>, V>
  groupByKey<K2 extends K = K, V2 extends V = V>(
    this: KStream<K, V> & DefaultKey<K2> & Storable<V2>
  ): KGroupedStream<Key<K>, V>
  groupByKey<K2 extends K = K>(
    this: KStream<K, V> & DefaultKey<K2>,
    serdes: ValueSerde<V>
  ): KGroupedStream<Key<K>, V>
  groupByKey(serdes: Serdes = {}): unknown {
    return this.#group(this.#flow, serdes)
  }

  /**
   * Groups by a new key: `groupBy((order) => order.user).count('orders-by-user')`. The aggregate
   * repartitions by itself, under its own name.
   */
  groupBy<K2, V2 extends V = V>(
    selector: (value: V, key: K) => Row<K2> & DefaultKey<K2> & Storable<V2>
  ): KGroupedStream<Key<K2>, V>
  groupBy<K2>(
    selector: (value: V, key: K) => Row<K2>,
    serdes: KeySerde<K2, V>
  ): KGroupedStream<Key<K2>, V>
  groupBy<K2>(
    selector: (value: V, key: K) => Row<K2> & DefaultKey<K2>,
    serdes: ValueSerde<V>
  ): KGroupedStream<Key<K2>, V>
  groupBy(selector: UserFunction, serdes: Serdes = {}): unknown {
    const keyed = this.#stateless('select-key', 'KEY-SELECT', selector, { key: true })
    return this.#group(keyed.#flow, serdes)
  }

  /**
   * Windows over everything, without a key: each task keeps partial results, one final task merges
   * them. Windows close by watermark, the minimum over all source partitions:
   * `windowedBy(tumbling('5m')).aggregate('traffic', { orders: count() })`.
   */
  windowedBy<Shape extends WindowShape, Empty extends boolean, Emit extends Emission>(
    windows: Windows<Shape, Empty, Emit>,
    { late }: WindowedByOptions<K, V> = {}
  ): GlobalWindowedStream<V, Emit> {
    const records = late as LateRecords<never, never>
    const stream = this.#flow.make.globalWindowed(this.#flow, windows, records)
    return stream as GlobalWindowedStream<V, Emit>
  }

  /**
   * Sends the records to a topic, `to(archive)`, or to the one of `among` that a function chooses
   * for each: `to((order) => (order.cents > 0 ? paid : archive), { among: [paid, archive] })`.
   */
  to<TK, TV, K2 extends K = K, V2 extends V = V>(topic: Topic<TK, TV> & Fits<K2, V2, TK, TV>): void
  to<const T extends readonly object[], K2 extends K = K, V2 extends V = V>(
    choose: (value: V, key: K) => NoInfer<T[number]>,
    options: { readonly among: T & Fits<K2, V2, KeyOf<T[number]>, ValueOf<T[number]>> }
  ): void
  to(topic: object, options?: { readonly among: readonly object[] }): void {
    addSink(this.#flow, topic, options)
  }

  /**
   * A processor of one's own, with stores. The factory runs once per task; annotate `context` with
   * what is forwarded:
   *
   *     type Context = ProcessorContext<string, Order>
   *     orders.process('first', { seen }, (context: Context, { seen }) => ({
   *       process({ key, value }) {
   *         if (seen.get(key) === undefined) context.forward({ key, value })
   *         seen.put(key, 1)
   *       },
   *     }))
   */
  process<const H extends StoreHandles, K2 = Misuse<Forwards>, V2 = Misuse<Forwards>>(
    name: string,
    stores: H,
    factory: ProcessorFactory<H, K, V, K2, V2>
  ): KStream<K2, V2> {
    return this.#process(name, stores, factory, false)
  }

  /**
   * Keeps the key, so no repartitioning follows; the new value is what the function answers:
   * `processValues('nth', { seen }, (_context, { seen }) => (_order, key) => seen.get(key) ?? 0)`.
   */
  processValues<const H extends StoreHandles, V2>(
    name: string,
    stores: H,
    factory: (
      context: ValueProcessorContext,
      stores: OpenedStores<H>
    ) => (value: V, key: K) => Row<V2>
  ): KStream<K, V2> {
    return this.#process(name, stores, factory, true)
  }

  /**
   * Counts the records that are committed: `toCounter({ name: 'orders_total', help: 'Orders.' })`.
   * The stream goes on. It starts at 0 with the process.
   */
  toCounter<K2 extends K = K, V2 extends V = V>(counter: CounterOptions<K2, V2>): KStream<K, V> {
    const node = addCounter(this.#flow, counter)
    return this.#to(node, {}) as KStream<K, V>
  }

  #stateless<K2, V2>(
    operator: StatelessOperator,
    prefix: string,
    fn: UserFunction,
    replaces: { readonly key?: true; readonly value?: true }
  ): KStream<K2, V2> {
    const { graph, node } = this.#flow
    const name = graph.nameOf(`KSTREAM-${prefix}`)
    const next = graph.add({ kind: 'stateless', name, operator, fn, inputs: [node] })
    return this.#to(next, {
      ...(replaces.key ? { key: undefined, keyChanged: true } : {}),
      ...(replaces.value ? { value: undefined } : {}),
    }) as KStream<K2, V2>
  }

  #process<K2, V2>(
    name: string,
    stores: StoreHandles,
    factory: UserFunction,
    keepsKey: boolean
  ): KStream<K2, V2> {
    const { graph, node } = this.#flow
    const handles = Object.freeze({ ...stores })
    const inputs = [node]
    const next = graph.add({ kind: 'process', name, keepsKey, stores: handles, factory, inputs })
    const key = keepsKey ? {} : { key: undefined, keyChanged: true }
    return this.#to(next, { ...key, value: undefined }) as KStream<K2, V2>
  }

  #group(flow: StreamFlow, serdes: Serdes): unknown {
    const { graph, make, node, keyChanged } = flow
    const key = serdes.key ?? flow.key ?? defaultKey
    return make.grouped({ graph, make, node, keyChanged, key, value: serdes.value ?? flow.value })
  }

  #to(node: LogicalNode, changes: Partial<StreamFlow>): KStream<unknown, unknown> {
    return new KStream<unknown, unknown>({ ...this.#flow, ...changes, node })
  }
}

interface Serdes {
  readonly key?: AnySerde
  readonly value?: AnySerde
}
