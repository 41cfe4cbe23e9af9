/** What `to` is told: which records fit a topic, and the node that sends them there. */
import type { Demand, Misuse } from '../misuse.ts'
import type { Forwards } from '../processor/processor.ts'
import type { StreamFlow } from './flow.ts'
import type { AnyTopic, SinkNode, UserFunction } from './graph.ts'
import type { Topic } from './topic.ts'

/** `unknown` if the records fit the topic (null always does: a tombstone); else the sentence. */
export type Fits<K, V, TK, TV> = [K] extends [Misuse<Forwards>]
  ? K
  : [K] extends [TK | null]
    ? Demand<
        Exclude<V, null>,
        TV,
        'The values of this stream do not fit the topic: mapValues first'
      >
    : Misuse<'The keys of this stream do not fit the topic: selectKey or map first'>

export type KeyOf<T> = T extends Topic<infer K, infer _> ? K : never
export type ValueOf<T> = T extends Topic<infer _, infer V> ? V : never

/** @param target the topic; or, with `among`, the function that chooses one of those */
export function addSink(
  { graph, node }: StreamFlow,
  target: object,
  options: { readonly among: readonly object[] } | undefined
): SinkNode {
  const [topics, choose] =
    options === undefined ? [[target], undefined] : [options.among, target as UserFunction]
  return graph.add({
    kind: 'sink',
    name: graph.nameOf('KSTREAM-SINK'),
    topics: Object.freeze([...topics] as AnyTopic[]),
    choose,
    inputs: [node],
  })
}
