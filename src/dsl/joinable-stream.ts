/**
 * Joins of a stream. Its buffers are durable: the name of a stream–stream join comes first.
 * `KStream` is built on it.
 */
import { TopologyError } from '../errors.ts'
import type { Demand, SameKey, Sync } from '../misuse.ts'
import { data } from '../serde/data.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'
import type { JoinWindow } from '../windows/join-window.ts'
import type { StreamFlow } from './flow.ts'
import { GlobalKTable } from './global-k-table.ts'
import type { AnySerde, StreamJoinNode, UserFunction } from './graph.ts'
import type { KStream } from './k-stream.ts'
import { KTable } from './k-table.ts'
import type { Key } from './keys.ts'
import { joinGlobal, joinTable, type TableJoinOptions } from './stream-table-join.ts'

type Joined<R> = R & Sync<R, 'A joiner runs synchronously: join first, then mapAsync'>

/** How the two sides of a join lie in its buffers, where nothing says so yet. */
export interface JoinSerdes<K, V, VO> {
  readonly key?: Serde<Key<K>>
  readonly left?: Serde<V>
  readonly right?: Serde<VO>
}

type Lookup<K, KT> = K &
  Sync<K, 'A key is at hand: this callback runs synchronously'> &
  Demand<
    Exclude<K, null | PromiseLike<unknown>>,
    KT,
    'The selector must answer a key of the global table'
  >

type JoinStream = (
  name: string,
  other: KStream<unknown, unknown>,
  window: JoinWindow,
  joiner: UserFunction,
  serdes?: { key?: AnySerde; left?: AnySerde; right?: AnySerde }
) => void

/** What a stream is made of. */
export let flowOf: (stream: JoinableStream<unknown, unknown>) => StreamFlow

export abstract class JoinableStream<out K, out V> {
  readonly #flow: StreamFlow

  static {
    flowOf = (stream) => stream.#flow
  }

  constructor(flow: StreamFlow) {
    this.#flow = flow
  }

  /**
   * Each record with the table's row of its key, as it is when the record comes; of a versioned
   * table, as it was at the record's time. Records without a row are left out.
   *
   *     orders.join(users, (order, user) => ({ ...order, region: user.region }))
   *
   * With a name and `{ grace }`, records wait that long for rows of a versioned table that come
   * late.
   */
  join<KT, VT, R, K2 extends K = K>(
    table: KTable<KT, VT> & SameKey<Key<K2>, KT>,
    joiner: (value: V, row: VT, key: KT) => Joined<R>
  ): KStream<Key<K>, R>
  join<KT, VT, R, K2 extends K = K, V2 extends V = V>(
    name: string,
    table: KTable<KT, VT> & SameKey<Key<K2>, KT>,
    joiner: (value: V, row: VT, key: KT) => Joined<R>,
    options: TableJoinOptions<K2, V2>
  ): KStream<Key<K>, R>
  /**
   * Each record with the row of a global table that it names:
   *
   *     orders.join(products, (order) => order.product, (order, { title }) => title)
   */
  join<KT, VT, R, KL>(
    table: GlobalKTable<KT, VT>,
    selector: (value: V, key: K) => Lookup<KL, KT>,
    joiner: (value: V, row: VT, key: K) => Joined<R>
  ): KStream<K, R>
  /**
   * Pairs of records with the same key that are near in event time; every pair there is:
   *
   *     orders.join('paid-orders', payments, within('30m', { grace: '1m' }), (order, payment) => ({
   *       ...order,
   *       paidAt: payment.at,
   *     }))
   *
   * A pair is dated by the later of the two. Records without a key or a value are dropped.
   */
  join<KO, VO, R, K2 extends K = K, V2 extends V = V>(
    name: string,
    other: KStream<KO, VO> & SameKey<Key<K2>, Key<KO>>,
    window: JoinWindow,
    joiner: (value: V, other: VO, key: Key<K>) => Joined<R>,
    serdes?: JoinSerdes<K2, V2, VO>
  ): KStream<Key<K>, R>
  join(...args: readonly unknown[]): unknown {
    return this.#joinAny('inner', args)
  }

  /**
   * As `join` with a table; records without a row, or without a key, meet null:
   * `orders.leftJoin(users, (order, user) => user?.region ?? order.user)`.
   */
  leftJoin<KT, VT, R, K2 extends K = K>(
    table: KTable<KT, VT> & SameKey<Key<K2>, KT>,
    joiner: (value: V, row: VT | null, key: K) => Joined<R>
  ): KStream<K, R>
  leftJoin<KT, VT, R, K2 extends K = K, V2 extends V = V>(
    name: string,
    table: KTable<KT, VT> & SameKey<Key<K2>, KT>,
    joiner: (value: V, row: VT | null, key: K) => Joined<R>,
    options: TableJoinOptions<K2, V2>
  ): KStream<K, R>
  /** As `join` with a global table; records that name no row, or no key, meet null. */
  leftJoin<KT, VT, R, KL>(
    table: GlobalKTable<KT, VT>,
    selector: (value: V, key: K) => Lookup<KL, KT>,
    joiner: (value: V, row: VT | null, key: K) => Joined<R>
  ): KStream<K, R>
  /**
   * As `join`; a record of the left stream that nothing has joined when its window and grace have
   * passed comes out with null, dated by itself. So does one without a key, at once.
   */
  leftJoin<KO, VO, R, K2 extends K = K, V2 extends V = V>(
    name: string,
    other: KStream<KO, VO> & SameKey<Key<K2>, Key<KO>>,
    window: JoinWindow,
    joiner: (value: V, other: VO | null, key: K) => Joined<R>,
    serdes?: JoinSerdes<K2, V2, VO>
  ): KStream<K, R>
  leftJoin(...args: readonly unknown[]): unknown {
    return this.#joinAny('left', args)
  }

  /**
   * As `leftJoin`, for records of both streams:
   * `orders.outerJoin('pairs', payments, within('30m'), (order, payment) => [order, payment])`.
   */
  outerJoin<KO, VO, R, K2 extends K = K, V2 extends V = V>(
    name: string,
    other: KStream<KO, VO> & SameKey<Key<K2>, Key<KO>>,
    window: JoinWindow,
    joiner: (value: V | null, other: VO | null, key: K | KO) => Joined<R>,
    serdes?: JoinSerdes<K2, V2, VO>
  ): KStream<K | KO, R> {
    const node = this.#join('outer', name, other, window, joiner, serdes)
    return node as unknown as KStream<K | KO, R>
  }

  /** Which join is meant follows from the arguments: with a stream there is a window. */
  #joinAny(how: 'inner' | 'left', args: readonly unknown[]): unknown {
    const other = typeof args[0] === 'string' ? args[1] : args[0]
    if (other instanceof GlobalKTable) return joinGlobal(this.#flow, how, args)
    if (other instanceof KTable) return joinTable(this.#flow, how, args)
    const [name, stream, window, joiner, serdes] = args as Parameters<JoinStream>
    return this.#join(how, name, stream, window, joiner, serdes)
  }

  #join(
    how: StreamJoinNode['how'],
    durable: string,
    other: KStream<unknown, unknown>,
    window: JoinWindow,
    joiner: UserFunction,
    serdes: { key?: AnySerde; left?: AnySerde; right?: AnySerde } = {}
  ): KStream<never, never> {
    const left = this.#flow
    const right = flowOf(other)
    const { graph, make } = left
    if (right.graph !== graph) {
      throw new TopologyError(
        'MILLRACE_GRAPH_FOREIGN',
        `The streams of join '${durable}' come from different builders: make them with one ` +
          'StreamsBuilder, or let one write a topic that the other reads.'
      )
    }
    const key = serdes.key ?? left.key ?? right.key ?? defaultKey
    graph.skipNames(5)
    const node = graph.add({
      kind: 'stream-join',
      name: `${durable}-merge`,
      durable,
      how,
      window,
      key,
      left: serdes.left ?? left.value ?? data<unknown>(),
      right: serdes.right ?? right.value ?? data<unknown>(),
      joiner,
      strays: Object.freeze([
        ...(left.keyChanged ? (['left'] as const) : []),
        ...(right.keyChanged ? (['right'] as const) : []),
      ]),
      isMerged: false,
      inputs: [left.node, right.node],
    })
    return make.stream({ graph, make, node, key, value: undefined, keyChanged: false })
  }
}
