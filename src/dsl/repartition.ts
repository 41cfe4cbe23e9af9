/** What `repartition` is told, and the node that it leaves. */
import { data } from '../serde/data.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'
import type { StreamFlow } from './flow.ts'
import type { AnySerde } from './graph.ts'
import type { Key } from './keys.ts'

export interface RepartitionOptions<K, V> {
  /** Default: as many as the greatest source topic of the tasks that write. */
  readonly partitions?: number
  readonly key?: Serde<Key<K>>
  readonly value?: Serde<V>
  /**
   * `'keep'`: records without a key go through as well, to any partition, such as those of a left
   * join to come. Default: they are dropped, and counted as `ungrouped`.
   */
  readonly nullKeys?: 'drop' | 'keep'
}

/** The options without the types of the records. */
export interface Repartitioning
  extends Pick<RepartitionOptions<never, never>, 'partitions' | 'nullKeys'> {
  readonly key?: AnySerde
  readonly value?: AnySerde
}

/** What changes of a stream: its records come from the topic, by the serdes that they lie there. */
export function addRepartition(
  flow: StreamFlow,
  name: string,
  options: Repartitioning
): Pick<StreamFlow, 'node' | 'key' | 'value' | 'keyChanged'> {
  const { graph } = flow
  const key = options.key ?? flow.key ?? (defaultKey as AnySerde)
  const value = options.value ?? flow.value ?? (data<unknown>() as AnySerde)
  const { partitions, nullKeys } = options
  const keepsNullKeys = nullKeys === 'keep'
  const repartition = { topic: name, partitions, key, value, keepsNullKeys }
  graph.skipNames(3)
  const node = graph.add({
    kind: 'repartition',
    name: `${name}-repartition-source`,
    repartition: Object.freeze(repartition),
    inputs: [flow.node],
  })
  return { node, key, value, keyChanged: false }
}
