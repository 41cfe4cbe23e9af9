/** A small topology with a repartition topic in the middle. */
import type { Topology } from '../../src/topology/topology.ts'
import {
  CountOperator,
  countStore,
  countTopic,
  FunctionOperator,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from '../runtime/small-topology.ts'

/** `input` → by its key or its value, through the topic `again` → count → `output`. */
export function countAgain(by: 'key' | 'value', input: string, output: string): Topology {
  const send = (
    { context }: FunctionOperator,
    key: unknown,
    value: unknown,
    time: number
  ): void => {
    const bytes = Buffer.from(String(by === 'key' ? key : value))
    const partition = (bytes[0] ?? 0) % context.partitionCount('again')
    context.send(context.topicName('again'), partition, time, bytes, bytes)
  }
  return topologyOf({
    nodes: [
      source('source', textTopic(input)),
      node('send', 'source', () => new FunctionOperator(send), { topic: 'again' }),
      source('again', textTopic('again'), { internal: true }),
      node('count', 'again', () => new CountOperator(), { stores: [countStore] }),
      sink('sink', 'count', countTopic(output)),
    ],
    sources: [input],
    sinks: [output],
    repartitions: ['again'],
  })
}
