/** Small topologies for the tests of the runtime, drawn by hand: no DSL in between. */

import { findByKey } from '../../src/operators/find-rows.ts'
import { SinkOperator } from '../../src/operators/sink.ts'
import type { GaugePort, TaskContext } from '../../src/processor/operator.ts'
import { Operator } from '../../src/processor/operator.ts'
import type { Readable } from '../../src/processor/readable.ts'
import { int64, string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { NodeBlueprint, OperatorBlueprint } from '../../src/topology/blueprint.ts'
import { both, neither } from '../../src/topology/blueprint.ts'
import { buildTopology } from '../../src/topology/build.ts'
import type {
  InstrumentSpec,
  SourceTopicSpec,
  StoreSpec,
  TimedAggregateSpec,
  Topology,
} from '../../src/topology/topology.ts'
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'

export interface SmallTopic {
  readonly name: string
  readonly key: Serde<string>
  readonly value: Serde<string>
}

export function textTopic(name: string): SmallTopic {
  return { name, key: string(), value: string() }
}

/** What `NthOperator` and `CountOperator` send: text to int64. */
export function countTopic(name: string): {
  name: string
  key: Serde<string>
  value: Serde<bigint>
} {
  return { name, key: string(), value: int64() }
}

export function source(
  name: string,
  topic: SmallTopic,
  spec: Partial<SourceTopicSpec> = {}
): NodeBlueprint {
  const plain = {
    name: topic.name,
    internal: false,
    key: topic.key as Serde<unknown>,
    value: topic.value as Serde<unknown>,
    timestamp: undefined,
    keepsTimeOfNull: false,
    maxFutureMs: undefined,
    rejections: undefined,
  }
  return { kind: 'source', name, topics: [{ ...plain, ...spec }], reads: neither }
}

export interface NodeOptions {
  readonly stores?: readonly StoreSpec[]
  readonly aggregates?: readonly TimedAggregateSpec[]
  readonly topic?: string
}

export function node(
  name: string,
  parent: string | readonly string[],
  create: () => Operator,
  options: NodeOptions = {}
): OperatorBlueprint {
  return {
    kind: options.topic === undefined ? 'processor' : 'sink',
    name,
    operator: name,
    parents: [parent].flat(),
    topic: options.topic,
    stores: options.stores ?? [],
    aggregates: options.aggregates ?? [],
    reads: both,
    replaces: both,
    create,
  }
}

export function sink(
  name: string,
  parent: string | readonly string[],
  topic: { readonly name: string; readonly key: Serde<string>; readonly value: unknown }
): OperatorBlueprint {
  const { key, value } = topic as { key: Serde<unknown>; value: Serde<unknown> }
  const create = (): Operator => new SinkOperator({ name: topic.name, key, value })
  return node(name, parent, create, { topic: topic.name })
}

export interface SmallTopology {
  readonly nodes: readonly NodeBlueprint[]
  readonly sources?: readonly string[]
  readonly sinks?: readonly string[]
  readonly repartitions?: readonly string[]
  readonly instruments?: readonly InstrumentSpec[]
}

export function topologyOf(small: SmallTopology): Topology {
  const user = (name: string) => ({ name, partitions: undefined, config: {}, create: false })
  return buildTopology({
    nodes: small.nodes,
    sources: (small.sources ?? ['in']).map(user),
    sinks: (small.sinks ?? ['out']).map(user),
    repartitions: (small.repartitions ?? []).map((name) => ({ name, partitions: undefined })),
    readable: [{ name: countStore.name, kind: 'key-value', key: string() as Serde<unknown> }],
    instruments: small.instruments ?? [],
  })
}

export const countStore: StoreSpec = {
  name: 'counts',
  logged: true,
  layout: 'counts by text',
  config: { 'cleanup.policy': 'compact' },
}

/** To read it by. */
export const countHandle: Readable<'key-value', string, number> = {
  name: countStore.name,
  kind: 'key-value',
}

export function countDefinition(store = countStore): StoreDefinition<{ n: number }> {
  return {
    name: store.name,
    logged: store.logged,
    codec: {
      encode: ({ n }) => Buffer.from(String(n)),
      decode: (bytes) => ({ n: Number(Buffer.from(bytes).toString()) }),
    },
  }
}

/** Counts per key; sends each count on, or with the cache on the last one per commit. */
export class CountOperator extends Operator {
  readonly #store: StoreSpec
  readonly #pending = new Map<string, number>()
  #state!: KeyValueState<{ n: number }>
  #context!: TaskContext

  constructor(store = countStore) {
    super()
    this.#store = store
  }

  override init(context: TaskContext): void {
    this.#context = context
    const row = (key: string, { n }: { readonly n: number }) => ({ key, value: n })
    this.#state = context.store(countDefinition(this.#store), findByKey({ keyText: String, row }))
  }

  process(key: unknown, _value: unknown, timestamp: number): void {
    const text = String(key)
    const count = this.#state.get(text) ?? { n: 0 }
    count.n += 1
    this.#state.put(text, count)
    if (this.#context.caching) this.#pending.set(text, timestamp)
    else this.next.process(text, BigInt(count.n), timestamp)
  }

  override flush(): void {
    for (const [key, timestamp] of this.#pending) {
      this.next.process(key, BigInt(this.#state.get(key)?.n ?? 0), timestamp)
    }
    this.#pending.clear()
  }
}

/** Any behaviour, as a function. */
export class FunctionOperator extends Operator {
  readonly #run: (self: FunctionOperator, key: unknown, value: unknown, timestamp: number) => void
  readonly #begin: ((context: TaskContext, self: FunctionOperator) => void) | undefined
  context!: TaskContext

  constructor(
    run: (self: FunctionOperator, key: unknown, value: unknown, timestamp: number) => void,
    begin?: (context: TaskContext, self: FunctionOperator) => void
  ) {
    super()
    this.#run = run
    this.#begin = begin
  }

  override init(context: TaskContext): void {
    this.context = context
    this.#begin?.(context, this)
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const run = this.#run
    run(this, key, value, timestamp)
  }
}

/** Shows how many records there were, from a store, so that it survives. */
export class GaugeCountOperator extends Operator {
  #state!: KeyValueState<{ n: number }>
  #gauge!: GaugePort

  override init(context: TaskContext): void {
    this.#state = context.store(countDefinition())
    this.#gauge = context.gauge('records')
    this.#gauge.set(this.#state.get('all')?.n ?? null)
  }

  process(): void {
    const n = (this.#state.get('all')?.n ?? 0) + 1
    this.#state.put('all', { n })
    this.#gauge.set(n)
  }
}

/** `in` → filter → `out`. */
export function filterTopology(keeps: (value: string) => boolean): Topology {
  return topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node(
        'filter',
        'source',
        () =>
          new FunctionOperator((self, key, value, timestamp) => {
            if (keeps(String(value))) self.next.process(key, value, timestamp)
          })
      ),
      sink('sink', 'filter', textTopic('out')),
    ],
  })
}

/** `in` → count by key → `out`. */
export function countTopology(store = countStore): Topology {
  return topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('count', 'source', () => new CountOperator(store), { stores: [store] }),
      sink('sink', 'count', countTopic('out')),
    ],
  })
}
