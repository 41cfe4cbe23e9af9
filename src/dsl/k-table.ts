/** Tables: the latest value by key. Their changes become streams and gauges. */
import type { Demand } from '../misuse.ts'
import type { Emission, Windowed, WindowSpec } from '../windows/windows.ts'
import type { TableFlow } from './flow.ts'
import type { UserFunction } from './graph.ts'
import type { KStream } from './k-stream.ts'

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

/** A table and what it can become. */
export class KTable<K, V> {
  readonly #flow: TableFlow
  /** Of the aggregate that keeps it, and of its store. */
  readonly name: string

  constructor(flow: TableFlow) {
    this.#flow = flow
    this.name = flow.durable
  }

  /** Every change; null says that the key has gone. */
  toStream(): KStream<K, V | null> {
    const { graph, make, node, key, value } = this.#flow
    const name = graph.nameOf('KTABLE-TOSTREAM')
    const next = graph.add({ kind: 'to-stream', name, inputs: [node] })
    return make.stream({ graph, make, node: next, key, value, keyChanged: false })
  }

  /**
   * Shows a number of the table's latest row, once it is committed. What was shown last survives a
   * restart; of windows, an earlier one never replaces a later one.
   */
  toGauge<R>(gauge: GaugeOptions<K, V, R>): this {
    const { graph, node, durable } = this.#flow
    const { name, help, labels = {}, whenNull = 'absent' } = gauge
    const value = gauge.value as UserFunction
    graph.add({
      kind: 'gauge',
      name: `${durable}-gauges`,
      durable,
      gauge: Object.freeze({ name, help, labels: Object.freeze({ ...labels }), value, whenNull }),
      inputs: [node],
    })
    return this
  }
}

/** A table with a store of its own, by the table's name. */
export class StoredKTable<K, V> extends KTable<K, V> {
  readonly kind = 'key-value'
}

/** The result of a windowed aggregate: a row by key and window. */
export class WindowedKTable<K, V, Emit extends Emission> extends KTable<Windowed<K>, V> {
  readonly kind = 'window'
  readonly emission: Emit
  readonly sizeMs: number

  constructor(flow: TableFlow, windows: WindowSpec & { readonly emission: Emit }) {
    super(flow)
    this.emission = windows.emission
    this.sizeMs = windows.sizeMs
  }

  /** Rows as they come out. No window is ever taken back, so there is no null. */
  override toStream(): KStream<Windowed<K>, V> {
    return super.toStream() as KStream<Windowed<K>, V>
  }
}
